"""The way of a scan, top to bottom, and what else moves a lane. One thread calls all of it: the admission thread.

Rules that hold here: no network call, the relay moves only after the admission is on disk, unsure means deny with a
named reason, the same code in the same passage window repeats its verdict with no second use and no second pulse.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gate import steps
from gate.clock import Clock
from gate.decision.decide import decide
from gate.decision.facts import Place
from gate.decision.reasons import verdict_of
from gate.errors import DeviceError, MovedError, StorageError
from gate.lane.faults import JOURNALED, Fault, answer_without_record, lamp_of, no_record
from gate.lane.gather import Found, gather
from gate.lane.machine import Effect, LaneEvent, LaneMachine, LaneState
from gate.lane.rows import about, outcome
from gate.lane.screen import STAFF_HOLD_MS, Screen, Shown, shown_for
from gate.lane.world import World
from gate.model import ClockTrust, Decision, Direction, Moment, Reason, Scan, TicketFlag, Verdict
from gate.ports import Actuator, Draft, Journal, PinEvent, Screens, Tickets
from gate.wire.journal import DEVICE_STREAM, Record
from gate.wire.numbers import ticket_number

logger = logging.getLogger(__name__)

MAX_SCAN_AGE_MS = 2_000
"""An older reading is dropped: after a stall the lane must not open for somebody who has left."""

CLOCK_MOVED_MS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction of the unit: its states, and how long the relay pulses and one may walk. Times in ms."""

    machine: LaneMachine
    pulse_ms: int
    window_ms: int
    long_window_ms: int
    """For tickets with the accessibility flag."""
    level: bool = False
    """The relay is held for the window instead of pulsed: only where the controller limits it by itself."""
    two_way: bool = False
    """The passage contacts of both ways are of one passage (pass A, pass B), so they tell who came against it."""

    def begin(self, *, long: bool) -> float:
        """Set the machine for one opening. Returns: seconds that the relay is energised."""
        window_ms = self.long_window_ms if long else self.window_ms
        if not self.level:
            self.machine.window_ms = window_ms
            return self.pulse_ms / 1000
        self.machine.window_ms = 0
        self.machine.pulse_ms = window_ms + (self.machine.level_rest_ms or 0)
        return window_ms / 1000


@dataclass(frozen=True, slots=True)
class Granted:
    """The admission whose person is walking, to be made final or annulled."""

    record: Record
    text: str
    annuls: int
    annul_max: int


