"""One import: the file is read twice, first to check every row, then to write. What it changed is kept by `importlog`.

Memory is bounded: rows pass by in steps. Each step is a transaction of its own, so that check-ins are not held up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from gate.central import doubts, events, importing, importlog, names, schema, tickets
from gate.central.importlog import STEP, Progress
from gate.central.service import Central
from gate.central.tickets import Counts, NewTicket, StoredTicket
from gate.errors import ConfigError
from gate.model import TicketRow, TicketState
from gate.wire.ticketkey import text_input, ticket_key

PREVIEW_ROWS = 10


def run(
    central: Central,
    event: str,
    path: Path,
    *,
    check: bool,
    progress: Progress,
    name: str | None = None,
    again: bool = False,
) -> dict[str, Any]:
    """Check a file and, unless told only to check or a row is wrong, write it.

    Args:
        name: of the file, for the list of imports, where `path` is a copy.
        again: issue tickets to rows without a text although an import did so to the same rows before.

    Returns: among others `warnings`, rows that will hardly let anybody in, and `repeats`, the import that issued the same
    rows before.
    Raises: EndedError, AgainError, ConfigError, StorageError.
    """
    policy = central.db.read(lambda connection: events.open_policy(connection, event))
    before = _stamp(path)
    parsed, rows, known = importing.Parsed(), 0, _Known(central, event)
    doubtful = doubts.RowDoubts(policy, central.clock())
    preview: list[dict[str, Any]] = []
    for part in _steps(importing.read_rows(path, parsed)):
        preview += [_shown(row) for row in part[: PREVIEW_ROWS - len(preview)]]
        rows += len(part)
        known.count(part)
        for row in part:
            doubtful.look(row)
        progress({"step": "checked", "rows": rows, "errors": parsed.error_count})
    counts, number = Counts(), None
    repeats = central.db.read(lambda connection: importlog.issued_by(connection, event, known.digest()))
    if not parsed.error_count and not check:
        if _stamp(path) != before:
            raise ConfigError([("file", f"{path.name} was changed while it was read", "import it again")])
        number = central.db.write(
            lambda connection: importlog.begin(
                connection,
                event,
                name or path.name,
                central.clock(),
                issued=known.digest(),
                rows=known.own,
                again=again,
            )
        )
        counts = _write(central, event, path, number, rows, progress)
    return {
        "ok": not parsed.error_count,
        "rows": rows,
        "written": number is not None,
        "import": number,
        "new": known.new,
        "present": known.present,
        "repeats": repeats,
        "preview": preview,
        "created": counts.created,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "errors": [error.to_json() for error in parsed.errors],
        "error_count": parsed.error_count,
        "warnings": doubtful.listed,
        "warning_count": doubtful.count,
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
    """What is known of a file's tickets: how many are there already, and which rows an import would issue here."""

    def __init__(self, central: Central, event: str) -> None:
        self._central = central
        self._event = event
        self._salt = central.keys.salt(event)
        self.new = 0
        self.present = 0
        self.own = 0
        self._issued = hashlib.sha256()

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
        for row in part:
            if row.text is None:
                self.own += 1
                values = [
                    row.product, row.zones, row.state, row.flags, row.uses, row.nbf, row.exp, row.lang, row.ext, row.name,
                ]  # fmt: skip
                self._issued.update(json.dumps(values).encode() + b"\n")

    def digest(self) -> bytes | None:
        """Of the rows without a text, in their order: nothing else tells them from the same ones again. None: no such row."""
        return self._issued.digest() if self.own else None


def _write(central: Central, event: str, path: Path, number: int, rows: int, progress: Progress) -> Counts:
    counts, done, parsed = Counts(), 0, importing.Parsed()
    for part in _steps(importing.read_rows(path, parsed)):
        counts += _write_step(central, event, number, part)
        done += len(part)
        progress({"step": "written", "rows": done, "of": rows})
    central.db.write(lambda connection: importlog.end(connection, event, number, counts, central.clock()))
    return counts


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
        importlog.remember(connection, event, number, stored, named)
        names.put(connection, event, named)
        return central.write_in(connection, event, stored, now_ms)

    counts = central.db.write(job)
    central.hints.wake(("changes", event))
    return counts


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
