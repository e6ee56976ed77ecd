"""kill -9 of the real lane, sync and scanner at the steps where most is at stake; every step, many times: `make prove-kill`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate import steps
from tests.fault.kills import kill_at
from tests.fault.scanner_kills import kill_scanner_at
from tests.fault.sync_kills import kill_sync_at
from tests.fault.yard import Yard


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


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    made = Yard(tmp_path_factory.mktemp("yard"))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("scene", "step"),
    [
        ("first", "base.raw"),  # half of the base file is unpacked
        ("news", "push.answered"),  # the server holds the records, sync has not noted it
    ],
)
def test_sync_killed_at_a_step_loses_and_doubles_nothing_and_the_lane_goes_on(
    yard: Yard, tmp_path: Path, scene: str, step: str
) -> None:
    assert kill_sync_at(yard, scene, step, tmp_path / "copy").problems == []


def test_scanner_killed_in_the_middle_of_a_record_is_missed_replaced_and_lets_each_in_once(tmp_path: Path) -> None:
    assert kill_scanner_at("pipe.part", tmp_path, nth=3, people=2).problems == []


def test_a_gate_at_work_does_nothing_at_a_step() -> None:
    steps.reach("scan.heard")
    assert steps.reach is steps._nothing


def test_every_named_step_stands_in_the_code(root: Path) -> None:
    code = "".join(path.read_text() for path in (root / "gate").rglob("*.py") if path.name != "steps.py")
    missing = [step for step in steps.STEPS if f'"{step}"' not in code]
    assert missing == []
