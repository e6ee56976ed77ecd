"""What a demo needs and takes long to make: the server's first state, the codes, the rendered rounds. Kept between runs.

`SEED/central/` is copied at each start, so every demo begins with fresh tickets; `SEED/round-000.mp4` is the first video.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from gate.central.service import Central
from gate.demo import event, script
from gate.demo.script import Cue
from gate.scanner.simulator import render_video
from gate.scanner.simulator.render import timetable

VERSION = 2
"""Raise when the event, the script or the look of the video changes: older seeds are then made anew."""
_MAX_AGE_S = (event.LATER_DAYS - 2) * 86_400
FPS = 30
SIZE = (1280, 720)
LEAD_S = 0.8

Progress = Callable[[str], None]


def usable(seed: Path) -> bool:
    """A seed of this version, young enough that its tickets of a wrong day still are."""
    try:
        info = json.loads((seed / "seed.json").read_text())
    except (OSError, ValueError):
        return False
    age_s = time.time() - float(info.get("made", 0))
    return info.get("version") == VERSION and 0 <= age_s < _MAX_AGE_S


def make_event(seed: Path) -> None:
    """The server's state and the codes of its tickets."""
    shutil.rmtree(seed, ignore_errors=True)
    seed.mkdir(parents=True)
    with Central.open(seed / "central", org="Harbour Lights") as central:
        tickets = event.create(central)
    (seed / "tickets.json").write_text(json.dumps(tickets))
    (seed / "seed.json").write_text(json.dumps({"version": VERSION, "made": time.time()}))


def tickets_of(seed: Path) -> dict[str, list[str]]:
    tickets: dict[str, list[str]] = json.loads((seed / "tickets.json").read_text())
    return tickets


def video_path(folder: Path, number: int) -> Path:
    return folder / f"round-{number:03d}.mp4"


def render_round(tickets: dict[str, list[str]], number: int, path: Path, tell: Progress) -> None:
    """Draw one round; its cues stand beside the video as JSON, written first so that no video is without them."""

    told = 0

    def progress(done: int, total: int) -> None:
        nonlocal told
        tenth = 10 * done // total
        if tenth > told:
            told = tenth
            tell(f"drawing the camera picture: {10 * tenth} %")

    scenes = script.scenes_of(tickets, number)
    shown = timetable(scenes, LEAD_S)
    cues = script.cues_of([item.start_s for item in shown], shown[-1].end_s)
    path.with_suffix(".json").write_text(json.dumps([asdict(cue) for cue in cues]))
    render_video(scenes, path, fps=FPS, size=SIZE, seed=number + 1, lead_s=LEAD_S, progress=progress)


def read_cues(video: Path) -> list[Cue]:
    return [Cue(**item) for item in json.loads(video.with_suffix(".json").read_text())]


def lay_out(seed: Path, run: Path) -> None:
    """A fresh demo in `run`: the server as it was first, an empty gate, the first video."""
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    shutil.copytree(seed / "central", run / "central")
    rounds = run / "rounds"
    rounds.mkdir()
    first = video_path(seed, 0)
    if first.exists():
        for path in (first.with_suffix(".json"), first):
            os.link(path, rounds / path.name)
