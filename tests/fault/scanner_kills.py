"""kill -9 of the scanner at each of its named steps, under the real lane with a camera that shows tickets.

Every ticket is let in once, whenever its picture's reader died; the lane says that its camera is gone, at once by the hint on
the screen and after `INPUT_GRACE_S` by a fault, and takes it back; relay pulses are at most the rows that allow one.
`python -m tests.fault.scanner_kills` is a part of `make prove-kill`; the tests do two steps once.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import segno

from gate import steps
from gate.scanner.frames import Picture
from gate.wire.numbers import ticket_number
from tests.fault.kills import Outcome
from tests.fault.process import LaneProcess, free_port
from tests.fault.site import admissions, check, make_state, openings, rows, write_config
from tests.scanner.netcam import NetCam

PEOPLE = 4
BACK_S = 60.0
"""From a kill to a camera that gives again: after the fifth the supervisor waits three seconds before the next start."""
GONE_LIVES = 5
"""So many children in a row that die at once keep the camera away for longer than the grace of a fault."""
NEVER_WELL = ("source.open", "child.hello", "frame.taken", "decode.first")
"""A child that dies there has never said how it is."""
EMPTY: Picture = np.full((720, 1280), 200, np.uint8)


def picture(text: str) -> Picture:
    """A ticket in the middle of an empty wall."""
    cells = np.array([list(row) for row in segno.make(text, error="m", micro=False).matrix_iter(border=4)], bool)
    code = np.where(cells, 20, 240).astype(np.uint8).repeat(6, axis=0).repeat(6, axis=1)
    frame = EMPTY.copy()
    top, left = (frame.shape[0] - code.shape[0]) // 2, (frame.shape[1] - code.shape[1]) // 2
    frame[top : top + code.shape[0], left : left + code.shape[1]] = code
    return frame


def kill_scanner_at(step: str, folder: Path, *, nth: int = 1, lives: int = 1, people: int = PEOPLE) -> Outcome:
    """One gate in `folder`: people show tickets until the nth time of `step` has killed so many children, then others."""
    outcome = Outcome(step)
    state = make_state(folder / "state", people + 1)
    with closing(NetCam(EMPTY)) as camera:
        config = write_config(
            folder / "gate.toml", state=state.path, run=folder / "run", port=free_port(),
            reader=f'kind = "url"\ndevice = "{camera.url}"',
        )  # fmt: skip
        with LaneProcess(config, "--at", step, "--nth", str(nth), "--lives", str(lives)) as lane:
            if not lane.ready():
                outcome.problems.append("the lane did not get ready")
                return outcome
            for n in range(1, people + 1):
                reason = _show(camera, lane, picture(state.text(n)), ticket_number(state.key(n)))
                if reason not in ("ok", "already_redeemed"):
                    outcome.problems.append(f"ticket {n} is told {reason or 'nothing'}")
            while _dead(lane) < lives and lane.until(lambda message: message["t"] == "reached", BACK_S):
                pass
            if _gone(lane):
                lane.until(lambda _message: not _gone(lane), BACK_S)
            lane.stop()
    _judge(step, lives, people, lane, state.path, outcome)
    return outcome


def _dead(lane: LaneProcess) -> int:
    return sum(message["t"] == "reached" for message in lane.heard)


def _gone(lane: LaneProcess) -> bool:
    """What the lane says of its camera now."""
    hints = [message["hint"] for message in lane.heard if message["t"] == "hint"]
    faults = [message["faults"] for message in lane.heard if message["t"] == "faults"]
    return hints[-1:] == ["camera"] or "camera" in (faults[-1] if faults else ())


def _show(camera: NetCam, lane: LaneProcess, shown: Picture, number: str) -> str:
    """Hold a ticket before the camera, then take it away. Returns: what it was told."""
    deadline, reason = time.monotonic() + BACK_S, "lane_busy"
    while reason == "lane_busy" and time.monotonic() < deadline:
        camera.show(shown)
        # A slow machine's camera may still have shown the one before.
        decision = lane.until(
            lambda message: message["t"] == "decision" and message["ticket_number"] in (None, number),
            deadline - time.monotonic(),
        )
        reason = decision["reason"] if decision else ""
        camera.show(EMPTY)
        # The next one comes when this one has gone from the picture and from the lane.
        time.sleep(1.5)
    return reason


def _judge(step: str, lives: int, people: int, lane: LaneProcess, state: Path, outcome: Outcome) -> None:
    died = [place for place, message in enumerate(lane.heard) if message["t"] == "reached"]
    outcome.kills = len(died)
    if len(died) != lives:
        outcome.problems.append(f"{len(died)} children died, not {lives}")
        return
    after = lane.heard[died[0] :]
    hints = [message["hint"] for message in after if message["t"] == "hint"]
    if "camera" not in hints:
        outcome.problems.append("the screen never said that the camera is gone")
    elif hints[-1] == "camera":
        outcome.problems.append("the screen still says that the camera is gone")
    faults = [message["faults"] for message in after if message["t"] == "faults"]
    if lives == GONE_LIVES and step in NEVER_WELL and not any("camera" in now for now in faults):
        outcome.problems.append("a camera that was gone for long was no fault")
    if faults and "camera" in faults[-1]:
        outcome.problems.append("the fault stands although the camera gives again")
    if not (found := check(state)).ok:
        outcome.problems.append(f"the chain is broken: {found.first_bad}")
    if sorted(admissions(state).values()) != [1] * people:
        outcome.problems.append(f"admissions: {sorted(admissions(state).values())}")
    if not lane.pulses <= openings(state) == people:
        outcome.problems.append(f"{lane.pulses} pulses for {openings(state)} rows that allow one")
    refs = {f"{row['gate']}/{row['epoch']}/{row['seq']}" for row in rows(state)}
    outcome.problems += [f"{m['ref']} was answered and is not on disk" for m in lane.answered if m["ref"] not in refs]


def run(rounds: int) -> bool:
    """Every step, so many times with one death and once with many. Returns: whether all held."""
    chance, bad, kills = random.Random(1), 0, 0
    for step in steps.SCANNER:
        for again in range(rounds + 1):
            many = PEOPLE if step.startswith("text") else GONE_LIVES  # such a child dies once a person
            lives = many if again == rounds else 1
            nth = 1 if not again or lives > 1 or step in ("source.open", "child.hello") else chance.randint(2, 3)
            with tempfile.TemporaryDirectory() as name:
                outcome = kill_scanner_at(step, Path(name), nth=nth, lives=lives)
            kills += outcome.kills
            bad += bool(outcome.problems)
            for problem in outcome.problems:
                print(f"  {step} ({nth}, {lives} times): {problem}", flush=True)
        print(f"scanner killed at {step}", flush=True)
    print(f"kill -9 of the scanner at {len(steps.SCANNER)} steps: {kills} kills, {bad} rounds with a problem")
    return not bad


if __name__ == "__main__":
    sys.exit(0 if run(int(sys.argv[1]) if len(sys.argv) > 1 else 2) else 1)
