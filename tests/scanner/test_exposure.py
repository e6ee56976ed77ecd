"""Exposure: alternation asks only while something is unread, and calibration picks what the target showed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate.scanner.control import Control
from gate.scanner.engines import NOTHING, Found, Reading
from gate.scanner.exposure import STEPS_MS, Alternation, Calibration, Step, choose
from gate.scanner.profile import Exposure, load_profile, save_profile
from gate.scanner.sources import SourceFacts

BOTH = Exposure(short_ms=1.0, normal_ms=6.0)


def test_an_unread_code_gets_both_exposures_in_turn() -> None:
    alternation = Alternation(BOTH)
    asked = [alternation.frame(n * 33, seen=True, read=False) for n in range(60)]
    assert [a for a in asked if a is not None] == [1.0, 6.0, 1.0, 6.0, 1.0, 6.0][: sum(a is not None for a in asked)]
    assert 4 <= sum(a is not None for a in asked) <= 7


@pytest.mark.parametrize(("seen", "read"), [(False, False), (True, True)])
def test_an_empty_view_and_a_read_code_keep_the_exposure(seen: bool, read: bool) -> None:
    alternation = Alternation(BOTH)
    assert all(alternation.frame(n * 33, seen=seen, read=read) is None for n in range(100))


def test_without_two_exposures_nothing_is_asked() -> None:
    for exposure in (Exposure(), Exposure(short_ms=4, normal_ms=4), Exposure(normal_ms=4)):
        alternation = Alternation(exposure)
        assert all(alternation.frame(n * 33, seen=True, read=False) is None for n in range(60))
    assert Alternation(Exposure(normal_ms=4, focus=30)).start() == [("focus", 30.0), ("exposure", 4.0)]


def test_normal_is_the_shortest_with_contrast_and_short_the_shortest_that_reads() -> None:
    steps = [Step(0.5, 12, 0, 0.2), Step(1, 30, 0, 0.8), Step(2, 60, 0, 1), Step(4, 110, 0, 1), Step(8, 170, 0.3, 1)]
    assert choose(steps) == Exposure(short_ms=1, normal_ms=4)
    assert choose(steps[:3], focus=7) == Exposure(short_ms=1, normal_ms=2, focus=7)
    assert choose(steps[:1]) is None
    assert choose([]) is None


def test_calibration_waits_for_each_exposure_to_settle() -> None:
    calibration = Calibration((1.0, 2.0))
    asked: list[float] = []
    current, since = 0.0, 0
    for _ in range(40):
        # The camera shows a new exposure four frames late.
        shown = current if since >= 4 else 0.0
        wanted = calibration.frame(contrast=shown * 50, clipped=0.0, read=shown > 0)
        since += 1
        if wanted is not None:
            asked.append(wanted)
            current, since = wanted, 0
    assert asked == [1.0, 2.0]
    assert calibration.done
    assert calibration.steps == [Step(1.0, 50, 0, 1), Step(2.0, 100, 0, 1)]


class FakeCamera:
    """Brightness follows the exposure; takes what it is asked, or nothing."""

    live = True

    def __init__(self, takes: bool = True) -> None:
        self.takes = takes
        self.asked: list[tuple[str, float]] = []

    def open(self) -> SourceFacts:
        return SourceFacts("fake", (1, 1), 30.0)

    def read(self) -> None:
        return None

    def close(self) -> None:
        """Nothing is held."""

    def control(self, name: str, value: float) -> bool:
        self.asked.append((name, value))
        return self.takes


def _view(exposure: float) -> tuple[Any, Found]:
    gray = np.full((100, 100), 20, np.uint8)
    gray[::4] = min(255, round(20 + 30 * exposure))
    corners = ((10, 10), (90, 10), (90, 90), (10, 90))
    return gray, Found((Reading("GATE-TARGET:1.00", "zxing", corners),), 0, None) if exposure >= 1 else NOTHING


def test_the_calibrate_command_writes_the_profile_and_sets_it(tmp_path: Path) -> None:
    said: list[dict[str, Any]] = []
    path = tmp_path / "cam0.json"
    save_profile(path, exposure=Exposure(focus=40))
    control, camera = Control(str(path), said.append), FakeCamera()
    control.apply(camera)
    assert camera.asked == [("focus", 40.0)]
    control.ask("calibrate", 0)
    for n in range(200):
        exposure = next((v for name, v in reversed(camera.asked) if name == "exposure"), 0.0)
        control.frame(n * 33, *_view(exposure), seen=True)
        control.apply(camera)
    assert [v for name, v in camera.asked if name == "exposure"][: len(STEPS_MS)] == list(STEPS_MS)
    found = load_profile(str(path)).exposure
    assert found == Exposure(short_ms=1.0, normal_ms=4.0, focus=40)
    assert {"t": "control", "do": "calibrate", "ok": True, "short_ms": 1.0, "normal_ms": 4.0} in said
    assert ("exposure", 4.0) in camera.asked[-2:]


def test_a_camera_without_exposure_says_so() -> None:
    said: list[dict[str, Any]] = []
    control, camera = Control("", said.append), FakeCamera(takes=False)
    control.ask("exposure", 4)
    control.ask("unheard of", 4)
    control.apply(camera)
    assert said == [{"t": "control", "do": "exposure", "ok": False}]
    control.ask("calibrate", 0)
    control.frame(0, *_view(0), seen=False)
    control.apply(camera)
    assert said[-1]["do"] == "calibrate"
    assert not said[-1]["ok"]


def test_calibration_without_a_target_goes_back_to_automatic() -> None:
    said: list[dict[str, Any]] = []
    control, camera = Control("", said.append), FakeCamera()
    control.ask("calibrate", 0)
    for n in range(200):
        control.frame(n * 33, np.zeros((90, 90), np.uint8), NOTHING, seen=False)
        control.apply(camera)
    assert said[-1]["ok"] is False
    assert camera.asked[-1] == ("exposure", 0.0)
