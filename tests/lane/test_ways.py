"""Ways of other kinds: contacts for both directions, relays that are held, the button inside, the annulment too many."""

from __future__ import annotations

import pytest

from gate.lane.commands import Desk
from gate.lane.machine import LaneState
from tests.lane.conftest import MakeRig
from tests.lane.rig import PULSE_MS, WINDOW_MS, Rig


@pytest.fixture
def barrier(make_rig: MakeRig) -> Rig:
    """Entry and exit with a contact each, of one passage."""
    rig = make_rig(lanes=("entry", "exit"))
    _two_way(rig)
    return rig


def _two_way(rig: Rig) -> None:
    from dataclasses import replace

    rig.lane.passages.ways = {name: replace(way, two_way=True) for name, way in rig.lane.passages.ways.items()}


@pytest.mark.parametrize("after_s", [0.1, 2.0], ids=["in the pulse", "in the window"])
def test_somebody_who_comes_out_against_an_entry_takes_it_back_and_closes_the_way(barrier: Rig, after_s: float) -> None:
    barrier.scan(1)
    barrier.wait(after_s)
    barrier.pin("passage", lane="exit")
    (row,) = barrier.rows("annulled")
    assert row["data"] == {"cause": "reversed"}
    assert ("release",) in barrier.log
    assert barrier.rows("tailgated", "passed") == []
    barrier.wait(1)
    decision = barrier.scan(1)
    assert decision is not None
    assert decision.admit, "it was not used"


def test_passage_in_the_opened_direction_is_the_entry(barrier: Rig) -> None:
    barrier.scan(1)
    barrier.pin("passage", lane="entry")
    assert [row["kind"] for row in barrier.rows("passed", "annulled")] == ["passed"]


def test_passage_out_while_nothing_is_open_is_tailgating(barrier: Rig) -> None:
    barrier.pin("passage", lane="exit")
    assert len(barrier.rows("tailgated")) == 1


def test_contacts_of_two_passages_do_not_reverse_each_other(make_rig: MakeRig) -> None:
    rig = make_rig(lanes=("entry", "exit"))
    rig.scan(1)
    rig.pin("passage", lane="exit")
    assert rig.rows("annulled") == []
    assert len(rig.rows("tailgated")) == 1


def held(rig: Rig) -> Rig:
    from dataclasses import replace

    rig.lane.passages.ways = {name: replace(way, level=True) for name, way in rig.lane.passages.ways.items()}
    for machine in rig.lane.passages.machines.values():
        machine.level_rest_ms = 250
    return rig


def test_held_relay_is_on_for_the_window_and_goes_to_rest_with_the_passage(rig: Rig) -> None:
    held(rig).scan(1)
    assert rig.actuator.pulses == [("entry", WINDOW_MS / 1000)]
    rig.wait(1)
    assert rig.lane_state() is LaneState.GRANTING
    rig.pin("passage")
    assert rig.log[-3:].count(("release",)) or ("release",) in rig.log
    assert len(rig.rows("passed")) == 1
    rig.wait(0.4)
    assert rig.lane_state() is LaneState.IDLE


def test_held_relay_without_a_passage_ends_by_time_and_gives_the_entry_back(rig: Rig) -> None:
    held(rig).scan(1)
    rig.wait(WINDOW_MS / 1000 + 0.5)
    assert rig.lane_state() is LaneState.IDLE
    assert len(rig.rows("annulled")) == 1


@pytest.mark.parametrize(("lanes", "opens"), [(("entry",), "entry"), (("entry", "exit"), "exit")])
def test_button_inside_opens_the_way_out_on_record_and_counts_nobody(
    make_rig: MakeRig, lanes: tuple[str, ...], opens: str
) -> None:
    rig = make_rig(lanes=lanes)
    rig.pin("exit_request")
    assert rig.actuator.pulses == [(opens, PULSE_MS / 1000)]
    assert [row["data"] for row in rig.rows("mode")] == [{"do": "open_once", "lane": opens, "by": "exit_request"}]
    rig.walk(opens)
    assert rig.rows("passed", "tailgated", "admitted", "exit") == []


def test_button_inside_opens_although_the_disk_takes_nothing(rig: Rig) -> None:
    rig.journal.fails.add("*")
    rig.pin("exit_request")
    assert len(rig.actuator.pulses) == 1


def test_button_inside_waits_for_the_one_who_walks_and_for_a_stopped_lane(rig: Rig) -> None:
    rig.scan(1)
    rig.pin("exit_request")
    rig.walk()
    rig.pin("staff")
    rig.pin("exit_request")
    assert len(rig.actuator.pulses) == 1


def test_fourth_time_that_nobody_walked_stays_used_and_opens_a_case_with_its_number(rig: Rig) -> None:
    numbers = iter(range(147, 200))
    Desk(
        rig.lane, clock=rig.clock, tickets=rig.book, journal=rig.journal, screens=rig.screens,
        find=lambda _event, _prefix: [], scan_salt=b"salt", clock_policy="admit_marked", next_case=lambda: next(numbers),
    )  # fmt: skip
    for _ in range(4):
        assert rig.scan(1) is not None
        rig.wait(7)
    assert len(rig.rows("annulled")) == 3
    (case,) = rig.rows("case")
    assert case["data"] == {"number": "G2-0147-L", "op": "open", "reason": "annul_limit"}
    assert case["ref"] == "/".join(map(str, (rig.rows("admitted")[-1][k] for k in ("gate", "epoch", "seq"))))
    decision = rig.scan(1)
    assert decision is not None
    assert decision.reason == "already_redeemed"
