"""Settings of the server itself, one text each. Keys: see `schema.setting`."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from gate.central.schema import setting


def get(connection: Connection, key: str) -> str | None:
    return connection.execute(select(setting.c.v).where(setting.c.k == key)).scalar()


def put(connection: Connection, key: str, value: str) -> None:
    connection.execute(delete(setting).where(setting.c.k == key))
    connection.execute(insert(setting).values(k=key, v=value))
