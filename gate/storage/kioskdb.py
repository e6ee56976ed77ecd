"""kiosk.db: local staff, paired phones, sessions, tokens, lock-outs, answers to repeat. One connection, one lock.

Secrets are kept as SHA-256 only, PINs as scrypt verifiers. What happened is in the journal; this file is what is valid now.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gate.errors import StorageError
from gate.sqlitefile import open_writer, transaction

SCHEMA = """
CREATE TABLE staff(id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, pin TEXT NOT NULL, at INTEGER NOT NULL)
 STRICT, WITHOUT ROWID;
CREATE TABLE pairing(id TEXT PRIMARY KEY, name TEXT NOT NULL, secret BLOB NOT NULL, via TEXT NOT NULL, at INTEGER NOT NULL,
 seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE session(token BLOB PRIMARY KEY, staff TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
 pairing TEXT NOT NULL, csrf TEXT NOT NULL, at INTEGER NOT NULL, seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE token(id TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, secret BLOB NOT NULL, at INTEGER NOT NULL,
 by TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE lock(staff TEXT PRIMARY KEY, wrong INTEGER NOT NULL, times INTEGER NOT NULL, until INTEGER NOT NULL)
 STRICT, WITHOUT ROWID;
CREATE TABLE override(staff TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE answer(who TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
 PRIMARY KEY(who, key)) STRICT, WITHOUT ROWID;
"""
ANSWERS_MAX = 2_000
LOCKS_MAX = 500
PAIRINGS_MAX = 200
_COLUMNS = {
    "staff": ("id", "name", "role", "pin", "at"),
    "pairing": ("id", "name", "secret", "via", "at", "seen"),
    "session": ("token", "staff", "name", "role", "pairing", "csrf", "at", "seen"),
    "token": ("id", "name", "scopes", "secret", "at", "by"),
    "lock": ("staff", "wrong", "times", "until"),
}
Row = dict[str, Any]


class KioskDb:
    """See `gate.kiosk.staff.access.Store`. Times are Unix ms."""

    def __init__(self, path: Path) -> None:
        self._connection = open_writer(path, SCHEMA, synchronous="NORMAL", any_thread=True)
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    # ---- rows by name

    def put(self, table: str, **values: Any) -> None:
        """Insert or replace one row."""
        names = _COLUMNS[table]
        marks = ",".join("?" * len(names))
        with self._writing() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO {table}({','.join(names)}) VALUES ({marks})",  # noqa: S608 - names of ours
                tuple(values[name] for name in names),
            )
            if table == "pairing":
                connection.execute(
                    "DELETE FROM pairing WHERE id NOT IN (SELECT id FROM pairing ORDER BY seen DESC LIMIT ?)",
                    (PAIRINGS_MAX,),
                )
            if table == "lock":
                connection.execute(
                    "DELETE FROM lock WHERE staff NOT IN (SELECT staff FROM lock ORDER BY until DESC LIMIT ?)",
                    (LOCKS_MAX,),
                )

    def get(self, table: str, key: str | bytes) -> Row | None:
        names = _COLUMNS[table]
        statement = f"SELECT {','.join(names)} FROM {table} WHERE {names[0]} = ?"  # noqa: S608
        rows = self._read(statement, (key,))
        return dict(zip(names, rows[0], strict=True)) if rows else None

    def all(self, table: str) -> list[Row]:
        names = _COLUMNS[table]
        return [
            dict(zip(names, row, strict=True))
            for row in self._read(f"SELECT {','.join(names)} FROM {table} ORDER BY 1", ())  # noqa: S608
        ]

    def remove(self, table: str, key: str | bytes) -> bool:
        """Returns: it was there."""
        with self._writing() as connection:
            statement = f"DELETE FROM {table} WHERE {_COLUMNS[table][0]} = ?"  # noqa: S608
            return connection.execute(statement, (key,)).rowcount > 0

    # ---- sessions

    def end_sessions(self, *, pairing: str | None = None, staff: str | None = None, before: int | None = None) -> None:
        """Sessions of a phone, of a person, or not seen since `before`."""
        with self._writing() as connection:
            connection.execute(
                "DELETE FROM session WHERE pairing = ? OR staff = ? OR seen < ?", (pairing, staff, before or -1)
            )

    def seen(self, token: bytes, pairing: str, at: int) -> None:
        with self._writing() as connection:
            connection.execute("UPDATE session SET seen = ? WHERE token = ?", (at, token))
            connection.execute("UPDATE pairing SET seen = ? WHERE id = ?", (at, pairing))

    # ---- overrides and answers

    def count_override(self, staff: str, at: int) -> None:
        with self._writing() as connection:
            connection.execute("INSERT INTO override(staff, at) VALUES (?, ?)", (staff, at))

    def overrides_since(self, staff: str, since: int) -> int:
        rows = self._read("SELECT count(*) FROM override WHERE staff = ? AND at >= ?", (staff, since))
        return int(rows[0][0])

    def answer(self, who: str, key: str) -> tuple[int, Any] | None:
        """Status and body that this caller got for this key."""
        rows = self._read("SELECT status, body FROM answer WHERE who = ? AND key = ?", (who, key))
        return (int(rows[0][0]), json.loads(rows[0][1])) if rows else None

    def keep_answer(self, who: str, key: str, at: int, status: int, body: Any) -> None:
        text = json.dumps(body, ensure_ascii=False)
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO answer(who, key, at, status, body) VALUES (?,?,?,?,?)",
                (who, key, at, status, text),
            )
            connection.execute(
                "DELETE FROM answer WHERE at < (SELECT at FROM answer ORDER BY at DESC LIMIT 1 OFFSET ?)",
                (ANSWERS_MAX,),
            )

    # ---- within

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                with transaction(self._connection) as connection:
                    yield connection
            except sqlite3.Error as error:
                raise StorageError(f"kiosk.db could not be written: {error}") from error

    def _read(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise StorageError(f"kiosk.db could not be read: {error}") from error
