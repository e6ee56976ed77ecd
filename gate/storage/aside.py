"""A broken journal is moved aside, never deleted, and the gate goes on with a new one. Called before anything is open."""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from gate.errors import DamagedError, StorageError
from gate.sqlitefile import open_reader, sync_folder

logger = logging.getLogger(__name__)

QUICK_CHECK_MIB = 32
"""Above this size the whole file is checked only when there is reason to: a card reads 20 MiB a second, doors wait."""
MARK = "journal.damaged"
"""Left by a gate that met a broken page while it worked: the next start checks the whole file."""
_KEPT = ("scan_salt", "case_next", "clock_floor")
"""Small values that must go on: a case number is given once, the clock's floor never falls."""


@dataclass(frozen=True, slots=True)
class Aside:
    """What was moved, why, and what could be taken over."""

    file: str
    why: str
    meta: dict[str, str] = field(default_factory=dict)


def mark_damaged(path: Path) -> None:
    """So that the next start looks at every page. Best effort: the disk may be the trouble."""
    try:
        path.with_name(MARK).touch()
    except OSError as error:
        logger.error("the journal's damage could not be marked: %s", error)


def set_aside_if_broken(path: Path, now_ms: int) -> Aside | None:
    """Check the file; when it is broken, rename it with its -wal and -shm to `journal-broken-TIME.db`.

    Raises: StorageError: it cannot be opened for another reason, or cannot be moved.
    """
    mark = path.with_name(MARK)
    if not path.exists():
        mark.unlink(missing_ok=True)
        return None
    why = broken(path, whole=mark.exists())
    if not why:
        mark.unlink(missing_ok=True)
        return None
    stamp = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).strftime("%Y%m%dT%H%M%S")
    name = next(
        name
        for n in range(1000)
        if not path.with_name(name := f"journal-broken-{stamp}{f'-{n}' if n else ''}.db").exists()
    )
    meta = _salvage(path)
    try:
        for end in ("-wal", "-shm", ""):  # the file itself last: cut off in between, the next start does the rest
            part = path.with_name(path.name + end)
            if part.exists():
                part.rename(path.with_name(name + end))
        sync_folder(path.parent)
        mark.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"the broken journal cannot be moved aside: {error}") from error
    logger.error("the journal is broken (%s) and was moved aside as %s", why, name)
    return Aside(name, why, meta)


def broken(path: Path, *, whole: bool) -> str:
    """Why the file cannot be worked with; empty when it can. A WAL cut short is no damage: its whole frames count."""
    if path.stat().st_size == 0:  # a start that was cut off before the first commit
        return ""
    try:
        with closing(open_reader(path)) as connection:
            if whole or path.stat().st_size <= QUICK_CHECK_MIB << 20:
                word = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
                return "" if word == "ok" else word.replace("\n", " ")[:200]
            connection.execute("SELECT count(*) FROM (SELECT body, hash FROM journal ORDER BY id DESC LIMIT 1000)")
            connection.execute("SELECT k, v FROM meta").fetchall()
    except (DamagedError, sqlite3.DatabaseError) as error:
        return "" if isinstance(error, sqlite3.OperationalError) else str(error)
    except StorageError as error:
        # Version 0 without a table: the first commit of its life never reached the disk. open_writer makes it anew.
        if "version 0" in str(error):
            return ""
        raise
    return ""


def _salvage(path: Path) -> dict[str, str]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return {k: v for k, v in connection.execute("SELECT k, v FROM meta") if k in _KEPT}
    except sqlite3.Error as error:
        logger.error("nothing could be read from the broken journal: %s", error)
        return {}
