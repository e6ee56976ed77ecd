"""Opening SQLite files."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gate.errors import DamagedError, StorageError
from gate.sqlitefile import open_immutable, open_reader, open_writer, transaction
from gate.wire import sql


def writer(path: Path) -> sqlite3.Connection:
    return open_writer(path, sql.SYNC, synchronous="NORMAL")


def put(connection: sqlite3.Connection, key: str) -> None:
    connection.execute("INSERT INTO status VALUES(?,'v',1)", (key,))


def test_a_new_file_has_the_schema_wal_and_the_safe_settings(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "a.db", sql.JOURNAL, synchronous="FULL")
    found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert found == {"journal_mode": "wal", "synchronous": 2}
    assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM journal").fetchone() == (0,)


def test_opening_again_keeps_the_content(tmp_path: Path) -> None:
    first = writer(tmp_path / "a.db")
    with transaction(first):
        put(first, "k")
    first.close()
    assert writer(tmp_path / "a.db").execute("SELECT k FROM status").fetchall() == [("k",)]


def test_a_transaction_is_whole_or_not_at_all(tmp_path: Path) -> None:
    connection = writer(tmp_path / "a.db")

    def half() -> None:
        with transaction(connection):
            put(connection, "k")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert connection.execute("SELECT count(*) FROM status").fetchone() == (0,)
    assert not connection.in_transaction


def test_a_reader_sees_commits_and_cannot_write(tmp_path: Path) -> None:
    connection = writer(tmp_path / "a.db")
    reader = open_reader(tmp_path / "a.db")
    with transaction(connection):
        put(connection, "k")
        assert reader.execute("SELECT count(*) FROM status").fetchone() == (0,)
    assert reader.execute("SELECT count(*) FROM status").fetchone() == (1,)
    assert reader.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        put(reader, "j")


def test_an_immutable_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    made = sqlite3.connect(tmp_path / "base.sqlite")
    made.executescript(sql.BASE)
    made.close()
    reader = open_immutable(tmp_path / "base.sqlite")
    assert reader.execute("SELECT count(*) FROM ticket").fetchone() == (0,)
    assert [path.name for path in tmp_path.iterdir()] == ["base.sqlite"]


def test_a_name_with_special_signs_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=rw&b#c%20.db"
    writer(path).close()
    assert path.exists()
    open_reader(path).close()


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    connection = writer(tmp_path / "a.db")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    for opening in (writer, open_reader):
        with pytest.raises(StorageError, match="newer release"):
            opening(tmp_path / "a.db")


def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    foreign = sqlite3.connect(tmp_path / "a.db")
    foreign.execute("CREATE TABLE theirs(x)")
    foreign.close()
    with pytest.raises(StorageError, match="not a file of this program"):
        writer(tmp_path / "a.db")
    tables = sqlite3.connect(tmp_path / "a.db").execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("theirs",)]


def test_what_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"not a database " * 500)
    for opening in (writer, open_reader, open_immutable):
        with pytest.raises(DamagedError):
            opening(tmp_path / "a.db")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nothing\.db"):
        open_reader(tmp_path / "nothing.db")
    with pytest.raises(StorageError, match="folder"):
        writer(tmp_path / "no" / "folder" / "a.db")


def test_a_file_whose_making_was_cut_short_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    with pytest.raises(StorageError, match="not made yet"):
        open_reader(tmp_path / "a.db")
    writer(tmp_path / "a.db").close()
    open_reader(tmp_path / "a.db").close()
