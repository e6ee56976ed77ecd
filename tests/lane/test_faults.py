"""A gate that is not well: what the screen, the lamp and the journal say, and what entries are answered."""

from __future__ import annotations

import pytest

from gate.lane.faults import NO_RECORD, Fault
from gate.lane.machine import LaneState
from gate.model import Verdict
from tests.lane.conftest import MakeRig
from tests.lane.rig import Rig


@pytest.mark.parametrize("fault", NO_RECORD)
@pytest.mark.parametrize(
    ("policy", "verdict", "reason", "paper"),
    [
        ("refuse", "OUT_OF_ORDER", "out_of_service", False),
        ("staff", "SEE_STAFF", "error", False),
        ("paper", "SEE_STAFF", "error", True),
    ],
)
def test_entry_without_a_record_is_answered_by_policy_and_never_opens(
    rig: Rig, fault: Fault, policy: str, verdict: str, reason: str, paper: bool
) -> None:
    rig.lane.screen.without_record = policy
    rig.lane.set_faults((fault,))
    before = rig.rows()
    assert rig.scan(1) is None
    shown = rig.shown()
    assert (shown["verdict"], shown["reason"]) == (verdict, reason)
    assert shown["detail"] == ("paper" if paper else fault)
    assert (rig.actuator.pulses, rig.rows(), rig.lane.unrecorded) == ([], before, 1)


def test_state_stands_on_the_idle_screen_and_on_the_lamp_until_it_is_over(rig: Rig) -> None:
    rig.lane.set_faults((Fault.DISK_FULL,))
    assert (rig.shown()["verdict"], rig.actuator.verdict) == ("SEE_STAFF", Verdict.SEE_STAFF)
    assert rig.shown()["faults"] == ["disk_full"]
    rig.scan(1)
    rig.wait(10)
    assert rig.shown()["verdict"] == "SEE_STAFF"
    rig.lane.set_faults(())
    assert (rig.shown()["verdict"], rig.shown()["faults"], rig.actuator.verdict) == (None, [], None)
    decision = rig.scan(1)
    assert decision is not None
    assert decision.admit


def test_begin_and_end_of_a_fault_are_on_record_as_far_as_the_disk_takes_them(rig: Rig) -> None:
    rig.lane.set_faults((Fault.DISK_FULL,))
    rig.lane.set_faults((Fault.DISK_FULL, Fault.CLOCK))
    rig.journal.fails.add("*")
    rig.lane.set_faults((Fault.JOURNAL, Fault.DISK_FULL))
    rig.journal.fails.clear()
    rig.lane.set_faults(())
    notes = [row["data"] for row in rig.rows("mode")]
    assert notes == [
        {"fault": "disk_full", "active": True},
        {"fault": "journal", "active": False},
        {"fault": "disk_full", "active": False},
    ]


def test_exit_is_still_answered_while_nothing_can_be_recorded_for_sure(make_rig: MakeRig) -> None:
    rig = make_rig(lanes=("entry", "exit"), sensor=False)
    rig.lane.set_faults((Fault.DISK_FULL,))
    decision = rig.scan(1, "exit")
    assert decision is not None
    assert decision.admit


def test_dead_pins_put_the_lane_out_of_order_and_living_ones_bring_it_back(rig: Rig) -> None:
    rig.scan(1)
    rig.lane.set_faults((Fault.PINS,))
    assert rig.lane_state() is LaneState.OUT_OF_ORDER
    assert (rig.shown()["verdict"], rig.shown()["detail"]) == ("OUT_OF_ORDER", "pins")
    assert rig.rows("annulled"), "nobody could walk through: the entry is given back"
    rig.lane.set_faults(())
    assert rig.lane_state() is LaneState.IDLE


def test_lane_that_staff_stopped_stays_stopped_when_the_pins_come_back(rig: Rig) -> None:
    rig.pin("staff")
    rig.lane.set_faults((Fault.PINS,))
    rig.lane.set_faults(())
    assert rig.lane_state() is LaneState.DISABLED


def test_camera_that_is_gone_lights_the_lamp_and_leaves_the_lane_open_to_handhelds(rig: Rig) -> None:
    rig.lane.set_faults((Fault.CAMERA,))
    assert rig.actuator.verdict is Verdict.SEE_STAFF
    assert (rig.shown()["verdict"], rig.shown()["hint"]) == (None, "camera")
    decision = rig.scan(1)
    assert decision is not None
    assert decision.admit


@pytest.mark.parametrize("fault", [Fault.CLOCK, Fault.STALE, Fault.SET_ASIDE, Fault.INPUT])
def test_smaller_faults_are_named_and_stop_nobody(rig: Rig, fault: Fault) -> None:
    rig.lane.set_faults((fault,))
    assert (rig.shown()["faults"], rig.shown()["hint"], rig.shown()["verdict"]) == ([fault], fault, None)
    decision = rig.scan(1)
    assert decision is not None
    assert decision.admit
