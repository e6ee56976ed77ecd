"""The way of a scan, top to bottom, and what else moves a lane. One thread calls all of it: the admission thread.

Rules that hold here: no network call, the relay moves only after the admission is on disk, unsure means deny with a
named reason, the same code in the same passage window repeats its verdict with no second use and no second pulse.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gate import steps
from gate.clock import Clock
from gate.decision.decide import decide
from gate.decision.facts import Place
from gate.decision.reasons import verdict_of
from gate.errors import MovedError, StorageError
from gate.lane.faults import JOURNALED, Fault, answer_without_record, lamp_of, no_record
from gate.lane.gather import Found, gather
from gate.lane.machine import LaneEvent, LaneState
from gate.lane.passage import Granted, Passages, Way
from gate.lane.rows import outcome
from gate.lane.screen import STAFF_HOLD_MS, Screen, Shown, shown_for
from gate.lane.world import World
from gate.model import ClockTrust, Decision, Direction, Moment, Reason, Scan, Verdict
from gate.ports import Actuator, Draft, Journal, PinEvent, Screens, Tickets
from gate.wire.journal import DEVICE_STREAM, Record
from gate.wire.numbers import ticket_number

logger = logging.getLogger(__name__)

MAX_SCAN_AGE_MS = 2_000
"""An older reading is dropped: after a stall the lane must not open for somebody who has left."""

CLOCK_MOVED_MS = 500


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
        self._clock = clock
        self._tickets = tickets
        self._journal = journal
        self._actuator = actuator
        self._screens = screens
        self._scan_salt = scan_salt
        self._clock_policy = clock_policy
        self.passages = Passages(
            ways,
            clock=clock,
            journal=journal,
            actuator=actuator,
            ended=self._walked,
            stream=lambda: self.world.events[0].id if self.world.events else DEVICE_STREAM,
            tell=screens.publish,
        )
        self.on_denied: Callable[[Record, Verdict, Found], str | None] = lambda *_: None
        """Called once a refusal that a person may contest is on disk. Returns: the case number for the screen."""
        self.unrecorded = 0
        """Scans answered without a row, because nothing can be recorded."""
        self._clock_rows: dict[str, tuple[int, int]] = {}

    # ---- the way of a scan

    def scan(self, scan: Scan) -> Decision | None:
        """Answer one presented code. Returns: the decision; None when nothing was decided anew.

        Raises: MovedError: nothing happened; ask again when the new manifest is open, or say `undecided`.
        """
        machine = self.passages.machines[scan.direction]
        age_ms = self._clock.mono_ms() - scan.captured
        if age_ms > MAX_SCAN_AGE_MS:
            logger.warning("a reading of %s was %.0f ms old and is dropped", scan.input, age_ms)
            return None
        if self.passages.repeats(scan.direction, scan.text):
            self.publish_state()
            return None
        if scan.direction is Direction.ENTRY and (fault := no_record(self.faults)) is not None:
            self._without_record(scan, fault)
            return None
        moment = self._clock.now()
        place = Place(
            direction=scan.direction,
            moment=moment,
            lane="out" if self.world.missing else machine.readiness,
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
            pin_ms = self.passages.open(scan.direction, Granted.of(record, found, scan.text))
            if pin_ms is None:
                self._show(None)
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

    # ---- what staff do (the rest of it is in `gate.lane.commands`)

    def readiness(self, direction: str) -> str:
        """`ready`, `busy` or `out`, as the facts want it."""
        if self.world.missing or not self.has(direction):
            return "out"
        return self.passages.machines[direction].readiness

    def has(self, direction: str) -> bool:
        return direction in self.passages.ways

    @property
    def emergency(self) -> bool:
        return LaneState.EMERGENCY in self.passages.states

    def grant(self, direction: str, record: Record, found: Found, shown: Shown) -> bool:
        """Open for an admission that staff made and that is on disk. Returns: the relay was driven."""
        driven = self.passages.open(direction, Granted.of(record, found)) is not None
        self._show(shown if driven else None)
        return driven

    def open_once(self, direction: str) -> bool:
        """One pulse that belongs to no ticket; its row is on disk. Returns: the relay was driven."""
        driven = self.passages.open(direction, None) is not None
        self._show(Shown(verdict=Verdict.GO, reason=Reason.OVERRIDE, lane=direction) if driven else None)
        return driven

    def order(self, event: LaneEvent) -> None:
        """Stop, start or put out of order every way of this unit."""
        self.passages.step_all(event)
        self._show(self.screen.shown)

    def show_again(self) -> None:
        """After somebody tried lamp or buzzer: they say what the lane says."""
        self._show(self.screen.shown)

    # ---- what else moves a lane

    def pin(self, event: PinEvent) -> None:
        """An input changed."""
        if event.name == "passage":
            if event.active:
                steps.reach("passage.heard")
                self.passages.contact(event.lane or Direction.ENTRY)
        elif event.name == "fire":
            # Done first, written down after it: an alarm does not wait for a slow disk.
            self.passages.step_all(LaneEvent.FIRE if event.active else LaneEvent.FIRE_OVER)
            self._show(self.screen.shown)
            self._note("emergency", {"active": event.active})
        elif event.name == "staff" and event.active:
            self._staff_button()
        elif event.name == "exit_request" and event.active:
            self._exit_request()
        elif event.name == "tamper":
            self._note("tamper", {"active": event.active})

    def _exit_request(self) -> None:
        """The button inside: one opening that belongs to no ticket. Nobody is kept in by a full disk, so the row is tried
        and the way opens; a lane that is stopped or busy does not (the way out of an emergency is wiring)."""
        name = Direction.EXIT if self.has(Direction.EXIT) else Direction.ENTRY
        if self.passages.machines[name].readiness != "ready":
            return
        self._note("mode", {"do": "open_once", "lane": name.value, "by": "exit_request"})
        self.passages.open(name, None)
        self._show(self.screen.shown)

    def _staff_button(self) -> None:
        """Stop every lane that could open; when none could, start them again. Without effect in an emergency."""
        if self.emergency:
            return
        stopped = all(machine.readiness == "out" for machine in self.passages.machines.values())
        self.passages.step_all(LaneEvent.START if stopped else LaneEvent.STOP)
        self._show(self.screen.shown)
        self._note("mode", {"lane": "enabled" if stopped else "disabled", "by": "staff_button"})

    def tick(self) -> None:
        """Deadlines and screens; called at least every 50 ms."""
        before = self.passages.states
        self.passages.step_all(LaneEvent.DEADLINE)
        if self.screen.expired(self.passages.machines, self._now_ms()):
            self._show(None)
        elif before != self.passages.states:
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
            self.passages.halt()
        elif Fault.PINS in before and Fault.PINS not in faults:
            self.passages.resume()
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
        return self.screen.message(self.world, self.passages.machines, self._clock.now())

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

    def _walked(self, name: str) -> None:
        """The granted person is through, or will not come: their verdict goes."""
        if self.screen.shown is not None and self.screen.shown.until_ms is None and self.screen.shown.lane == name:
            self._show(None)

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
