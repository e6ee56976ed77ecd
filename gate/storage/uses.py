"""The uses table: how often a ticket was used at this gate, derived from the journal row in the same transaction."""

from __future__ import annotations

import sqlite3

from gate.wire.journal import Record, decode_record

_ENTRY = """
INSERT INTO uses(event, list, ticket, entries, exits, annuls, first_at, last_at, last_dir, day, day_entries, step)
 VALUES (:event, :list, :ticket, :count, 0, 0, :at, :at, 'entry', :day, :count, :step)
 ON CONFLICT(event, list, ticket) DO UPDATE SET entries = entries + :count, last_at = :at, last_dir = 'entry',
 first_at = CASE WHEN entries = 0 THEN :at ELSE first_at END,
 day_entries = CASE WHEN day IS :day THEN day_entries + :count ELSE :count END, day = :day,
 step = coalesce(max(step, :step), :step, step)
"""
_EXIT = """
INSERT INTO uses(event, list, ticket, entries, exits, annuls, first_at, last_at, last_dir)
 VALUES (:event, :list, :ticket, 0, :count, 0, NULL, :at, 'exit')
 ON CONFLICT(event, list, ticket) DO UPDATE SET exits = exits + :count, last_at = :at, last_dir = 'exit'
"""
_ANNUL = """
UPDATE uses SET entries = entries - :entries, exits = exits - :exits, annuls = annuls + 1,
 first_at = CASE WHEN entries = :entries THEN NULL WHEN first_at = :taken_at THEN :first_at ELSE first_at END,
 last_at = :last_at, last_dir = :last_dir, day_entries = max(0, day_entries - :entries), step = step - (:entries > 0)
 WHERE event = :event AND list = :list AND ticket = :ticket
"""
"""The code of an entry that was taken back may be shown once more: hence the step before it."""
_STATEMENTS = {"admitted": _ENTRY, "override": _ENTRY, "exit": _EXIT, "annulled": _ANNUL}
KINDS_COUNTED = tuple(_STATEMENTS)
_UP_TO = f"""
SELECT body FROM journal WHERE event = :event AND ticket = :ticket AND list = :list
 AND kind IN ({",".join(f"'{kind}'" for kind in KINDS_COUNTED)})
 AND id <= (SELECT id FROM journal WHERE event = :event AND epoch = :epoch AND seq = :seq) ORDER BY id
"""  # noqa: S608 - the inserts are the words above


def apply_use(
    connection: sqlite3.Connection,
    record: Record,
    day: str | None,
    step: int | None = None,
    journal: sqlite3.Connection | None = None,
) -> None:
    """Count one row.

    Args:
        day: local day of the event that an entry counts for. step: of the rotating code that was shown.
        journal: where the rows up to and with this one are read, when not in the file of `uses`.
    """
    statement = _STATEMENTS.get(record.kind)
    if statement is None or record.ticket is None or record.list is None:
        return
    values = {
        "event": record.event,
        "list": record.list,
        "ticket": bytes.fromhex(record.ticket),
        "count": record.count,
        "at": record.at,
        "day": day,
        "step": step,
    }
    if record.kind == "annulled":
        values |= _without_annulled(journal or connection, record, values)
    connection.execute(statement, values)


def _without_annulled(connection: sqlite3.Connection, record: Record, values: dict[str, object]) -> dict[str, object]:
    """What is taken back, and what its rows leave as the first and the newest use. Rare and short."""
    where = {**values, "epoch": bytes.fromhex(record.epoch), "seq": record.seq}
    rows = [decode_record(body) for (body,) in connection.execute(_UP_TO, where)]
    annulled = {row.ref for row in rows if row.kind == "annulled"}
    uses = [row for row in rows if row.kind != "annulled" and row.own_ref not in annulled]
    first = next((row.at for row in uses if row.kind != "exit"), None)
    taken = next((row for row in rows if row.own_ref == record.ref and row.kind != "annulled"), None)
    was_exit = taken is not None and taken.kind == "exit"
    return {
        "entries": taken.count if taken is not None and not was_exit else 0,
        "exits": taken.count if taken is not None and was_exit else 0,
        "taken_at": taken.at if taken is not None else None,
        "first_at": first,
        "last_at": uses[-1].at if uses else None,
        "last_dir": None if not uses else "exit" if uses[-1].kind == "exit" else "entry",
    }
