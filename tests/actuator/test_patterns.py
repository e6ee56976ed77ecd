"""Lamp and buzzer patterns of every verdict, from the one table."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gate.actuator.patterns import DARK, SignalPlayer, change_after, fastest_hz, level_at
from gate.decision.reasons import SIGNALS
from gate.model import Verdict

STEP_S = 0.01


def played(verdict: Verdict, seconds: float) -> list[tuple[bool, bool, bool, bool]]:
    """Levels every 10 ms from the beginning; half a step in, so that no sample sits on an edge."""
    player = SignalPlayer()
    player.show(verdict, 100.0)
    return [player.levels(100.0 + (i + 0.5) * STEP_S) for i in range(round(seconds / STEP_S))]


def rises(levels: list[bool]) -> list[int]:
    return [i for i, on in enumerate(levels) if on and (i == 0 or not levels[i - 1])]


@pytest.mark.parametrize("verdict", Verdict)
def test_the_lamp_shows_only_the_colours_of_the_verdict(verdict: Verdict) -> None:
    lit = [sample[:3] for sample in played(verdict, 5.0) if any(sample[:3])]
    assert set(lit) <= {SIGNALS[verdict].rgb}
    assert bool(lit) == any(SIGNALS[verdict].rgb)


@pytest.mark.parametrize("verdict", Verdict)
def test_nothing_flashes_at_3_hz_or_faster(verdict: Verdict) -> None:
    assert fastest_hz(SIGNALS[verdict]) < 3
    on = rises([any(sample[:3]) for sample in played(verdict, 10.0)])
    gaps = [(b - a) * STEP_S for a, b in pairwise(on)]
    assert all(gap > 1 / 3 for gap in gaps)


def test_steady_and_blinking_verdicts_are_as_the_table_says() -> None:
    def flashes(verdict: Verdict) -> int:
        return len(rises([any(sample[:3]) for sample in played(verdict, 3.0)]))

    assert [flashes(v) for v in (Verdict.GO, Verdict.STOP, Verdict.EMERGENCY)] == [1, 1, 1]
    assert flashes(Verdict.WAIT) == 0
    assert flashes(Verdict.GO_ATTENTION) == 3  # 0.7 s on, 0.7 s off
    assert flashes(Verdict.STOP_USED) == 4  # two close together, every 1.5 s
    assert flashes(Verdict.SEE_STAFF) == 4


@pytest.mark.parametrize("verdict", Verdict)
def test_the_beeps_sound_once_each_and_never_again(verdict: Verdict) -> None:
    buzzer = [sample[3] for sample in played(verdict, 10.0)]
    assert len(rises(buzzer)) == len(SIGNALS[verdict].beeps)
    assert sum(buzzer) * STEP_S == pytest.approx(sum(on for on, _ in SIGNALS[verdict].beeps), abs=0.02)


def test_the_same_verdict_again_beeps_again() -> None:
    player = SignalPlayer()
    player.show(Verdict.GO, 0.0)
    assert not player.levels(1.0).buzzer
    player.show(Verdict.GO, 1.0)
    assert player.levels(1.0).buzzer


def test_idle_is_dark_and_silent() -> None:
    player = SignalPlayer()
    assert player.levels(0.0) == DARK
    player.show(Verdict.STOP, 0.0)
    player.show(None, 0.1)
    assert player.levels(0.1) == DARK
    assert player.next_change(0.1) is None


@example(Verdict.SEE_STAFF, 0.4, 1.0)  # the end of the third beep, where sums of 0.08 round both ways
@given(st.sampled_from(list(Verdict)), st.floats(0, 60), st.floats(0, 1))
def test_levels_hold_until_the_announced_change(verdict: Verdict, t: float, part: float) -> None:
    player = SignalPlayer()
    player.show(verdict, 0.0)
    change = player.next_change(t)
    until = t + 10 if change is None else change
    assert until > t or change is not None
    between = t + (until - t) * part * 0.999
    assert player.levels(between) == player.levels(t)


def test_steps_end_dark() -> None:
    steps = ((0.1, 0.2), (0.3, 0.0))
    assert [level_at(steps, t) for t in (0.0, 0.15, 0.35, 0.7)] == [True, False, True, False]
    assert change_after(steps, 0.0) == pytest.approx(0.1)
    assert change_after(steps, 0.7) is None
