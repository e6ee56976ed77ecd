"""Trusted time across restarts (the floor is on disk with every row), and the local days and windows that hang on it."""

from __future__ import annotations

import datetime as dt
import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.clock import MAX_JUMP_MS, OFFSET_MAX_AGE_MS, OFFSET_MAX_ERROR_MS, Reading, TrustedClock
from gate.lane.world import local_day
from gate.model import ClockTrust, EventId, Moment, Policy
from gate.ports import Draft
from gate.storage.journal import JournalStore
from tests.fakes.clock import BOOT
from tests.fakes.issuer import key

BUILD = 1_793_000_000_000
NOW = 1_798_000_000_000
S, H, DAY = 1_000, 3_600_000, 86_400_000
YEARS_10 = 3_652 * DAY


@dataclass
class Box:
    """A gate that is switched off and on; only its disk stays."""

    path: Path

    def life(self, *readings: Reading, issued: int | None = None) -> list[Moment]:
        """One boot: the floor is read from the disk, each reading becomes a row."""
        journal = JournalStore(self.path, gate="g2", key=key("journal"), random=os.urandom)
        clock = TrustedClock(BOOT, max(BUILD, int(journal.meta("clock_floor") or 0)), readings[0].mono_ms)
        if issued is not None:
            clock.raise_floor(issued, readings[0].mono_ms)
        moments = []
        for reading in readings:
            moments.append(clock.read(reading))
            journal.commit([Draft(event="spring", kind="mode")], moments[-1])
        journal.close()
        return moments


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path / "journal.db")


def synced(wall: int, mono: int = 1_000) -> Reading:
    return Reading(wall, mono, kernel_synced=True, kernel_error_ms=20)


def alone(wall: int, mono: int = 1_000) -> Reading:
    return Reading(wall, mono)


def test_a_first_start_in_1970_is_the_time_of_the_build(box: Box) -> None:
    (moment,) = box.life(alone(0))
    assert (moment.at, moment.trust) == (BUILD, ClockTrust.UNTRUSTED)


@pytest.mark.parametrize("wall", [0, 1_000, NOW - DAY, NOW - 1, NOW + YEARS_10, 2**31 * 1000, 2**53])
def test_whatever_the_clock_shows_after_a_restart_time_goes_on_from_the_disk(box: Box, wall: int) -> None:
    last = box.life(synced(NOW), synced(NOW + 5 * S, 6_000), issued=NOW)[-1]
    assert last.trust is ClockTrust.SYNCED
    for mono in (1_000, 9_000):
        first, second = box.life(alone(wall, mono), alone(wall, mono + 30 * S))
        assert first.at >= last.at
        assert second.at == first.at + 30 * S
        assert second.trust is ClockTrust.UNTRUSTED
        last = second


def test_the_limits_are_those_of_the_contract() -> None:
    assert (MAX_JUMP_MS, OFFSET_MAX_AGE_MS, OFFSET_MAX_ERROR_MS) == (DAY, H, 2 * S)


def test_ten_years_ahead_with_the_kernels_word_expires_nothing_for_good(box: Box) -> None:
    box.life(synced(NOW), issued=NOW)
    (wrong,) = box.life(synced(NOW + YEARS_10))
    assert (wrong.at, wrong.trust) == (NOW, ClockTrust.UNTRUSTED)
    (right,) = box.life(synced(NOW + 60 * S))
    assert (right.at, right.trust) == (NOW + 60 * S, ClockTrust.SYNCED)


def test_holdover_does_not_become_the_floor(box: Box) -> None:
    """It may be ahead of the truth; the next start must be able to take a right time again."""
    moments = box.life(synced(NOW), alone(0, 1_000 + 10 * H), issued=NOW)
    assert moments[-1].trust is ClockTrust.HOLDOVER
    (next_life,) = box.life(alone(0))
    assert next_life.at == NOW


def test_a_quiet_night_is_kept_without_a_row(box: Box) -> None:
    box.life(synced(NOW), issued=NOW)
    journal = JournalStore(box.path, gate="g2", key=key("journal"), random=os.urandom)
    clock = TrustedClock(BOOT, NOW, 1_000)
    journal.keep_time(clock.read(synced(NOW + 8 * H, 1_000 + 8 * H)))
    journal.keep_time(clock.read(alone(0, 1_000 + 9 * H)))
    assert [seq for _, _, seq, _ in journal.streams()] == [1]
    journal.close()
    assert box.life(alone(0))[0].at == NOW + 8 * H


