"""Trusted time: what a wrong, stepping or missing clock can do to a gate, and that it never runs backwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gate.clock import MAX_JUMP_MS, OFFSET_MAX_AGE_MS, OFFSET_MAX_ERROR_MS, Reading, TrustedClock
from gate.model import ClockTrust, Moment

FLOOR = 1_798_000_000_000
S, H, DAY = 1_000, 3_600_000, 86_400_000
SYNCED, HOLDOVER, UNTRUSTED = ClockTrust.SYNCED, ClockTrust.HOLDOVER, ClockTrust.UNTRUSTED


@dataclass
class Machine:
    """A machine whose true time runs; its wall clock shows `wrong_ms` more than that."""

    true_ms: int = FLOOR + 60_000
    mono_ms: int = 5_000
    wrong_ms: int = 0
    kernel: bool = True
    clock: TrustedClock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = TrustedClock("b" * 32, FLOOR, self.mono_ms)

    def run(self, ms: int) -> None:
        self.true_ms += ms
        self.mono_ms += ms

    def read(self, **changes: Any) -> Moment:
        values: dict[str, Any] = {
            "wall_ms": self.true_ms + self.wrong_ms,
            "mono_ms": self.mono_ms,
            "kernel_synced": self.kernel,
            "kernel_error_ms": 5,
        }
        return self.clock.read(Reading(**(values | changes)))

    def offset(self, age_ms: int = 0, error_ms: int = 40, wrong_ms: int = 0) -> dict[str, Any]:
        """A server's time of `age_ms` ago."""
        base = self.true_ms - self.mono_ms + wrong_ms
        return {"offset_base_ms": base, "offset_error_ms": error_ms, "offset_age_ms": age_ms}


def answer(moment: Moment) -> tuple[int, ClockTrust, int | None]:
    return moment.at, moment.trust, moment.error_ms


# ---- trust


def test_a_disciplined_kernel_is_believed() -> None:
    machine = Machine()
    assert answer(machine.read()) == (machine.true_ms, SYNCED, 5)


def test_a_servers_time_is_believed_although_the_wall_clock_is_wrong() -> None:
    machine = Machine(kernel=False, wrong_ms=-40 * 365 * DAY)
    assert answer(machine.read(**machine.offset())) == (machine.true_ms, SYNCED, 40)


def test_the_smaller_error_counts_when_kernel_and_server_agree() -> None:
    machine = Machine()
    assert machine.read(**machine.offset(error_ms=2)).error_ms == 2
    assert machine.read(**machine.offset(error_ms=2_000)).error_ms == 5


def test_a_servers_time_counts_for_an_hour_and_up_to_two_seconds_of_error() -> None:
    for age, error, expected in (
        (OFFSET_MAX_AGE_MS, OFFSET_MAX_ERROR_MS, SYNCED),
        (OFFSET_MAX_AGE_MS + 1, OFFSET_MAX_ERROR_MS, UNTRUSTED),
        (OFFSET_MAX_AGE_MS, OFFSET_MAX_ERROR_MS + 1, UNTRUSTED),
    ):
        machine = Machine(kernel=False)
        assert machine.read(**machine.offset(age, error)).trust is expected


def test_a_right_clock_that_nobody_stands_for_is_not_believed() -> None:
    machine = Machine(kernel=False)
    assert answer(machine.read()) == (FLOOR, UNTRUSTED, None)


def test_holdover_grows_by_100_ppm() -> None:
    machine = Machine()
    machine.read()
    machine.kernel = False
    machine.run(10_000 * S)
    assert answer(machine.read()) == (machine.true_ms, HOLDOVER, 5 + 1_000)


def test_synced_again_ends_the_holdover() -> None:
    machine = Machine()
    machine.read()
    machine.kernel = False
    machine.run(H)
    assert machine.read().trust is HOLDOVER
    machine.kernel = True
    assert answer(machine.read()) == (machine.true_ms, SYNCED, 5)


