"""Whatever a hostile server sends, the lane beside admits the next guest from its last good data, and says what is wrong."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.app import GateApp
from gate.errors import GateError
from gate.lane.orders import By, Order
from gate.model import Direction, GateId, Scan
from gate.settings import GateSettings, KioskSettings, LaneSettings, PinSettings, Settings
from gate.staffroom import InboxDesk
from gate.sync import client as client_module
from gate.sync.board import StatusBoard
from gate.sync.clocks import wall_ms
from gate.wire import cbor
from tests.fakes.server import EVENT, wait_for
from tests.sync.conftest import Gate
from tests.sync.test_hostile_server import TABLE, attacked


class Door:
    """The real lane on the files that sync writes: admission loop, journal, pins of the mock factory."""

    def __init__(self, gate: Gate) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        settings = Settings(
            gate=GateSettings(id=GateId("g2"), state_dir=gate.folders.state, runtime_dir=gate.folders.runtime),
            lanes={"entry": LaneSettings(window_s=1.0, pulse_ms=200)},
            pins=PinSettings(factory="mock"),
            inputs=(),
            kiosk=KioskSettings(display_port=port),
        )
        self.journal = gate.folders.journal_db
        self.app = GateApp(settings)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self.app.run, args=(lambda _app, _port: self._ready.set(),), daemon=True)
        self._thread.start()
        assert self._ready.wait(60)

    def close(self) -> None:
        self.app.stop()
        self._thread.join(60)

    def show(self, text: str) -> None:
        now = time.monotonic() * 1000
        scan = Scan(text=text, input="cam0", direction=Direction.ENTRY, captured=now, decoded=now)
        self.app.inbox.put(lambda: self.app.lane.scan(scan))

    def lend(self, text: str) -> str:
        """The same by a person's hand at the same lane, which needs nobody to walk through. Returns: the reason."""
        assert self.app.staff is not None
        by = By(actor=None, input="handheld:test")
        answer = InboxDesk(self.app.staff._desk, self.app.inbox, 60).run(lambda desk: desk.scan(Order(text=text), by))
        return str(answer["reason"])

    def admitted(self) -> int:
        connection = sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)
        try:
            rows = [cbor.loads(body) for (body,) in connection.execute("SELECT body FROM journal")]
        finally:
            connection.close()
        return sum(row["kind"] == "admitted" for row in rows)

    def idle(self) -> bool:
        return bool(self.app.view.state().get("lane") == "idle")


@pytest.fixture
def door(gate: Gate) -> Iterator[Door]:
    gate.live.central.issue(EVENT, len(TABLE), product=1, zones=1, exp=wall_ms() // 1000 + 86_400)
    gate.live.central.publish(EVENT, rebuild=True)
    while gate.puller.step(gate.client, 0):
        pass
    opened = Door(gate)
    yield opened
    opened.close()


@pytest.mark.timeout(300)
def test_the_lane_admits_the_next_guest_whatever_the_server_sends(
    gate: Gate, door: Door, tmp_path: Path, foreign_key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_SLACK_S", 0.2)
    guests = iter(gate.live.central.issued(EVENT, limit=100))
    board, good = StatusBoard(wall_ms), gate.client
    before = gate.state()
    for number, (name, (attack, words)) in enumerate(TABLE.items()):
        with attacked(gate, tmp_path / str(number), foreign_key) as scene:
            attack(scene)
            storm = threading.Thread(target=_storm, args=(gate, board))
            storm.start()
            # While sync is under attack, and not after it.
            if number % 9 == 0:
                wait_for(door.idle, "a lane that is free", 60)
                door.show(next(guests).text)
                wait_for(lambda: door.admitted() == number + 1, f"an admission under {name}", 60)  # noqa: B023
            else:
                assert door.lend(next(guests).text) == "ok", name
            storm.join(60)
            board.flush(gate.store)
            said = wait_for(lambda: _said(door, words), f"{name} in the lane's status", 60)  # noqa: B023
            assert words in said
        if gate.client is not good:
            gate.client.close()
            gate.client = good = gate.new_client()
        gate.live.faults.clear()
        board.ok(f"manifest {EVENT}")
    assert door.admitted() == len(TABLE)
    assert gate.state() == before
    assert not gate.puller.step(gate.client, 0)


def _storm(gate: Gate, board: StatusBoard) -> None:
    try:
        gate.puller.step(gate.client, 0)
    except GateError as error:
        board.failed(f"manifest {EVENT}", error)


def _said(door: Door, words: str) -> str:
    """What the screen's state says of sync, once it says this."""
    said = str(door.app.view.state()["sync"]["last_error"])
    return said if words in said else ""