def test_off_for_three_months_needs_a_signed_word(box: Box) -> None:
    box.life(synced(NOW), issued=NOW)
    later = NOW + 90 * DAY
    assert box.life(synced(later))[0].trust is ClockTrust.UNTRUSTED
    moment = box.life(synced(later), issued=later - 2 * S)[0]
    assert (moment.at, moment.trust) == (later, ClockTrust.SYNCED)


walls = st.sampled_from([0, NOW - DAY, NOW, NOW + 30 * S, NOW + H, NOW + 23 * H, NOW + YEARS_10, -5])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(walls, st.booleans(), st.integers(0, 2 * H)), min_size=1, max_size=5))
def test_no_life_begins_before_the_end_of_the_one_before(
    tmp_path_factory: pytest.TempPathFactory, lives: list[tuple[int, bool, int]]
) -> None:
    box = Box(tmp_path_factory.mktemp("box") / "journal.db")
    floor = 0
    for wall, kernel, passed in lives:
        make = synced if kernel else alone
        moments = box.life(make(wall), make(wall + passed, 1_000 + passed))
        assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)
        assert moments[0].at >= floor
        floor = max(moment.at for moment in moments if moment.trust is not ClockTrust.HOLDOVER)


# ---- days of the event's zone


def policy(tz: str, day_start: int = 0) -> Policy:
    return Policy(event=EventId("spring"), name={}, tz=tz, day_start=day_start, products={}, lists={}, gates={})


def at(tz: str, *parts: int, fold: int = 0) -> int:
    return int(dt.datetime(*parts, fold=fold, tzinfo=ZoneInfo(tz)).timestamp() * 1000)  # type: ignore[arg-type, misc]


NIGHTS = {
    "gap, Berlin, 02:00 to 03:00": ("Europe/Berlin", (2027, 3, 28), 23),
    "overlap, Berlin, 03:00 to 02:00": ("Europe/Berlin", (2026, 10, 25), 25),
    "gap at midnight, Havana": ("America/Havana", (2027, 3, 14), 23),
    "overlap at midnight, Azores": ("Atlantic/Azores", (2026, 10, 25), 25),
    "half an hour, Lord Howe": ("Australia/Lord_Howe", (2026, 10, 4), 23.5),
    "none, Taipei": ("Asia/Taipei", (2027, 3, 28), 24),
    "none, Jakarta": ("Asia/Jakarta", (2026, 10, 25), 24),
}


@pytest.mark.parametrize(("tz", "date", "hours"), NIGHTS.values(), ids=NIGHTS)
@pytest.mark.parametrize("start", [0, 90, 150, 240, 23 * 60 + 59])
def test_days_join_without_gap_or_overlap_when_the_clocks_change(
    tz: str, date: tuple[int, int, int], hours: float, start: int
) -> None:
    rules = policy(tz, start)
    noon = at(tz, *date, 12)
    days = [local_day(rules, noon + n * DAY) for n in range(-2, 3)]
    for day, after in itertools.pairwise(days):
        assert day.end_ms == after.start_ms
        assert day.label < after.label
    lengths = [(day.end_ms - day.start_ms) / H for day in days]
    assert sorted(set(lengths)) == sorted({24.0, float(hours)})
    # Every quarter of an hour of these days belongs to exactly one of them, in order.
    labels = [local_day(rules, ms).label for ms in range(days[0].start_ms, days[-1].end_ms, H // 4)]
    assert labels == sorted(labels)
    assert set(labels) == {day.label for day in days}


def test_the_hour_that_is_gone_through_twice_is_one_day_both_times() -> None:
    tz = "Europe/Berlin"
    for fold in (0, 1):
        assert local_day(policy(tz), at(tz, 2026, 10, 25, 2, 30, fold=fold)).label == "2026-10-25"
    assert at(tz, 2026, 10, 25, 2, 30, fold=1) - at(tz, 2026, 10, 25, 2, 30) == H


def test_2038_and_a_leap_seconds_day_are_days_like_any_other() -> None:
    for tz in ("UTC", "Asia/Taipei", "Europe/Berlin"):
        day = local_day(policy(tz), 2**31 * 1000)
        assert day.label == "2038-01-19"
        assert day.end_ms - day.start_ms == DAY
    # 2016-12-31 23:59:60 UTC is the same Unix second as the next midnight, or one before it: Unix days have no 60th second.
    day = local_day(policy("UTC"), at("UTC", 2016, 12, 31, 23, 59, 59))
    assert (day.label, day.end_ms) == ("2016-12-31", at("UTC", 2017, 1, 1))
