"""What else moves a lane: the sensor, time, alarms, the staff button, a relay that fails."""

from __future__ import annotations

import pytest

from gate.lane.machine import LaneState
from gate.model import ClockTrust, Reason, TicketState, Verdict
from tests.lane.conftest import MakeRig
from tests.lane.rig import Rig


def test_passage_makes_the_entry_final(rig: Rig) -> None:
    rig.scan(0)
    rig.walk()
    admitted, passed = rig.rows("admitted", "passed")
    assert passed["ref"] == f"g2/{admitted['epoch']}/{admitted['seq']}"
    assert (passed["event"], passed["list"], passed["ticket"]) == (admitted["event"], "main", admitted["ticket"])
    rig.wait(7.0)
    assert rig.rows("annulled") == []
    assert rig.scan(0).reason is Reason.ALREADY_REDEEMED  # type: ignore[union-attr]


def test_entry_nobody_walked_through_is_annulled_three_times_and_then_stays_used(rig: Rig) -> None:
    for _ in range(4):
        assert rig.scan(0).admit  # type: ignore[union-attr]
        rig.wait(6.0)
        assert rig.lane_state() is LaneState.IDLE
    assert rig.scan(0).reason is Reason.ALREADY_REDEEMED  # type: ignore[union-attr]
    annulled = rig.rows("annulled")
    assert len(annulled) == 3
    assert {row["data"]["cause"] for row in annulled} == {"timeout"}
    assert [row["ref"] for row in annulled] == [f"g2/{row['epoch']}/{row['seq']}" for row in rig.rows("admitted")[:3]]


def test_annul_limit_is_the_policys_and_counts_over_a_restart(make_rig: MakeRig) -> None:
    first = make_rig(annul_max=1)
    first.scan(0)
    first.wait(6.0)
    second = make_rig(state=first.state)
    assert second.scan(0).admit  # type: ignore[union-attr]
    second.wait(6.0)
    assert len(second.rows("annulled")) == 1
    assert second.scan(0).reason is Reason.ALREADY_REDEEMED  # type: ignore[union-attr]


def test_person_without_a_grant_is_noted(rig: Rig) -> None:
    rig.walk()
    (row,) = rig.rows("tailgated")
    assert row["ref"] is None


def test_second_person_behind_the_first_is_noted(rig: Rig) -> None:
    rig.scan(0)
    rig.walk()
    rig.walk()
    assert [row["kind"] for row in rig.rows("passed", "tailgated")] == ["passed", "tailgated"]


def test_fire_puts_the_relay_to_rest_and_shows_the_way_out_before_anything_is_written(rig: Rig) -> None:
    rig.scan(0)
    rig.log.clear()
    rig.pin("fire")
    assert rig.log[0] == ("release",)
    assert rig.log.index(("state", "EMERGENCY")) < rig.log.index(("commit", "emergency"))
    assert rig.actuator.verdict is Verdict.EMERGENCY
    assert rig.scan(1).reason is Reason.OUT_OF_SERVICE  # type: ignore[union-attr]
    rig.wait(7.0)
    assert rig.rows("annulled") == [], "nobody knows who walked during an alarm: the entry stays"
    rig.pin("fire", active=False)
    assert rig.lane_state() is LaneState.IDLE
    assert rig.shown()["verdict"] is None


def test_fire_is_shown_although_the_pins_and_the_disk_are_gone(make_rig: MakeRig) -> None:
    rig = make_rig(lanes=("entry", "exit"))
    rig.actuator.fails = {"release"}
    rig.journal.fails = {"*"}
    rig.pin("fire")
    assert (rig.lane_state("entry"), rig.lane_state("exit")) == (LaneState.EMERGENCY, LaneState.EMERGENCY)
    assert rig.shown()["verdict"] == "EMERGENCY"


def test_staff_button_stops_the_lane_at_once_takes_the_entry_back_and_starts_it_again(rig: Rig) -> None:
    rig.scan(0)
    rig.log.clear()
    rig.pin("staff")
    assert rig.log[0] == ("release",), "before the disk is asked"
    assert rig.rows("annulled")[0]["ticket"] == rig.state.key(0).hex()
    assert rig.lane_state() is LaneState.DISABLED
    assert rig.scan(0).reason is Reason.OUT_OF_SERVICE  # type: ignore[union-attr]
    rig.pin("staff", active=False)
    assert rig.lane_state() is LaneState.DISABLED, "letting the button go is no press"
    rig.pin("staff")
    assert rig.scan(0).admit  # type: ignore[union-attr]
    assert [row["data"]["lane"] for row in rig.rows("mode")] == ["disabled", "enabled"]


