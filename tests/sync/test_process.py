"""The real process: killed in the middle of a push, stopped by a signal, asked by the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.sqlitefile import open_reader
from gate.sync.folders import Folders
from tests.fakes.server import EVENT, Fault, LiveCentral, wait_for
from tests.sync.conftest import Gate, Lane


class Process:
    """`python -m gate.sync run`, started and killed by its own id."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self._running: subprocess.Popen[bytes] | None = None
        self.said = ""
        """What it wrote to its standard error, once it has ended."""

    def start(self) -> None:
        command = [sys.executable, "-m", "gate.sync", "run", "--config", str(self.config)]
        self._running = subprocess.Popen(command, stderr=subprocess.PIPE)

    def send(self, number: int) -> int:
        assert self._running is not None
        self._running.send_signal(number)
        code = self._running.wait(60)
        assert self._running.stderr is not None
        with self._running.stderr as lines:
            self.said = lines.read().decode()
        self._running = None
        return code

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gate.sync", *words, "--config", str(self.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)

    def close(self) -> None:
        if self._running is not None:
            self.send(signal.SIGKILL)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    state = tmp_path / "gate"
    path = tmp_path / "gate.toml"
    path.write_text(
        f'[gate]\nid = "g2"\nstate_dir = "{state}"\nruntime_dir = "{state}/run"\n'
        "[sync]\npoll_ms = 100\nbatch = 10\nwait_s = 1\nbackoff_max_s = 1\n"
    )
    return path


@pytest.fixture
def process(config: Path) -> Iterator[Process]:
    running = Process(config)
    yield running
    running.close()


def test_killed_in_the_middle_of_pushes_everything_arrives_once(
    live: LiveCentral, gate: Gate, lane: Lane, process: Process
) -> None:
    gate.close()
    lane.admit(120)
    for number in range(3):
        # The server has committed and its answer is on the way: the worst moment there is.
        held = Fault("POST", f"/{EVENT}/checkins", lost=True, hold=threading.Event(), times=1, skip=number)
        live.faults[:] = [held]
        process.start()
        wait_for(held.worked.is_set, "a push is in flight")
        process.send(signal.SIGKILL)
        assert held.hold is not None
        held.hold.set()
        lane.admit(10)
    live.faults.clear()
    process.start()
    wait_for(lambda: len(live.checkins()) == 150, "all 150 check-ins")
    assert process.send(signal.SIGTERM) == 0
    assert sorted(seq for _, _, seq, _ in live.checkins()) == list(range(1, 151))
    gate.open()
    assert gate.pusher.look() == []


def test_killed_in_the_middle_of_an_import_it_begins_again(live: LiveCentral, gate: Gate, process: Process) -> None:
    gate.close()
    held = Fault("GET", "/manifests/", cut=500, times=1)
    live.faults.append(held)
    process.start()
    wait_for(lambda: held.hits, "the download has begun")
    process.send(signal.SIGKILL)
    process.start()
    folders = Folders(gate.folders.state, gate.folders.runtime)
    wait_for(lambda: _has_manifest(folders), "the manifest")
    assert process.send(signal.SIGTERM) == 0
    gate.open()
    assert gate.store.event(EVENT) is not None
    assert not [path for path in folders.manifests.iterdir() if path.name.endswith((".part", ".raw"))]


def _has_manifest(folders: Folders) -> bool:
    connection = open_reader(folders.sync_db)
    try:
        query = "SELECT count(*) FROM event WHERE base_sha256 IS NOT NULL"
        return bool(connection.execute(query).fetchone()[0])
    finally:
        connection.close()


def test_status_is_told_by_the_process_and_by_what_it_left(process: Process, config: Path, tmp_path: Path) -> None:
    assert process.ask("status").returncode == 3
    process.start()
    socket = tmp_path / "gate" / "run" / "sync.sock"
    wait_for(socket.exists, "the socket")
    found = process.ask("status", "--json")
    assert found.returncode == 0
    answer = json.loads(found.stdout)
    assert {"peer", "mode", "queue", "data_age_s", "last_error"} <= set(answer)
    assert "not enrolled" in answer["last_error"]
    assert process.send(signal.SIGTERM) == 0
    assert process.said.count("gate enrol 'GE1:...'") == 1  # what it waits for and what to do, said once
    assert not socket.exists()
    assert json.loads(process.ask("status", "--json").stdout)["last_error"] == "sync is not running"
    lines = process.ask("status").stdout
    assert "sync is not running" in lines
    assert "no data yet" in lines


def test_wrong_configuration_ends_with_2_and_a_taken_folder_with_3(process: Process, config: Path) -> None:
    process.start()
    wait_for((config.parent / "gate" / "sync.lock").exists, "the lock")
    wait_for((config.parent / "gate" / "run" / "sync.sock").exists, "the socket")
    second = process.ask("run")
    assert (second.returncode, "another sync process" in second.stderr) == (3, True)
    config.write_text("[sync]\nbatch = 0\nnonsense = 1\n")
    wrong = process.ask("run")
    assert wrong.returncode == 2
    assert "sync.batch" in wrong.stderr
    assert "nonsense" in wrong.stderr


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    heavy = ("fastapi", "sqlalchemy", "numpy", "cv2", "sqlite_utils")
    code = f"import sys, gate.sync.worker; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
