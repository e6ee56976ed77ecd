"""How numbers and moments are said to people."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from gate.said import counted, moment_text


@pytest.mark.parametrize(
    ("count", "words", "said"),
    [
        (0, ("file",), "0 files"),
        (1, ("file",), "1 file"),
        (2, ("file",), "2 files"),
        (1, ("entry", "entries"), "1 entry"),
        (7, ("entry", "entries"), "7 entries"),
    ],
)
def test_one_is_singular_and_all_others_are_not(count: int, words: tuple[str, ...], said: str) -> None:
    assert counted(count, *words) == said


@pytest.mark.parametrize(
    ("at_ms", "zone", "said"),
    [
        (1_798_000_017_999, None, "2026-12-23 04:26:57Z"),
        (1_798_000_017_999, "Asia/Jakarta", "2026-12-23 11:26:57+07:00"),
        (1_798_000_017_999, "UTC", "2026-12-23 04:26:57Z"),
        (1_798_000_017_999, "Europe/London", "2026-12-23 04:26:57Z"),
        (10**18, "Asia/Jakarta", "1000000000000000000"),
        (-(10**18), None, "-1000000000000000000"),
    ],
)
def test_a_moment_names_its_zone(at_ms: int, zone: str | None, said: str) -> None:
    assert moment_text(at_ms, ZoneInfo(zone) if zone else None) == said


def test_an_exact_moment_has_its_milliseconds() -> None:
    assert moment_text(1_798_000_017_009, ZoneInfo("Asia/Taipei"), exact=True).endswith(":57.009+08:00")
