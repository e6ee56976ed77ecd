"""The failure guide names every reason, every fault and every state of the lane, each with what people see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gate.decision.reasons import VERDICTS
from gate.lane.faults import JOURNALED, Fault
from gate.lane.machine import LaneState
from gate.model import Reason, Verdict

SAID = {
    Verdict.GO: "GO",
    Verdict.STOP_USED: "USED",
    Verdict.STOP: "STOP",
    Verdict.SEE_STAFF: "SEE STAFF",
    Verdict.WAIT: "WAIT",
    Verdict.OUT_OF_ORDER: "USE NEXT GATE",
}


@pytest.fixture(scope="module")
def guide(root: Path) -> str:
    return (root / "docs/failure-guide.md").read_text(encoding="utf-8")


def rows(guide: str, heading: str) -> list[list[str]]:
    part = guide.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")]


def words(cell: str) -> list[str]:
    return re.findall(r"`([a-z_]+)`", cell)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_stands_at_the_door_with_the_screen_that_people_see(guide: str, reason: Reason) -> None:
    found = [row for row in rows(guide, "At the door") if reason.value in words(row[1])]
    assert found, f"{reason} is not in the guide"
    if reason in (Reason.ANNULLED, Reason.OVERRIDE):
        assert found[0][0] == "history only"
    else:
        assert any(row[0].startswith(SAID[VERDICTS[reason]]) for row in found), found


def test_every_fault_is_explained_once_and_says_whether_it_is_on_record(guide: str) -> None:
    table = [row for row in rows(guide, "The gate itself is not well") if words(row[0])]
    assert [words(row[0])[0] for row in table] == [fault.value for fault in Fault]
    for row in table:
        assert row[3].startswith(("yes", "when")) is (Fault(words(row[0])[0]) in JOURNALED), row
        assert row[4], row
        assert row[5], row


def test_every_state_of_the_lane_says_what_ends_it(guide: str) -> None:
    table = {words(row[0])[0]: row for row in rows(guide, "States of the lane") if words(row[0])}
    assert list(table) == [state.value for state in LaneState]
    assert all(row[2] for word, row in table.items() if word != "idle")
