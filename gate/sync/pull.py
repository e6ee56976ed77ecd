"""One event's manifest: base file, then pages of changes, each taken whole with the descriptor that proves it.

What is stored is always consistent: event row, overlay and base file change together, after everything was verified. Any
failure leaves the gate with what it had.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from gate import steps
from gate.errors import FormatError, StorageError, TrustError, UplinkError
from gate.model import EventId
from gate.sync.client import Client
from gate.sync.clocks import SyncClock
from gate.sync.files import BaseFiles
from gate.sync.folders import Folders, write_whole
from gate.sync.keys import DeviceKeys
from gate.sync.protocol import PAGE_LIMIT, Outcome
from gate.sync.rows import Change, EventState
from gate.sync.store import Store
from gate.sync.trusted import TrustKeeper
from gate.verify.trust import TrustedSet
from gate.wire.manifest import MAX_BYTES as DESCRIPTOR_BYTES
from gate.wire.manifest import Descriptor, Page, chain_start, parse_descriptor, parse_page
from gate.wire.policy import MAX_BYTES as POLICY_BYTES
from gate.wire.secrets import MAX_BYTES as SECRETS_BYTES
from gate.wire.sign1 import split

_PAGE_BYTES = 4 * 1024 * 1024
# 5,000 rows with sealed notes of 256 bytes are 2 MB.
_ENVELOPE = 256
_PAGES_MAX = 2000
# In one go after a new base: ten million changes. The server makes a new base at 5 % of the tickets.


class EventPuller:
    """Used by one thread.

    Args:
        device: this device's name, which its sealed secrets carry.
    """

    def __init__(
        self,
        event: EventId,
        *,
        device: str,
        keys: DeviceKeys,
        store: Store,
        folders: Folders,
        files: BaseFiles,
        keeper: TrustKeeper,
        clock: SyncClock,
    ) -> None:
        self.event = event
        self._device = device
        self._keys = keys
        self._store = store
        self._folders = folders
        self._files = files
        self._keeper = keeper
        self._clock = clock
        self._set = TrustedSet(keeper.root)
        self.trouble = ""
        """What went wrong without stopping us, in words."""

    @property
    def descriptor(self) -> Descriptor | None:
        trusted = self._set.events.get(self.event)
        return None if trusted is None else trusted.descriptor

    def load(self) -> None:
        """Believe again what is stored. Raises: TrustError: it no longer verifies; the lane judges that for itself."""
        self._keeper.catch_up(self._set)
        stored = self._store.event(self.event)
        if stored is not None:
            descriptor = self._set.update_descriptor(self.event, stored.descriptor, self._clock.now().seconds)
            self._clock.raise_floor(descriptor.issued)

    def step(self, client: Client, wait_s: float) -> bool:
        """One round: the next page of changes, by long poll, or a whole manifest when there is none or it is another.

        Returns: whether something new came; if not, and it took no time, the caller pauses.
        Raises: UplinkError, TrustError, FormatError, StorageError.
        """
        self._keeper.catch_up(self._set)
        stored = self._store.event(self.event)
        if stored is None or self.descriptor is None or not self._folders.base(stored.base_sha256).exists():
            self._import(client)
            return True
        page = self._page(client, stored.incarnation, stored.cursor, wait_s)
        if page is None:
            return False
        if isinstance(page, Outcome):
            self._import(client)
            return True
        trial = self._set.copy()
        try:
            rows, chain = trial.check_page(self.event, page, stored.cursor, stored.chain, self._clock.now().seconds)
        except TrustError as error:
            if error.code not in ("chain", "gap"):
                raise
            # Another base has come, or our overlay is not what the server has: begin from the base, proven anew.
            self._import(client)
            return False
        descriptor = trial.events[self.event].descriptor
        if page.descriptor != stored.descriptor:
            steps.reach("changes.checked")
            state = self._complete(client, trial, stored, chain)
            self._store.advance(state, rows)
            steps.reach("manifest.stored")
            self._clock.raise_floor(descriptor.issued)
        self._set = trial
        return page.descriptor != stored.descriptor

    # ---- a whole manifest

    def _import(self, client: Client) -> None:
        stored = self._store.event(self.event)
        path = f"/events/{self.event}/manifest"
        answer = client.get(path, limit=DESCRIPTOR_BYTES + _ENVELOPE)
        if answer.outcome is not Outcome.OK:
            raise UplinkError("manifest", "the server has no manifest of this event", status=answer.status)
        trial = self._set.copy()
        now_s = self._clock.now().seconds
        target = trial.update_descriptor(self.event, answer.body, now_s)
        if stored is not None and not self._disowned(stored) and target.seq < _seq(stored):
            # Also when the stored one no longer verifies, because its key's time is over: numbers never fall.
            raise TrustError("seq", f"descriptor {target.seq} is older than the stored one")
        steps.reach("manifest.checked")
        self._files.fetch(client, target)
        pages: list[list[Change]] = []
        cursor = target.base.cursor
        chain = chain_start(target.incarnation, target.base.sha256, cursor)
        if target.cursor != cursor:
            # From the old state again: a page's descriptor may be older than the one just seen, never than the stored one.
            trial = self._set.copy()
            more = True
            while more:
                page = self._page(client, target.incarnation, cursor, 0.0)
                if not isinstance(page, Page) or len(pages) >= _PAGES_MAX:
                    raise UplinkError("manifest", "the server's manifest changed while it was fetched")
                rows, chain = trial.check_page(self.event, page, cursor, chain, now_s)
                steps.reach("changes.checked")
                pages.append(rows)
                cursor += len(rows)
                more = page.more
        elif target.chain != chain:
            raise TrustError("chain", "the descriptor's chain does not begin at its base")
        final = trial.events[self.event].descriptor
        if (final.base.sha256, final.incarnation) != (target.base.sha256, target.incarnation):
            raise UplinkError("manifest", "the server made a new base file meanwhile")
        state = self._complete(client, trial, stored, chain)
        self._store.swap(state, pages)
        steps.reach("manifest.stored")
        self._set = trial
        self._clock.raise_floor(final.issued)

    def _page(self, client: Client, incarnation: bytes, cursor: int, wait_s: float) -> Page | Outcome | None:
        """None: nothing new. REFETCH: not from here."""
        query = f"incarnation={incarnation.hex()}&after={cursor}&limit={PAGE_LIMIT}&wait={int(wait_s)}"
        answer = client.get(f"/events/{self.event}/changes?{query}", limit=_PAGE_BYTES, wait_s=wait_s)
        if answer.outcome is Outcome.OK:
            return parse_page(answer.body)
        return None if answer.outcome is Outcome.NOT_MODIFIED else answer.outcome

    # ---- what a descriptor names

    def _complete(self, client: Client, trial: TrustedSet, stored: EventState | None, chain: bytes) -> EventState:
        """Everything else that the descriptor in `trial` names is on disk after this."""
        descriptor = trial.events[self.event].descriptor
        self._policy(client, trial, descriptor)
        return EventState(
            event=self.event,
            descriptor=trial.events[self.event].signed,
            policy=descriptor.policy_sha256,
            secrets=self._secrets(client, trial, descriptor, stored),
            base_sha256=descriptor.base.sha256,
            incarnation=descriptor.incarnation,
            cursor=descriptor.cursor,
            chain=chain,
            verified_mono=self._clock.mono_ms(),
            verified_boot=self._clock.boot,
        )

    def _disowned(self, stored: EventState) -> bool:
        """A trust file has taken the key from under what is stored: nothing in it counts any more."""
        return self._set.disowns(self.event, stored.descriptor)

    def _policy(self, client: Client, trial: TrustedSet, descriptor: Descriptor) -> None:
        path = self._folders.object(descriptor.policy_sha256)
        now_s = self._clock.now().seconds
        if path.exists():
            data = path.read_bytes()
            if hashlib.sha256(data).digest() == descriptor.policy_sha256:
                trial.update_policy(self.event, data, now_s)
                return
        sha256 = descriptor.policy_sha256.hex()
        answer = client.get(f"/objects/{sha256}", limit=POLICY_BYTES + _ENVELOPE)
        trial.update_policy(self.event, answer.body, now_s)
        write_whole(path, answer.body)

    def _secrets(self, client: Client, trial: TrustedSet, descriptor: Descriptor, stored: EventState | None) -> int:
        """The version on disk. Secrets that cannot be had do not hold back revocations, when there are older ones."""
        path = self._folders.secrets_of(self.event)
        have = stored.secrets if stored is not None and path.exists() and not self._disowned(stored) else 0
        if have >= descriptor.secrets and have:
            return have
        try:
            answer = client.get(f"/events/{self.event}/secrets", limit=SECRETS_BYTES + _ENVELOPE)
            now_s = self._clock.now().seconds
            plain = trial.update_secrets(self.event, self._device, answer.body, self._keys.seal, now_s)
            version = trial.events[self.event].secrets_version
            if version < have:
                raise TrustError("version", f"secrets {version} are older than {have}")
            write_whole(path, plain)
        except (UplinkError, TrustError, FormatError, StorageError) as error:
            if not have:
                raise
            self.trouble = f"new secrets of {self.event} could not be had: {error}"
            return have
        self.trouble = ""
        return version


def _seq(stored: EventState) -> int:
    return parse_descriptor(split(stored.descriptor, limit=DESCRIPTOR_BYTES + _ENVELOPE).payload or b"").seq


def oldest_issued(pullers: Sequence[EventPuller]) -> int | None:
    """Unix ms of the oldest of the events' newest descriptors: what the age of the gate's data is counted from.

    None: an event has no manifest yet.
    """
    issued = [puller.descriptor.issued if puller.descriptor else None for puller in pullers]
    known = [at for at in issued if at is not None]
    return min(known) if known and len(known) == len(issued) else None
