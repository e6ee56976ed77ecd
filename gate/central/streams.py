"""Streams of journals: how far each is complete, and what is missing. Derived from the rows; kept so that a push reads little."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from gate.central import schema

_MISSING_MAX = 100
_WALK_ROWS = 20_000
# How far above a gap the search for further gaps goes in one push; the rest is named when the first are filled.


@dataclass(frozen=True, slots=True)
class Stream:
    """Every number up to `durable` is held, `top` is the highest held. `tail`: hash of the record `top`, when it is known
    and nothing is missing below it."""

    durable: int
    top: int
    tail: bytes | None


def get(connection: Connection, event: str, gate: str, epoch: bytes) -> Stream | None:
    table = schema.stream
    row = connection.execute(
        select(table.c.durable, table.c.top, table.c.tail).where(
            table.c.event_id == event, table.c.gate == gate, table.c.epoch == epoch
        )
    ).first()
    return None if row is None else Stream(row.durable, row.top, None if row.tail is None else bytes(row.tail))


def put(connection: Connection, event: str, gate: str, epoch: bytes, stream: Stream, *, new: bool) -> None:
    table = schema.stream
    values = {"durable": stream.durable, "top": stream.top, "tail": stream.tail}
    if new:
        connection.execute(insert(table).values(event_id=event, gate=gate, epoch=epoch, **values))
        return
    same = (table.c.event_id == event, table.c.gate == gate, table.c.epoch == epoch)
    connection.execute(update(table).where(*same).values(**values))


def advance(connection: Connection, event: str, gate: str, epoch: bytes) -> tuple[int, list[list[int]]]:
    """Count again from the rows. Returns: the number up to which the stream is complete, and the gaps above (both ends
    inclusive)."""
    before = get(connection, event, gate, epoch)
    durable = before.durable if before else 0
    held: set[int] = set()
    for part in (schema.checkin, schema.quarantine):
        held.update(
            connection.execute(
                select(part.c.seq)
                .where(part.c.event_id == event, part.c.gate == gate, part.c.epoch == epoch, part.c.seq > durable)
                .order_by(part.c.seq)
                .limit(_WALK_ROWS)
            ).scalars()
        )
    top = durable
    missing: list[list[int]] = []
    for seq in sorted(held):
        if seq == durable + 1 and not missing:
            durable = seq
        elif seq > top + 1 and len(missing) < _MISSING_MAX:
            missing.append([top + 1, seq - 1])
        top = seq
    tail = _hash_of(connection, event, gate, epoch, top) if top == durable else None
    put(connection, event, gate, epoch, Stream(durable, top, tail), new=before is None)
    return durable, missing


def _hash_of(connection: Connection, event: str, gate: str, epoch: bytes, seq: int) -> bytes | None:
    table = schema.checkin
    found = connection.execute(
        select(table.c.hash).where(
            table.c.event_id == event, table.c.gate == gate, table.c.epoch == epoch, table.c.seq == seq
        )
    ).scalar()
    return None if found is None else bytes(found)
