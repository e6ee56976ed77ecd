"""From whatever version a database has to the newest, in the writer's transaction, when a server opens it.

A new database gets the tables as they are now; an old one is led there revision by revision. A test holds the two equal.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from gate.central import schema
from gate.errors import StorageError

_TABLE = "alembic_version"
_LOCK = 0x67617465  # "gate": several processes may start on one PostgreSQL database at once


def upgrade(connection: Connection) -> bool:
    """Bring the database to `schema.VERSION`. Returns: whether it was empty.

    Raises: StorageError: it is of a newer program.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
    version = _version(connection)
    if version == schema.VERSION:
        return False
    if version is None:
        schema.metadata.create_all(connection)
        _write_version(connection, schema.VERSION)
        return True
    _migrate(connection, version)
    return False


def _version(connection: Connection) -> str | None:
    """The revision; None = an empty database."""
    tables = set(inspect(connection).get_table_names())
    if _TABLE in tables:
        found: str | None = connection.execute(text(f"SELECT version_num FROM {_TABLE}")).scalar()  # noqa: S608 - ours
        return found
    return "0001" if "setting" in tables else None  # the first tables were made before versions were written down


def _write_version(connection: Connection, version: str) -> None:
    connection.execute(text(f"CREATE TABLE {_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text(f"INSERT INTO {_TABLE} VALUES (:version)"), {"version": version})  # noqa: S608 - ours


def _migrate(connection: Connection, version: str) -> None:
    from alembic import command  # a quarter of a second, which only an old database has to pay
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version not in known:
        raise StorageError(f"the database is of version {version}, this program knows up to {schema.VERSION}")
    if _TABLE not in inspect(connection).get_table_names():
        _write_version(connection, version)
    command.upgrade(config, "head")
