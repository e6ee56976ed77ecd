"""kill -9 of the real lane process at the steps where most is at stake; every step, many times: `make prove-kill`."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate import steps
from tests.fault.kills import REST_LIMIT_S, kill_at


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


def test_a_gate_at_work_does_nothing_at_a_step() -> None:
    steps.reach("scan.heard")
    assert steps.reach is steps._nothing


def test_every_named_step_stands_in_the_code(root: Path) -> None:
    code = "".join(path.read_text() for path in (root / "gate").rglob("*.py") if path.name != "steps.py")
    missing = [step for step in steps.STEPS if f'"{step}"' not in code]
    assert missing == []