# ---- wrong clocks


def test_1970_on_a_machine_without_battery() -> None:
    """Untrusted time is the floor plus what has passed: tickets that ended before it stay refused."""
    machine = Machine(kernel=False, wrong_ms=-(FLOOR + 60_000))
    machine.run(30 * S)
    assert answer(machine.read()) == (FLOOR + 30 * S, UNTRUSTED, None)


def test_1970_that_the_kernel_stands_for() -> None:
    machine = Machine(wrong_ms=-(FLOOR + 60_000))
    assert answer(machine.read()) == (FLOOR, UNTRUSTED, None)


def test_a_day_behind() -> None:
    machine = Machine(wrong_ms=-DAY)
    assert answer(machine.read()) == (FLOOR, UNTRUSTED, None)


def test_ten_years_ahead_expires_nothing() -> None:
    machine = Machine(wrong_ms=3_650 * DAY)
    assert answer(machine.read()) == (FLOOR, UNTRUSTED, None)
    assert machine.clock.floor_ms == FLOOR


def test_a_servers_time_ten_years_ahead_expires_nothing() -> None:
    machine = Machine(kernel=False)
    assert answer(machine.read(**machine.offset(wrong_ms=3_650 * DAY))) == (FLOOR, UNTRUSTED, None)


def test_a_jump_of_24_hours_is_the_most() -> None:
    for more, expected in ((0, SYNCED), (1, UNTRUSTED)):
        machine = Machine(wrong_ms=MAX_JUMP_MS + more - 60_000)
        assert machine.read().trust is expected


def test_a_gate_that_was_off_for_a_week_needs_signed_time_or_a_person() -> None:
    machine = Machine(true_ms=FLOOR + 7 * DAY)
    assert machine.read().trust is UNTRUSTED
    assert machine.clock.raise_floor(machine.true_ms - 50, machine.mono_ms)
    assert answer(machine.read()) == (machine.true_ms, SYNCED, 5)


def test_an_implausible_sync_gives_no_holdover_later() -> None:
    """What was never believed is not carried on."""
    machine = Machine(wrong_ms=3_650 * DAY)
    machine.read()
    machine.kernel, machine.wrong_ms = False, 0
    machine.run(S)
    assert machine.read().trust is UNTRUSTED


# ---- steps


def test_a_step_back_during_a_scan_is_not_seen() -> None:
    machine = Machine()
    first = machine.read()
    machine.wrong_ms = -30 * S
    machine.run(10)
    second = machine.read(kernel_synced=False)
    assert second.at - first.at == 10
    assert second.trust is HOLDOVER


def test_a_step_ahead_by_hand_is_not_seen() -> None:
    machine = Machine()
    machine.read()
    machine.kernel, machine.wrong_ms = False, 10 * H
    machine.run(S)
    assert answer(machine.read()) == (machine.true_ms, HOLDOVER, 5)


def test_a_small_correction_back_does_not_end_the_trust() -> None:
    """Discipline by steps of a second: time stands still until it is reached, and is believed again."""
    machine = Machine()
    machine.read()
    machine.wrong_ms = -S
    machine.run(100)
    assert machine.read().at == FLOOR + 60_000 + 100
    machine.run(5 * S)
    moment = machine.read()
    assert moment.trust is SYNCED
    assert moment.at == machine.true_ms - S


def test_a_server_whose_clock_is_a_little_ahead_does_not_end_the_trust() -> None:
    """Its time of issue raises the floor above our wall clock, for as long as that is."""
    machine = Machine()
    machine.read()
    machine.clock.raise_floor(machine.true_ms + 300, machine.mono_ms)
    assert machine.read().at == machine.true_ms + 300
    machine.run(301)
    assert answer(machine.read()) == (machine.true_ms, SYNCED, 5)


