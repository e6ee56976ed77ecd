"""The doctors: each trouble has its own name, a good picture none, and the commands answer with their exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gate.errors import DeviceError
from gate.scanner import doctor
from gate.scanner.doctor import examine, frames_of, frames_of_files
from gate.scanner.engines import read_zxing
from gate.scanner.figures import HINTS, Dirt, code_figures, warnings
from gate.scanner.frames import Frame, Picture
from gate.scanner.quality import modules_of
from gate.scanner.sheets import MODULES_MM, save_sheet, target_mm, target_sheet, wedge_sheet
from gate.scanner.simulator.stage import Noise, hall
from gate.scanner.teach import TEACH
from tests.scanner.conftest import GT1
from tests.scanner.hands import Hands

Draw = Callable[..., Picture]


def _scene(qr: Draw, scale: int = 6) -> Picture:
    """A code in a lit hall, as a good camera sees it."""
    picture = np.asarray(cv2.cvtColor(hall((1280, 720), np.random.default_rng(3)), cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    symbol = np.asarray(cv2.GaussianBlur(qr(GT1, scale=scale), (0, 0), 0.6))
    picture = picture.copy()
    picture[150 : 150 + symbol.shape[0], 400 : 400 + symbol.shape[1]] = symbol
    return picture


def _names(picture: Picture) -> set[str]:
    return {w["name"] for w in examine([Frame(picture, 0, 1)], live=False)["warnings"]}


def _dark(picture: Picture) -> Picture:
    return (picture * 0.2).astype(np.uint8)


def _bright(picture: Picture) -> Picture:
    return np.clip(picture * 0.3 + 175, 0, 248).astype(np.uint8)


def _mirrored_lamp(picture: Picture) -> Picture:
    picture = picture.copy()
    cv2.circle(picture, (1000, 200), 120, 255, -1)
    return picture


def _soft(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 2.6), dtype=np.uint8)


def _flat(picture: Picture) -> Picture:
    return (picture * 0.2 + 90).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [("dark", _dark), ("bright", _bright), ("glare", _mirrored_lamp), ("soft", _soft), ("flat", _flat)],
)
def test_each_trouble_has_its_name(qr: Draw, name: str, spoil: Callable[[Picture], Picture]) -> None:
    good = _scene(qr)
    assert _names(good) == set()
    assert name in _names(spoil(good))


def test_a_code_too_far_away_is_small(qr: Draw) -> None:
    assert _names(_scene(qr, scale=3)) == {"small"}
    assert _names(_scene(qr, scale=4)) == set()


@pytest.mark.parametrize("blur", [0.6, 1.0])
def test_pixels_a_module_and_contrast_are_measured(qr: Draw, blur: float) -> None:
    picture = np.asarray(cv2.GaussianBlur(_scene(qr), (0, 0), blur), dtype=np.uint8)
    (reading,) = read_zxing(picture).readings
    figures = code_figures(picture, reading.corners, modules_of(len(GT1)))
    assert figures["module_px"] == pytest.approx(6, abs=0.25)
    assert 150 <= figures["contrast"] <= 235
    assert figures["clipped"] == 0


@pytest.mark.parametrize(
    ("figures", "name"),
    [
        ({"fps": 9.0}, "slow"),
        ({"age_ms": 140.0}, "late"),
        ({"decode_ms": 30.0}, "busy"),
        ({"dirt": 0.01}, "dirt"),
        ({"light": 20.0}, "dark"),
    ],
)
def test_live_figures_warn_before_the_queue_does(figures: dict[str, float], name: str) -> None:
    good = {"fps": 29.0, "age_ms": 30.0, "decode_ms": 4.0, "dirt": 0.0, "light": 110.0, "glare": 0.001}
    assert warnings(good, 30) == []
    assert warnings(good | figures, 30) == [name]
    assert name in HINTS


def test_spots_on_the_window_are_dirt_and_a_busy_scene_is_not() -> None:
    rng = np.random.default_rng(5)
    room = np.asarray(cv2.cvtColor(hall((640, 360), rng), cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    for x in range(20, 620, 60):  # lamps and posters, sharp and always there
        cv2.rectangle(room, (x, 40), (x + 22, 90), 230, -1)
    clean, dirty = Dirt(), Dirt()
    share = spotted = 0.0
    for n in range(120):
        bright = room.copy()
        if n % 2:  # somebody passes, dressed in dark or light
            x = int(rng.integers(-100, 600))
            cv2.rectangle(bright, (x, 0), (x + 220, 360), int(rng.integers(10, 250)), -1)
        share = clean.feed(bright)
        spots = bright.copy()
        for x in range(80, 600, 90):
            cv2.circle(spots, (x, 60 + x // 3), 7, 10, -1)
        spotted = dirty.feed(spots)
    assert share < 0.004 < spotted


def test_a_still_scene_says_nothing_about_dirt() -> None:
    noise, dirt = Noise((640, 360), 2.0, np.random.default_rng(2)), Dirt()
    still = hall((640, 360), np.random.default_rng(2))
    assert [dirt.feed(noise.add(still)[:, :, 0]) for _ in range(60)][-1] == 0.0


def test_the_target_sheet_names_the_smallest_module_that_is_read(tmp_path: Path) -> None:
    sheet = target_sheet()
    assert {target_mm(r.text) for r in read_zxing(sheet).readings} == set(MODULES_MM)
    save_sheet(sheet, tmp_path / "near.png")
    assert examine(frames_of_files(tmp_path / "near.png"), live=False)["smallest_module_mm"] == min(MODULES_MM)
    far = cv2.resize(sheet, None, fx=0.16, fy=0.16, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "far.png"), far)
    smallest = examine(frames_of_files(tmp_path / "far.png"), live=False)["smallest_module_mm"]
    assert smallest is not None
    assert min(MODULES_MM) < smallest <= 1.5
    assert target_mm("GATE-TARGET:x") is None
    assert target_mm(GT1) is None


def test_the_teach_in_sheet_holds_the_text() -> None:
    assert [r.text for r in read_zxing(wedge_sheet()).readings] == [TEACH]


@pytest.mark.parametrize(("period_s", "warned"), [(0.04, set()), (0.1, {"slow"})])
def test_a_live_camera_is_examined_by_its_frames(
    qr: Draw, monkeypatch: pytest.MonkeyPatch, period_s: float, warned: set[str]
) -> None:
    hands = Hands()
    monkeypatch.setattr(doctor, "time", hands)
    scene, noise = _scene(qr), Noise((1280, 720), 2.0, np.random.default_rng(4))

    class Camera:
        def read(self) -> Frame:
            hands.sleep(period_s)
            return Frame(noise.add(np.dstack([scene] * 3)), round(hands.now_s * 1000) - 7, 1)

    report = examine(frames_of(Camera(), 1.5), live=True)  # type: ignore[arg-type]
    assert (report["fps"], report["age_ms"], report["read"]) == (1 / period_s, 7, report["pictures"])
    assert 1.5 <= report["pictures"] * period_s < 1.5 + 2 * period_s
    assert {w["name"] for w in report["warnings"]} == warned


def test_no_pictures_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="not one picture"):
        examine([], live=True)
    with pytest.raises(DeviceError, match="no picture at"):
        list(frames_of_files(tmp_path))
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(DeviceError, match=r"a\.png"):
        list(frames_of_files(tmp_path))


@pytest.mark.parametrize(
    ("text", "modules"), [("A" * 20, 21), ("A" * 150, 41), ("A" * 154, 41), ("A" * 156, 45), ("A" * 2000, 97)]
)
def test_modules_of_a_text_follow_the_standards_table(text: str, modules: int) -> None:
    assert modules_of(len(text)) == modules


def _gate(*words: str) -> tuple[int, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "gate", "doctor", *words, "--json"],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    return done.returncode, json.loads(done.stdout or done.stderr)


def test_the_commands_answer_in_json_with_their_exit_codes(tmp_path: Path, qr: Draw) -> None:
    cv2.imwrite(str(tmp_path / "good.png"), _scene(qr))
    cv2.imwrite(str(tmp_path / "dark.png"), _dark(_scene(qr)))
    code, report = _gate("camera", "--file", str(tmp_path / "good.png"))
    assert (code, report["ok"], report["read"]) == (0, True, 1)
    code, report = _gate("camera", "--file", str(tmp_path / "dark.png"))
    assert (code, report["ok"]) == (1, False)
    code, report = _gate("camera", "--file", str(tmp_path / "none.png"))
    assert (code, report["error"]["code"]) == (3, "device")
    code, report = _gate("camera", "--input", "cam7", "--config", str(tmp_path / "none.toml"))
    assert code == 2
    profile = tmp_path / "reader.json"
    code, report = _gate("wedge", "--typed", f"]Q3{TEACH}\n", "--profile", str(profile))
    assert (code, report["aim"], report["suffix"], report["layout"], report["problems"]) == (0, True, "enter", "us", [])
    assert json.loads(profile.read_text())["wedge"]["aim"] is True
    code, report = _gate("wedge", "--typed", "hello")
    assert (code, report["ok"]) == (1, False)
