"""The writer: in order, each job's failure its own, the file durable, strict and with one owner."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, insert, select, text

from gate.central import engines, place, schema, settings
from gate.central.database import Database
from gate.central.folder import InUseError
from gate.central.migrations.versions import r0001_first
from gate.central.service import Central
from gate.errors import ConfigError, StorageError
from tests.central.gateside import Clock, Random


@pytest.fixture
def database(tmp_path: Path) -> Database:
    opened = Database(engines.sqlite_url(tmp_path / "central.db"))
    opened.create(schema.metadata)
    return opened


def put(key: str) -> Callable[[Connection], None]:
    return lambda connection: settings.put(connection, key, "1")


def test_jobs_that_wait_together_are_all_written_and_a_failure_is_its_own(database: Database) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        begun.set()
        assert go.wait(60)

    first = database.submit(slow)
    assert begun.wait(60)
    good = [database.submit(put("a")), database.submit(put("b"))]

    def half(connection: Connection) -> None:
        settings.put(connection, "c", "1")
        raise ValueError("half done")

    bad = database.submit(half)
    good.append(database.submit(put("d")))
    go.set()
    first.result(60)
    for future in good:
        future.result(60)
    with pytest.raises(ValueError, match="half done"):
        bad.result(60)
    keys = database.read(lambda connection: connection.execute(select(schema.setting.c.k)).scalars().all())
    assert sorted(keys) == ["a", "b", "d"]
    database.close()


def test_a_write_that_the_database_refuses_is_a_storage_error(database: Database) -> None:
    statement = insert(schema.event_head).values(event_id="e")
    database.write(lambda connection: connection.execute(statement))
    with pytest.raises(StorageError, match="UNIQUE"):
        database.write(lambda connection: connection.execute(statement))
    database.close()


def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError, match="readonly"):
        database.read(put("a"))
    database.close()


def test_the_file_is_strict_durable_and_not_for_others(database: Database, tmp_path: Path) -> None:
    def look(connection: Connection) -> tuple[object, object]:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        return mode, connection.exec_driver_sql("PRAGMA synchronous").scalar()

    assert database.write(look) == ("wal", 2)
    assert (tmp_path / "central.db").stat().st_mode & 0o007 == 0
    tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%STRICT%'"
    assert database.read(lambda connection: connection.exec_driver_sql(tables).scalar()) == 0
    database.close()


def test_after_closing_nothing_is_taken(database: Database) -> None:
    late = database.submit(put("a"))
    database.close()
    late.result(0)
    with pytest.raises(StorageError, match="closed"):
        database.write(put("b"))
    database.close()


def test_every_key_of_an_events_rows_begins_with_the_event() -> None:
    of_the_server = {"setting", "trust", "device", "device_boot", "operator", "task"}
    for table in schema.metadata.tables.values():
        if table.name not in of_the_server:
            assert next(iter(table.primary_key.columns)).name == "event_id", table.name
            for constraint in table.constraints:
                columns = [column.name for column in getattr(constraint, "columns", [])]
                assert not columns or columns[0] == "event_id", (table.name, columns)


def test_a_state_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with Central.open(tmp_path, clock=Clock(), random=Random()), pytest.raises(InUseError):
        Central.open(tmp_path)
    Central.open(tmp_path).close()


def test_a_database_of_a_newer_version_is_refused(state: Path) -> None:
    with Central.open(state) as central:
        central.db.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(StorageError, match="version 9999"):
        Central.open(state)
    with pytest.raises(StorageError, match="version 9999"):  # the folder was let go of
        Central.open(state)


def test_the_first_version_is_led_to_the_newest_and_keeps_its_rows(state: Path) -> None:
    """An old database and a new one have the same tables; what was in the old one is there."""
    url = place.settle(state, None) if state.exists() else _folder(state)
    database = Database(url)

    def first(connection: Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            r0001_first.upgrade()
        connection.execute(insert(schema.setting).values(k="org", v="Old"))
        connection.execute(text("INSERT INTO event_head (event_id, checkins) VALUES ('', 0)"))
        connection.execute(text("INSERT INTO incident VALUES ('', 1, 'journal_fork', 'g1', 'g1', 5, '{}')"))

    database.write(first)
    database.close()
    for _ in range(2):
        with Central.open(state) as central:
            old = central.db.read(lambda connection: settings.get(connection, "org"))
            kinds = central.db.read(lambda c: c.execute(select(schema.incident.c.kind)).scalars().all())
            assert (old, kinds) == ("Old", ["journal_fork"])
            assert central.db.read(_differences) == []


def test_a_new_database_has_the_tables_of_the_revisions(central: Central) -> None:
    assert central.db.read(_differences) == []


def _folder(state: Path) -> str:
    state.mkdir()
    return place.settle(state, None)


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return [item for item in compare_metadata(context, schema.metadata) if "alembic_version" not in str(item)]


# ---- which database a folder has


def test_a_folder_keeps_the_database_it_began_with(tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    (tmp_path / "state").mkdir()
    Central.open(tmp_path / "state", database_url=elsewhere).close()
    assert (tmp_path / "elsewhere.db").exists()
    Central.open(tmp_path / "state").close()
    assert not (tmp_path / "state" / "central.db").exists()
    assert (tmp_path / "state" / place.FILE).stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="uses sqlite"):
        Central.open(tmp_path / "state", database_url=f"sqlite:///{tmp_path / 'third.db'}")
    Central.open(tmp_path / "plain").close()
    with pytest.raises(ConfigError, match=r"uses .*central\.db"):
        Central.open(tmp_path / "plain", database_url=elsewhere)


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "no url", "sqlite:///:memory:"])
def test_a_database_that_is_not_supported_is_named(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="database"):
        Central.open(tmp_path, database_url=url)


def test_a_password_is_for_the_driver_only(tmp_path: Path) -> None:
    url = "postgresql://gate:secret@db.example/gate"
    assert "secret" not in place.masked(url)
    assert engines.libpq(url) == url
    place.settle(tmp_path, url)
    with pytest.raises(ConfigError) as raised:
        place.settle(tmp_path, "postgresql://gate:secret@db.example/other")
    assert "secret" not in str(raised.value)
