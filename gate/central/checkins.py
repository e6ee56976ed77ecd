"""The two statements that every check-in passes through, hand-written for each engine because it is measured.

A hundred rows into PostgreSQL, wall and client CPU in ms: COPY 2.7 and 0.4, executemany in a pipeline 5.0 and 1.1, unnest of
22 arrays 7.5 and 2.1 (the driver builds arrays in Python), VALUES of a hundred rows 13 and 4.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Connection

from gate.central.schema import checkin
from gate.errors import StorageError

COLUMNS = tuple(column.name for column in checkin.columns)
"""Order of the values of a row."""
_QUOTED = ", ".join(f'"{name}"' for name in COLUMNS)
_SQLITE = f"INSERT INTO checkin ({_QUOTED}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - names of ours


_COPY = f"COPY checkin ({_QUOTED}) FROM STDIN"
_SEEN = "SELECT DISTINCT ticket FROM checkin WHERE event_id = {} AND ticket {}"


def add(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows with the values of `COLUMNS`. Raises: StorageError."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, rows)
    else:
        connection.exec_driver_sql(_SQLITE, list(rows))


def _copy(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    import psycopg

    raw = cast("psycopg.Connection[tuple[Any, ...]]", connection.connection.driver_connection)
    try:
        with raw.cursor() as cursor, cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise StorageError(f"the database refused a write: {error}") from error


def _array(keys: Sequence[bytes]) -> str:
    """A literal of bytea[]: the driver would take ten times as long to make one."""
    return "{" + ",".join(f'"\\\\x{key.hex()}"' for key in keys) + "}"


def seen(connection: Connection, event: str, tickets: Sequence[bytes]) -> set[bytes]:
    """Which of these tickets have a record already. Reads the index alone."""
    if not tickets:
        return set()
    if connection.dialect.name == "postgresql":
        rows = connection.exec_driver_sql(_SEEN.format("%s", "= ANY(%s::bytea[])"), (event, _array(tickets)))
    else:
        rows = connection.exec_driver_sql(_SEEN.format("?", f"IN ({','.join('?' * len(tickets))})"), (event, *tickets))
    return {bytes(row[0]) for row in rows}
