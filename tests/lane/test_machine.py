"""The table of the lane's states, and what holds for every order of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.lane.machine import TABLE, Effect, LaneEvent, LaneMachine, LaneState

S, E, F = LaneState, LaneEvent, Effect
PULSE, WINDOW = 450, 5_000
ENDS = {F.REVERSED, F.PASSED, F.TIMED_OUT, F.WINDOW_ENDED}

OFTEN = [*E, *[E.GRANT, E.DEADLINE, E.PASSAGE] * 3]
"""The way of a normal day more often than alarms: else hardly any order gets past the first steps."""

CASES = {
    "a grant opens": (S.IDLE, E.GRANT, S.GRANTING, ()),
    "after the pulse one may walk": (S.GRANTING, E.DEADLINE, S.WINDOW, ()),
    "somebody is through during the pulse": (S.GRANTING, E.PASSAGE, S.PASSED, (F.PASSED,)),
    "somebody is through in the window": (S.WINDOW, E.PASSAGE, S.IDLE, (F.PASSED,)),
    "nobody came": (S.WINDOW, E.DEADLINE, S.IDLE, (F.TIMED_OUT,)),
    "the controller has its pause": (S.PASSED, E.DEADLINE, S.IDLE, ()),
    "a second person in the pause": (S.PASSED, E.PASSAGE, S.PASSED, (F.TAILGATED,)),
    "a person without a grant": (S.IDLE, E.PASSAGE, S.IDLE, (F.TAILGATED,)),
    "stop in the window": (S.WINDOW, E.STOP, S.DISABLED, (F.RELEASE, F.TIMED_OUT)),
    "stop during the pulse": (S.GRANTING, E.STOP, S.DISABLED, (F.RELEASE, F.TIMED_OUT)),
    "a fault during the pulse": (S.GRANTING, E.FAULT, S.OUT_OF_ORDER, (F.RELEASE, F.TIMED_OUT)),
    "an alarm during the pulse": (S.GRANTING, E.FIRE, S.EMERGENCY, (F.RELEASE, F.WINDOW_ENDED)),
    "an alarm in the window": (S.WINDOW, E.FIRE, S.EMERGENCY, (F.RELEASE, F.WINDOW_ENDED)),
    "started again": (S.DISABLED, E.START, S.IDLE, ()),
    "repaired": (S.OUT_OF_ORDER, E.REPAIRED, S.IDLE, ()),
    "staff start a lane after a fault": (S.OUT_OF_ORDER, E.START, S.IDLE, ()),
    "nobody is counted in an alarm": (S.EMERGENCY, E.PASSAGE, S.EMERGENCY, ()),
    "no start in an alarm": (S.EMERGENCY, E.START, S.EMERGENCY, ()),
    "no grant in an alarm": (S.EMERGENCY, E.GRANT, S.EMERGENCY, ()),
    "no grant in a stopped lane": (S.DISABLED, E.GRANT, S.DISABLED, ()),
    "no grant during a pulse": (S.GRANTING, E.GRANT, S.GRANTING, ()),
    "no grant while somebody walks": (S.WINDOW, E.GRANT, S.WINDOW, ()),
}


def machine(*, sensor: bool = True) -> LaneMachine:
    return LaneMachine(pulse_ms=PULSE, window_ms=WINDOW, sensor=sensor)


@pytest.mark.parametrize(("state", "event", "after", "effects"), CASES.values(), ids=CASES)
def test_event_moves_the_lane(
    state: LaneState, event: LaneEvent, after: LaneState, effects: tuple[Effect, ...]
) -> None:
    lane = machine()
    lane.state, lane.deadline_ms = state, 0
    assert lane.step(event, 1) == effects
    assert lane.state is after


@pytest.mark.parametrize("state", LaneState)
def test_every_state_has_a_way_back_to_idle(state: LaneState) -> None:
    seen, todo = {state}, [state]
    while todo:
        for new, _ in TABLE[todo.pop()].values():
            if new is not None and new not in seen:
                seen.add(new)
                todo.append(new)
    assert S.IDLE in seen


def test_without_a_sensor_the_admission_stays_when_the_window_ends() -> None:
    lane = machine(sensor=False)
    lane.step(E.GRANT, 0)
    lane.step(E.DEADLINE, PULSE)
    assert lane.step(E.DEADLINE, PULSE + WINDOW) == (F.WINDOW_ENDED,)


def test_deadline_that_is_not_due_is_ignored() -> None:
    lane = machine()
    lane.step(E.GRANT, 100)
    assert lane.step(E.DEADLINE, 100 + PULSE - 1) == ()
    assert lane.state is S.GRANTING


@pytest.mark.parametrize("stopped", [E.STOP, E.FAULT])
def test_a_stopped_lane_is_still_stopped_after_an_alarm(stopped: LaneEvent) -> None:
    lane = machine()
    lane.step(stopped, 0)
    before = lane.state
    lane.step(E.FIRE, 1)
    lane.step(E.FIRE_OVER, 2)
    assert lane.state is before
    lane.step(E.START, 3)
    lane.step(E.FIRE, 4)
    lane.step(E.FIRE_OVER, 5)
    assert lane.state is S.IDLE


def test_remaining_time_counts_down_over_pulse_and_window() -> None:
    lane = machine()
    assert lane.remaining_ms(0) is None
    lane.step(E.GRANT, 0)
    assert lane.remaining_ms(0) == PULSE + WINDOW
    lane.step(E.DEADLINE, PULSE)
    assert lane.remaining_ms(PULSE) == WINDOW
    assert lane.remaining_ms(PULSE + WINDOW + 1) == 0


@given(
    sensor=st.booleans(),
    events=st.lists(st.tuples(st.sampled_from(OFTEN), st.sampled_from((0, 1, PULSE, WINDOW))), max_size=60),
)
def test_any_order_of_events_keeps_the_rules(sensor: bool, events: list[tuple[LaneEvent, int]]) -> None:
    lane, now = machine(sensor=sensor), 0
    grants = ends = 0
    for event, passed_ms in events:
        now += passed_ms
        before, ready = lane.state, lane.readiness == "ready"
        effects = lane.step(event, now)
        if event is E.GRANT:
            assert (lane.state is S.GRANTING and lane.state is not before) == ready, "a grant only from ready"
            if ready:
                grants += 1
                ends += before is S.WINDOW  # without a sensor the next grant ends the one before
        ends += len(ENDS & set(effects))
        assert grants - ends == int(lane.open), "each grant ends exactly once"
        assert (lane.deadline_ms is not None) == (lane.state in (S.GRANTING, S.WINDOW, S.PASSED)), "a deadline comes"
        if lane.deadline_ms is not None:
            assert lane.deadline_ms <= now + max(PULSE, WINDOW)
        if before is not lane.state and lane.readiness == "out":
            assert F.RELEASE in effects or before in (S.DISABLED, S.OUT_OF_ORDER, S.EMERGENCY), "stopped means at rest"
        if not sensor:
            assert F.TIMED_OUT not in effects
    if lane.deadline_ms is not None:
        for _ in range(2):
            lane.step(E.DEADLINE, now := now + PULSE + WINDOW)
        assert lane.state is S.IDLE, "time alone ends every grant"
