"""TrustedSet: what this device believes, as a state machine with no I/O (design 6).

Each `update_*` takes raw bytes and the trusted time, and either swaps in the new state or raises with nothing changed.
Versions never fall. Age is not judged here: an old but authentic manifest is accepted, and how old it is goes to the
decision. Sync runs this before it stores, lane runs it again when it loads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gate.errors import FormatError, TrustAlarm, TrustError
from gate.model import EventId, EventMode, Policy, TicketRow
from gate.verify.keyset import KeySet, TicketKeyRecord
from gate.wire import manifest as wire_manifest
from gate.wire import policy as wire_policy
from gate.wire import secrets as wire_secrets
from gate.wire import trust as wire_trust
from gate.wire.manifest import Descriptor, Page
from gate.wire.sign1 import Aad, Sign1, split, thumbprint
from gate.wire.trust import KeyRecord, TrustFile


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedEvent:
    descriptor: Descriptor
    signed: bytes
    """The descriptor as it came: two different ones under one seq are a fork."""
    policy: Policy | None = None
    secrets_version: int = 0


class TrustedSet:
    """Grows from the root thumbprint of the enrolment code."""

    def __init__(self, root_thumbprint: bytes) -> None:
        self._root_thumbprint = root_thumbprint
        self._trust: TrustFile | None = None
        self._trust_payload = b""
        self._keys: Mapping[bytes, KeyRecord] = {}
        self._events: dict[EventId, TrustedEvent] = {}

    @property
    def trust(self) -> TrustFile | None:
        return self._trust

    @property
    def events(self) -> Mapping[EventId, TrustedEvent]:
        return self._events

    def mode(self, event: EventId) -> EventMode:
        return (self._trust.events.get(event) if self._trust else None) or EventMode()

    def keyset(self, served: Iterable[EventId]) -> KeySet:
        """Ticket keys of every event of the organiser, so that another event's ticket is named as such."""
        revoked = self._trust.revoked_kids if self._trust else frozenset()
        records = (
            TicketKeyRecord(
                kid=key.kid,
                event=key.events[0],
                public=Ed25519PublicKey.from_public_bytes(key.pub),
                nbf=key.nbf,
                exp=key.exp,
                revoked=key.kid in revoked,
            )
            for key in self._keys.values()
            if key.role == "ticket"
        )
        return KeySet(records, served)

    def copy(self) -> TrustedSet:
        """A set that begins with this state: for updates that count only when several succeed together."""
        other = TrustedSet(self._root_thumbprint)
        other._trust, other._trust_payload, other._keys = self._trust, self._trust_payload, self._keys
        other._events = dict(self._events)
        return other

    # ---- trust file

    def update_trust(self, data: bytes) -> TrustFile:
        """Take a newer trust file.

        Raises:
            TrustError: `form`, `signature`, `root`, `version`.
            TrustAlarm: `fork`, the same version with other content.
        """
        try:
            payload, signatures = wire_trust.open_envelope(data)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        root = self._present_root(payload)
        _signed_by(root, payload, signatures)
        try:
            new = wire_trust.parse_payload(payload)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        if new.root != root:
            _signed_by(new.root, payload, signatures)
        if self._trust is not None:
            if new.version == self._trust.version:
                if payload != self._trust_payload:  # as it came: a newer writer's fields are not ours to encode again
                    raise TrustAlarm("fork", f"two trust files with version {new.version}")
                return self._trust
            if new.version < self._trust.version:
                raise TrustError("version", f"trust file {new.version} is older than {self._trust.version}")
        self._trust, self._trust_payload = new, payload
        self._keys = {key.kid: key for key in new.keys}
        return new

    def _present_root(self, payload: bytes) -> bytes:
        """The root that must have signed: the stored one; before the first file, the one of the enrolment code."""
        if self._trust is not None:
            return self._trust.root
        # Only the root key is taken from these unsigned bytes, and only when its thumbprint is the enrolled one.
        try:
            root = wire_trust.parse_payload(payload).root
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        if thumbprint(root) != self._root_thumbprint:
            raise TrustError("root", "the trust file is not of the root that this gate was enrolled with")
        return root

    # ---- manifest

    def update_descriptor(self, event: EventId, data: bytes, now_s: int) -> Descriptor:
        """Take a newer manifest descriptor.

        Raises:
            TrustError: `form`, `key`, `signature`, `event`, `seq`.
            TrustAlarm: `fork`, the same seq with other bytes.
        """
        payload = self._open(data, Aad.MANIFEST, event, now_s, wire_manifest.MAX_BYTES)
        try:
            new = wire_manifest.parse_descriptor(payload)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        if new.event != event:
            raise TrustError("event", f"a descriptor of {new.event} came for {event}")
        old = self._events.get(event)
        if old is None:
            self._events[event] = TrustedEvent(descriptor=new, signed=data)
            return new
        if new.seq < old.descriptor.seq:
            raise TrustError("seq", f"descriptor {new.seq} is older than {old.descriptor.seq}")
        if new.seq == old.descriptor.seq:
            if data != old.signed:
                raise TrustAlarm("fork", f"two descriptors with seq {new.seq}")
            return old.descriptor
        policy = old.policy if new.policy_sha256 == old.descriptor.policy_sha256 else None
        self._events[event] = replace(old, descriptor=new, signed=data, policy=policy)
        return new

    def update_policy(self, event: EventId, data: bytes, now_s: int) -> Policy:
        """Take the policy object that the event's descriptor names by hash.

        Raises:
            TrustError: `order` (no descriptor yet), `hash`, `form`, `key`, `signature`, `event`.
        """
        trusted = self._trusted(event)
        if hashlib.sha256(data).digest() != trusted.descriptor.policy_sha256:
            raise TrustError("hash", "the policy is not the one that the descriptor names")
        payload = self._open(data, Aad.POLICY, event, now_s, wire_policy.MAX_BYTES)
        try:
            policy = wire_policy.parse_policy(payload)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        if policy.event != event:
            raise TrustError("event", f"a policy of {policy.event} came for {event}")
        self._events[event] = replace(trusted, policy=policy)
        return policy

    def update_secrets(self, event: EventId, device: str, data: bytes, private: X25519PrivateKey, now_s: int) -> bytes:
        """Open the device's sealed secrets.

        Returns: the plain bytes (`wire.secrets.parse_secrets` reads them).
        Raises: TrustError `form`, `key`, `signature`, `event`, `device`, `version`.
        """
        trusted = self._trusted(event)
        payload = self._open(data, Aad.SECRETS, event, now_s, wire_secrets.MAX_BYTES)
        try:
            sealed = wire_secrets.parse_sealed(payload)
            if sealed.event != event:
                raise TrustError("event", f"secrets of {sealed.event} came for {event}")
            if sealed.device != device:
                raise TrustError("device", f"secrets of device {sealed.device} came to {device}")
            if sealed.version < trusted.secrets_version:
                raise TrustError("version", f"secrets {sealed.version} are older than {trusted.secrets_version}")
            plain = sealed.open(private)
            wire_secrets.parse_secrets(plain)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        self._events[event] = replace(trusted, secrets_version=sealed.version)
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
        rows = []
        at = cursor
        for data in page.rows:
            try:
                number, row = wire_manifest.parse_change(data)
            except FormatError as error:
                raise TrustError("form", str(error)) from error
            if number != at + 1:
                raise TrustError("gap", f"change {number} follows {at}")
            at = number
            rows.append((number, row))
        after = wire_manifest.chain_next(chain, page.rows)
        payload = self._open(page.descriptor, Aad.MANIFEST, event, now_s, wire_manifest.MAX_BYTES)
        try:
            claimed = wire_manifest.parse_descriptor(payload)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        if claimed.cursor != at or claimed.chain != after:
            raise TrustError("chain", "the page does not end where its descriptor says")
        self.update_descriptor(event, page.descriptor, now_s)
        return rows, after

    # ---- shared checks

    def _trusted(self, event: EventId) -> TrustedEvent:
        try:
            return self._events[event]
        except KeyError:
            raise TrustError("order", f"no descriptor of {event} yet") from None

    def _open(self, data: bytes, aad: Aad, event: EventId, now_s: int, limit: int) -> bytes:
        """The payload of an object signed by a manifest key of this event that is valid now."""
        try:
            signed = split(data, limit=limit + 256)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        key = self._keys.get(signed.kid)
        if key is None or self._trust is None or signed.kid in self._trust.revoked_kids:
            raise TrustError("key", f"key {signed.kid.hex()} is not trusted")
        if key.role != "manifest" or not key.covers(event):
            raise TrustError("key", f"key {signed.kid.hex()} may not sign this for {event}")
        if not key.nbf <= now_s <= key.exp:
            raise TrustError("key", f"key {signed.kid.hex()} is not valid now")
        return signed.verify(key.pub, aad)


def _signed_by(root: bytes, payload: bytes, signatures: list[Sign1]) -> None:
    for signature in signatures:
        try:
            signature.verify(root, Aad.TRUST, payload)
        except TrustError:
            continue
        return
    raise TrustError("signature", "the trust file is not signed by the root")
