"""One gate: its real journal, its real sync.db, the real pushing and feed, on a card that may be lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from gate.errors import GateError, UplinkError
from gate.model import ClockTrust, Direction, Moment
from gate.ports import Draft
from gate.storage.journal import JournalStore
from gate.storage.keys import journal_key
from gate.storage.world import read_acked
from gate.sync import enrolment as enrolments
from gate.sync import keys as device_keys
from gate.sync.board import OFFLINE, StatusBoard
from gate.sync.client import Client
from gate.sync.clocks import SyncClock
from gate.sync.feed import FeedReader
from gate.sync.folders import Folders
from gate.sync.outbox import Outbox
from gate.sync.protocol import Backoff
from gate.sync.push import Pusher
from gate.sync.pushing import Pushing
from gate.sync.store import Store
from gate.sync.trusted import TrustKeeper
from gate.wire.journal import Record, decode_record
from gate.wire.resolve import BootClock, Use
from tests.stateful.net import Net

EVENT = "spring"
LIST = "main"
BATCH = 4
"""Small, so that a run has many of them."""

Random = Callable[[int], bytes]


def use_of(record: Record) -> Use:
    return Use(
        gate=record.gate, epoch=record.epoch, seq=record.seq, kind=record.kind, dir=record.dir, count=record.count,
        at=record.at, mono=record.mono, boot=record.boot, error_ms=record.error_ms, ref=record.ref,
    )  # fmt: skip


def clock_of(record: Record) -> BootClock:
    return BootClock(record.gate, record.boot, record.data["base_ms"], record.data["error_ms"])


class Box:
    """
    Args:
        now: true Unix ms. skew_ms: by how much this gate's own clock is wrong.
    """

    def __init__(self, name: str, state: Path, net: Net, now: Callable[[], int], skew_ms: int, random: Random) -> None:
        self.name = name
        self.folders = Folders(state, state / "run")
        self.folders.make()
        self._net, self._now, self._skew_ms, self._random = net, now, skew_ms, random
        self._boot()
        self._start_lane()
        self.open_sync()

    # ---- time

    def _mono(self) -> int:
        return self._now() - self._booted

    def moment(self) -> Moment:
        return Moment(
            at=self._now() + self._skew_ms, mono=self._mono(), boot=self.boot, trust=ClockTrust.UNTRUSTED, error_ms=None
        )

    # ---- the lane

    def _boot(self) -> None:
        self._booted = self._now() - 1000
        self.boot = self._random(16).hex()

    def _start_lane(self, epoch: bytes | None = None) -> None:
        chosen = [epoch] if epoch else []
        self.journal = JournalStore(
            self.folders.journal_db,
            gate=self.name,
            key=journal_key(self.folders.state),
            random=lambda size: chosen.pop() if chosen and size == len(chosen[0]) else self._random(size),
            head_every=5,
        )
        self.journal.write_boot(self.moment(), read_acked(self.folders.state), {"version": "test"})

    def write(self, kind: str, ticket: bytes | None, ref: str | None = None, data: object = None) -> Record:
        """What the lane does at the end of a decision: one commit, then the door."""
        entry = kind in ("admitted", "override", "annulled")
        draft = Draft(
            event=EVENT, kind=kind, list=LIST if ticket else None, direction=Direction.ENTRY if entry else None,
            ticket=ticket, product=1 if ticket else None, reason="ok", ref=ref, data=data,
        )  # fmt: skip
        return self.journal.commit([draft], self.moment())[0]

    def restart_lane(self) -> None:
        self.journal.close()
        self._start_lane()

    def reboot(self) -> None:
        self.close_sync()
        self.journal.close()
        self._boot()
        self._start_lane()
        self.open_sync()

    # ---- sync

    def open_sync(self) -> None:
        enrolment = enrolments.load(self.folders)
        assert enrolment is not None
        self.clock = SyncClock(self.boot, wall=lambda: self._now() + self._skew_ms, mono=self._mono)
        self.store = Store(self.folders.sync_db)
        keeper = TrustKeeper(bytes.fromhex(enrolment.root), self.store, self.clock)
        keeper.load(enrolment.trust)
        self.client = Client(
            "http://central", clock=self.clock, timeout_s=5, nonce=lambda: self._random(16).hex(),
            device=enrolment.device, keys=device_keys.load(self.folders.device_key), read_time=keeper.read_time,
            transport=self._net,
        )  # fmt: skip
        self.outbox = Outbox(self.folders.journal_db)
        self.feed = FeedReader(EVENT, peer=enrolment.server, store=self.store)
        self.peer = enrolment.server
        self.pusher = Pusher(peer=enrolment.server, most=BATCH, store=self.store, outbox=self.outbox, clock=self.clock)
        self.pushing = Pushing(
            self.pusher, [self.feed], StatusBoard(self._now), backoff=lambda: Backoff(lambda: 0.0, cap_s=60.0),
            mono_s=lambda: self._now() / 1000,
        )  # fmt: skip

    def close_sync(self) -> None:
        self.outbox.close()
        self.client.close()
        self.store.close()

    def push(self) -> bool:
        """One turn of the push loop."""
        return self._calling(lambda: self.pushing.turn(self.client))

    def pull(self) -> bool:
        """One turn of the feed loop."""
        moved = self._calling(lambda: self.feed.step(self.client, 0.0))
        if self.feed.resend:
            self.feed.resend = False
            self.pushing.resend()
            return True
        return moved

    def _calling(self, step: Callable[[], bool]) -> bool:
        try:
            return step()
        except GateError as error:
            if isinstance(error, UplinkError) and error.code in OFFLINE:
                self.pushing.away()
            return False

    def retry(self) -> None:
        """A person asks for another try."""
        self.store.release_quarantine()
        self.pushing.resend(now=True)

    @property
    def knows_the_past(self) -> bool:
        """Sync gives the lane no tickets before it has read the check-ins once (`session`): a new card admits nobody."""
        return self.store.feed_cursor(EVENT) is not None

    # ---- accidents

    def save_sync(self, to: Path) -> None:
        source, target = sqlite3.connect(self.folders.sync_db), sqlite3.connect(to)
        source.backup(target)
        source.close()
        target.close()

    def replace_sync(self, by: Path | None) -> None:
        """sync.db is lost (None), or falls back to an older state, as after a power cut with NORMAL."""
        self.close_sync()
        for path in self.folders.state.glob("sync.db*"):
            path.unlink()
        if by is not None:
            shutil.copy(by, self.folders.sync_db)
        self.open_sync()

    def reimage(self, *, same_epoch: bool = False) -> None:
        """Journal and sync.db are gone; keys and enrolment are put back."""
        self.close_sync()
        self.journal.close()
        for pattern in ("sync.db*", "journal.db*"):
            for path in self.folders.state.glob(pattern):
                path.unlink()
        self._boot()
        self._start_lane(self.journal.epoch if same_epoch else None)
        self.open_sync()

    # ---- what it holds

    def records(self) -> list[Record]:
        connection = sqlite3.connect(f"file:{self.folders.journal_db}?mode=ro", uri=True)
        try:
            return [decode_record(row[0]) for row in connection.execute("SELECT body FROM journal ORDER BY id")]
        finally:
            connection.close()

    def uses(self, ticket: bytes) -> list[Use]:
        """As the decision counts them: own journal, and the others' of `remote`."""
        own = [use_of(record) for record in self.records() if record.ticket == ticket.hex()]
        rows = self.store._open().execute(
            "SELECT gate, epoch, seq, kind, dir, count, at, mono, boot, error_ms, ref FROM remote WHERE event=? AND ticket=?",
            (EVENT, ticket),
        )
        far = [
            Use(gate=r[0], epoch=r[1].hex(), seq=r[2], kind=r[3], dir=r[4], count=r[5], at=r[6], mono=r[7], boot=r[8],
                error_ms=r[9], ref=r[10])
            for r in rows
        ]  # fmt: skip
        return own + far

    def clocks(self) -> list[BootClock]:
        own = [clock_of(record) for record in self.records() if record.kind == "clock"]
        rows = self.store._open().execute("SELECT gate, boot, base_ms, error_ms FROM remote_clock")
        return own + [BootClock(*row) for row in rows]
