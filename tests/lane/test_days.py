"""Local days: where one ends the next begins, also on days that the clocks cut or stretch."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.lane.world import local_day, local_time
from gate.model import EventId, Policy

ZONES = ("Asia/Taipei", "Europe/Berlin", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia", "UTC")
HOUR_MS = 3_600_000


def policy(tz: str, day_start: int = 0) -> Policy:
    return Policy(event=EventId("spring"), name={}, tz=tz, day_start=day_start, products={}, lists={}, gates={})


def at(text: str, tz: str, fold: int = 0) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz), fold=fold).timestamp() * 1000)


CASES = {
    "plain day": ("Asia/Taipei", 0, "2026-12-23T14:00", 0, "2026-12-23", 24),
    "a minute before midnight": ("Asia/Taipei", 0, "2026-12-23T23:59", 0, "2026-12-23", 24),
    "midnight": ("Asia/Taipei", 0, "2026-12-24T00:00", 0, "2026-12-24", 24),
    "late night counts for the evening": ("Asia/Taipei", 300, "2026-12-24T04:59", 0, "2026-12-23", 24),
    "day_start": ("Asia/Taipei", 300, "2026-12-24T05:00", 0, "2026-12-24", 24),
    "the short day": ("Europe/Berlin", 0, "2026-03-29T12:00", 0, "2026-03-29", 23),
    "the long day": ("Europe/Berlin", 0, "2026-10-25T12:00", 0, "2026-10-25", 25),
    "no midnight in Cairo": ("Africa/Cairo", 0, "2026-04-24T01:00", 0, "2026-04-24", 23),
    "just before a start that the clocks leave out": ("Europe/Berlin", 150, "2026-03-29T03:00", 0, "2026-03-28", 24),
    "first pass through a start that comes twice": ("Europe/Berlin", 150, "2026-10-25T02:40", 0, "2026-10-25", 25),
    "second pass, before that start": ("Europe/Berlin", 150, "2026-10-25T02:10", 1, "2026-10-25", 25),
}


@pytest.mark.parametrize(("tz", "start", "text", "fold", "label", "hours"), CASES.values(), ids=CASES)
def test_moment_belongs_to_its_local_day(tz: str, start: int, text: str, fold: int, label: str, hours: int) -> None:
    moment = at(text, tz, fold)
    day = local_day(policy(tz, start), moment)
    assert day.label == label
    assert day.start_ms <= moment < day.end_ms
    if "start that" not in text:
        assert (day.end_ms - day.start_ms) in (hours * HOUR_MS, (hours - 1) * HOUR_MS, (hours + 1) * HOUR_MS)


@given(
    tz=st.sampled_from(ZONES),
    day_start=st.integers(0, 1439),
    moment=st.integers(1_700_000_000_000, 1_900_000_000_000),
    later=st.integers(0, 30 * HOUR_MS),
)
def test_days_follow_one_another_without_gap_or_overlap(tz: str, day_start: int, moment: int, later: int) -> None:
    rules = policy(tz, day_start)
    day, other = local_day(rules, moment), local_day(rules, moment + later)
    assert day.start_ms <= moment < day.end_ms
    assert day.label <= other.label, "a day never comes back"
    assert local_day(rules, day.start_ms) == local_day(rules, day.end_ms - 1) == day
    assert local_day(rules, day.end_ms).start_ms == day.end_ms


def test_local_time_is_the_events(root: object) -> None:
    assert local_time(policy("Asia/Taipei"), at("2026-12-23T14:03", "Asia/Taipei")) == "14:03"
    assert local_time(policy("Asia/Taipei"), 2**62) == ""
