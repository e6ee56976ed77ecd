"""The lane's states as one table. Pure: events and monotonic ms in, effects out.

A passage sensor decides whether a lane is busy: with one, nobody else is granted until the person has passed or the
window ended; without one, an admission is final and the next ticket may be shown as soon as the pulse is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class LaneState(StrEnum):
    IDLE = "idle"
    GRANTING = "granting"
    """The relay is energised."""
    WINDOW = "window"
    """Open to walk through."""
    PASSED = "passed"
    """Through already, but the controller needs its pause before the next pulse."""
    OUT_OF_ORDER = "out_of_order"
    DISABLED = "disabled"
    EMERGENCY = "emergency"


class LaneEvent(StrEnum):
    GRANT = "grant"
    DEADLINE = "deadline"
    PASSAGE = "passage"
    REVERSAL = "reversal"
    """Somebody came against the direction that is open (barriers with a contact for each direction)."""
    STOP = "stop"
    """Staff button or command: stop this lane now."""
    START = "start"
    FAULT = "fault"
    REPAIRED = "repaired"
    FIRE = "fire"
    FIRE_OVER = "fire_over"


class Effect(StrEnum):
    PASSED = "passed"
    """The granted person went through: the entry is final."""
    TIMED_OUT = "timed_out"
    """Nobody went through in the window."""
    WINDOW_ENDED = "window_ended"
    """The time to walk is over and the admission stays: no sensor, or an alarm in which nobody is counted."""
    RELEASE = "release"
    """Relay to rest now."""
    TAILGATED = "tailgated"
    """Somebody passed with no grant."""
    REVERSED = "reversed"
    """The granted person did not go in: somebody came out instead."""


_S, _E, _F = LaneState, LaneEvent, Effect
_STOPPED = {
    _E.FIRE: (_S.EMERGENCY, (_F.RELEASE,)),
    _E.START: (_S.IDLE, ()),
    _E.PASSAGE: (None, (_F.TAILGATED,)),
}
TABLE: Mapping[LaneState, Mapping[LaneEvent, tuple[LaneState | None, tuple[Effect, ...]]]] = {
    _S.IDLE: {
        _E.GRANT: (_S.GRANTING, ()),
        _E.PASSAGE: (None, (_F.TAILGATED,)),
        _E.STOP: (_S.DISABLED, (_F.RELEASE,)),
        _E.FAULT: (_S.OUT_OF_ORDER, (_F.RELEASE,)),
        _E.FIRE: (_S.EMERGENCY, (_F.RELEASE,)),
    },
    _S.GRANTING: {
        _E.DEADLINE: (_S.WINDOW, ()),
        _E.PASSAGE: (_S.PASSED, (_F.PASSED,)),
        _E.REVERSAL: (_S.PASSED, (_F.RELEASE, _F.REVERSED)),
        _E.STOP: (_S.DISABLED, (_F.RELEASE, _F.TIMED_OUT)),
        _E.FAULT: (_S.OUT_OF_ORDER, (_F.RELEASE, _F.TIMED_OUT)),
        _E.FIRE: (_S.EMERGENCY, (_F.RELEASE, _F.WINDOW_ENDED)),
    },
    _S.WINDOW: {
        _E.GRANT: (_S.GRANTING, ()),
        _E.DEADLINE: (_S.IDLE, (_F.TIMED_OUT,)),
        _E.PASSAGE: (_S.IDLE, (_F.PASSED,)),
        _E.REVERSAL: (_S.IDLE, (_F.RELEASE, _F.REVERSED)),
        _E.STOP: (_S.DISABLED, (_F.RELEASE, _F.TIMED_OUT)),
        _E.FAULT: (_S.OUT_OF_ORDER, (_F.RELEASE, _F.TIMED_OUT)),
        _E.FIRE: (_S.EMERGENCY, (_F.RELEASE, _F.WINDOW_ENDED)),
    },
    _S.PASSED: {
        _E.DEADLINE: (_S.IDLE, ()),
        _E.PASSAGE: (None, (_F.TAILGATED,)),
        _E.STOP: (_S.DISABLED, (_F.RELEASE,)),
        _E.FAULT: (_S.OUT_OF_ORDER, (_F.RELEASE,)),
        _E.FIRE: (_S.EMERGENCY, (_F.RELEASE,)),
    },
    _S.OUT_OF_ORDER: {**_STOPPED, _E.REPAIRED: (_S.IDLE, ())},
    _S.DISABLED: {**_STOPPED, _E.FAULT: (_S.OUT_OF_ORDER, ())},
    _S.EMERGENCY: {_E.FIRE_OVER: (_S.IDLE, ()), _E.PASSAGE: (None, ())},
}
"""state -> event -> (next state, effects); None = stay. An event that is not in a state's row is ignored.

