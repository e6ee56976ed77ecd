"""The writer: in order, each job's failure its own, the file durable, strict and with one owner."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select

from gate.central import schema, settings
from gate.central.database import Database
from gate.central.folder import InUseError
from gate.central.service import Central
from gate.errors import StorageError
from tests.central.gateside import Clock, Random


@pytest.fixture
def database(tmp_path: Path) -> Database:
    opened = Database(Database.sqlite_url(tmp_path / "central.db"))
    opened.create(schema.metadata)
    return opened


def put(key: str) -> Callable[[Connection], None]:
    return lambda connection: settings.put(connection, key, "1")


def test_jobs_that_wait_together_are_all_written_and_a_failure_is_its_own(database: Database) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        begun.set()
        assert go.wait(5)

    first = database.submit(slow)
    assert begun.wait(5)
    good = [database.submit(put("a")), database.submit(put("b"))]

    def half(connection: Connection) -> None:
        settings.put(connection, "c", "1")
        raise ValueError("half done")

    bad = database.submit(half)
    good.append(database.submit(put("d")))
    go.set()
    first.result(5)
    for future in good:
        future.result(5)
    with pytest.raises(ValueError, match="half done"):
        bad.result(5)
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
    of_the_server = {"setting", "trust", "device"}
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


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    with Central.open(tmp_path) as central:
        central.db.write(lambda connection: settings.put(connection, "schema", "99"))
    with pytest.raises(StorageError, match="version 99"):
        Central.open(tmp_path)
    count = select(func.count()).select_from(schema.event)
    database = Database(Database.sqlite_url(tmp_path / "central.db"))
    assert database.read(lambda connection: connection.execute(count).scalar()) == 0
    database.close()
