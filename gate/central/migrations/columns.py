"""Column and table words that the revisions share; they mean the same for ever."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, LargeBinary, Text
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeEngine

INTEGER: TypeEngine[int] = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
# STRICT tables of SQLite know INTEGER, TEXT and BLOB only; on PostgreSQL an integer needs its 8 bytes said.
STRICT: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
ROWID: dict[str, Any] = {"sqlite_strict": True}


def integer(name: str, *, key: bool = False, null: bool = False, default: int | None = None) -> Column[int]:
    server_default = None if default is None else str(default)
    return Column(name, INTEGER, primary_key=key, nullable=null, server_default=server_default, autoincrement=False)


def text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=null)


def blob(name: str, *, key: bool = False, null: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=key, nullable=null)
