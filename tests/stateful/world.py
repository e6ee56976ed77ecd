"""Three gates, the server, the network and the true time; what anybody may do, what must hold always, and healing."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from gate.central import schema
from gate.central.api import create_app
from gate.central.service import Central
from gate.storage.keys import journal_key
from gate.sync.clocks import SyncClock
from gate.sync.enrolment import Machine, enrol
from gate.sync.folders import Folders
from gate.wire.journal import Record, decode_record
from gate.wire.resolve import Limits, Place, Resolution, resolve
from tests.stateful.box import EVENT, LIST, Box, clock_of, use_of
from tests.stateful.net import Net

GATES = ("g1", "g2", "g3")
SKEWS_MS = (0, -90_000, 900_000)
"""Of the gates' own clocks: right, 90 s behind, and so far ahead that requests are refused until signed time is asked."""
START_MS = 1_798_000_000_000
TICKETS = tuple(hashlib.sha256(bytes([n])).digest()[:16] for n in range(12))
HEAL_ROUNDS = 60


@dataclass
class Chance:
    """Bytes that look random and are the same in every run."""

    count: int = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return hashlib.shake_128(self.count.to_bytes(8, "big")).digest(size)


@dataclass
class Now:
    """True time, Unix ms."""

    ms: int = START_MS

    def __call__(self) -> int:
        return self.ms


class Broken(AssertionError):
    """Something that must hold does not."""


def template(folder: Path) -> None:
    """A server with an event and three enrolled gates, to be copied: making it takes longer than a run."""
    now, chance = Now(), Chance()
    loop = asyncio.new_event_loop()
    central = Central.open(folder / "central", clock=now, random=chance)
    central.create_event(
        {"event": EVENT, "name": {"en": "Spring"}, "tz": "Asia/Taipei", "products": [{"n": 1, "name": {"en": "Day"}}],
         "lists": [{"id": LIST}], "gates": [{"id": g, "short": g.upper(), "lists": [LIST]} for g in GATES]}
    )  # fmt: skip
    net = Net(loop)
    net.app = create_app(central, live=False)
    for name in GATES:
        folders = Folders(folder / name, folder / name / "run")
        folders.make()
        code = central.add_device(name, short=name.upper(), events=(EVENT,), gate=name, url="http://central").text()
        enrol(
            code, folders, journal_pub=journal_key(folders.state).public_key().public_bytes_raw(),
            machine=Machine("test", "test"), clock=SyncClock("0" * 32, wall=now, mono=lambda: 0),
            nonce=lambda: chance(16).hex(), transport=net,
        )  # fmt: skip
    central.close()
    loop.close()


