"""How each database engine is opened so that "stored" means stored. SQLite in a file, or PostgreSQL by a URL.

SQLite: WAL, `synchronous=FULL`, exactly one writing connection, in one process (held by a lock file). PostgreSQL: the
server's own durability; several processes may write, a lock on the event's head row orders them.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool, StaticPool

from gate.errors import ConfigError

_BUSY_MS = 5000
_CONNECT_S = 10
_MORE_READERS = 8
_FRESH_PLANS = "-c plan_cache_mode=force_custom_plan"
# Tables grow by a hundred thousand rows in minutes: a plan that was made, and kept, for an empty one reads them whole.
_READ_ONLY = _FRESH_PLANS + " -c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"
# As SQLite's readers: a job sees one moment, and cannot write.


def sqlite_url(path: Path) -> str:
    """The file is made here, for owner and group only; SQLite gives -wal and -shm the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
    return f"sqlite:///{path.absolute()}"


def parse(text: str) -> URL:
    """A URL as an operator writes it: `postgresql://user:password@host/name`, or `sqlite:////path`.

    Raises: ConfigError.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigError([("database", "is no URL", "such as postgresql://user:password@host/name")]) from error
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    raise ConfigError([("database", f"{url.drivername} is not supported", "sqlite with a file, or postgresql")])


def is_postgresql(text: str) -> bool:
    return parse(text).drivername.startswith("postgresql")


def libpq(text: str) -> str:
    """A PostgreSQL URL for the driver itself."""
    return parse(text).set(drivername="postgresql").render_as_string(hide_password=False)


def writer(text: str) -> Engine:
    """One connection. Raises: ConfigError."""
    url = parse(text)
    if url.drivername != "sqlite":
        return _postgresql(url, 1, _FRESH_PLANS)
    return _sqlite(url, {"poolclass": StaticPool}, _prepare_writer, "BEGIN IMMEDIATE")


def reader(text: str, size: int) -> Engine:
    """A pool of connections that cannot write. Raises: ConfigError."""
    url = parse(text)
    if url.drivername != "sqlite":
        return _postgresql(url, size, _READ_ONLY)
    pool = {"poolclass": QueuePool, "pool_size": size, "max_overflow": _MORE_READERS}
    return _sqlite(url, pool, _prepare_reader, "BEGIN")


def _postgresql(url: URL, size: int, options: str) -> Engine:
    arguments = {"connect_timeout": _CONNECT_S, "application_name": "gate-central", "options": options}
    # A connection that died with the database's restart is replaced, not answered with an error.
    return create_engine(url, pool_size=size, max_overflow=_MORE_READERS, pool_pre_ping=True, connect_args=arguments)


def _sqlite(url: URL, pool: dict[str, Any], prepare: Any, begin: str) -> Engine:
    engine = create_engine(
        url, connect_args={"check_same_thread": False, "timeout": _BUSY_MS / 1000, "isolation_level": None}, **pool
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: ConnectionPoolEntry) -> None:
        raw = cast(sqlite3.Connection, connection)
        raw.isolation_level = None
        raw.execute("PRAGMA trusted_schema=OFF")
        prepare(raw)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _prepare_writer(raw: sqlite3.Connection) -> None:
    raw.execute("PRAGMA journal_mode=WAL").fetchone()
    raw.execute("PRAGMA secure_delete=ON").fetchone()  # a name that is forgotten leaves no free page
    raw.execute("PRAGMA synchronous=FULL")  # an answer "stored" must survive a power cut


def _prepare_reader(raw: sqlite3.Connection) -> None:
    raw.execute("PRAGMA query_only=ON")
    raw.execute("PRAGMA wal_autocheckpoint=0").fetchone()