def test_leap_second_smeared_or_stepped() -> None:
    machine = Machine()
    machine.read()
    machine.wrong_ms = -S  # 23:59:59 twice
    seen = []
    for _ in range(30):
        machine.run(100)
        seen.append(machine.read().at)
    assert seen == sorted(seen)
    assert machine.read().trust is SYNCED


def test_2038_is_a_second_like_any_other() -> None:
    machine = Machine(true_ms=2**31 * 1000 - 500)
    machine.clock = TrustedClock("b" * 32, 2**31 * 1000 - 60_000, machine.mono_ms)
    before = machine.read()
    machine.run(S)
    after = machine.read()
    assert after.at - before.at == S
    assert (before.seconds, after.seconds) == (2**31 - 1, 2**31)
    assert after.trust is SYNCED


# ---- floor


def test_the_floor_rises_while_synced_and_only_then() -> None:
    machine = Machine(kernel=False)
    machine.read()
    assert machine.clock.floor_ms == FLOOR
    machine.kernel = True
    machine.read()
    assert machine.clock.floor_ms == machine.true_ms
    machine.kernel = False
    machine.run(H)
    machine.read()
    assert machine.clock.floor_ms == machine.true_ms - H


def test_the_floor_takes_nothing_that_is_not_above_it() -> None:
    machine = Machine()
    assert not machine.clock.raise_floor(FLOOR, machine.mono_ms)
    assert not machine.clock.raise_floor(FLOOR + 500, machine.mono_ms + 600)
    assert machine.clock.raise_floor(FLOOR + 601, machine.mono_ms + 600)
    assert machine.clock.floor_ms == FLOOR + 601


def test_a_moment_carries_boot_and_monotonic_time() -> None:
    machine = Machine()
    moment = machine.read()
    assert (moment.boot, moment.mono) == ("b" * 32, machine.mono_ms)


# ---- any sequence

steps = st.lists(
    st.tuples(
        st.integers(0, 2 * DAY),  # ms that pass
        st.sampled_from(
            [0, 0, 1, -S, S, -DAY, DAY, -FLOOR, 3_650 * DAY, -30, 30 * S]
        ),  # how wrong the wall clock is then
        st.booleans(),  # does the kernel stand for it
        st.sampled_from(
            [None, (0, 40, 0), (0, 40, -S), (2 * H, 40, 0), (0, 9_000, 0), (0, 1, 3_650 * DAY), (0, 1, -DAY)]
        ),
        st.sampled_from([None, 0, 300, -5, DAY]),  # a verified time of issue
    ),
    max_size=30,
)


@settings(max_examples=300)
@given(steps)
def test_time_and_floor_never_fall_whatever_the_clocks_say(todo: list[tuple[int, int, bool, Any, int | None]]) -> None:
    machine = Machine()
    at, floor = 0, machine.clock.floor_ms
    for passed, wrong, kernel, offset, issued in todo:
        machine.run(passed)
        machine.wrong_ms, machine.kernel = wrong, kernel
        if issued is not None:
            machine.clock.raise_floor(machine.true_ms + issued, machine.mono_ms)
        moment = machine.read(**(machine.offset(*offset) if offset else {}))
        assert moment.at >= at
        assert moment.at >= machine.clock.floor_ms >= floor
        assert (moment.error_ms is None) == (moment.trust is UNTRUSTED)
        at, floor = moment.at, machine.clock.floor_ms


@given(steps)
def test_a_clock_that_nobody_vouches_for_never_moves_time(todo: list[tuple[int, int, bool, Any, int | None]]) -> None:
    """Without kernel or server the wall clock has no say: time is the floor and what has passed."""
    machine = Machine(kernel=False)
    began = machine.mono_ms
    for passed, wrong, *_ in todo:
        machine.run(passed)
        machine.wrong_ms = wrong
        assert answer(machine.read()) == (FLOOR + machine.mono_ms - began, UNTRUSTED, None)
