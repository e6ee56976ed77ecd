"""A day at a gate in minutes: 24 hours of traffic by an injected clock, faults sprinkled in, and every count reconciled.

`python -m tests.prove.day [HOURS]` (`make prove-day`). The lane, its journal on disk, the board of pins on gpiozero's mock
factory and sync's own outbox reader are the real ones; only time is told. 30 scans a minute. At the end the driver's own
account must equal, exactly: rows by kind in the journal, rows in the outbox, pulses at the relay's pin, passages at the
sensor's pin, and the uses that admissions are judged by.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gate.actuator.board import Board
from gate.actuator.factory import open_factory
from gate.actuator.profiles import OWN, load_profile
from gate.config import parse
from gate.errors import DeviceError
from gate.model import ClockTrust, Verdict
from gate.ports import PinEvent
from gate.storage.check import verify_journal
from gate.sync.outbox import Outbox
from gate.wire.sign1 import public_bytes
from tests.fakes.issuer import SPRING, key
from tests.lane.rig import Rig

PERIOD_S = 2.0
STEP_S = 0.1
SETTINGS = """
[lane.entry]
profile = "strike"
relay_pin = 17
passage_pin = 23
passage = "no"
[pins]
factory = "mock"
"""


class BoardActuator:
    """The real board, stepped by the day's clock instead of an owner thread."""

    def __init__(self, rig: Rig) -> None:
        self._clock = rig.clock
        settings = parse(SETTINGS)
        self.board = Board(settings, open_factory("mock", Path("/tmp")), {"entry": load_profile("strike", (OWN,))})
        (self.contact,) = self.board.contacts
        self.dead = False

    @property
    def now(self) -> float:
        return self._clock.mono_ms() / 1000

    def pulse(self, lane: str, seconds: float) -> int:
        if self.dead:
            raise DeviceError("no pin")
        try:
            self.board.pulse(lane, seconds, self.now)
        except ValueError as error:
            raise DeviceError(str(error)) from error
        return 0

    def signal(self, verdict: Verdict | None) -> None:
        self.board.show(verdict, self.now)

    def release(self) -> None:
        self.board.rest()

    def turn(self) -> list[PinEvent]:
        return self.board.poll(self.now) + self.board.step(self.now)

    def alive(self) -> bool:
        return not self.dead

    @property
    def rises(self) -> int:
        """Times that the relay's pin went to its energised level, by the pin itself."""
        states = [state.state for state in self.board.relays["entry"].device.pin.states]
        return sum(bool(after) and not before for before, after in itertools.pairwise(states))


@dataclass
class Account:
    """The driver's own: what it did and what it was told."""

    rows: Counter[str] = field(default_factory=Counter)
    scans: int = 0
    repeated: int = 0
    unrecorded: int = 0
    pulses: int = 0
    passages: int = 0
    unheard: int = 0
    """Passages whose row the failing disk did not take."""
    restarts: int = 0
    faults: int = 0