def test_staff_button_stops_the_lane_that_still_works_when_the_other_is_out_of_order(make_rig: MakeRig) -> None:
    rig = make_rig(lanes=("entry", "exit"))
    rig.actuator.fails = {"pulse"}
    rig.scan(0)
    rig.actuator.fails = set()
    assert rig.lane_state("entry") is LaneState.OUT_OF_ORDER
    rig.pin("staff")
    assert (rig.lane_state("entry"), rig.lane_state("exit")) == (LaneState.OUT_OF_ORDER, LaneState.DISABLED)


def test_staff_button_in_an_alarm_changes_and_claims_nothing(rig: Rig) -> None:
    rig.pin("fire")
    rig.pin("staff")
    assert rig.lane_state() is LaneState.EMERGENCY
    assert rig.rows("mode") == []


@pytest.mark.parametrize("sensor", [True, False])
def test_relay_that_cannot_be_driven_takes_the_entry_back_and_says_out_of_order(
    make_rig: MakeRig, sensor: bool
) -> None:
    rig = make_rig(sensor=sensor)
    rig.actuator.fails = {"pulse"}
    rig.scan(0)
    assert rig.lane_state() is LaneState.OUT_OF_ORDER
    assert (rig.shown()["verdict"], rig.actuator.verdict) == ("OUT_OF_ORDER", Verdict.OUT_OF_ORDER)
    assert [row["kind"] for row in rig.rows("admitted", "annulled")] == ["admitted", "annulled"]
    assert rig.scan(0).reason is Reason.OUT_OF_SERVICE  # type: ignore[union-attr]
    rig.actuator.fails = set()
    rig.pin("staff")
    assert rig.scan(0).admit, "nobody got in with it"  # type: ignore[union-attr]


def test_relay_that_cannot_even_be_released_loses_no_annulment(rig: Rig) -> None:
    rig.actuator.fails = {"pulse", "release"}
    rig.scan(0)
    assert len(rig.rows("annulled")) == 1
    assert rig.shown()["verdict"] == "OUT_OF_ORDER"


@pytest.mark.parametrize("kind", ["passed", "annulled"])
def test_full_disk_at_the_end_of_a_passage_leaves_the_ticket_used_and_the_lane_free(rig: Rig, kind: str) -> None:
    rig.scan(0)
    rig.journal.fails = {kind}
    rig.walk() if kind == "passed" else rig.wait(6.0)
    rig.wait(1.0)
    assert rig.lane_state() is LaneState.IDLE
    assert rig.shown()["verdict"] is None
    rig.journal.fails = set()
    assert rig.scan(0).reason is Reason.ALREADY_REDEEMED  # type: ignore[union-attr]
    assert rig.scan(1).admit  # type: ignore[union-attr]


def test_new_manifest_while_somebody_walks_changes_nothing_for_him(rig: Rig) -> None:
    rig.scan(0)
    rig.state.publish([rig.state.row(n, state=TicketState.BLOCKED) for n in range(3)])
    rig.use_world()
    assert rig.shown()["verdict"] == "GO"
    assert rig.scan(0) is None
    rig.walk()
    assert [row["kind"] for row in rig.rows("passed")] == ["passed"]
    assert rig.scan(1).reason is Reason.BLOCKED  # type: ignore[union-attr]


def test_news_of_a_passage_that_waited_for_the_disk_still_counts(rig: Rig) -> None:
    rig.scan(0)
    rig.clock.advance(8.0)  # the disk stalled; the deadline has not been looked at yet
    rig.walk()
    rig.lane.tick()
    assert [row["kind"] for row in rig.rows("passed", "annulled")] == ["passed"]


def test_clock_row_is_written_when_first_known_when_better_and_when_it_moved(rig: Rig) -> None:
    assert len(rig.rows("clock")) == 1, "with the first world"
    rig.lane.note_clock()
    rig.clock.error_ms = 50
    rig.lane.note_clock()
    assert len(rig.rows("clock")) == 1
    rig.clock.error_ms = 10
    rig.lane.note_clock()
    rig.clock.error_ms = 20
    rig.clock.step_wall(0.6)
    rig.lane.note_clock()
    rig.clock.trust = ClockTrust.HOLDOVER
    rig.clock.step_wall(5.0)
    rig.lane.note_clock()
    rows = rig.rows("clock")
    assert [row["data"]["error_ms"] for row in rows] == [40, 10, 20]
    assert rows[0]["data"]["base_ms"] == rows[0]["at"] - rows[0]["mono"]


def test_clock_row_that_the_disk_did_not_take_is_written_later(rig: Rig) -> None:
    rig.clock.error_ms = 10
    rig.journal.fails = {"clock"}
    rig.lane.note_clock()
    rig.journal.fails = set()
    rig.lane.note_clock()
    assert [row["data"]["error_ms"] for row in rig.rows("clock")] == [40, 10]


def test_tamper_is_noted(rig: Rig) -> None:
    rig.pin("tamper")
    assert rig.rows("tamper")[0]["data"] == {"active": True}
    assert rig.rows("tamper")[0]["event"] == ""
