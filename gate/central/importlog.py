"""The log of imports: when each was, what it changed, and taking it back. Reading and writing files is `importjob`.

An import that was cut off by a power cut is seen in the list (`done` is empty) and can be undone like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from gate.central import events, names, schema, tickets
from gate.central.service import Central
from gate.central.tickets import Counts, StoredTicket
from gate.errors import ConfigError
from gate.model import TicketKey, TicketRow, TicketState
from gate.said import counted
from gate.wire import cbor
from gate.wire.sql import BASE_COLUMNS

STEP = 5000
Progress = Callable[[dict[str, Any]], None]


class AgainError(ConfigError):
    """The same rows were issued by an import before, which nobody took back: each would get one more ticket."""

    code = "import.again"


def issued_by(connection: Connection, event: str, issued: bytes | None) -> int | None:
    """The newest import, finished or cut off and not taken back, that issued the same rows. `issued`: their digest."""
    table = schema.import_batch
    query = select(func.max(table.c.n)).where(
        table.c.event_id == event, table.c.issued == issued, table.c.undone.is_(None)
    )
    return None if issued is None else connection.execute(query).scalar()


def begin(
    connection: Connection, event: str, name: str, now_ms: int, *, issued: bytes | None, rows: int, again: bool
) -> int:
    """Write down an import before its first row.

    Args:
        issued: digest of its `rows` rows that are issued here, None = it has none.
        again: issue them although an import did so before.

    Returns: its number. Raises: AgainError.
    """
    earlier = None if again else issued_by(connection, event, issued)
    if earlier is not None:
        problem = (
            f"import {earlier} issued tickets to the same {counted(rows, 'row')} without a text: "
            f"they are there already, and each would get one more"
        )
        hint = (
            f"`--again` (again=true) gives one more; `gate central import-undo {event} {earlier}` takes the first back"
        )
        raise AgainError([("file", problem, hint)])
    table = schema.import_batch
    last = connection.execute(select(func.max(table.c.n)).where(table.c.event_id == event)).scalar() or 0
    connection.execute(insert(table).values(event_id=event, n=last + 1, file=name, at=now_ms, issued=issued))
    return int(last) + 1


def end(connection: Connection, event: str, number: int, counts: Counts, now_ms: int) -> None:
    table = schema.import_batch
    values = {"created": counts.created, "updated": counts.updated, "unchanged": counts.unchanged, "done": now_ms}
    connection.execute(update(table).where(table.c.event_id == event, table.c.n == number).values(**values))


def remember(
    connection: Connection, event: str, number: int, stored: list[StoredTicket], named: Mapping[bytes, str]
) -> None:
    """Rows and names as they were, and as this import leaves them. `name_after` NULL: it says nothing of the name."""
    latest = {ticket.row.key: ticket.row for ticket in stored}
    before = _rows(connection, event, list(latest))
    called = names.of(connection, event, list(named))
    log = [
        {
            "event_id": event, "n": number, "key": key, "after": _pack(row),
            "before": _pack(before[key]) if key in before else None,
            "name_before": called.get(key) if key in named else None, "name_after": named.get(key),
        }
        for key, row in latest.items()
        if before.get(key) != row or called.get(key) != named.get(key)
    ]  # fmt: skip
    if log:
        connection.execute(insert(schema.import_row), log)


def _rows(connection: Connection, event: str, keys: list[TicketKey]) -> dict[TicketKey, TicketRow]:
    table, found = schema.ticket, {}
    for start in range(0, len(keys), 1000):
        some = keys[start : start + 1000]
        for row in connection.execute(select(table).where(table.c.event_id == event, table.c.key.in_(some))):
            found[TicketKey(bytes(row.key))] = tickets.row_of(row)
    return found


def _pack(row: TicketRow) -> bytes:
    return cbor.dumps([getattr(row, name) for name in BASE_COLUMNS])


def _unpack(data: bytes) -> TicketRow:
    values = dict(zip(BASE_COLUMNS, cbor.loads(data), strict=True))
    return TicketRow(**values | {"key": TicketKey(values["key"])})


def listed(central: Central, event: str) -> list[dict[str, Any]]:
    """Imports of an event, newest first."""
    table = schema.import_batch
    query = select(table).where(table.c.event_id == event).order_by(table.c.n.desc())
    names = ("n", "file", "at", "created", "updated", "unchanged", "done", "undone")
    rows = central.db.read(lambda connection: connection.execute(query).all())
    return [{name: getattr(row, name) for name in names} for row in rows]


def undo(central: Central, event: str, number: int, *, progress: Progress) -> dict[str, Any]:
    """Take an import back: what it made is removed, what it changed is as before. A ticket that somebody has changed since
    is left alone, and counted. Raises: ConfigError."""
    table, log = schema.import_batch, schema.import_row
    same = (table.c.event_id == event, table.c.n == number)
    batch = central.db.read(lambda connection: connection.execute(select(table).where(*same)).first())
    if batch is None or batch.undone is not None:
        problem = f"there is no import {number} of {event}" if batch is None else f"import {number} is undone already"
        kind = events.NotHereError if batch is None else ConfigError
        raise kind([("import", problem, "see `gate central imports`")])
    restored = left = 0
    after = b""
    while True:
        query = select(log).where(log.c.event_id == event, log.c.n == number, log.c.key > after).order_by(log.c.key)
        rows = central.db.read(lambda connection, query=query: connection.execute(query.limit(STEP)).all())  # type: ignore[misc]
        if not rows:
            break
        after = bytes(rows[-1].key)
        done = central.db.write(lambda connection, rows=rows: _restore(central, connection, event, rows))  # type: ignore[misc]
        restored, left = restored + done, left + len(rows) - done
        progress({"step": "undone", "rows": restored + left})
    now_ms = central.clock()
    central.db.write(lambda connection: connection.execute(update(table).where(*same).values(undone=now_ms)))
    central.hints.wake(("changes", event))
    return {"event": event, "import": number, "restored": restored, "left": left}


def _restore(central: Central, connection: Connection, event: str, rows: list[Any]) -> int:
    keys = [TicketKey(bytes(row.key)) for row in rows]
    present, called = _rows(connection, event, keys), names.of(connection, event, keys)
    back: list[StoredTicket] = []
    renamed: dict[bytes, str | None] = {}
    for row in rows:
        after = _unpack(bytes(row.after))
        if present.get(after.key) != after or (row.name_after is not None and called.get(after.key) != row.name_after):
            continue
        if row.before is not None:
            back.append(StoredTicket(_unpack(bytes(row.before))))
        else:
            back.append(StoredTicket(replace(after, state=int(TicketState.REMOVED))))
        if row.name_after is not None:
            renamed[after.key] = row.name_before
    names.put(connection, event, renamed)
    central.write_in(connection, event, back, central.clock())
    return len(back)
