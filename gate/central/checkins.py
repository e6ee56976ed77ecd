"""Many check-ins into their table at once. Hand-written for each engine, because it is measured (docs/measurements.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import LargeBinary

from gate.central.schema import checkin

COLUMNS = tuple(column.name for column in checkin.columns)
"""Order of the values of a row."""
_QUOTED = ", ".join(f'"{name}"' for name in COLUMNS)
_SQLITE = f"INSERT INTO checkin ({_QUOTED}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - names of ours


def _array(column: Any) -> str:
    if isinstance(column.type, LargeBinary):
        return "%s::bytea[]"
    return f"%s::{column.type.compile(postgresql.dialect())}[]"  # type: ignore[no-untyped-call]


_POSTGRESQL = f"INSERT INTO checkin ({_QUOTED}) SELECT * FROM unnest({', '.join(map(_array, checkin.columns))})"  # noqa: S608
# One statement whatever the number of rows, so it is planned once; VALUES with a thousand rows is planned each time.


def add(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows with the values of `COLUMNS`."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_POSTGRESQL, tuple(map(list, zip(*rows, strict=True))))
    else:
        connection.exec_driver_sql(_SQLITE, list(rows))
