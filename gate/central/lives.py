"""Whether the database is younger than the server remembers: then it came from a backup, and a new life begins.

Numbers that the lost life gave out are given again to other rows, so a reader's cursor of that life must not be believed
(`feed`). A count rises at each start, each end and every few minutes, in the database and then in the file `lives` beside it;
a backup must leave that file out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from gate.central import settings
from gate.errors import StorageError
from gate.sqlitefile import sync_folder

FILE = "lives"


def begin(connection: Connection, state: Path, random: Callable[[int], bytes]) -> int:
    """Count a start in the database, and begin a new life where the database has forgotten some.

    Returns: the count, for `remember` after the commit.
    Raises: StorageError.
    """
    counted = _counted(connection)
    remembered = _read(state / FILE)
    if remembered is None or remembered > counted or settings.get(connection, "life") is None:
        settings.put(connection, "life", random(8).hex())
    return _raise(connection, max(counted, remembered or 0))


def count(connection: Connection) -> int:
    """Count once more; a copy of the database made before this is an older one. Returns: as `begin`."""
    return _raise(connection, _counted(connection))


def remember(state: Path, count: int) -> None:
    """Raises: StorageError."""
    path = state / FILE
    new = path.with_suffix(".new")
    try:
        with new.open("w", encoding="ascii") as file:
            file.write(f"{count}\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_folder(state)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def _counted(connection: Connection) -> int:
    return int(settings.get(connection, "lives") or 0)


def _raise(connection: Connection, known: int) -> int:
    settings.put(connection, "lives", str(known + 1))
    return known + 1


def _read(path: Path) -> int | None:
    """None = not there, or not a number: nothing is remembered, so a new life is the safe answer."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    return int(text) if text.isdecimal() else None
