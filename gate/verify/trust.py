"""TrustedSet: what this device believes, as a state machine with no I/O (design 6).

Each `update_*` takes raw bytes and the trusted time, and either swaps in the new state or raises with nothing changed.
Versions never fall, with one exception: when a new trust file revokes or drops a key, what that key had signed is
forgotten, so that a number it has driven to the sky cannot lock the organiser out. Age is not judged here: an old but authentic manifest is accepted, and how old it is goes to the
decision. Sync runs this before it stores, lane runs it again when it loads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gate.errors import FormatError, TrustAlarm, TrustError
from gate.model import EventId, EventMode, Policy, TicketRow
from gate.verify.event import Seen, TrustedEvent
from gate.verify.keyset import KeySet
from gate.verify.keytable import KeyTable
from gate.verify.page import walk
from gate.verify.trustfile import check_file
from gate.wire import manifest as wire_manifest
from gate.wire import policy as wire_policy
from gate.wire import secrets as wire_secrets
from gate.wire.manifest import Descriptor, Page
from gate.wire.secrets import RotationKey
from gate.wire.sign1 import Aad, split
from gate.wire.trust import TrustFile


class TrustedSet:
    """Grows from the root thumbprint of the enrolment code."""

    def __init__(self, root_thumbprint: bytes) -> None:
        self._root_thumbprint = root_thumbprint
        self._trust: TrustFile | None = None
        self._trust_payload = b""
        self._keys = KeyTable()
        self._events: dict[EventId, TrustedEvent] = {}
        self._secrets: dict[EventId, Seen] = {}

    @property
    def trust(self) -> TrustFile | None:
        return self._trust

    @property
    def events(self) -> Mapping[EventId, TrustedEvent]:
        return self._events

    def mode(self, event: EventId) -> EventMode:
        return (self._trust.events.get(event) if self._trust else None) or EventMode()

    def keyset(
        self, served: Iterable[EventId], rotation: Mapping[EventId, tuple[RotationKey, ...]] | None = None
    ) -> KeySet:
        """Ticket keys of every event of the organiser, so that another event's ticket is named as such.

        Args:
            rotation: keys of rotating codes, from the secrets of the events served.
        """
        return self._keys.keyset(served, rotation)

    def disowns(self, event: EventId, signed: bytes) -> bool:
        """Whether the trust file in force no longer lets the key of a stored object sign for this event.

        Then the numbers in it count for nothing. A key whose time is over has not been disowned.
        """
        try:
            kid = split(signed, limit=len(signed)).kid
        except FormatError:
            return False
        return self._trust is not None and not self._keys.may_sign(kid, event)

    def copy(self) -> TrustedSet:
        """A set that begins with this state: for updates that count only when several succeed together."""
        other = TrustedSet(self._root_thumbprint)
        other._trust, other._trust_payload, other._keys = self._trust, self._trust_payload, self._keys
        other._events, other._secrets = dict(self._events), dict(self._secrets)
        return other

    # ---- trust file

    def update_trust(self, data: bytes) -> TrustFile:
        """Take a newer trust file.

        Raises:
            TrustError: `form`, `signature`, `root`, `version`.
            TrustAlarm: `fork`, the same version with other content.
        """
        new, payload = check_file(data, self._trust.root if self._trust else None, self._root_thumbprint)
        if self._trust is not None:
            if new.version == self._trust.version:
                if payload != self._trust_payload:  # as it came: a newer writer's fields are not ours to encode again
                    raise TrustAlarm("fork", f"two trust files with version {new.version}")
                return self._trust
            if new.version < self._trust.version:
                raise TrustError("version", f"trust file {new.version} is older than {self._trust.version}")
        self._trust, self._trust_payload = new, payload
        self._keys = KeyTable(new)
        self._forget_disowned()
        return new

    def _forget_disowned(self) -> None:
        """Recovery from a stolen manifest key: nothing that it signed binds us any longer."""
        self._secrets = {event: seen for event, seen in self._secrets.items() if self._keys.may_sign(seen.kid, event)}
        self._events = {
            event: replace(trusted.policy_of(self._keys, event), secrets=self._secrets.get(event))
            for event, trusted in self._events.items()
            if self._keys.may_sign(trusted.kid, event)
        }

    # ---- manifest

    def update_descriptor(self, event: EventId, data: bytes, now_s: int) -> Descriptor:
        """Take a newer manifest descriptor.

        Raises:
            TrustError: `form`, `key`, `signature`, `event`, `seq`.
            TrustAlarm: `fork`, the same seq with other bytes.
        """
        payload, kid = self._keys.open(data, Aad.MANIFEST, event, now_s, wire_manifest.MAX_BYTES)
        try:
            new = wire_manifest.parse_descriptor(payload)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        if new.event != event:
            raise TrustError("event", f"a descriptor of {new.event} came for {event}")
        old = self._events.get(event)
        if old is None:
            self._events[event] = TrustedEvent(descriptor=new, signed=data, kid=kid, secrets=self._secrets.get(event))
            return new
        if new.seq < old.descriptor.seq:
            raise TrustError("seq", f"descriptor {new.seq} is older than {old.descriptor.seq}")
        if new.seq == old.descriptor.seq:
            if data != old.signed:
                raise TrustAlarm("fork", f"two descriptors with seq {new.seq}")
            return old.descriptor
        self._events[event] = old.then(new, data, kid)
        return new

    def update_policy(self, event: EventId, data: bytes, now_s: int) -> Policy:
        """Take the policy object that the event's descriptor names by hash.

        Raises:
            TrustError: `order` (no descriptor yet), `hash`, `form`, `key`, `signature`, `event`.
        """
        trusted = self._trusted(event)
        if hashlib.sha256(data).digest() != trusted.descriptor.policy_sha256:
            raise TrustError("hash", "the policy is not the one that the descriptor names")
        payload, kid = self._keys.open(data, Aad.POLICY, event, now_s, wire_policy.MAX_BYTES)
        try:
            policy = wire_policy.parse_policy(payload)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        if policy.event != event:
            raise TrustError("event", f"a policy of {policy.event} came for {event}")
        self._events[event] = replace(trusted, policy=policy, policy_kid=kid)
        return policy

    def update_secrets(self, event: EventId, device: str, data: bytes, private: X25519PrivateKey, now_s: int) -> bytes:
        """Open the device's sealed secrets.

        Returns: the plain bytes (`wire.secrets.parse_secrets` reads them).
        Raises:
            TrustError: `form`, `key`, `signature`, `event`, `device`, `version` (older than the newest taken, or than
                what the descriptor names).
            TrustAlarm: `fork`, the same version with other content.
        """
        trusted = self._trusted(event)
        payload, kid = self._keys.open(data, Aad.SECRETS, event, now_s, wire_secrets.MAX_BYTES)
        try:
            sealed = wire_secrets.parse_sealed(payload)
            if sealed.event != event:
                raise TrustError("event", f"secrets of {sealed.event} came for {event}")
            if sealed.device != device:
                raise TrustError("device", f"secrets of device {sealed.device} came to {device}")
            newest = max(trusted.secrets_version, trusted.descriptor.secrets)
            if sealed.version < newest:
                raise TrustError("version", f"secrets {sealed.version} are older than {newest}")
            plain = sealed.open(private)
            wire_secrets.parse_secrets(plain)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        seen = Seen(version=sealed.version, kid=kid, sha256=hashlib.sha256(plain).digest())
        old = trusted.secrets
        if old is not None and old.version == seen.version and old.sha256 != seen.sha256:
            raise TrustAlarm("fork", f"two secrets with version {seen.version}")
        self._secrets[event] = seen
        self._events[event] = replace(trusted, secrets=seen)
        return plain

    def check_page(
        self, event: EventId, page: Page, cursor: int, chain: bytes, now_s: int
    ) -> tuple[list[tuple[int, TicketRow]], bytes]:
        """Rows of a page of changes, proven by the descriptor it carries, which becomes the event's descriptor.

        Args:
            cursor, chain: of the last row applied so far.

        Returns: (cursor, row) for each, and the chain after the last.
        Raises: TrustError `form`, `gap`, `chain`, and those of `update_descriptor`.
        """
        rows, after = walk(page, cursor, chain)
        payload, _ = self._keys.open(page.descriptor, Aad.MANIFEST, event, now_s, wire_manifest.MAX_BYTES)
        try:
            claimed = wire_manifest.parse_descriptor(payload)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        if claimed.cursor != cursor + len(rows) or claimed.chain != after:
            raise TrustError("chain", "the page does not end where its descriptor says")
        self.update_descriptor(event, page.descriptor, now_s)
        return rows, after

    # ---- shared checks

    def _trusted(self, event: EventId) -> TrustedEvent:
        try:
            return self._events[event]
        except KeyError:
            raise TrustError("order", f"no descriptor of {event} yet") from None
