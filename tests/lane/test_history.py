"""Any day at a gate: scans, walks, alarms, faults, full disks, restarts and news in any order, on real files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gate.lane.machine import LaneState
from gate.model import TicketState
from gate.storage.check import verify_journal
from gate.wire.sign1 import public_bytes
from tests.fakes.issuer import key
from tests.lane.rig import Rig

TICKETS = st.integers(0, 3)
LANES = st.sampled_from(["entry", "exit"])
STOPPED = (LaneState.OUT_OF_ORDER, LaneState.DISABLED, LaneState.EMERGENCY)


class Day(RuleBasedStateMachine):
    """Keeps its own account of who may be let in: one entry a ticket, everywhere, unless it was taken back."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="gate-day-"))
        self.elsewhere: set[int] = set()
        self.revoked: set[int] = set()
        self.pulses = 0
        self.fire = False

    @initialize(sensor=st.booleans())
    def open(self, sensor: bool) -> None:
        self.sensor = sensor
        self.rig = Rig(self.folder, sensor=sensor, lanes=("entry", "exit"))

    def stands(self, n: int) -> int:
        """Entries of a ticket here that were not taken back, by the rows on disk."""
        key_ = self.rig.state.key(n).hex()
        rows = self.rig.rows("admitted", "annulled")
        taken = {row["ref"] for row in rows if row["kind"] == "annulled"}
        return sum(
            row["ticket"] == key_ and f"g2/{row['epoch']}/{row['seq']}" not in taken
            for row in rows
            if row["kind"] == "admitted"
        )

    @rule(n=TICKETS, lane=LANES)
    def scan(self, n: int, lane: str) -> None:
        rig = self.rig
        used, before, state = self.stands(n), len(rig.actuator.pulses), rig.lane_state(lane)
        decision = rig.scan(n, lane)
        pulses = rig.actuator.pulses[before:]
        assert len(pulses) <= 1
        if pulses:
            assert decision is not None
            assert decision.admit
            assert state in (LaneState.IDLE, LaneState.WINDOW)
        if decision is not None and decision.admit and lane == "entry":
            assert used == 0, "a ticket was let in twice"
            assert n not in self.elsewhere
            assert n not in self.revoked

    @rule(n=TICKETS)
    def strange_code(self, n: int) -> None:
        before = len(self.rig.actuator.pulses)
        self.rig.scan(f"https://example.org/{n}")
        assert len(self.rig.actuator.pulses) == before

    @rule(seconds=st.sampled_from([0.1, 0.5, 3.0, 6.0]))
    def wait(self, seconds: float) -> None:
        self.rig.wait(seconds)

    @rule(seconds=st.sampled_from([1.0, 8.0]))
    def stall(self, seconds: float) -> None:
        """Time goes by and nobody looks: the disk hangs."""
        self.rig.clock.advance(seconds)

    @rule(lane=LANES)
    def walk(self, lane: str) -> None:
        if self.sensor:
            self.rig.walk(lane)

    @rule()
    def alarm(self) -> None:
        self.fire = not self.fire
        self.rig.pin("fire", self.fire)

    @rule()
    def staff(self) -> None:
        self.rig.pin("staff")
        self.rig.pin("staff", active=False)

    @rule(fails=st.sampled_from([set(), {"pulse"}, {"pulse", "release"}]))
    def pins(self, fails: set[str]) -> None:
        self.rig.actuator.fails = set(fails)

    @rule(fails=st.sampled_from([set(), {"*"}, {"annulled"}, {"passed"}, {"emergency"}]))
    def disk(self, fails: set[str]) -> None:
        self.rig.journal.fails = set(fails)

    @rule(n=TICKETS)
    def used_at_another_gate(self, n: int) -> None:
        if n not in self.elsewhere:
            self.rig.state.remote(n, 1 + n)
            self.elsewhere.add(n)

    @rule(n=TICKETS)
    def revoke(self, n: int) -> None:
        self.rig.state.change(self.rig.state.row(n, state=int(TicketState.REVOKED)))
        self.revoked.add(n)

    @rule()
    def new_manifest(self) -> None:
        self.rig.state.publish([self.rig.state.row(n) for n in range(5)])
        self.rig.use_world()

    @precondition(lambda self: not self.rig.journal.fails)
    @rule()
    def restart(self) -> None:
        old = self.rig
        self.pulses += len(old.actuator.pulses)
        old.close()
        self.rig = Rig(old.state.path, sensor=self.sensor, lanes=("entry", "exit"), state=old.state, clock=old.clock)
        self.fire = False

    @invariant()
    def no_pulse_without_a_row(self) -> None:
        if hasattr(self, "rig"):
            rows = len(self.rig.rows("admitted", "exit"))
            assert self.pulses + len(self.rig.actuator.pulses) <= rows

    @invariant()
    def alarm_is_shown(self) -> None:
        if hasattr(self, "rig") and self.fire:
            assert self.rig.lane.state()["verdict"] == "EMERGENCY"
            assert {self.rig.lane_state(name) for name in ("entry", "exit")} == {LaneState.EMERGENCY}

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            self.rig.journal.fails = set()
            self.rig.actuator.fails = set()
            self.rig.wait(20.0)
            for lane in ("entry", "exit"):
                assert self.rig.lane_state(lane) in (LaneState.IDLE, *STOPPED), "time ends every passage"
            assert self.rig.lane.state()["verdict"] in (None, "EMERGENCY", "OUT_OF_ORDER")
            self.rig.close()
            found = verify_journal(self.folder / "journal.db", public_bytes(key("journal")))
            assert found.ok, found.first_bad
        shutil.rmtree(self.folder)


TestDay = Day.TestCase
TestDay.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
