"""kill -9 of the real lane process at the steps where most is at stake; every step, many times: `make prove-kill`."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from gate import steps
from tests.fault.kills import REST_LIMIT_S, free_port, kill_at
from tests.fault.process import LaneProcess
from tests.fault.site import admissions, check, make_state, openings, write_config


@pytest.mark.parametrize(
    ("step", "nth", "admitted"),
    [
        ("journal.counted", 2, False),  # after the boot row: the entry is written and not committed
        ("pin.on", 2, True),  # the relay is energised
    ],
)
def test_lane_killed_at_a_step_loses_no_answer_and_lets_nobody_in_twice(
    tmp_path: Path, step: str, nth: int, admitted: bool
) -> None:
    outcome = kill_at(step, tmp_path, nth=nth)
    assert outcome.problems == []
    assert outcome.admitted is admitted
    assert outcome.rest_s < REST_LIMIT_S


def test_scanner_killed_again_and_again_is_replaced_and_no_answer_is_lost(tmp_path: Path) -> None:
    state = make_state(tmp_path / "state", 6)
    config = write_config(tmp_path / "gate.toml", state=state.path, run=tmp_path / "run", port=free_port())
    with LaneProcess(config) as lane:
        assert lane.ready()
        for n in range(3):
            decision = None
            for _ in range(20):  # a code that the dead child had read from its pipe has to be shown again
                lane.present(state.text(n))
                decision = lane.decision(1.0)
                if decision is not None:
                    break
            assert decision is not None
            assert decision["reason"] in ("ok", "already_redeemed")
            for pid in children(lane.process.pid):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.5)
        lane.stop()
    assert check(state.path).ok
    assert sorted(admissions(state.path).values()) == [1, 1, 1]
    assert lane.pulses == openings(state.path) == 3


def children(pid: int) -> list[int]:
    """A child belongs to the thread that started it."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for path in lists for word in path.read_text().split()]


def test_a_gate_at_work_does_nothing_at_a_step() -> None:
    steps.reach("scan.heard")
    assert steps.reach is steps._nothing


def test_every_named_step_stands_in_the_code(root: Path) -> None:
    code = "".join(path.read_text() for path in (root / "gate").rglob("*.py") if path.name != "steps.py")
    missing = [step for step in steps.STEPS if f'"{step}"' not in code]
    assert missing == []
