"""A lane on real storage and really signed objects; only clock, pins and screens are stand-ins that keep a log."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gate.errors import DeviceError, StorageError
from gate.lane.lane import Lane
from gate.lane.machine import LaneMachine, LaneState
from gate.lane.passage import Way
from gate.lane.screen import Screen
from gate.model import Decision, Direction, GateId, Moment, Scan, Verdict
from gate.ports import Draft, Message, PinEvent
from gate.storage.journal import JournalStore
from gate.storage.tickets import TicketBook
from gate.storage.world import WorldReader
from gate.wire.journal import Record
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import key
from tests.fakes.state import GATE, StateFolder

PULSE_MS, BUSY_MS, WINDOW_MS, LONG_MS = 300, 450, 5_000, 12_000
Log = list[tuple[Any, ...]]


class SpyActuator:
    """Pins that only remember. `fails`: names of the calls that raise."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.fails: set[str] = set()
        self.pulses: list[tuple[str, float]] = []
        self.verdict: Verdict | None = None
        self.before_pulse: Callable[[], None] = lambda: None

    def pulse(self, lane: str, seconds: float) -> int:
        self.before_pulse()
        if "pulse" in self.fails:
            raise DeviceError("no pin")
        self.log.append(("pulse", lane))
        self.pulses.append((lane, seconds))
        return 0

    def signal(self, verdict: Verdict | None) -> None:
        self.verdict = verdict

    def release(self) -> None:
        self.log.append(("release",))
        if "release" in self.fails:
            raise DeviceError("no pin")

    def snapshot(self) -> Message:
        return {}

    def alive(self) -> bool:
        return True

    def vouch(self, _seconds: float) -> None:
        return

    def close(self) -> None:
        return


class SpyScreens:
    def __init__(self, log: Log) -> None:
        self.log = log
        self.messages: list[dict[str, Any]] = []

    def publish(self, message: Message) -> None:
        self.messages.append(dict(message))
        self.log.append((message["t"], message.get("verdict")))

    def all(self, word: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["t"] == word]


class SpyJournal:
    """The real journal with a log; a full disk when told. `fails`: kinds that are not taken, or `*`."""

    def __init__(self, store: JournalStore, log: Log) -> None:
        self.store, self.log = store, log
        self.fails: set[str] = set()
        self.hear: Callable[[Record], None] = lambda _: None

    def commit(self, drafts: Sequence[Draft], moment: Moment) -> list[Record]:
        kinds = [draft.kind for draft in drafts]
        if "*" in self.fails or self.fails & set(kinds):
            raise StorageError("database or disk is full")
        records = self.store.commit(drafts, moment)
        self.log.append(("commit", *kinds))
        for record in records:
            self.hear(record)
        return records


class Rig:
    def __init__(
        self,
        path: Path,
        *,
        sensor: bool = True,
        lanes: tuple[str, ...] = ("entry",),
        state: StateFolder | None = None,
        clock: FakeClock | None = None,
        tickets: int = 5,
        clock_policy: str = "admit_marked",
        **policy: Any,
    ) -> None:
        self.state = state or StateFolder(path)
        if state is None:
            self.state.ready([self.state.row(n) for n in range(tickets)], **policy)
        self.log: Log = []
        self.clock = clock or FakeClock()
        self.actuator = SpyActuator(self.log)
        self.screens = SpyScreens(self.log)
        store = JournalStore(self.state.path / "journal.db", gate=GATE, key=key("journal"), random=os.urandom)
        self.journal = SpyJournal(store, self.log)
        self.book = TicketBook(self.state.path, GATE)
        self.reader = WorldReader(self.state.path, gate=GateId(GATE))
        self.lane = Lane(
            ways={name: _way(sensor) for name in lanes},
            clock=self.clock,
            tickets=self.book,
            journal=self.journal,
            actuator=self.actuator,
            screens=self.screens,
            screen=Screen(languages=("en", "id")),
            scan_salt=b"salt",
            clock_policy=clock_policy,
        )
        self.use_world()
        self.log.clear()
        self.screens.messages.clear()

    def close(self) -> None:
        self.reader.close()
        self.book.close()
        self.journal.store.close()

    def use_world(self) -> None:
        world = self.reader.read(self.clock.now().seconds)
        self.book.use(world)
        self.lane.set_world(world)

    # ---- what happens at the gate

    def scan(
        self, what: int | str, direction: str = "entry", *, age_ms: float = 20, name: str = "cam0"
    ) -> Decision | None:
        text = self.state.text(what) if isinstance(what, int) else what
        captured = self.clock.mono_ms() - age_ms
        return self.lane.scan(
            Scan(text=text, input=name, direction=Direction(direction), captured=captured, decoded=captured + 5)
        )

    def wait(self, seconds: float) -> None:
        """Time goes by in turns of the admission loop."""
        while seconds > 0:
            step = min(0.05, seconds)
            self.clock.advance(step)
            self.lane.tick()
            seconds -= step

    def pin(self, name: str, active: bool = True, lane: str = "") -> None:
        self.lane.pin(PinEvent(name, lane, active, int(self.clock.mono_ms())))

    def walk(self, lane: str = "entry") -> None:
        """Somebody goes through, and the controller has its pause."""
        self.pin("passage", lane=lane)
        self.pin("passage", active=False, lane=lane)
        self.wait(BUSY_MS / 1000 + 0.05)

    # ---- looking

    def lane_state(self, lane: str = "entry") -> LaneState:
        return self.lane.passages.machines[lane].state

    def rows(self, *kinds: str) -> list[dict[str, Any]]:
        """Bodies on disk, read by a connection of its own."""
        return self.state.journal(*kinds)

    def shown(self) -> dict[str, Any]:
        """The newest `state` message."""
        return self.screens.all("state")[-1]


def _way(sensor: bool) -> Way:
    return Way(
        machine=LaneMachine(pulse_ms=BUSY_MS, window_ms=WINDOW_MS, sensor=sensor),
        pulse_ms=PULSE_MS,
        window_ms=WINDOW_MS,
        long_window_ms=LONG_MS,
    )
