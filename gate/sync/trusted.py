"""The organiser's trust files on this gate: kept from the first on, asked for regularly, lent to every event's loop."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from gate import steps
from gate.errors import FormatError, TrustError
from gate.model import EventId
from gate.sync.client import Client
from gate.sync.clocks import SyncClock
from gate.sync.protocol import Outcome
from gate.sync.store import Store
from gate.verify.trust import TrustedSet
from gate.wire import cbor
from gate.wire.sign1 import split
from gate.wire.signedtime import read_time
from gate.wire.trust import MAX_BYTES, TrustFile

_FILES_MAX = 16
# In one answer: roots change once in years. More come with the next question.


@dataclass(slots=True)
class TrustKeeper:
    """Safe to use from every thread.

    Args:
        root: thumbprint of the enrolled root key.
    """

    root: bytes
    store: Store
    clock: SyncClock
    _set: TrustedSet = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _named: set[EventId] = field(default_factory=set)
    """Every event that a trust file of this enrolment has named."""

    def __post_init__(self) -> None:
        self._set = TrustedSet(self.root)

    def load(self, enrolled: tuple[bytes, ...]) -> None:
        """The stored files, or those of the enrolment. Raises: TrustError."""
        with self._lock:
            files = [file for _, file in self.store.trust_files()] or list(enrolled)
            for file in files:
                self._take(file)

    def refresh(self, client: Client) -> bool:
        """Ask for newer files. Returns: whether there were any.

        Raises: UplinkError, TrustError, FormatError; what was accepted before stays.
        """
        with self._lock:
            after = self.version
            answer = client.get(f"/trust?after={after}", limit=_FILES_MAX * (MAX_BYTES + 8))
            if answer.outcome is not Outcome.OK:
                return False
            # Unsigned outside, as of one file: byte strings in one list, nothing else.
            files = cbor.loads(answer.body, max_depth=1)
            if not isinstance(files, list) or not all(isinstance(file, bytes) for file in files):
                raise FormatError("the server's trust files are not a list of byte strings")
            for file in files:
                self._take(file)
            return self.version > after

    @property
    def version(self) -> int:
        trust = self._set.trust
        return 0 if trust is None else trust.version

    @property
    def current(self) -> TrustFile | None:
        return self._set.trust

    def ended(self, event: EventId) -> bool:
        """Whether the organiser has taken the event out of the trust file. One that none has ever named is not ended."""
        trust = self._set.trust
        return trust is not None and event in self._named and event not in trust.events

    def catch_up(self, trusted: TrustedSet) -> None:
        """Bring an event's own set to the newest trust file. Raises: TrustError."""
        have = 0 if trusted.trust is None else trusted.trust.version
        if have < self.version:
            for version, file in self.store.trust_files():
                if version > have:
                    trusted.update_trust(file)

    def read_time(self, data: bytes, nonce: str) -> int:
        """A server's signed time. The key must have been valid at the very time that it states.

        Raises: TrustError, FormatError.
        """
        trust = self._set.trust
        signed = split(data, limit=512)
        for key in trust.keys if trust is not None else ():
            if (
                key.kid == signed.kid
                and key.role in ("time", "manifest")
                and trust
                and key.kid not in trust.revoked_kids
            ):
                now_ms = read_time(data, key.pub, nonce)
                if not key.nbf <= now_ms // 1000 <= key.exp:
                    raise TrustError("key", "the time is signed by a key that is not valid at that time")
                return now_ms
        raise TrustError("key", f"key {signed.kid.hex()} may not sign time")

    def _take(self, file: bytes) -> None:
        trust = self._set.update_trust(file)
        self._named.update(trust.events)
        steps.reach("trust.checked")
        self.store.add_trust(trust.version, file)
        steps.reach("trust.stored")
        self.clock.raise_floor(trust.issued)