class Lane:
    """Entry and exit of one unit, by direction.

    Args:
        scan_salt: of this device, for hashes of texts that are no ticket.
        clock_policy: what an untrusted clock means (`decision.clock_untrusted`).
    """

    def __init__(
        self,
        *,
        ways: dict[str, Way],
        clock: Clock,
        tickets: Tickets,
        journal: Journal,
        actuator: Actuator,
        screens: Screens,
        screen: Screen,
        scan_salt: bytes,
        clock_policy: str = "admit_marked",
    ) -> None:
        self.screen = screen
        self.world = World(missing="enrolment")
        self._ways = ways
        self._machines = {name: way.machine for name, way in ways.items()}
        self._clock = clock
        self._tickets = tickets
        self._journal = journal
        self._actuator = actuator
        self._screens = screens
        self._scan_salt = scan_salt
        self._clock_policy = clock_policy
        self._granted: dict[str, Granted] = {}
        self.on_denied: Callable[[Record, Verdict, Found], str | None] = lambda *_: None
        """Called once a refusal that a person may contest is on disk. Returns: the case number for the screen."""
        self.on_spent: Callable[[Record], None] = lambda _: None
        """Called when an entry that nobody made use of stays used, because its ticket was given back often enough."""
        self.unrecorded = 0
        """Scans answered without a row, because nothing can be recorded."""
        self._clock_rows: dict[str, tuple[int, int]] = {}
        self._halted: set[str] = set()
        """Ways that are out of order because of the pins, and start again with them."""

    # ---- the way of a scan

    def scan(self, scan: Scan) -> Decision | None:
        """Answer one presented code. Returns: the decision; None when nothing was decided anew.

        Raises: MovedError: nothing happened; ask again when the new manifest is open, or say `undecided`.
        """
        way = self._ways[scan.direction]
        age_ms = self._clock.mono_ms() - scan.captured
        if age_ms > MAX_SCAN_AGE_MS:
            logger.warning("a reading of %s was %.0f ms old and is dropped", scan.input, age_ms)
            return None
        if self._repeats(scan, way.machine):
            self.publish_state()
            return None
        if scan.direction is Direction.ENTRY and (fault := no_record(self.faults)) is not None:
            self._without_record(scan, fault)
            return None
        moment = self._clock.now()
        place = Place(
            direction=scan.direction,
            moment=moment,
            lane="out" if self.world.missing else way.machine.readiness,
            clock_policy=self._clock_policy,
        )
        try:
            found = gather(scan.text, place, self.world, self._tickets, self._scan_salt)
            decision = decide(found.facts)
            decided_ms = self._clock.mono_ms()
            steps.reach("scan.decided")
            record = self._record(scan, found, decision, moment, decided_ms)
        except MovedError:
            raise
        except StorageError:
            logger.exception("no admission without a record: the scan is refused")
            self.undecided(scan)
            return None
        except Exception:  # a fault of ours must not stop the gate: deny, say so, go on
            logger.exception("a scan could not be decided")
            self._show_error(scan, "internal")
            return None
        committed_ms = self._clock.mono_ms()
        steps.reach("scan.committed")
        verdict = verdict_of(decision, scan.direction)
        pin_ms = None
        if decision.admit:
            self._granted[scan.direction] = Granted(record, scan.text, found.annuls, _annul_max(found))
            pin_ms = self._open(scan.direction, found)
            if pin_ms is None:
                return decision
            steps.reach("scan.pulsed")
        shown = shown_for(decision, verdict, found, scan.direction, self._now_ms())
        if verdict is Verdict.SEE_STAFF:
            shown = replace(shown, case=self.on_denied(record, verdict, found))
        self._show(shown)
        if verdict in (Verdict.STOP, Verdict.STOP_USED):
            self.on_denied(record, verdict, found)
        self._screens.publish(_decision_message(scan, record, verdict, found.proven, decided_ms, committed_ms, pin_ms))
        steps.reach("scan.shown")
        return decision

    def undecided(self, scan: Scan) -> None:
        """Tell who showed a code that the gate cannot look it up."""
        self._show_error(scan, "storage")

    def _without_record(self, scan: Scan, fault: Fault) -> None:
        self.unrecorded += 1
        verdict, reason, detail = answer_without_record(fault, self.screen.without_record)
        until = self._now_ms() + STAFF_HOLD_MS
        shown = Shown(verdict=verdict, reason=reason, detail=detail, until_ms=until, lane=scan.direction.value)
        self._show(shown)

    def _repeats(self, scan: Scan, machine: LaneMachine) -> bool:
        granted = self._granted.get(scan.direction)
        return granted is not None and machine.open and granted.text == scan.text

    def _record(self, scan: Scan, found: Found, decision: Decision, moment: Moment, decided_ms: float) -> Record:
        """The outcome on disk. Its latencies end here: what follows must not touch the row."""
        draft = outcome(
            found,
            decision,
            scan.direction,
            input=scan.input,
            data={"lane": scan.direction.value} if decision.admit else None,
            latency={"decode_ms": scan.decoded - scan.captured, "decide_ms": decided_ms - scan.decoded},
        )
        return self._journal.commit([draft], moment)[0]

    def _open(self, direction: str, found: Found) -> float | None:
        """Pulse the relay. Returns: monotonic ms of the pin's change; None when it could not be driven."""
        way = self._ways[direction]
        long = bool(found.facts.flags & TicketFlag.ACCESSIBILITY)
        try:
            pin_ns = self._actuator.pulse(direction, way.begin(long=long))
        except DeviceError:
            logger.exception("the relay could not be driven: the lane is out of order")
            self._guarded("the entry was not taken back", lambda: self._take_back(direction, "undo"))
            self._step(direction, LaneEvent.FAULT)
            self._show(None)
            return None
        self._step(direction, LaneEvent.GRANT)
        return pin_ns / 1e6 if pin_ns else self._clock.mono_ms()

    # ---- what staff do (the rest of it is in `gate.lane.commands`)

    def readiness(self, direction: str) -> str:
        """`ready`, `busy` or `out`, as the facts want it."""
        if self.world.missing or direction not in self._ways:
            return "out"
        return self._ways[direction].machine.readiness

    def has(self, direction: str) -> bool:
        return direction in self._ways

    @property
    def emergency(self) -> bool:
        return any(machine.state is LaneState.EMERGENCY for machine in self._machines.values())

    def grant(self, direction: str, record: Record, found: Found, shown: Shown) -> bool:
        """Open for an admission that staff made and that is on disk. Returns: the relay was driven."""
        self._granted[direction] = Granted(record, "", found.annuls, _annul_max(found))
        if self._open(direction, found) is None:
            return False
        self._show(shown)
        return True

    def open_once(self, direction: str) -> bool:
        """One pulse that belongs to no ticket; its row is on disk. Returns: the relay was driven."""
        self._granted.pop(direction, None)
        way = self._ways[direction]
        try:
            self._actuator.pulse(direction, way.begin(long=False))
        except DeviceError:
            logger.exception("the relay could not be driven: the lane is out of order")
            self._step(direction, LaneEvent.FAULT)
            self._show(None)
            return False
        self._step(direction, LaneEvent.GRANT)
        self._show(Shown(verdict=Verdict.GO, reason=Reason.OVERRIDE, lane=direction))
        return True

    def order(self, event: LaneEvent) -> None:
        """Stop, start or put out of order every way of this unit."""
        for name in self._ways:
            self._step(name, event)
        self._show(self.screen.shown)

    def show_again(self) -> None:
        """After somebody tried lamp or buzzer: they say what the lane says."""
        self._show(self.screen.shown)

    def forget(self, record: Record) -> None:
        """An admission that was taken back: nobody's passage is waited for any more."""
        for name, granted in list(self._granted.items()):
            if granted.record is record:
                self._end(name)

    # ---- what else moves a lane

    def pin(self, event: PinEvent) -> None:
        """An input changed."""
        if event.name == "passage":
            if event.active:
                steps.reach("passage.heard")
                self._passage(event.lane or Direction.ENTRY)
        elif event.name == "fire":
            # Done first, written down after it: an alarm does not wait for a slow disk.
            for name in self._ways:
                self._step(name, LaneEvent.FIRE if event.active else LaneEvent.FIRE_OVER)
            self._show(self.screen.shown)
            self._note("emergency", {"active": event.active})
        elif event.name == "staff" and event.active:
            self._staff_button()
        elif event.name == "exit_request" and event.active:
            self._exit_request()
        elif event.name == "tamper":
            self._note("tamper", {"active": event.active})

    def _passage(self, name: str) -> None:
        """With a contact for each direction, a passage against the open one is a reversal and no tailgating."""
        for other, way in self._ways.items():
            if other != name and way.two_way and way.machine.open and not self._machines[name].open:
                self._step(other, LaneEvent.REVERSAL)
                return
        self._step(name, LaneEvent.PASSAGE)

    def _exit_request(self) -> None:
        """The button inside: one opening that belongs to no ticket. Nobody is kept in by a full disk, so the row is tried
        and the way opens; a lane that is stopped or busy does not (the way out of an emergency is wiring)."""
        name = Direction.EXIT if Direction.EXIT in self._ways else Direction.ENTRY
        if self._ways[name].machine.readiness != "ready":
            return
        self._note("mode", {"do": "open_once", "lane": name.value, "by": "exit_request"})
        self._granted.pop(name, None)
        try:
            self._actuator.pulse(name, self._ways[name].begin(long=False))
        except DeviceError:
            logger.exception("the relay could not be driven: the lane is out of order")
            self._step(name, LaneEvent.FAULT)
        else:
            self._step(name, LaneEvent.GRANT)
        self._show(self.screen.shown)

    def _staff_button(self) -> None:
        """Stop every lane that could open; when none could, start them again. Without effect in an emergency."""
        states = [machine.state for machine in self._machines.values()]
        if LaneState.EMERGENCY in states:
            return
        stopped = all(machine.readiness == "out" for machine in self._machines.values())
        for name in self._ways:
            self._step(name, LaneEvent.START if stopped else LaneEvent.STOP)
        self._show(self.screen.shown)
        self._note("mode", {"lane": "enabled" if stopped else "disabled", "by": "staff_button"})

    def tick(self) -> None:
        """Deadlines and screens; called at least every 50 ms."""
        before = [machine.state for machine in self._machines.values()]
        for name in self._ways:
            self._step(name, LaneEvent.DEADLINE)
        if self.screen.expired(self._machines, self._now_ms()):
            self._show(None)
        elif before != [machine.state for machine in self._machines.values()]:
            self.publish_state()

    def set_world(self, world: World) -> None:
        """New keys, policy or manifest are in force from the next scan on."""
        self.world = world
        self.note_clock()
        self._show(self.screen.shown)

    def note_clock(self) -> None:
        """Where this boot's monotonic time lies in true time, into the stream of every event: with it a server can put
        the rows of a gate right that did not know the time. Written when first known, when better, when it moved."""
        moment = self._clock.now()
        if moment.trust is not ClockTrust.SYNCED or moment.error_ms is None:
            return
        base, error = moment.at - moment.mono, moment.error_ms
        for event in self.world.events:
            known = self._clock_rows.get(event.id)
            if known is not None and error >= known[1] and abs(base - known[0]) < CLOCK_MOVED_MS:
                continue
            if self._note("clock", {"base_ms": base, "error_ms": error}, event.id):
                self._clock_rows[event.id] = (base, error)

    # ---- how the gate itself is

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self.screen.health.faults

    def set_faults(self, faults: tuple[Fault, ...]) -> None:
        """What is wrong with the gate now, worst first; told at each change."""
        before = self.faults
        if not self.screen.report(faults=faults):
            return
        for fault in (*before, *faults):
            if (fault in before) != (fault in faults):
                logger.warning("fault %s: %s", "begins" if fault in faults else "is over", fault)
        if Fault.PINS in faults and Fault.PINS not in before:
            self._halted = {name for name, machine in self._machines.items() if machine.readiness != "out"}
            for name in self._halted:
                self._step(name, LaneEvent.FAULT)
        elif Fault.PINS in before and Fault.PINS not in faults:
            for name in self._halted:
                self._step(name, LaneEvent.REPAIRED)
        self._show(self.screen.shown)
        for fault in dict.fromkeys((*before, *faults)):
            if fault in JOURNALED and (fault in before) != (fault in faults):
                self._note("mode", {"fault": fault.value, "active": fault in faults})

    def report(self, **changes: Any) -> None:
        """Health of others for the status line (see `screen.Health`)."""
        if self.screen.report(**changes):
            self.publish_state()

    def publish_state(self) -> None:
        self._screens.publish(self.state())

    def state(self) -> dict[str, Any]:
        return self.screen.message(self.world, self._machines, self._clock.now())

    def _step(self, name: str, event: LaneEvent) -> None:
        for effect in self._machines[name].step(event, self._now_ms()):
            self._guarded(f"lane {name}: '{effect}' failed", partial(self._effect, name, effect))

    def _guarded(self, what: str, action: Callable[[], None]) -> None:
        """One thing that fails must not keep the next from being done: a dead relay no alarm, a full disk no release."""
        try:
            action()
        except (DeviceError, StorageError):
            logger.exception("%s", what)

    def _effect(self, name: str, effect: Effect) -> None:
        granted = self._granted.get(name)
        if effect is Effect.PASSED and self._ways[name].level:
            self._guarded("a held relay was not released; it ends by its own time", self._actuator.release)
        if effect is Effect.RELEASE:
            self._actuator.release()
        elif effect is Effect.TAILGATED:
            self._journal_passage("tailgated", name, None, None)
        elif granted is not None:
            try:
                if effect is Effect.PASSED:
                    self._journal_passage("passed", name, granted.record, None)
                elif effect is Effect.REVERSED:
                    self._take_back(name, "reversed")
                elif effect is Effect.TIMED_OUT:
                    self._take_back(name, "timeout")
            finally:
                self._end(name)

    def _take_back(self, name: str, cause: str) -> None:
        """Annul the grant. Above the limit the entry stays used: else one ticket could hold a lane for ever."""
        granted = self._granted.pop(name)
        if granted.record.kind != "admitted":
            return
        if granted.annuls < granted.annul_max:
            self._journal_passage("annulled", name, granted.record, {"cause": cause})
        else:
            self.on_spent(granted.record)

    def _journal_passage(self, kind: str, name: str, of: Record | None, data: dict[str, Any] | None) -> None:
        if of is not None:
            draft = replace(about(of, kind, data=data), count=1)  # one passage, also of a group
        else:
            event = self.world.events[0].id if self.world.events else DEVICE_STREAM
            draft = Draft(event=event, kind=kind, direction=Direction(name), data=data)
        record = self._journal.commit([draft], self._clock.now())[0]
        self._screens.publish({"t": "passage", "kind": kind, "lane": name, "ref": record.ref})

    def _end(self, name: str) -> None:
        """The granted person is through, or will not come."""
        self._granted.pop(name, None)
        if self.screen.shown is not None and self.screen.shown.until_ms is None and self.screen.shown.lane == name:
            self._show(None)

    def _note(self, kind: str, data: dict[str, Any], event: str = DEVICE_STREAM) -> bool:
        """A row about the device. A journal that fails must not keep an alarm from the screen. Returns: written."""
        try:
            self._journal.commit([Draft(event=event, kind=kind, data=data)], self._clock.now())
        except StorageError:
            logger.exception("the journal did not take a row of kind %s", kind)
            return False
        return True

    # ---- showing

    def _show(self, shown: Shown | None) -> None:
        """New verdict (None = back to idle) on screen, lamp and buzzer. A state of the lane outranks it on all three."""
        self.screen.show(shown)
        message = self.state()
        self._actuator.signal(Verdict(message["verdict"]) if message["verdict"] else lamp_of(self.faults))
        self._screens.publish(message)

    def _show_error(self, scan: Scan, detail: str) -> None:
        until = self._now_ms() + STAFF_HOLD_MS
        self._show(
            Shown(
                verdict=Verdict.SEE_STAFF,
                reason=Reason.ERROR,
                detail=detail,
                until_ms=until,
                lane=scan.direction.value,
            )
        )

    def _now_ms(self) -> int:
        return int(self._clock.mono_ms())


def _annul_max(found: Found) -> int:
    return found.event.policy.annul_max if found.event else 0


def _decision_message(
    scan: Scan,
    record: Record,
    verdict: Verdict,
    proven: bool,
    decided_ms: float,
    committed_ms: float,
    pin_ms: float | None,
) -> dict[str, Any]:
    latency = {
        "decode_ms": scan.decoded - scan.captured,
        "decide_ms": decided_ms - scan.decoded,
        "commit_ms": committed_ms - decided_ms,
        "pin_ms": pin_ms - committed_ms if pin_ms is not None else None,
        "total_ms": (pin_ms if pin_ms is not None else committed_ms) - scan.captured,
    }
    return {
        "t": "decision",
        "ref": record.own_ref,
        "verdict": verdict.value,
        "reason": record.reason,
        "detail": record.detail,
        "kind": record.kind,
        "ticket_number": ticket_number(bytes.fromhex(record.ticket)) if proven and record.ticket else None,
        "input": scan.input,
        "engine": scan.engine,
        "latency": {name: round(value, 2) if value is not None else None for name, value in latency.items()},
    }