@dataclass
class World:
    folder: Path
    """A copy of the template."""
    now: Now = field(default_factory=Now)
    chance: Chance = field(default_factory=lambda: Chance(10**6))
    made: dict[Place, Record] = field(default_factory=dict)
    """Every record that was ever committed on a card."""
    gone: set[Place] = field(default_factory=set)
    """Those whose last copy went with a card, or with a server's disk while no card had it any more."""
    before_wipe: dict[str, set[Place]] = field(default_factory=dict)
    """What the server held when a gate's card was lost."""

    restored: bool = False
    same_epoch: bool = False
    """A seeded bug: a new card goes on with the old epoch."""

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self.net = Net(self._loop)
        self._open_central()
        self.boxes = [
            Box(name, self.folder / name, self.net, self.now, skew, self.chance)
            for name, skew in zip(GATES, SKEWS_MS, strict=True)
        ]
        for box in self.boxes:
            self._note(box)
        self.backup()

    def _open_central(self) -> None:
        self.central = Central.open(self.folder / "central", clock=self.now, random=self.chance)
        self.net.app = create_app(self.central, live=False)

    def close(self) -> None:
        for box in self.boxes:
            box.close_sync()
            box.journal.close()
        self.central.close()
        self._loop.close()
        shutil.rmtree(self.folder)

    # ---- what happens

    def wait(self, ms: int) -> None:
        self.now.ms += ms

    def admit(self, gate: int, ticket: bytes) -> Record | None:
        """The lane's decision by what it knows. Returns: the admission, None when it refused."""
        self.wait(250)
        box = self.boxes[gate]
        if not box.knows_the_past or self.resolved(box.uses(ticket), box.clocks()).entries:
            return None
        past = self.before_wipe.get(box.name, set())
        held = [
            use_of(r)
            for r in self.server_records()
            if r.ticket == ticket.hex() and (r.kind == "annulled" or place(r) in past)
        ]
        if self.resolved(held, ()).entries:
            raise Broken(f"{box.name} gave a ticket a second life after its card was lost")
        return self._add(box, box.write("admitted", ticket))

    def annul(self, gate: int, record: Record) -> None:
        box = self.boxes[gate]
        if record.gate == box.name and place(record) in {place(r) for r in box.records()}:
            self._add(box, box.write("annulled", bytes.fromhex(record.ticket or ""), ref=record.own_ref))

    def note_clock(self, gate: int) -> None:
        """The lane writes what the server's signed time says of this boot."""
        box = self.boxes[gate]
        offset = box.clock.offset
        if offset is not None:
            self._add(box, box.write("clock", None, data={"base_ms": offset.base_ms, "error_ms": offset.error_ms}))

    def push(self, gate: int, faults: Iterable[str] = ()) -> bool:
        return self._with(faults, self.boxes[gate].push)

    def pull(self, gate: int, faults: Iterable[str] = ()) -> bool:
        return self._with(faults, self.boxes[gate].pull)

    def _with(self, faults: Iterable[str], step: object) -> bool:
        self.wait(100)
        self.net.plan = list(faults)
        moved = bool(step())  # type: ignore[operator]
        self.net.plan = []
        return moved

    def deliver_late(self) -> None:
        """What the network held back arrives now, newest first."""
        while self.net.late:
            self.net.deliver(self.net.late.pop())

    def restart_sync(self, gate: int) -> None:
        self.boxes[gate].close_sync()
        self.boxes[gate].open_sync()

    def restart_lane(self, gate: int) -> None:
        self.boxes[gate].restart_lane()
        self._note(self.boxes[gate])

    def reboot(self, gate: int) -> None:
        self.boxes[gate].reboot()
        self._note(self.boxes[gate])

    def save_sync(self, gate: int) -> None:
        self.boxes[gate].save_sync(self.folder / f"{gate}.saved")

    def power_cut(self, gate: int) -> None:
        saved = self.folder / f"{gate}.saved"
        self.boxes[gate].replace_sync(saved if saved.exists() else None)

    def reimage(self, gate: int, *, same_epoch: bool = False) -> None:
        box = self.boxes[gate]
        on_server = {place(r) for r in self.server_records()}
        self.gone |= {place(r) for r in box.records()} - on_server
        self.before_wipe[box.name] = on_server
        (self.folder / f"{gate}.saved").unlink(missing_ok=True)
        box.reimage(same_epoch=same_epoch)
        self._note(box)

    def backup(self) -> None:
        source, target = (
            sqlite3.connect(self.folder / "central" / "central.db"),
            sqlite3.connect(self.folder / "backup.db"),
        )
        source.backup(target)
        source.close()
        target.close()

    def restore(self) -> None:
        """The server's database is lost; it goes on from the backup, as another life (contracts 5)."""
        self.restored = True
        before = {place(r) for r in self.server_records()}
        self.central.close()
        for path in (self.folder / "central").glob("central.db*"):
            path.unlink()
        shutil.copy(self.folder / "backup.db", self.folder / "central" / "central.db")
        self._open_central()
        after = {place(r) for r in self.server_records()}
        cards = {place(r) for box in self.boxes for r in box.records()}
        self.gone |= before - after - cards
        for past in self.before_wipe.values():
            past &= after

    def _add(self, box: Box, record: Record) -> Record:
        self.made[place(record)] = record
        return record

    def _note(self, box: Box) -> None:
        """The rows that a lane writes by itself at its start."""
        for record in box.records():
            self.made.setdefault(place(record), record)

    # ---- what is known where

    def server_records(self) -> list[Record]:
        table = schema.checkin
        rows = self.central.db.read(lambda connection: connection.execute(select(table.c.body)).scalars().all())
        return [decode_record(bytes(row)) for row in rows]

    @staticmethod
    def resolved(uses: Iterable[object], clocks: Iterable[object]) -> Resolution:
        return resolve(uses, clocks, Limits(), lambda at: at // 86_400_000)  # type: ignore[arg-type]

    # ---- healing

    def heal(self) -> None:
        """The network is whole, people look at what was set aside, and all talk until nothing moves any more."""
        self.net.plan, self.net.poison, self.net.down = [], set(), False
        self.deliver_late()
        for box in self.boxes:
            box.retry()
            box.pushing.away()
        for _ in range(HEAL_ROUNDS):
            self.wait(61_000)
            moved = False
            for gate in range(len(self.boxes)):
                moved = self.push(gate) or moved
                moved = self.pull(gate) or moved
            if not moved:
                return
        raise Broken("the gates and the server never come to rest")


def place(record: Record) -> Place:
    return record.gate, record.epoch + record.event, record.seq


def scratch() -> Path:
    """A new folder, in memory where that can be had: power cuts are played here, so nothing is gained by a slow disk."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="gate-stateful-", dir=memory if memory.is_dir() else None))


def copy_of(master: Path) -> Path:
    """A folder for one run."""
    folder = scratch()
    shutil.copytree(master, folder, dirs_exist_ok=True)
    return folder


def clocks_of(records: Iterable[Record]) -> list[object]:
    return [clock_of(record) for record in records if record.kind == "clock"]
