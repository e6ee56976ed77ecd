"""Live figures of this gate, counted from its own journal as it grows: inside, per hour, refusals by reason, recent scans.

Reads beside the lane, with a connection of its own; a first look at a long journal is bounded to the last day.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter, deque
from pathlib import Path
from typing import Any

from gate.errors import FormatError, StorageError
from gate.sqlitefile import open_reader
from gate.wire.journal import Record, decode_record
from gate.wire.numbers import ticket_number

HOUR_MS = 3_600_000
SPAN_MS = 24 * HOUR_MS
_KINDS = ("admitted", "override", "exit", "refused", "annulled", "passed", "tailgated")
_MARKS = ",".join("?" * len(_KINDS))
_NEW = f"SELECT body FROM journal WHERE id > ? AND id <= ? AND at >= ? AND kind IN ({_MARKS}) ORDER BY id"  # noqa: S608
_TOP = "SELECT coalesce(max(id), 0) FROM journal"
_LAST = "SELECT kind, body FROM journal ORDER BY id DESC LIMIT 600"
_RECENT = 20


class Tally:
    """Any thread."""

    def __init__(self, path: Path) -> None:
        self._connection = open_reader(path, any_thread=True)
        self._lock = threading.Lock()
        self._seen = 0
        self._rows: deque[tuple[int, str, str, int]] = deque()
        """(at, kind, reason, people) of the last day, oldest first."""

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def counts(self, now_ms: int) -> dict[str, Any]:
        """Of the last 24 hours at this gate. Raises: StorageError."""
        with self._lock:
            self._catch_up(now_ms)
            rows = list(self._rows)
        people: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        hours = [0] * 12
        for at, kind, reason, count in rows:
            people[kind] += count
            if kind == "refused":
                refused[reason] += 1
            age = (now_ms - at) // HOUR_MS
            if kind in ("admitted", "override") and 0 <= age < len(hours):
                hours[-1 - age] += count
        entered = people["admitted"] + people["override"] - people["annulled"]
        return {
            "admitted": people["admitted"],
            "overridden": people["override"],
            "annulled": people["annulled"],
            "left": people["exit"],
            "inside": max(0, entered - people["exit"]),
            "refused": people["refused"],
            "reasons": [{"reason": reason, "count": count} for reason, count in refused.most_common(8)],
            "passages": people["passed"],
            "tailgated": people["tailgated"],
            "last_hour": hours[-1],
            "hours": hours,
            "span_h": SPAN_MS // HOUR_MS,
        }

    def _catch_up(self, now_ms: int) -> None:
        since = now_ms - SPAN_MS
        try:
            (top,) = self._connection.execute(_TOP).fetchone()
            for (body,) in self._connection.execute(_NEW, (self._seen, top, since, *_KINDS)):
                record = _record(body)
                if record is not None:
                    self._rows.append((record.at, record.kind, record.reason or "", record.count))
            self._seen = top
        except sqlite3.Error as error:
            raise StorageError(f"the journal could not be read: {error}") from error
        while self._rows and self._rows[0][0] < since:
            self._rows.popleft()

    def recent(self, input_: str) -> dict[str, Any]:
        """The last scans by hand of one input, and the last contestable refusals at the gate itself, newest first.

        Raises: StorageError.
        """
        with self._lock:
            try:
                rows = self._connection.execute(_LAST).fetchall()
            except sqlite3.Error as error:
                raise StorageError(f"the journal could not be read: {error}") from error
        records = [record for _, body in rows if (record := _record(body)) is not None]
        ended = {record.ref: record.kind for record in records if record.kind in ("annulled", "override")}
        cases = {record.ref: record.data.get("number") for record in records if record.kind == "case"}
        mine, denied = [], []
        for record in records:
            if record.kind not in ("admitted", "exit", "override", "refused"):
                continue
            item = _item(record) | {"ended": ended.get(record.own_ref), "case": cases.get(record.own_ref)}
            data = record.data if isinstance(record.data, dict) else {}
            if input_ in (record.input, data.get("by")):
                mine.append(item)
            elif record.kind == "refused" and "by" not in data:
                denied.append(item)
        return {"mine": mine[:_RECENT], "denied": denied[:_RECENT]}


def _record(body: bytes) -> Record | None:
    try:
        return decode_record(body)
    except FormatError:
        return None  # `gate journal verify` names it; figures go on without it


def _item(record: Record) -> dict[str, Any]:
    number = ticket_number(bytes.fromhex(record.ticket)) if record.ticket and record.list else None
    return {
        "ref": record.own_ref,
        "event": record.event,
        "kind": record.kind,
        "reason": record.reason,
        "detail": record.detail,
        "dir": record.dir,
        "at": record.at,
        "count": record.count,
        "ticket_number": number,
    }
