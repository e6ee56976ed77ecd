"""The relay's pulse as a function of time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gate.actuator.pulse import ReleasePulse

TIMES = st.floats(0, 1e6)
LENGTHS = st.floats(0.001, 1.0)


def test_at_rest_before_anything_is_asked() -> None:
    pulse = ReleasePulse(max_s=1.0)
    assert not pulse.energised(-1e9)
    assert pulse.next_change(0.0) is None


@given(TIMES, LENGTHS, st.floats(0, 3))
def test_energised_from_the_request_for_exactly_the_time_asked(now: float, seconds: float, later: float) -> None:
    pulse = ReleasePulse(max_s=1.0)
    pulse.request(now, seconds)
    assert pulse.energised(now + later) == (now + later < now + seconds)
    assert pulse.next_change(now) == now + seconds


@pytest.mark.parametrize("seconds", [0, -1, 1.01, math.inf, math.nan])
def test_a_pulse_of_a_wrong_length_is_refused_and_changes_nothing(seconds: float) -> None:
    pulse = ReleasePulse(max_s=1.0)
    with pytest.raises(ValueError, match="at most"):
        pulse.request(5.0, seconds)
    assert not pulse.energised(5.0)


def test_a_second_request_during_a_pulse_or_its_rest_is_refused() -> None:
    pulse = ReleasePulse(max_s=1.0, rest_s=0.2)
    pulse.request(0.0, 0.5)
    for now in (0.0, 0.3, 0.5, 0.69):
        with pytest.raises(ValueError, match="not over"):
            pulse.request(now, 0.5)
    assert not pulse.energised(0.5)
    pulse.request(0.7, 0.5)
    assert pulse.energised(0.7)


def test_cancel_ends_the_pulse_at_once() -> None:
    pulse = ReleasePulse(max_s=1.0)
    pulse.request(0.0, 1.0)
    pulse.cancel()
    assert not pulse.energised(0.0)


class Requests(RuleBasedStateMachine):
    """However requests come, the relay is never energised longer than the limit in one go, and is counted right."""

    MAX_S = 0.5

    def __init__(self) -> None:
        super().__init__()
        self.pulse = ReleasePulse(max_s=self.MAX_S, rest_s=0.1)
        self.now = 0.0
        self.on_since: float | None = None
        self.accepted = self.seen = 0

    def _look(self) -> None:
        on = self.pulse.energised(self.now)
        if on and self.on_since is None:
            self.on_since = self.now
            self.seen += 1
        if not on:
            self.on_since = None

    @rule(seconds=st.floats(-1, 0) | st.floats(0.001, 2))
    def ask(self, seconds: float) -> None:
        try:
            self.pulse.request(self.now, seconds)
        except ValueError:
            return
        self.accepted += 1
        self._look()

    @rule(by=st.floats(0.001, 0.7))
    def wait(self, by: float) -> None:
        self.now += by
        self._look()

    @precondition(lambda self: self.on_since is not None)
    @rule()
    def cancel(self) -> None:
        self.pulse.cancel()
        self._look()

    @invariant()
    def never_longer_than_the_limit(self) -> None:
        if self.on_since is not None:
            assert self.now - self.on_since <= self.MAX_S

    @invariant()
    def one_rise_a_request(self) -> None:
        assert self.seen == self.accepted


TestRequests = Requests.TestCase
