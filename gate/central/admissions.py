"""How many people came in: what `event_head.admissions` counts. An admission that was taken back (nobody walked through,
staff undid it) is none, whichever of the two records came first and however often it was said.

Runs in the transaction that adds the records, before they are added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from gate.central.schema import checkin
from gate.wire.journal import Record, ref_of

KINDS = ("admitted", "override")
_ANNULLED = "annulled"
_CHUNK = 500


@dataclass(slots=True)
class Admissions:
    """Those of one push, and what takes them back. `tickets`: whose stored records must be looked at."""

    people: list[tuple[str, int]] = field(default_factory=list)
    """(own ref, count)."""
    annulled: set[str] = field(default_factory=set)
    tickets: set[bytes] = field(default_factory=set)

    def add(self, record: Record, ticket: bytes | None) -> None:
        if record.kind in KINDS:
            self.people.append((record.own_ref, record.count))
        elif record.kind == _ANNULLED and record.ref is not None:
            self.annulled.add(record.ref)
            if ticket is not None:  # it repeats the ticket of what it takes back (contracts 4)
                self.tickets.add(ticket)

    def change(self, connection: Connection, event: str, seen: Iterable[bytes]) -> int:
        """By how much the records change the count. `seen`: tickets that have records already."""
        keys = sorted(self.tickets.union(seen))
        people, annulled = _stored(connection, event, keys)
        both, fresh = annulled | self.annulled, self.annulled - annulled
        lost = sum(count for ref, count in people.items() if ref in fresh)
        return sum(count for ref, count in self.people if ref not in both) - lost


def _stored(connection: Connection, event: str, keys: Sequence[bytes]) -> tuple[dict[str, int], set[str]]:
    """Admissions of some tickets by their ref, with their people; and the refs that were taken back."""
    people: dict[str, int] = {}
    annulled: set[str] = set()
    table = checkin.c
    columns = (table.kind, table.gate, table.epoch, table.seq, table["count"].label("people"), table.ref)
    for start in range(0, len(keys), _CHUNK):
        some = keys[start : start + _CHUNK]
        query = select(*columns).where(
            table.event_id == event, table.ticket.in_(some), table.kind.in_((*KINDS, _ANNULLED))
        )
        for row in connection.execute(query):
            if row.kind == _ANNULLED:
                annulled.add(row.ref)
            else:
                people[ref_of(row.gate, row.epoch, row.seq)] = row.people
    return people, annulled
