"""Simulated presentations: seeded, one strain at a time, with the true place of the code in every frame."""

from __future__ import annotations

import numpy as np
import pytest

from gate.scanner.engines import read_zxing, side_of
from gate.scanner.simulator.conditions import CONDITIONS, SEVERITIES
from gate.scanner.simulator.presentation import Presentation
from tests.scanner.conftest import GT1


def _show(condition: str, severity: int, seed: int = 50, seconds: float = 0.2) -> Presentation:
    return Presentation(text=GT1, condition=condition, severity=severity, seed=seed, seconds=seconds)


def test_there_are_thirteen_conditions_of_three_severities() -> None:
    assert len(CONDITIONS) == 13
    assert all(len(strains) == len(SEVERITIES) == 3 for strains in CONDITIONS.values())
    assert len({repr(s) for strains in CONDITIONS.values() for s in strains}) == 39


def test_the_same_seed_draws_the_same_frames_and_another_draws_others() -> None:
    one, same, other = (list(_show("glare", 1, seed).frames()) for seed in (7, 7, 8))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0])


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_keeps_the_code_in_view_and_says_where(condition: str) -> None:
    for severity in range(3):
        shown = _show(condition, severity)
        assert shown.label.startswith(condition)
        frames = list(shown.annotated())
        assert len(frames) == 6
        for picture, corners in frames:
            assert (picture.shape, picture.dtype) == ((480, 640), np.uint8)
            # A little of a hard one may reach over the edge, as at a gate.
            assert all(-60 <= x <= 700 and -60 <= y <= 540 for x, y in corners)
            assert side_of(corners) > 40


def test_the_true_corners_are_those_that_a_reader_finds() -> None:
    checked = 0
    for seed in range(6):
        for picture, corners in _show("washed out", 0, seed).annotated():
            for reading in read_zxing(picture).readings:
                assert reading.text == GT1
                distances = np.abs(np.array(reading.corners)[:, None] - np.array(corners)[None]).max(axis=2).min(axis=1)
                assert distances.max() <= 6
                checked += 1
    assert checked >= 6


def test_what_was_there_before_holds_no_code() -> None:
    shown = _show("cracks", 0)
    before = shown.before()
    assert before.shape == (480, 640)
    assert read_zxing(before).readings == ()


def test_a_harder_one_is_harder() -> None:
    def read(severity: int) -> int:
        return sum(
            bool(read_zxing(picture).readings)
            for condition in ("noise", "far", "defocus")
            for seed in range(3)
            for picture in _show(condition, severity, seed, 0.1).frames()
        )

    assert read(0) > read(2)
