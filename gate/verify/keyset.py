"""The ticket keys trusted now, ready for use: a read-only view that `TrustedSet` makes of its trust file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gate.model import EventId, Kid
from gate.wire.secrets import RotationKey


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketKeyRecord:
    """One event's ticket key. `nbf`, `exp`: Unix seconds, inclusive."""

    kid: Kid
    event: EventId
    public: Ed25519PublicKey
    nbf: int
    exp: int
    revoked: bool = False


class KeySet:
    """Ticket keys by kid, which of their events this gate serves, and the keys of these events' rotating codes.

    Keys of other roles are not in it: for a ticket they do not exist.
    """

    __slots__ = ("_by_kid", "of_served", "rotation", "served")

    def __init__(
        self,
        records: Iterable[TicketKeyRecord] = (),
        served: Iterable[EventId] = (),
        rotation: Mapping[EventId, tuple[RotationKey, ...]] | None = None,
    ) -> None:
        self._by_kid = {record.kid: record for record in records}
        self.served = tuple(served)
        """In order of look-up."""
        self.of_served = tuple(
            record for event in self.served for record in self._by_kid.values() if record.event == event
        )
        """For codes that name no key."""
        self.rotation = dict(rotation or {})

    def find(self, kid: bytes) -> TicketKeyRecord | None:
        return self._by_kid.get(Kid(kid))

    def __len__(self) -> int:
        return len(self._by_kid)
