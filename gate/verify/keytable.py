"""The keys of one trust file, and what each may sign. Made anew for every file; it never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gate.errors import FormatError, TrustError
from gate.model import EventId, Kid
from gate.verify.keyset import KeySet, TicketKeyRecord
from gate.wire.secrets import RotationKey
from gate.wire.sign1 import Aad, split
from gate.wire.trust import TrustFile

ENVELOPE_BYTES = 256
"""More than the frame of a COSE_Sign1 around its payload (84 bytes)."""


class KeyTable:
    def __init__(self, trust: TrustFile | None = None) -> None:
        self._keys = {key.kid: key for key in trust.keys} if trust else {}
        self._revoked = trust.revoked_kids if trust else frozenset()

    def may_sign(self, kid: Kid, event: EventId) -> bool:
        """Whether this is a manifest key of the event, not revoked. When it is valid is asked where a time is known."""
        key = self._keys.get(kid)
        return key is not None and kid not in self._revoked and key.role == "manifest" and key.covers(event)

    def open(self, data: bytes, aad: Aad, event: EventId, now_s: int, limit: int) -> tuple[bytes, Kid]:
        """The payload of an object signed by a manifest key of this event that is valid now, and that key's kid.

        Args:
            limit: the most bytes the payload may have.

        Raises:
            TrustError: `form`, `key`, `signature`.
        """
        try:
            signed = split(data, limit=limit + ENVELOPE_BYTES)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        if signed.kid not in self._keys or signed.kid in self._revoked:
            raise TrustError("key", f"key {signed.kid.hex()} is not trusted")
        if not self.may_sign(signed.kid, event):
            raise TrustError("key", f"key {signed.kid.hex()} may not sign this for {event}")
        key = self._keys[signed.kid]
        if not key.nbf <= now_s <= key.exp:
            raise TrustError("key", f"key {signed.kid.hex()} is not valid now")
        return signed.verify(key.pub, aad), signed.kid

    def keyset(self, served: Iterable[EventId], rotation: Mapping[EventId, tuple[RotationKey, ...]] | None) -> KeySet:
        records = (
            TicketKeyRecord(
                kid=key.kid,
                event=key.events[0],
                public=Ed25519PublicKey.from_public_bytes(key.pub),
                nbf=key.nbf,
                exp=key.exp,
                revoked=key.kid in self._revoked,
            )
            for key in self._keys.values()
            if key.role == "ticket"
        )
        return KeySet(records, served, rotation)
