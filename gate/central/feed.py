"""Check-ins of all gates for every gate: by cursor, in order of commit (contracts 5)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from gate.central import manifests, schema, settings
from gate.wire.journal import FEED_KINDS

FEED_ROWS = 5000
_FIELDS = ("gate", "seq", "kind", "list", "dir", "count", "at", "mono", "boot", "error_ms", "ref")


@dataclass(frozen=True, slots=True)
class FeedPage:
    """`next` is `<life>:<n>`: the server's life, new when it is restored from a backup, and the last number seen."""

    records: list[dict[str, Any]]
    next: str
    more: bool

    def to_json(self) -> dict[str, Any]:
        return {"records": self.records, "next": self.next, "more": self.more}


def read(connection: Connection, event: str, after: str, limit: int) -> FeedPage:
    """Records above a cursor; an empty cursor means from the beginning.

    Each has the body fields that the table of remote uses needs; `data` only where it matters (clock, reconciled).

    Raises:
        MustRefetch: the cursor is of another life of this server. The reader begins again; it stores nothing twice.
        ConfigError: no such event.
    """
    head = manifests.head_of(connection, event)
    life = settings.get(connection, "life") or ""
    start = _position(after, life, head.checkins)
    table = schema.checkin
    rows = connection.execute(
        select(table)
        .where(table.c.event_id == event, table.c.n > start, table.c.kind.in_(FEED_KINDS))
        .order_by(table.c.n)
        .limit(limit + 1)
    ).all()
    more = len(rows) > limit
    rows = rows[:limit]
    last = rows[-1].n if more else head.checkins
    return FeedPage([_record(row) for row in rows], f"{life}:{last}", more)


def _position(after: str, life: str, top: int) -> int:
    if not after:
        return 0
    begun, _, number = after.partition(":")
    if begun != life or not number.isdecimal() or len(number) > 18 or int(number) > top:
        raise manifests.MustRefetch("this cursor is not of this server's life")
    return int(number)


def _record(row: Any) -> dict[str, Any]:
    record = {name: getattr(row, name) for name in _FIELDS}
    record["epoch"] = row.epoch.hex()
    record["ticket"] = None if row.ticket is None else row.ticket.hex()
    if row.data is not None:
        record["data"] = json.loads(row.data)
    return record
