"""What the gate display shows: which verdict, how long, and the `state` message (contracts 6). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from gate.lane.faults import Fault, answer_without_record, no_record
from gate.lane.gather import Found, attention_words
from gate.lane.machine import LaneMachine, LaneState
from gate.lane.world import ServedEvent, World, local_time
from gate.model import Decision, Direction, GateDef, Moment, Reason, TicketFlag, Verdict

STOP_HOLD_MS = 4_000
"""A refusal stays 3 to 5 s: long enough to read the next step, short enough for the queue."""
WAIT_HOLD_MS = 2_000
STAFF_HOLD_MS = 5_000
_HOLD_MS = {Verdict.SEE_STAFF: STAFF_HOLD_MS, Verdict.WAIT: WAIT_HOLD_MS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A verdict on the screen; `until_ms` is monotonic, None = as long as the lane is open."""

    verdict: Verdict
    reason: Reason
    detail: str = ""
    until_ms: int | None = None
    lane: str = "entry"
    lang: str | None = None
    attention: tuple[str, ...] = ()
    test: bool = False
    first_use: dict[str, Any] | None = None
    go_to: dict[str, Any] | None = None
    case: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What others report, for the status line. Ages in seconds."""

    mode: str = "local"
    queue: int = 0
    last_error: str | None = None
    input_state: str = "ok"
    hint: str | None = None
    faults: tuple[Fault, ...] = ()


def shown_for(decision: Decision, verdict: Verdict, found: Found, direction: Direction, now_ms: int) -> Shown:
    event = found.event
    first_use = None
    if decision.first_use is not None and event is not None:
        first = event.policy.gates.get(decision.first_use.gate)  # type: ignore[call-overload]
        first_use = {
            "gate": decision.first_use.gate,
            "short": first.short if first else None,
            "gate_name": first.name if first else {},
            "at": decision.first_use.at,
            "time": local_time(event.policy, decision.first_use.at),
        }
    return Shown(
        verdict=verdict,
        reason=decision.reason,
        detail=decision.detail,
        until_ms=None if decision.admit else now_ms + _HOLD_MS.get(verdict, STOP_HOLD_MS),
        lane=direction.value,
        lang=found.facts.lang,
        attention=tuple(attention_words(found.facts.flags)),
        test=bool(found.facts.flags & TicketFlag.TEST),
        first_use=first_use,
        go_to=_go_to(decision, found),
    )


def _go_to(decision: Decision, found: Found) -> dict[str, Any] | None:
    """A ticket for another gate or zone is told which one: the first gate of the policy that would take it."""
    event, facts = found.event, found.facts
    if decision.reason is not Reason.PRODUCT or decision.detail == "addon" or event is None:
        return None  # whoever lacks an add-on is at the right gate
    for gate in event.policy.gates.values():
        if gate.id != event.gate.id and gate.direction != "exit" and _takes(event, gate, facts.product, facts.zones):
            return {"short": gate.short, "name": gate.name}
    return None


def _takes(event: ServedEvent, gate: GateDef, product: int | None, zones: int) -> bool:
    lists = (event.policy.lists[name] for name in gate.lists)
    return any(
        (item.products is None or product in item.products) and bool(zones & gate.zones & item.zones) for item in lists
    )


@dataclass(slots=True)
class Screen:
    """Holds what is shown; gives the message."""

    languages: tuple[str, ...]
    demo: bool = False
    without_record: str = "staff"
    """`decision.disk_full`: what entries are told while nothing can be recorded."""
    way: str = "right"
    shown: Shown | None = None
    health: Health = field(default_factory=Health)
    next_gate: dict[str, Any] | None = None
    """Where staff send people while this lane is out of order; None = by the policy."""
    pair: dict[str, Any] | None = None
    """What a phone needs to pair (address, code, fingerprint), while it is offered."""

    def show(self, shown: Shown | None) -> None:
        self.shown = shown

    def report(self, **changes: Any) -> bool:
        """Take over what others report. Returns: whether something changed."""
        new = replace(self.health, **changes)
        changed, self.health = new != self.health, new
        return changed

    def expired(self, machines: dict[str, LaneMachine], now_ms: int) -> bool:
        """True when the verdict's time is over."""
        if self.shown is None:
            return False
        if self.shown.until_ms is None:
            return not machines[self.shown.lane].open
        return now_ms >= self.shown.until_ms

    def message(self, world: World, machines: dict[str, LaneMachine], moment: Moment) -> dict[str, Any]:
        """The complete `state` message."""
        event = world.events[0] if world.events else None
        lane_name = self.shown.lane if self.shown else next(iter(machines))
        machine = machines[lane_name]
        verdict, reason = _overlay(machine, world) or (
            (self.shown.verdict, self.shown.reason) if self.shown else (None, None)
        )
        shown = self.shown if self.shown is not None and verdict is self.shown.verdict else None
        detail = shown.detail if shown else self._why_out(machine, world)
        fault = no_record(self.health.faults)
        if verdict is None and fault is not None and lane_name != Direction.EXIT:
            verdict, reason, detail = answer_without_record(fault, self.without_record)
        remaining = machine.remaining_ms(moment.mono) if machine.sensor else None
        return {
            "t": "state",
            "gate": {
                "id": event.gate.id if event else "",
                "short": event.gate.short if event else "?",
                "name": event.gate.name if event else {},
                "event_name": event.policy.name if event else {},
            },
            "lane": LaneState.OUT_OF_ORDER.value if world.missing else machine.state.value,
            "direction": lane_name,
            "way": self.way,
            "verdict": verdict.value if verdict else None,
            "reason": reason.value if reason else None,
            "detail": detail,
            "words": {"where": None},
            "first_use": shown.first_use if shown else None,
            "go_to": shown.go_to if shown else None,
            "lang": shown.lang if shown else None,
            "languages": list(self.languages),
            "case": shown.case if shown else None,
            "window_ms": machine.window_ms if machine.sensor else None,
            "window_end": remaining,
            "attention": list(shown.attention) if shown else [],
            "test": shown.test if shown else False,
            "hint": self.health.hint or self._lasting_hint(),
            "faults": [fault.value for fault in self.health.faults],
            "mode": self.health.mode,
            "sync": {"queue": self.health.queue, "last_error": self.health.last_error},
            "data_age_s": event.data_age_s(moment.at) if event else None,
            "clock": moment.trust.value,
            "now": moment.at,
            "time": local_time(event.policy, moment.at) if event else "",
            "tz": event.policy.tz if event else "",
            "demo": self.demo,
            "next_gate": self.next_gate or _next_gate(event),
            "pair": self.pair,
        }

    def _lasting_hint(self) -> str | None:
        if self.health.input_state != "ok":
            return "camera"
        return self.health.faults[0].value if self.health.faults else None

    def _why_out(self, machine: LaneMachine, world: World) -> str:
        if not world.missing and machine.state is LaneState.OUT_OF_ORDER and Fault.PINS in self.health.faults:
            return Fault.PINS.value
        return world.missing


def _overlay(machine: LaneMachine, world: World) -> tuple[Verdict, Reason] | None:
    """States of the lane that outrank any ticket's verdict."""
    if machine.state is LaneState.EMERGENCY:
        return Verdict.EMERGENCY, Reason.OUT_OF_SERVICE
    if machine.state in (LaneState.OUT_OF_ORDER, LaneState.DISABLED) or world.missing:
        return Verdict.OUT_OF_ORDER, Reason.OUT_OF_SERVICE
    return None


def _next_gate(event: ServedEvent | None) -> dict[str, Any] | None:
    """Another gate into the same zones, for the arrow of a gate that is out of order."""
    if event is None:
        return None
    for gate in event.policy.gates.values():
        if gate.id != event.gate.id and gate.direction != "exit" and gate.zones & event.gate.zones:
            return {"short": gate.short}
    return None
