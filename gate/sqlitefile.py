"""Opening SQLite files: one way to be their only writer, one way to read beside it, one way to read an immutable file.

Shared by storage and sync, as are the two acts on plain files at the end. No table is named here (schema texts are in `gate.wire.sql`), and no statement of theirs.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from gate.errors import DamagedError, StorageError

VERSION = 1
"""`user_version` of every file that this release writes and reads. A newer file is refused, never guessed at."""

UMASK = 0o007
"""Files belong to the group of the gate's processes and to nobody else; every process sets it first of all."""

_BUSY_MS = 5000
# There is one writer, so waiting means that a reader closes or somebody copies the file: seconds, never minutes.
_FILE_MODE = 0o660
# Narrowed by the umask. SQLite gives -wal and -shm the mode of the main file; a reader needs to write in -shm.


def open_writer(
    path: Path,
    schema: str,
    *,
    synchronous: Literal["FULL", "NORMAL"],
    any_thread: bool = False,
    version: int = VERSION,
) -> sqlite3.Connection:
    """The one writing connection of a file, which is made from `schema` when it is not there yet.

    Autocommit: write inside `transaction`. It also does the checkpoints (readers never do).

    Args:
        synchronous: FULL = a commit is on disk when it returns; NORMAL = safe from corruption, the last commits may be
            lost at a power cut.
        any_thread: the caller serialises the use of the connection by a lock of its own.

    Raises:
        DamagedError: not a SQLite file.
        StorageError: it cannot be opened, belongs to a newer release, or is somebody else's.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE))
    except OSError as error:
        raise StorageError(f"{path} cannot be opened: {error.strerror}") from error
    connection = _connect(_uri(path, "mode=rw"), path, any_thread=any_thread)
    try:
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA foreign_keys=OFF")
        if _is_new(connection):
            _create(connection, schema, version)
        _check_version(connection, path, version)
    except StorageError:
        connection.close()
        raise
    except sqlite3.Error as error:
        connection.close()
        raise _translated(error, path) from error
    return connection


def open_reader(path: Path, *, any_thread: bool = False, version: int = VERSION) -> sqlite3.Connection:
    """A connection that reads beside the writer, in another thread or process. Sees each commit of the writer.

    Raises:
        DamagedError: not a SQLite file.
        StorageError: it is not there (yet), or of another version.
    """
    connection = _connect(_uri(path, "mode=ro"), path, any_thread=any_thread)
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA wal_autocheckpoint=0").fetchone()
        _check_version(connection, path, version)
    except StorageError:
        connection.close()
        raise
    except sqlite3.Error as error:
        connection.close()
        raise _translated(error, path) from error
    return connection


def open_immutable(path: Path, *, any_thread: bool = False) -> sqlite3.Connection:
    """Read a file that never changes: no locks, no -wal. Only for files whose content hash was checked.

    Raises:
        DamagedError: not a SQLite file.
        StorageError: it cannot be opened.
    """
    connection = _connect(_uri(path, "mode=ro&immutable=1"), path, any_thread=any_thread)
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise _translated(error, path) from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """BEGIN IMMEDIATE, then COMMIT; any exception rolls everything back. Not re-entrant."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable (after a rename)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def destroy(path: Path) -> bool:
    """Overwrite a secret and remove it. What flash keeps of an overwritten block nobody can promise.

    Returns: whether it was there.
    Raises: StorageError.
    """
    try:
        with path.open("r+b", buffering=0) as file:
            file.write(bytes(path.stat().st_size))
            os.fsync(file.fileno())
        path.unlink()
        sync_folder(path.parent)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(f"{path} cannot be destroyed: {error.strerror}") from error
    return True


def _uri(path: Path, query: str) -> str:
    return f"file:{quote(str(path.absolute()))}?{query}"


def _connect(uri: str, path: Path, *, any_thread: bool) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, timeout=_BUSY_MS / 1000, check_same_thread=not any_thread
        )
        connection.execute("PRAGMA trusted_schema=OFF")
    except sqlite3.Error as error:
        raise _translated(error, path) from error
    return connection


def _is_new(connection: sqlite3.Connection) -> bool:
    if connection.execute("PRAGMA user_version").fetchone()[0]:
        return False
    return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def _create(connection: sqlite3.Connection, schema: str, version: int) -> None:
    """All tables and the version in one transaction: a power cut leaves an empty file, which is made again."""
    from sqlite_utils import Database  # slow to import, and needed once in a file's life

    script = f"BEGIN IMMEDIATE;\n{schema}\nPRAGMA user_version={version};\nCOMMIT;"
    Database(connection).executescript(script)


def _check_version(connection: sqlite3.Connection, path: Path, version: int) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > version:
        raise StorageError(f"{path} is of a newer release (version {found}, this one knows {version})")
    if found != version:
        raise StorageError(f"{path} is not a file of this program, or not made yet (version {found})")


def _translated(error: sqlite3.Error, path: Path) -> StorageError:
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return DamagedError(f"{path}: {error}")
    return StorageError(f"{path}: {error}")
