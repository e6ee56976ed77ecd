"""The uses table: how often a ticket was used at this gate, derived from the journal row in the same transaction."""

from __future__ import annotations

import sqlite3

from gate.wire.journal import Record

_ENTRY = """
INSERT INTO uses(event, list, ticket, entries, exits, annuls, first_at, last_at, last_dir, day, day_entries)
 VALUES (:event, :list, :ticket, :count, 0, 0, :at, :at, 'entry', :day, :count)
 ON CONFLICT(event, list, ticket) DO UPDATE SET entries = entries + :count, last_at = :at, last_dir = 'entry',
 first_at = CASE WHEN entries = 0 THEN :at ELSE first_at END,
 day_entries = CASE WHEN day IS :day THEN day_entries + :count ELSE :count END, day = :day
"""
_EXIT = """
INSERT INTO uses(event, list, ticket, entries, exits, annuls, first_at, last_at, last_dir)
 VALUES (:event, :list, :ticket, 0, :count, 0, NULL, :at, 'exit')
 ON CONFLICT(event, list, ticket) DO UPDATE SET exits = exits + :count, last_at = :at, last_dir = 'exit'
"""
_ANNUL = """
UPDATE uses SET entries = entries - :count, annuls = annuls + 1, day_entries = max(0, day_entries - :count),
 first_at = CASE WHEN entries = :count THEN NULL ELSE first_at END
 WHERE event = :event AND list = :list AND ticket = :ticket
"""
_STATEMENTS = {"admitted": _ENTRY, "override": _ENTRY, "exit": _EXIT, "annulled": _ANNUL}


def apply_use(connection: sqlite3.Connection, record: Record, day: str | None) -> None:
    """Count one row. `day`: local day of the event that an entry counts for."""
    statement = _STATEMENTS.get(record.kind)
    if statement is None or record.ticket is None or record.list is None:
        return
    connection.execute(
        statement,
        {
            "event": record.event,
            "list": record.list,
            "ticket": bytes.fromhex(record.ticket),
            "count": record.count,
            "at": record.at,
            "day": day,
        },
    )
