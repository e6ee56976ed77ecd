"""One import: the file is read twice, first to check every row, then to write; and what it changed can be taken back.

Memory is bounded: rows pass by in steps. Each step is a transaction of its own, so that check-ins are not held up; an
import that was cut off by a power cut is seen in the list (`done` is empty) and can be undone like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from gate.central import events, importing, names, schema, tickets
from gate.central.service import Central
from gate.central.tickets import Counts, NewTicket, StoredTicket
from gate.errors import ConfigError
from gate.model import TicketKey, TicketRow, TicketState
from gate.wire import cbor
from gate.wire.sql import BASE_COLUMNS
from gate.wire.ticketkey import text_input, ticket_key

STEP = 5000
PREVIEW_ROWS = 10
Progress = Callable[[dict[str, Any]], None]


def run(
    central: Central, event: str, path: Path, *, check: bool, progress: Progress, name: str | None = None
) -> dict[str, Any]:
    """Check a file and, unless told only to check or a row is wrong, write it.

    Args:
        name: of the file, for the list of imports, where `path` is a copy.

    Raises: ConfigError, StorageError.
    """
    central.policy(event)
    before = _stamp(path)
    parsed, rows, known = importing.Parsed(), 0, _Known(central, event)
    preview: list[dict[str, Any]] = []
    for part in _steps(importing.read_rows(path, parsed)):
        preview += [_shown(row) for row in part[: PREVIEW_ROWS - len(preview)]]
        rows += len(part)
        known.count(part)
        progress({"step": "checked", "rows": rows, "errors": parsed.error_count})
    counts, number = Counts(), None
    if not parsed.error_count and not check:
        if _stamp(path) != before:
            raise ConfigError([("file", f"{path.name} was changed while it was read", "import it again")])
        number, counts = _write(central, event, path, name or path.name, rows, progress)
    return {
        "ok": not parsed.error_count,
        "rows": rows,
        "written": number is not None,
        "import": number,
        "new": known.new,
        "present": known.present,
        "preview": preview,
        "created": counts.created,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "errors": [error.to_json() for error in parsed.errors],
        "error_count": parsed.error_count,
    }


def _steps(rows: Iterator[importing.ImportRow]) -> Iterator[list[importing.ImportRow]]:
    while part := list(islice(rows, STEP)):
        yield part


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigError([("file", f"{path} cannot be read: {error.strerror}", "check the path")]) from error
    return found.st_ino, found.st_size, found.st_mtime_ns


def _shown(row: importing.ImportRow) -> dict[str, Any]:
    return {
        "line": row.line, "text": row.text, "product": row.product, "state": TicketState(row.state).name.lower(),
        "uses": row.uses, "nbf": row.nbf, "exp": row.exp, "name": row.name,
    }  # fmt: skip


class _Known:
    """How many tickets of a file are there already."""

    def __init__(self, central: Central, event: str) -> None:
        self._central = central
        self._event = event
        self._salt = central.keys.salt(event)
        self.new = 0
        self.present = 0

    def count(self, part: list[importing.ImportRow]) -> None:
        keys = [ticket_key(self._salt, text_input(row.text)) for row in part if row.text is not None]
        table, found = schema.ticket, 0
        for start in range(0, len(keys), 1000):
            some = keys[start : start + 1000]
            query = (
                select(func.count()).select_from(table).where(table.c.event_id == self._event, table.c.key.in_(some))
            )
            found += self._central.db.read(lambda connection, query=query: connection.execute(query).scalar_one())  # type: ignore[misc]
        self.present += found
        self.new += len(part) - found


def _write(central: Central, event: str, path: Path, name: str, rows: int, progress: Progress) -> tuple[int, Counts]:
    number = central.db.write(lambda connection: _begin(connection, event, name, central.clock()))
    counts, done, parsed = Counts(), 0, importing.Parsed()
    for part in _steps(importing.read_rows(path, parsed)):
        counts += _write_step(central, event, number, part)
        done += len(part)
        progress({"step": "written", "rows": done, "of": rows})
    table = schema.import_batch
    values = {
        "created": counts.created, "updated": counts.updated, "unchanged": counts.unchanged, "done": central.clock(),
    }  # fmt: skip
    same = (table.c.event_id == event, table.c.n == number)
    central.db.write(lambda connection: connection.execute(update(table).where(*same).values(**values)))
    return number, counts


def _begin(connection: Connection, event: str, name: str, now_ms: int) -> int:
    table = schema.import_batch
    last = connection.execute(select(func.max(table.c.n)).where(table.c.event_id == event)).scalar() or 0
    connection.execute(insert(table).values(event_id=event, n=last + 1, file=name, at=now_ms))
    return int(last) + 1


def _write_step(central: Central, event: str, number: int, part: list[importing.ImportRow]) -> Counts:
    salt, now_ms = central.keys.salt(event), central.clock()

    def job(connection: Connection) -> Counts:
        foreign = [row for row in part if row.text is not None]
        stored = [_foreign(salt, row) for row in foreign]
        own = [row for row in part if row.text is None]
        if own:
            kid = events.current_kid(connection, event, "ticket", now_ms // 1000)
            issuer = tickets.Issuer(central.keys, event, kid, central.random)
            stored += [issuer.make(_own(row))[1] for row in own]
        named = {bytes(ticket.row.key): row.name for ticket, row in zip(stored, foreign + own, strict=True) if row.name}
        _remember(connection, event, number, stored, named)
        names.put(connection, event, named)
        return central.write_in(connection, event, stored, now_ms)

    counts = central.db.write(job)
    central.hints.wake(("changes", event))
    return counts


def _remember(
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


def _foreign(salt: bytes, row: importing.ImportRow) -> StoredTicket:
    assert row.text is not None
    return StoredTicket(
        TicketRow(
            key=ticket_key(salt, text_input(row.text)),
            product=row.product,
            zones=row.zones,
            state=row.state,
            flags=row.flags,
            uses=row.uses,
            nbf=row.nbf,
            exp=row.exp,
            lang=row.lang,
            ext=row.ext,
        )
    )


def _own(row: importing.ImportRow) -> NewTicket:
    assert row.exp is not None
    return NewTicket(
        product=row.product,
        zones=row.zones,
        exp=row.exp,
        nbf=row.nbf,
        state=row.state,
        flags=row.flags,
        uses=row.uses,
        lang=row.lang,
        ext=row.ext,
    )
