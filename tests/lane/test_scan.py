"""The way of a scan: what is on disk before the relay moves, and what a second presentation means."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.lane.lane import MAX_SCAN_AGE_MS
from gate.lane.machine import LaneState
from gate.model import ClockTrust, Reason, TicketFlag, TicketState
from tests.fakes.issuer import AUTUMN, NOW_S, SPRING
from tests.fakes.state import StateFolder
from tests.lane.conftest import MakeRig
from tests.lane.rig import LONG_MS, PULSE_MS, WINDOW_MS, Rig


def test_admission_is_on_disk_before_the_relay_moves_and_shown_after(rig: Rig) -> None:
    on_disk: list[str] = []
    rig.actuator.before_pulse = lambda: on_disk.extend(row["kind"] for row in rig.rows("admitted"))
    decision = rig.scan(0)
    assert decision is not None
    assert decision.admit
    assert on_disk == ["admitted"], "another connection sees the row when the pulse begins"
    assert rig.log == [("commit", "admitted"), ("pulse", "entry"), ("state", "GO"), ("decision", "GO")]
    assert rig.actuator.pulses == [("entry", PULSE_MS / 1000)]


def test_row_says_what_was_decided_and_holds_no_text(rig: Rig) -> None:
    rig.scan(0)
    (row,) = rig.rows("admitted")
    assert (row["event"], row["list"], row["dir"], row["reason"], row["input"]) == (
        "spring",
        "main",
        "entry",
        "ok",
        "cam0",
    )
    assert row["ticket"] == rig.state.key(0).hex()
    assert (row["product"], row["data"], row["clock"], row["at"]) == (12, {"lane": "entry"}, "synced", NOW_S * 1000)
    assert row["facts"] is not None


def test_full_disk_opens_nothing_and_sends_to_staff(rig: Rig) -> None:
    rig.journal.fails = {"*"}
    assert rig.scan(0) is None
    assert rig.actuator.pulses == []
    assert (rig.shown()["verdict"], rig.shown()["reason"], rig.shown()["detail"]) == ("SEE_STAFF", "error", "storage")
    assert rig.lane_state() is LaneState.IDLE
    rig.journal.fails = set()
    decision = rig.scan(0)
    assert decision is not None
    assert decision.admit, "the refused try used nothing up"


def test_fault_of_ours_in_a_decision_opens_nothing_and_the_next_ticket_is_served(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("gate.lane.lane.decide", lambda _facts: 1 / 0)
        assert rig.scan(0) is None
    assert rig.actuator.pulses == []
    assert (rig.shown()["verdict"], rig.shown()["detail"]) == ("SEE_STAFF", "internal")
    assert rig.scan(1).admit  # type: ignore[union-attr]


@pytest.mark.parametrize("sensor", [True, False])
def test_same_code_in_the_window_repeats_with_no_second_use_and_no_second_pulse(
    make_rig: MakeRig, sensor: bool
) -> None:
    rig = make_rig(sensor=sensor)
    rig.scan(0)
    for _ in range(4):
        rig.wait(1.0)
        assert rig.scan(0) is None
        assert rig.shown()["verdict"] == "GO"
    assert len(rig.rows("admitted", "refused")) == len(rig.actuator.pulses) == 1


def test_same_code_after_the_window_is_used(make_rig: MakeRig) -> None:
    rig = make_rig(sensor=False)
    rig.scan(0)
    rig.wait(6.0)
    decision = rig.scan(0)
    assert decision is not None
    assert (decision.reason, decision.detail) == (Reason.ALREADY_REDEEMED, "total")
    assert len(rig.actuator.pulses) == 1


def test_two_inputs_with_one_ticket_admit_it_once(make_rig: MakeRig) -> None:
    rig = make_rig(sensor=False)
    rig.scan(0, name="cam0")
    rig.wait(1.0)
    rig.scan(1, name="cam0")
    rig.wait(1.0)
    decision = rig.scan(0, name="handheld:1")
    assert decision is not None
    assert decision.reason is Reason.ALREADY_REDEEMED
    assert [row["ticket"] for row in rig.rows("admitted")] == [rig.state.key(n).hex() for n in (0, 1)]


def test_another_ticket_while_somebody_walks_waits(rig: Rig) -> None:
    rig.scan(0)
    rig.wait(1.0)
    decision = rig.scan(1)
    assert decision is not None
    assert decision.reason is Reason.LANE_BUSY
    assert rig.shown()["verdict"] == "WAIT"
    rig.walk()
    assert rig.scan(1).admit  # type: ignore[union-attr]


def test_without_a_sensor_the_next_ticket_goes_as_soon_as_the_pulse_is_over(make_rig: MakeRig) -> None:
    rig = make_rig(sensor=False)
    rig.scan(0)
    assert rig.scan(1).reason is Reason.LANE_BUSY  # type: ignore[union-attr]
    rig.wait(0.5)
    assert rig.scan(1).admit  # type: ignore[union-attr]
    assert len(rig.actuator.pulses) == 2


def test_reading_from_before_a_stall_opens_nothing(rig: Rig) -> None:
    assert rig.scan(0, age_ms=MAX_SCAN_AGE_MS + 1) is None
    assert rig.rows("admitted") == []
    assert rig.scan(0, age_ms=MAX_SCAN_AGE_MS - 1) is not None


def test_lane_started_again_knows_what_the_last_one_admitted(make_rig: MakeRig) -> None:
    first = make_rig()
    first.scan(0)
    second = make_rig(state=first.state)
    decision = second.scan(0)
    assert decision is not None
    assert decision.reason is Reason.ALREADY_REDEEMED
    assert decision.first_use is not None
    assert (decision.first_use.gate, decision.first_use.at) == ("g2", NOW_S * 1000)


def test_accessibility_gets_the_long_window_and_the_next_one_the_short(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.state.change(rig.state.row(0, flags=int(TicketFlag.ACCESSIBILITY)))
    rig.scan(0)
    assert rig.shown()["window_ms"] == LONG_MS
    rig.wait(11.0)
    assert rig.lane_state() is LaneState.WINDOW
    rig.walk()
    rig.scan(1)
    assert rig.shown()["window_ms"] == WINDOW_MS
    assert {seconds for _, seconds in rig.actuator.pulses} == {PULSE_MS / 1000}, "only the window is longer"


def test_exit_opens_for_a_ticket_whatever_its_state_and_is_never_annulled(make_rig: MakeRig) -> None:
    rig = make_rig(lanes=("entry", "exit"))
    rig.scan(0)
    rig.walk("entry")
    rig.state.change(rig.state.row(0, state=TicketState.CANCELED))
    decision = rig.scan(0, "exit")
    assert decision is not None
    assert (decision.admit, decision.reason) == (True, Reason.CANCELED)
    assert rig.shown()["verdict"] == "GO_ATTENTION"
    assert rig.actuator.pulses[-1][0] == "exit"
    rig.wait(7.0)
    assert [row["kind"] for row in rig.rows("exit", "annulled")] == ["exit"]


def test_exit_does_not_open_for_a_strange_code(make_rig: MakeRig) -> None:
    rig = make_rig(lanes=("entry", "exit"))
    rig.scan("https://example.org", "exit")
    assert rig.shown()["verdict"] == "SEE_STAFF"
    assert rig.actuator.pulses == []


def test_entry_and_exit_are_two_lanes(make_rig: MakeRig) -> None:
    rig = make_rig(lanes=("entry", "exit"))
    rig.scan(0)
    assert rig.scan(1, "exit").admit, "somebody at the entry keeps nobody inside"  # type: ignore[union-attr]
    rig.walk("exit")
    assert rig.lane_state("entry") is LaneState.WINDOW
    assert [row["kind"] for row in rig.rows("passed")] == ["passed"]


def test_text_that_is_no_ticket_is_kept_only_as_a_keyed_hash(rig: Rig) -> None:
    text = "HC1:6BFOXN*TS0BI$ZD somebody's health pass"
    rig.scan(text)
    (row,) = rig.rows("refused")
    assert (row["reason"], row["detail"], row["list"]) == ("invalid", "foreign_health", None)
    assert len(row["ticket"]) == 32
    assert "HC1" not in str(row)
    assert rig.screens.all("decision")[0]["ticket_number"] is None


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "GT1:", "x" * 10_000, "]Q1\\000026", "𝕏" * 600])
def test_any_text_is_answered_and_never_stops_the_lane(rig: Rig, text: str) -> None:
    decision = rig.scan(text)
    assert decision is not None
    assert not decision.admit
    assert rig.scan(0).admit  # type: ignore[union-attr]


def test_opaque_code_of_the_manifest_is_admitted(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.state.change(rig.state.opaque("ABC123"))
    assert rig.scan("ABC123\r\n").admit  # type: ignore[union-attr]


def test_opaque_code_of_two_events_is_ambiguous_and_of_one_is_not(make_rig: MakeRig) -> None:
    rig = make_rig()
    state = rig.state
    state.enrol(events=(SPRING, AUTUMN))
    state.publish([state.row(9)], event=AUTUMN)
    rig.use_world()
    for event in (SPRING, AUTUMN):
        state.change(state.opaque("BOTH"), event=event)
    state.change(state.opaque("ONE"), event=AUTUMN)
    assert rig.scan("BOTH").reason is Reason.AMBIGUOUS  # type: ignore[union-attr]
    assert rig.actuator.pulses == []
    assert rig.scan("ONE").admit  # type: ignore[union-attr]
    assert rig.rows("admitted")[0]["event"] == AUTUMN
    rig.walk()
    assert rig.scan(state.text(9, AUTUMN)).admit, "the key names the event"  # type: ignore[union-attr]


def test_gate_that_is_not_enrolled_says_so_and_opens_for_nobody(make_rig: MakeRig, tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.replace_sync()
    rig = make_rig(state=state)
    assert rig.lane.world.missing == "enrolment"
    decision = rig.scan(0)
    assert decision is not None
    assert decision.reason is Reason.OUT_OF_SERVICE
    assert (rig.shown()["lane"], rig.shown()["verdict"]) == ("out_of_order", "OUT_OF_ORDER")
    assert rig.rows("refused")[0]["event"] == "", "in the device's own stream"


@pytest.mark.parametrize("policy", ["admit_marked", "staff", "refuse"])
def test_untrusted_clock_judges_a_static_ticket_by_the_floor_and_marks_the_row(make_rig: MakeRig, policy: str) -> None:
    rig = make_rig(clock_policy=policy)
    rig.clock.trust, rig.clock.error_ms = ClockTrust.UNTRUSTED, None
    decision = rig.scan(0)
    assert decision is not None
    assert decision.admit
    assert rig.rows("admitted", "refused")[0]["clock"] == "untrusted"


def test_revocation_that_sync_has_committed_stops_the_very_next_scan(rig: Rig) -> None:
    rig.state.change(rig.state.row(0, state=TicketState.REVOKED))
    assert rig.scan(0).reason is Reason.REVOKED  # type: ignore[union-attr]


def test_use_at_another_gate_counts_here(rig: Rig) -> None:
    rig.state.remote(0, 1, gate="g1")
    decision = rig.scan(0)
    assert decision is not None
    assert decision.reason is Reason.ALREADY_REDEEMED
    assert decision.first_use is not None
    assert decision.first_use.gate == "g1"


def test_strange_time_in_another_gates_row_still_shows_an_answer(rig: Rig) -> None:
    rig.state.remote(0, 1, at=2**62)
    assert rig.scan(0).reason is Reason.ALREADY_REDEEMED  # type: ignore[union-attr]
    assert rig.shown()["first_use"]["time"] == ""
