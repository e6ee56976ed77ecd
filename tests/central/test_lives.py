"""A database that came from a backup begins a new life; one that was only stopped goes on with its own."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from gate.central import settings
from gate.central.lives import FILE
from gate.central.service import Central


def _life(state: Path) -> str:
    with Central.open(state) as central:
        return central.db.read(lambda connection: settings.get(connection, "life")) or ""


def test_stopped_server_keeps_its_life(tmp_path: Path) -> None:
    assert _life(tmp_path / "c") == _life(tmp_path / "c") != ""


def test_older_database_begins_a_new_life(tmp_path: Path) -> None:
    state, backup = tmp_path / "c", tmp_path / "backup"
    with Central.open(state) as central:
        first = central.db.read(lambda connection: settings.get(connection, "life"))
        central.db.write(lambda connection: settings.put(connection, "url", "http://127.0.0.1:1"))
        source = sqlite3.connect(state / "central.db")
        with closing(sqlite3.connect(backup)) as copy:
            source.backup(copy)
        source.close()
    assert _life(state) == first
    for path in state.glob("central.db*"):
        path.unlink()
    shutil.copy(backup, state / "central.db")
    assert _life(state) != first


def test_backup_without_its_count_begins_a_new_life(tmp_path: Path) -> None:
    state = tmp_path / "c"
    first = _life(state)
    (state / FILE).unlink()
    second = _life(state)
    assert second != first
    assert _life(state) == second
