"""What staff do by hand: scans, groups, numbers, overrides, taking back, orders to the lane; each on disk with who and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gate.lane.commands import Desk
from gate.lane.machine import LaneState
from gate.lane.orders import By, Order, Refused
from gate.model import Direction, TicketState
from gate.storage.numbers import find_keys
from gate.wire.numbers import ticket_number
from tests.lane.rig import Rig

SARI = By(actor="sari", input="handheld:p1", key="k1")
BUDI = By(actor="budi", input="handheld:p2")


class Hand:
    """A rig with a desk beside it."""

    def __init__(self, path: Path, **more: Any) -> None:
        self.rig = Rig(path, **more)
        self.cases = 146
        rig = self.rig
        self.desk = Desk(
            rig.lane,
            clock=rig.clock,
            tickets=rig.book,
            journal=rig.journal,
            screens=rig.screens,
            find=lambda event, prefix: find_keys(rig.state.path, event, prefix),
            scan_salt=b"salt",
            clock_policy="admit_marked",
            next_case=self.next_case,
        )
        rig.journal.hear = self.desk.heard

    def next_case(self) -> int:
        self.cases += 1
        return self.cases

    def scan(self, n: int, by: By = SARI, **more: Any) -> dict[str, Any]:
        return self.desk.scan(Order(text=self.rig.state.text(n), **more), by)


@pytest.fixture
def hand(tmp_path: Path) -> Any:
    made = Hand(tmp_path)
    yield made
    made.rig.close()


def test_scan_by_hand_admits_on_the_record_and_leaves_lane_and_screen_alone(hand: Hand) -> None:
    answer = hand.scan(0)
    assert (answer["verdict"], answer["reason"], answer["admitted"]) == ("GO", "ok", True)
    (row,) = hand.rig.rows("admitted")
    assert (row["actor"], row["input"], row["data"]["key"], row["data"]["opened"]) == (
        "sari",
        "handheld:p1",
        "k1",
        False,
    )
    assert hand.rig.actuator.pulses == []
    assert hand.rig.lane.screen.shown is None
    assert hand.scan(0, BUDI)["verdict"] == "STOP_USED"


def test_camera_and_hand_cannot_both_admit_one_ticket(hand: Hand) -> None:
    hand.rig.scan(0)
    assert hand.scan(0)["reason"] == "already_redeemed"
    assert hand.scan(1)["admitted"]
    hand.rig.walk()
    assert hand.rig.scan(1).reason == "already_redeemed"  # type: ignore[union-attr]


def test_scan_by_hand_may_open_the_lane_and_the_passage_is_its_own(hand: Hand) -> None:
    answer = hand.scan(0, open=True)
    assert hand.rig.actuator.pulses == [("entry", 0.3)]
    assert hand.rig.shown()["verdict"] == "GO"
    assert hand.scan(1, open=True)["reason"] == "lane_busy"
    hand.rig.walk()
    assert hand.rig.rows("passed")[0]["ref"] == answer["ref"]


def test_admission_is_on_disk_before_the_relay_moves(hand: Hand) -> None:
    seen: list[int] = []
    hand.rig.actuator.before_pulse = lambda: seen.append(len(hand.rig.rows("admitted")))
    hand.scan(0, open=True)
    assert seen == [1]


def test_relay_that_does_not_move_takes_the_entry_back(hand: Hand) -> None:
    hand.rig.actuator.fails.add("pulse")
    with pytest.raises(Refused, match="relay"):
        hand.scan(0, open=True)
    assert [row["kind"] for row in hand.rig.rows("admitted", "annulled")] == ["admitted", "annulled"]
    assert hand.rig.lane_state() is LaneState.OUT_OF_ORDER


def test_inspection_writes_nothing_and_uses_nothing(hand: Hand) -> None:
    before = len(hand.rig.rows())
    answer = hand.scan(0, inspect=True)
    assert (answer["verdict"], answer["admitted"], answer["ref"]) == ("GO", False, None)
    assert len(hand.rig.rows()) == before
    assert hand.scan(0)["admitted"]


def test_typed_number_finds_the_ticket(hand: Hand) -> None:
    number = ticket_number(hand.rig.state.key(2))
    answer = hand.desk.scan(Order(number=number.lower().replace("-", " ")), SARI)
    assert (answer["verdict"], answer["ticket_number"]) == ("GO", number)
    assert hand.rig.rows("admitted")[0]["input"] == "typed"
    assert hand.desk.scan(Order(number=number), SARI)["verdict"] == "STOP_USED"


def test_number_with_a_typing_error_is_told_and_not_journaled(hand: Hand) -> None:
    before = len(hand.rig.rows())
    with pytest.raises(Refused, match="number"):
        hand.desk.scan(Order(number="ZDK4-SE1E-1"), SARI)
    assert len(hand.rig.rows()) == before


def test_number_of_no_ticket_is_unknown(hand: Hand) -> None:
    answer = hand.desk.scan(Order(number=ticket_number(bytes(16))), SARI)
    assert (answer["reason"], answer["ticket_number"]) == ("invalid", None)


def test_group_counts_people_and_must_fit_as_a_whole(tmp_path: Path) -> None:
    from tests.fakes.state import StateFolder

    state = StateFolder(tmp_path)
    state.ready([state.row(0, uses=10)])
    hand = Hand(tmp_path, state=state)
    try:
        assert hand.scan(0, count=4)["count"] == 4
        assert hand.scan(0, count=7)["reason"] == "already_redeemed"
        answer = hand.scan(0, count=6)
        assert (answer["admitted"], answer["entries"], answer["uses"]) == (True, 4, 10)
        assert [row["count"] for row in hand.rig.rows("admitted")] == [4, 6]
        assert hand.scan(0)["reason"] == "already_redeemed"
    finally:
        hand.rig.close()


def test_list_that_the_gate_does_not_have_is_refused(hand: Hand) -> None:
    with pytest.raises(Refused, match="list"):
        hand.scan(0, list="other")
    assert hand.scan(0, list="main")["admitted"]


def test_exit_by_hand_is_recorded_as_exit(hand: Hand) -> None:
    hand.scan(0)
    answer = hand.scan(0, direction=Direction.EXIT)
    assert answer["admitted"]
    assert hand.rig.rows("exit")[0]["dir"] == "exit"


def test_undo_takes_back_once_within_two_minutes_on_the_same_device(hand: Hand) -> None:
    ref = hand.scan(0)["ref"]
    with pytest.raises(Refused, match="device"):
        hand.desk.undo(ref, BUDI)
    hand.desk.undo(ref, SARI)
    (row,) = hand.rig.rows("annulled")
    assert (row["ref"], row["data"]["cause"], row["actor"]) == (ref, "undo", "sari")
    with pytest.raises(Refused):
        hand.desk.undo(ref, SARI)
    assert hand.scan(0)["admitted"]


def test_undo_after_two_minutes_or_after_passage_is_refused(hand: Hand) -> None:
    late = hand.scan(0)["ref"]
    hand.rig.wait(121)
    with pytest.raises(Refused, match="two minutes"):
        hand.desk.undo(late, SARI)
    walked = hand.scan(1, open=True)["ref"]
    hand.rig.walk()
    with pytest.raises(Refused):
        hand.desk.undo(walked, SARI)


def test_override_points_at_the_refusal_and_counts_as_a_use(hand: Hand) -> None:
    hand.rig.scan(0)
    hand.rig.walk()
    refused = hand.scan(0)
    answer = hand.desk.override(refused["ref"], SARI, reason="came_out", second=None, open_=False)
    (row,) = hand.rig.rows("override")
    assert (row["ref"], row["actor"], row["detail"], row["reason"]) == (refused["ref"], "sari", "came_out", "override")
    assert answer["verdict"] == "GO"
    with pytest.raises(Refused):
        hand.desk.override(refused["ref"], SARI, reason="again", second=None, open_=False)
    hand.desk.undo(answer["ref"], SARI)
    assert hand.rig.rows("annulled")[0]["ref"] == answer["ref"]


@pytest.mark.parametrize(
    ("named", "given", "allowed"),
    [
        (["medical"], "medical", True),
        (["medical"], "came_out", False),
        (["medical", "other"], "a reason in own words", True),
        ([], "a reason in own words", True),
    ],
)
def test_override_takes_the_reasons_that_the_policy_names(
    tmp_path: Path, named: list[str], given: str, allowed: bool
) -> None:
    from tests.fakes.state import StateFolder

    state = StateFolder(tmp_path)
    state.ready([state.row(0, state=TicketState.BLOCKED)], override={"reasons": named})
    hand = Hand(tmp_path, state=state)
    try:
        ref = hand.scan(0)["ref"]
        if allowed:
            hand.desk.override(ref, SARI, reason=given, second=None, open_=False)
        else:
            with pytest.raises(Refused, match="medical") as refused:
                hand.desk.override(ref, SARI, reason=given, second=None, open_=False)
            assert refused.value.code == "reason_not_named"
        assert len(hand.rig.rows("override")) == allowed
    finally:
        hand.rig.close()


def test_revoked_ticket_needs_a_second_person(tmp_path: Path) -> None:
    from tests.fakes.state import StateFolder

    state = StateFolder(tmp_path)
    state.ready([state.row(0, state=TicketState.REVOKED)])
    hand = Hand(tmp_path, state=state)
    try:
        refused = hand.scan(0)
        assert refused["second_person"]
        with pytest.raises(Refused, match="second"):
            hand.desk.override(refused["ref"], SARI, reason="safety", second=None, open_=False)
        hand.desk.override(refused["ref"], SARI, reason="safety", second="budi", open_=False)
        assert hand.rig.rows("override")[0]["data"]["second"] == "budi"
    finally:
        hand.rig.close()


def test_refusal_of_the_camera_gets_a_case_and_can_be_overridden_with_the_lane(hand: Hand) -> None:
    hand.rig.scan(0)
    hand.rig.walk()
    hand.rig.scan(0)
    (denial,) = hand.rig.screens.all("denial")
    assert (denial["verdict"], denial["case"][:6]) == ("STOP_USED", "G2-014")
    (case,) = hand.rig.rows("case")
    assert (case["data"]["number"], case["ref"]) == (denial["case"], denial["ref"])
    (admitted,) = hand.rig.rows("admitted")
    assert (denial["first_use"]["gate"], denial["first_use"]["at"]) == ("g2", admitted["at"])
    hand.rig.wait(6)
    hand.desk.override(denial["ref"], SARI, reason="came_out", second=None, open_=True)
    assert hand.rig.actuator.pulses[-1] == ("entry", 0.3)
    assert hand.rig.shown()["verdict"] == "GO"


def test_stray_code_at_the_camera_opens_no_case(hand: Hand) -> None:
    hand.rig.scan("HELLO")
    assert hand.rig.rows("case") == []
    assert hand.rig.screens.all("denial")[0]["case"] is None


def test_orders_to_the_lane_are_written_first_and_then_done(hand: Hand) -> None:
    hand.desk.order("out_of_order", SARI, "wet floor", {"short": "3", "way": "left"})
    assert hand.rig.lane_state() is LaneState.OUT_OF_ORDER
    assert hand.rig.shown()["next_gate"] == {"short": "3", "way": "left"}
    assert hand.scan(0)["admitted"], "by hand one goes on"
    assert hand.scan(1, open=True)["reason"] == "out_of_service"
    with pytest.raises(Refused):
        hand.desk.open_once(Direction.ENTRY, SARI, "pram")
    hand.desk.order("enable", SARI, "dry")
    hand.desk.open_once(Direction.ENTRY, SARI, "pram")
    assert hand.rig.actuator.pulses == [("entry", 0.3)]
    modes = hand.rig.rows("mode")
    assert [row["data"]["do"] for row in modes] == ["out_of_order", "enable", "open_once"]
    assert {row["actor"] for row in modes} == {"sari"}


def test_disk_that_takes_no_row_leaves_lane_and_ticket_alone(hand: Hand) -> None:
    from gate.errors import StorageError

    hand.rig.journal.fails.add("*")
    with pytest.raises(StorageError):
        hand.desk.open_once(Direction.ENTRY, SARI, "pram")
    with pytest.raises(StorageError):
        hand.scan(0, open=True)
    assert hand.rig.actuator.pulses == []


def test_nobody_is_admitted_in_an_emergency(hand: Hand) -> None:
    hand.rig.pin("fire")
    assert hand.scan(0)["reason"] == "out_of_service"
    with pytest.raises(Refused, match="emergency"):
        hand.desk.order("enable", SARI, "x")