class Day:
    def __init__(self, folder: Path, hours: float, seed: int, trouble: float) -> None:
        self.trouble_share = trouble
        self.chance = random.Random(seed)
        self.total = int(hours * 3600 / PERIOD_S)
        self.account = Account()
        self.rig = Rig(folder, tickets=self.total + 1)
        self.pins = self._wire()
        self.used: list[int] = []
        self.fresh = 0
        self.acked: dict[bytes, int] = {}
        self.fault_left = 0

    def _wire(self) -> BoardActuator:
        pins = BoardActuator(self.rig)
        self.rig.lane._actuator = self.rig.lane.passages._actuator = pins  # type: ignore[assignment]
        return pins

    # ---- time

    def wait(self, seconds: float) -> None:
        end = self.rig.clock.mono_ms() + seconds * 1000
        while (left := (end - self.rig.clock.mono_ms()) / 1000) > 1e-6:
            self.rig.clock.advance(min(STEP_S, left))
            for event in self.pins.turn():
                self.rig.lane.pin(event)
            self._tick()

    def _tick(self) -> None:
        """Deadlines; an entry that nobody made use of in the meantime is taken back."""
        before = self.rig.lane.passages.granted.get("entry")
        self.rig.lane.tick()
        if before is not None and "entry" not in self.rig.lane.passages.granted and not self.rig.journal.fails:
            self.account.rows["annulled"] += 1

    def walk(self) -> None:
        """The contact closes for 0.2 s."""
        granted = "entry" in self.rig.lane.passages.granted
        self.account.passages += 1
        self.pins.contact.drive(active=True)
        self.wait_contact()
        self.pins.contact.drive(active=False)
        self.wait_contact()
        if self.rig.journal.fails:
            self.account.unheard += 1
        else:
            self.account.rows["passed" if granted else "tailgated"] += 1

    def wait_contact(self) -> None:
        for _ in range(2):
            self.rig.clock.advance(STEP_S)
            for event in self.pins.turn():
                self.rig.lane.pin(event)

    # ---- people

    def scan(self, text: int | str) -> bool:
        """Returns: the lane opened."""
        self.account.scans += 1
        before = len(self.rig.log)
        decision = self.rig.scan(text)
        committed = [kinds for word, *kinds in self.rig.log[before:] if word == "commit"]
        if decision is None:
            self.account.unrecorded += bool(self.rig.journal.fails)
            self.account.repeated += not self.rig.journal.fails
            return False
        assert committed, "an answer without a commit"
        self.account.rows["admitted" if decision.admit else "refused"] += 1
        if decision.admit and self.pins.dead:
            self.account.rows["annulled"] += 1  # the relay did not move: the entry is taken back
            return False
        self.account.pulses += decision.admit
        return decision.admit

    def visitor(self) -> None:
        kind = self.chance.random()
        if kind < 0.05 and self.used:
            self.scan(self.chance.choice(self.used))
        elif kind < 0.10:
            self.scan(f"https://example.org/{self.chance.randrange(10_000)}")
        elif kind < 0.11:
            self.walk()  # a tailgater, or somebody who leans on the bar
        else:
            self.fresh += 1
            opened = self.scan(self.fresh)
            if opened and kind < 0.14:
                self.scan(self.fresh)  # held in view
            if opened and kind < 0.18:
                return  # turns round: the window ends, later ones are told to wait until then
            if opened:
                self.used.append(self.fresh)
                self.wait(self.chance.uniform(0.3, 1.2))
                self.walk()

    # ---- what goes wrong, and what runs beside

    def trouble(self) -> None:
        """Begins for a share of the scans."""
        if self.fault_left:
            self.fault_left -= 1
            if not self.fault_left:
                self._mend()
        elif self.chance.random() < self.trouble_share:
            self.account.faults += 1
            self.wait(7)  # whoever was walking is through or has given up
            word = self.chance.choice(("disk", "pins", "clock", "restart"))
            self.fault_left = self.chance.randint(1, 6)
            if word == "disk":
                self.rig.journal.fails = {"*"}
            elif word == "pins":
                self.pins.dead = True
            elif word == "clock":
                self.rig.clock.trust, self.rig.clock.error_ms = ClockTrust.UNTRUSTED, None
            else:
                self.restart()
        if self.chance.random() < 1 / 50:
            self.ack()

    def _mend(self) -> None:
        self.rig.journal.fails = set()
        self.rig.clock.trust, self.rig.clock.error_ms = ClockTrust.SYNCED, 40
        if self.pins.dead:
            self.pins.dead = False
            if self.rig.lane.readiness("entry") == "out":  # the failing relay put it out of order; staff start it again
                self.rig.pin("staff")
                self.account.rows["mode"] += 1

    def restart(self) -> None:
        self.account.restarts += 1
        old, rises = self.rig, self.pins.rises
        self.pins.board.close()
        old.close()
        self.rig = Rig(old.state.path, state=old.state, clock=old.clock)
        self.pins = self._wire()
        self.carried = getattr(self, "carried", 0) + rises

    def ack(self) -> None:
        """A server takes what it has got so far, as sync writes it down."""
        outbox = Outbox(self.rig.state.path / "journal.db")
        outbox.look()
        for (event, epoch), top in outbox.tops.items():
            if event != SPRING or self.acked.get(epoch, 0) >= top:
                continue
            upto = self.chance.randint(self.acked.get(epoch, 0), top)
            self.acked[epoch] = upto
            self.rig.state.run("INSERT OR REPLACE INTO acked VALUES ('central', ?, ?, ?, 0)", event, epoch, upto)
        outbox.close()

    # ---- the day and its end

    def run(self) -> dict[str, Any]:
        for _ in range(self.total):
            began = self.rig.clock.mono_ms()
            self.trouble()
            self.visitor()
            self.wait(max(0.0, PERIOD_S - (self.rig.clock.mono_ms() - began) / 1000))
        if self.fault_left:
            self._mend()
        self.wait(10)
        return self.reconcile()

    def reconcile(self) -> dict[str, Any]:
        path, account = self.rig.state.path, self.account
        with closing(sqlite3.connect(f"file:{path / 'journal.db'}?mode=ro", uri=True)) as connection:
            kinds = Counter(dict(connection.execute("SELECT kind, count(*) FROM journal GROUP BY kind")))
            used = connection.execute("SELECT sum(entries) FROM uses").fetchone()[0]
            spring = connection.execute("SELECT count(*) FROM journal WHERE event=?", (SPRING,)).fetchone()[0]
        outbox = Outbox(path / "journal.db")
        outbox.look()
        waiting = sum(
            len(outbox.rows(event, epoch, self.acked.get(epoch, 0), 1_000_000))
            for event, epoch in outbox.tops
            if event == SPRING
        )
        outbox.close()
        check = verify_journal(path / "journal.db", public_bytes(key("journal")))
        kinds.pop("clock", None)  # one a life and event, when the time is first known
        pins = self.pins.rises + getattr(self, "carried", 0)
        wrong = [
            f"{what}: {found} found, {wanted} expected"
            for what, found, wanted in (
                *((f"journal rows {kind}", kinds[kind], account.rows[kind]) for kind in kinds | account.rows),
                ("pulses at the pin", pins, account.pulses),
                ("passages on record and not taken by a failing disk",
                 kinds["passed"] + kinds["tailgated"] + account.unheard, account.passages),
                ("entries that count", used, kinds["admitted"] - kinds["annulled"]),
                ("rows in the outbox", waiting, spring - sum(self.acked.values())),
            )
            if found != wanted
        ]  # fmt: skip
        if not check.ok:
            wrong.append(f"chain: {check.first_bad}")
        return {"wrong": wrong, "rows": dict(kinds), "outbox": waiting, "pulses": pins, "account": account}

    def close(self) -> None:
        self.pins.board.close()
        self.rig.close()


def run(hours: float, seed: int = 1, trouble: float = 1 / 200) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        day = Day(Path(name), hours, seed, trouble)
        try:
            return day.run()
        finally:
            day.close()


def main() -> None:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 24.0
    began = time.monotonic()
    found = run(hours)
    account: Account = found["account"]
    print(
        f"{hours:g} h in {time.monotonic() - began:.0f} s: {account.scans} scans, {account.faults} faults, "
        f"{account.restarts} restarts, {account.repeated} repeats, {account.unrecorded} refused for want of a record; "
        f"rows {found['rows']}; {found['pulses']} pulses, {account.passages} passages, {found['outbox']} in the outbox"
    )
    print("\n".join(found["wrong"]) or "every count reconciles")
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
