"""The drawn gate camera: every scene is read once, in its time, and the same seed draws the same video."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from gate.scanner.decoder import Cascade
from gate.scanner.frames import to_gray
from gate.scanner.holdoff import Appeared, HoldOff, Left, Sighting
from gate.scanner.motion import Motion
from gate.scanner.simulator import Scene, render_video
from gate.scanner.simulator.render import timetable
from tests.scanner.conftest import SCENES, Video


def test_every_scene_is_read_exactly_once_and_while_it_is_shown(video: Video) -> None:
    cascade, holdoff, motion = Cascade(budget_ms=1e9), HoldOff(), Motion()
    capture = cv2.VideoCapture(str(video.path))
    appeared: list[tuple[str, float]] = []
    left: list[float] = []
    n = 0
    while True:
        ok, image = capture.read()
        if not ok:
            break
        at = round(n * 1000 / video.fps)
        gray = to_gray(image)
        assert gray is not None
        found = cascade.look(gray, moving=motion.feed(gray, at))
        sightings = [Sighting(r.text, r.engine, r.corners, 200) for r in found.readings]
        for event in holdoff.see(at, sightings, candidate=found.candidate is not None):
            if isinstance(event, Appeared):
                appeared.append((event.sighting.text, at / 1000))
            elif isinstance(event, Left):
                left.append(at / 1000)
            else:
                pytest.fail(f"{event} in a video with one readable code at a time")
        n += 1
    assert [text for text, _ in appeared] == [scene.text for scene in SCENES]
    for (_, at_s), shown in zip(appeared, video.shown, strict=True):
        assert shown.start_s < at_s < shown.held_s + 0.2
    assert len(left) >= len(SCENES) - 1
    for at_s, shown in zip(left, video.shown, strict=False):
        assert shown.leaving_s < at_s <= shown.end_s + 0.55


def test_the_timetable_is_the_one_of_the_frames(video: Video) -> None:
    assert video.shown == timetable(SCENES, 0.5)
    frames = round((0.5 + sum(s.length_s for s in SCENES)) * video.fps)
    assert int(cv2.VideoCapture(str(video.path)).get(cv2.CAP_PROP_FRAME_COUNT)) == frames


def test_the_same_seed_draws_the_same_frames(tmp_path: Path) -> None:
    scene = [Scene(text="GT1:TEST", hold_s=0.1, gap_s=0.1, enter_s=0.2, leave_s=0.1)]

    def digest(name: str, seed: int) -> str:
        path = tmp_path / name
        render_video(scene, path, seed=seed, lead_s=0.1)
        capture, sha = cv2.VideoCapture(str(path)), hashlib.sha256()
        while True:
            ok, image = capture.read()
            if not ok:
                return sha.hexdigest()
            sha.update(np.ascontiguousarray(image).tobytes())

    assert digest("a.mp4", 1) == digest("b.mp4", 1)
    assert digest("c.mp4", 2) != digest("a.mp4", 1)


def test_the_file_has_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = tmp_path / "new" / "round-0001.mp4"

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        assert not path.exists()
        assert path.with_name("round-0001.part.mp4").exists()

    render_video([Scene(text="A", hold_s=0.2, gap_s=0.1)], path, fps=10, progress=progress)
    assert path.exists()
    assert not path.with_name("round-0001.part.mp4").exists()
    assert seen[-1][0] == seen[-1][1]


def test_an_unknown_medium_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hologram"):
        render_video([Scene(text="A", medium="hologram")], tmp_path / "a.mp4")
