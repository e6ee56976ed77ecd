"""One gate's side of sync, part by part, against the real central server; and a real journal to push from."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate import config
from gate.model import ClockTrust, Direction, EventId, Moment
from gate.ports import Draft
from gate.settings import Settings
from gate.storage.journal import JournalStore
from gate.storage.keys import journal_key
from gate.sync import keys as device_keys
from gate.sync.client import Client
from gate.sync.clocks import SyncClock, mono_ms, read_boot, wall_ms
from gate.sync.enrolment import Machine, enrol
from gate.sync.feed import FeedReader
from gate.sync.files import BaseFiles
from gate.sync.folders import Folders
from gate.sync.outbox import Outbox
from gate.sync.pull import EventPuller
from gate.sync.push import Pusher
from gate.sync.store import Store
from gate.sync.trusted import TrustKeeper
from gate.wire.enrol import Enrolment
from tests.fakes.server import EVENT, Host, LiveCentral, live_central

MACHINE = Machine(hardware="test", software="test")


def settings_for(state: Path, **sync: object) -> Settings:
    lines = "".join(f"{key} = {value}\n" for key, value in sync.items())
    return config.parse(
        f'[gate]\nid = "g2"\nstate_dir = "{state}"\nruntime_dir = "{state}/run"\n[sync]\npoll_ms = 100\n{lines}'
    )


class Lane:
    """Writes a real journal as the lane does."""

    def __init__(self, state: Path) -> None:
        self._store = JournalStore(
            state / "journal.db", gate="g2", key=journal_key(state), random=os.urandom, head_every=100
        )
        self.epoch = self._store.epoch.hex()

    def admit(self, count: int, event: str = EVENT, kind: str = "admitted") -> None:
        moment = Moment(at=wall_ms(), mono=mono_ms(), boot=read_boot(), trust=ClockTrust.SYNCED, error_ms=5)
        for _ in range(count):
            draft = Draft(
                event=event,
                kind=kind,
                list="main",
                direction=Direction.ENTRY,
                ticket=os.urandom(16),
                product=1,
                reason="ok",
            )
            self._store.commit([draft], moment)

    def close(self) -> None:
        self._store.close()


class Gate:
    """The parts of one enrolled gate, to be stepped by a test."""

    def __init__(self, live: LiveCentral, state: Path, clock: SyncClock | None = None) -> None:
        self.live = live
        self.clock = clock or SyncClock(read_boot())
        self.folders = Folders(state, state / "run")
        self.folders.make()
        self.enrolment: Enrolment = enrol(
            live.enrolment_text(),
            self.folders,
            journal_pub=journal_key(state).public_key().public_bytes_raw(),
            machine=MACHINE,
            clock=self.clock,
            nonce=lambda: secrets.token_hex(16),
        )
        self.open()

    def open(self) -> None:
        self.store = Store(self.folders.sync_db)
        self.keeper = TrustKeeper(bytes.fromhex(self.enrolment.root), self.store, self.clock)
        self.keeper.load(self.enrolment.trust)
        self.keys = device_keys.load(self.folders.device_key)
        self.client = self.new_client()
        self.puller = self.new_puller()
        self.feed = FeedReader(EVENT, peer=self.enrolment.server, store=self.store)
        self.outbox = Outbox(self.folders.journal_db)
        self.pusher = self.new_pusher()

    def new_client(self) -> Client:
        return Client(
            self.enrolment.url, clock=self.clock, timeout_s=60, nonce=lambda: secrets.token_hex(16),
            device=self.enrolment.device, keys=self.keys, read_time=self.keeper.read_time,
        )  # fmt: skip

    def new_puller(self) -> EventPuller:
        puller = EventPuller(
            EventId(EVENT), device=self.enrolment.device, keys=self.keys, store=self.store, folders=self.folders,
            files=BaseFiles(self.folders), keeper=self.keeper, clock=self.clock,
        )  # fmt: skip
        puller.load()
        return puller

    def new_pusher(self, most: int = 200) -> Pusher:
        return Pusher(peer=self.enrolment.server, most=most, store=self.store, outbox=self.outbox, clock=self.clock)

    def close(self) -> None:
        self.outbox.close()
        self.client.close()
        self.store.close()

    def state(self) -> tuple[object, ...]:
        """All that a refused object must leave alone."""
        rows = self.store._open().execute("SELECT * FROM overlay ORDER BY key").fetchall()
        bases = sorted(path.name for path in self.folders.manifests.glob("*.sqlite"))
        objects = sorted(path.name for path in self.folders.objects.iterdir())
        return (self.store.event(EVENT), rows, bases, objects, self.store.trust_files())

    def push_all(self) -> None:
        for _ in range(1000):
            events = self.pusher.look()
            if not events:
                return
            for event in events:
                self.pusher.step(self.client, event)
        raise AssertionError("push never ends")


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    shared = Host()
    yield shared
    shared.close()


@pytest.fixture
def live(tmp_path: Path, host: Host) -> Iterator[LiveCentral]:
    with live_central(tmp_path / "central", host) as server:
        server.make_event()
        yield server


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[LiveCentral]:
    """A server on a port of its own, which a test may stop and start."""
    with live_central(tmp_path / "central") as server:
        server.make_event()
        yield server


@pytest.fixture
def gate(live: LiveCentral, tmp_path: Path) -> Iterator[Gate]:
    side = Gate(live, tmp_path / "gate")
    yield side
    side.close()


@pytest.fixture
def lane(gate: Gate) -> Iterator[Lane]:
    writer = Lane(gate.folders.state)
    yield writer
    writer.close()


@pytest.fixture
def rng() -> random.Random:
    return random.Random(7)


@pytest.fixture
def foreign_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
