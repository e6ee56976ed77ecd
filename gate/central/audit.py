"""Who had what done: a row before the work begins, its result when it has ended. Secrets are left out by whoever calls."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, insert, select, update

from gate.central.database import Database
from gate.central.schema import audit
from gate.wire.journal import uuid7


def begin(
    connection: Connection, event: str, who: str, do: str, detail: dict[str, Any], now_ms: int, random: bytes
) -> str:
    """`who`: operator:<name>, local or device:<id>. `random`: 10 bytes. Returns: the row's id."""
    entry = uuid7(now_ms, random)
    text = json.dumps(detail, sort_keys=True)
    connection.execute(insert(audit).values(event_id=event, id=entry, at=now_ms, who=who, do=do, detail=text))
    return entry


def end(connection: Connection, event: str, entry: str, result: str) -> None:
    """`result`: ok, or the code of an error."""
    connection.execute(update(audit).where(audit.c.event_id == event, audit.c.id == entry).values(result=result))


def listed(connection: Connection, *, limit: int, event: str | None = None) -> list[dict[str, Any]]:
    """Newest first. `result` null: under way, or cut off."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if event is not None:
        query = query.where(audit.c.event_id == event)
    return [
        {
            "id": row.id, "at": row.at, "event": row.event_id, "who": row.who, "do": row.do,
            "detail": json.loads(row.detail), "result": row.result,
        }
        for row in connection.execute(query)
    ]  # fmt: skip


class Noted:
    """The row about one command, on disk before it begins and closed when it has ended.

    Raises: StorageError: a disk that takes no row lets nothing be done.
    """

    def __init__(
        self, db: Database, event: str, who: str, do: str, detail: dict[str, Any], now_ms: int, random: bytes
    ) -> None:
        self._db = db
        self._event = event
        self._entry = db.write(lambda connection: begin(connection, event, who, do, detail, now_ms, random))

    def end(self, result: str) -> None:
        self._db.write(lambda connection: end(connection, self._event, self._entry, result))