After an emergency a lane is as it was: idle, or stopped for the reason it was stopped for."""


@dataclass(slots=True)
class LaneMachine:
    """One logical lane.

    Args:
        pulse_ms: the relay's pulse and the pause that its controller needs after it.
        window_ms: how long after that one may walk through.
        sensor: there is a passage sensor.
        level_rest_ms: the relay is held as long as the way is open, and this is the pause after it; None = it pulses.
    """

    pulse_ms: int
    window_ms: int
    sensor: bool
    level_rest_ms: int | None = None
    state: LaneState = LaneState.IDLE
    deadline_ms: int | None = field(default=None)
    _after_fire: LaneState = field(default=LaneState.IDLE)

    @property
    def readiness(self) -> str:
        """`ready`, `busy` or `out`, as the facts want it."""
        if self.state in (LaneState.OUT_OF_ORDER, LaneState.DISABLED, LaneState.EMERGENCY):
            return "out"
        if self.state in (LaneState.GRANTING, LaneState.PASSED) or (self.state is LaneState.WINDOW and self.sensor):
            return "busy"
        return "ready"

    @property
    def open(self) -> bool:
        return self.state in (LaneState.GRANTING, LaneState.WINDOW)

    def step(self, event: LaneEvent, now_ms: int) -> tuple[Effect, ...]:
        """Apply one event at a monotonic time; a deadline that is not due is ignored."""
        if event is LaneEvent.DEADLINE and (self.deadline_ms is None or now_ms < self.deadline_ms):
            return ()
        if event is LaneEvent.GRANT and self.readiness != "ready":
            return ()
        row = TABLE[self.state].get(event)
        if row is None:
            return ()
        new, effects = row
        if event is LaneEvent.FIRE_OVER:
            new = self._after_fire
        if new is not None:
            self._enter(new, now_ms)
        if not self.sensor:
            effects = tuple(Effect.WINDOW_ENDED if item is Effect.TIMED_OUT else item for item in effects)
        return effects

    def _enter(self, state: LaneState, now_ms: int) -> None:
        if state is LaneState.EMERGENCY:
            stopped = self.state in (LaneState.OUT_OF_ORDER, LaneState.DISABLED)
            self._after_fire = self.state if stopped else LaneState.IDLE
        self.state = state
        if state is LaneState.GRANTING:
            self.deadline_ms = now_ms + self.pulse_ms
        elif state is LaneState.WINDOW:
            self.deadline_ms = now_ms + self.window_ms
        elif (
            state is LaneState.PASSED
        ):  # keeps the end of the pulse as its deadline; a held relay ends with the passage
            if self.level_rest_ms is not None:
                self.deadline_ms = now_ms + self.level_rest_ms
        else:
            self.deadline_ms = None

    def remaining_ms(self, now_ms: int) -> int | None:
        """Time left to walk through; None when the lane is not open."""
        if self.deadline_ms is None or not self.open:
            return None
        rest = self.window_ms if self.state is LaneState.GRANTING else 0
        return max(0, self.deadline_ms - now_ms + rest)
