"""What the display is told: complete messages, how long a verdict stays, and where a guest is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gate.lane.screen import STAFF_HOLD_MS, STOP_HOLD_MS, WAIT_HOLD_MS
from gate.model import TicketFlag, TicketState, Verdict
from tests.fakes.issuer import NOW_S
from tests.fakes.view import IDLE
from tests.lane.conftest import MakeRig
from tests.lane.rig import Rig

HOLDS = {"STOP": STOP_HOLD_MS, "STOP_USED": STOP_HOLD_MS, "SEE_STAFF": STAFF_HOLD_MS, "WAIT": WAIT_HOLD_MS}


def show(rig: Rig, verdict: str) -> None:
    """Bring the screen to a verdict by what happens at a gate."""
    if verdict == "STOP":
        rig.scan("nothing")
    elif verdict == "STOP_USED":
        rig.state.remote(0, 1)
        rig.scan(0)
    elif verdict == "SEE_STAFF":
        rig.state.change(rig.state.row(0, state=TicketState.UNPAID))
        rig.scan(0)
    elif verdict == "WAIT":
        rig.scan(0)
        rig.scan(1)
    elif verdict == "GO_ATTENTION":
        rig.state.change(rig.state.row(0, flags=int(TicketFlag.VIP | TicketFlag.ATTENTION)))
        rig.scan(0)
    elif verdict == "GO":
        rig.scan(0)
    elif verdict == "EMERGENCY":
        rig.pin("fire")
    elif verdict == "OUT_OF_ORDER":
        rig.pin("staff")
    assert rig.shown()["verdict"] == verdict


@pytest.mark.parametrize("verdict", [None, *Verdict])
def test_state_message_is_complete_and_json(rig: Rig, verdict: Verdict | None) -> None:
    if verdict is not None:
        show(rig, verdict.value)
    else:
        rig.lane.publish_state()
    message = rig.shown()
    assert set(IDLE) - {"at"} <= set(message), "every key that the page reads"
    assert {key: type(message[key]) for key in ("gate", "words", "languages", "attention", "sync", "demo", "now")} == {
        key: type(IDLE[key]) for key in ("gate", "words", "languages", "attention", "sync", "demo", "now")
    }
    assert set(message["gate"]) == set(IDLE["gate"])
    json.dumps(rig.screens.messages)
    assert rig.actuator.verdict == verdict


@pytest.mark.parametrize(("verdict", "hold_ms"), HOLDS.items(), ids=HOLDS)
def test_refusal_stays_for_its_time(rig: Rig, verdict: str, hold_ms: int) -> None:
    show(rig, verdict)
    rig.wait(hold_ms / 1000 - 0.1)
    assert rig.shown()["verdict"] == verdict
    rig.wait(0.2)
    assert rig.shown()["verdict"] is None
    assert rig.actuator.verdict is None


def test_go_stays_until_passed(rig: Rig) -> None:
    rig.scan(0)
    rig.wait(4.0)
    assert rig.shown()["verdict"] == "GO"
    rig.walk()
    assert rig.shown()["verdict"] is None


def test_go_ends_with_the_window(rig: Rig) -> None:
    rig.scan(0)
    rig.wait(5.4)
    assert rig.shown()["verdict"] == "GO"
    rig.wait(0.2)
    assert (rig.shown()["verdict"], rig.shown()["lane"]) == (None, "idle")


def test_window_counts_down_and_only_where_a_sensor_watches_it(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.scan(0)
    assert (rig.shown()["window_ms"], rig.shown()["window_end"]) == (5000, 5450)
    rig.wait(2.0)
    rig.lane.publish_state()
    assert rig.shown()["window_end"] == 3450
    bare = make_rig(sensor=False, state=rig.state)
    bare.scan(1)
    assert (bare.shown()["window_ms"], bare.shown()["window_end"]) == (None, None)


def test_new_scan_replaces_the_old_verdict_at_once(rig: Rig) -> None:
    rig.scan("nothing")
    rig.scan(0)
    assert rig.shown()["verdict"] == "GO"


def test_first_use_says_where_and_when_in_local_time(make_rig: MakeRig) -> None:
    gates = [gate("g2", "G2"), gate("g1", "G1") | {"name": {"en": "North"}}]
    rig = make_rig(gates=gates)
    rig.state.remote(0, 1, gate="g1", at=(NOW_S - 600) * 1000)
    rig.scan(0)
    first = rig.shown()["first_use"]
    assert (first["gate"], first["short"], first["gate_name"]) == ("g1", "G1", {"en": "North"})
    assert first["at"] == (NOW_S - 600) * 1000
    assert first["time"] == "12:16"  # 1,797,999,400 s in Taipei


def test_first_use_at_a_gate_the_policy_does_not_know_shows_its_id(rig: Rig) -> None:
    rig.state.remote(0, 1, gate="old-gate")
    rig.scan(0)
    assert (rig.shown()["first_use"]["gate"], rig.shown()["first_use"]["short"]) == ("old-gate", None)


def test_ticket_for_another_gate_is_told_which_one(make_rig: MakeRig) -> None:
    lists = [{"id": "main", "products": [12], "zones": 0xFFFF}, {"id": "other", "products": [13], "zones": 0xFFFF}]
    gates = [gate("g2", "G2"), gate("gx", "GX", lists=["other"], direction="exit"), gate("g7", "G7", lists=["other"])]
    rig = make_rig(lists=lists, gates=gates, products=[product(12), product(13)])
    rig.state.change(rig.state.row(4, product=13))
    rig.scan(rig.state.text(4, product=13))
    assert (rig.shown()["reason"], rig.shown()["detail"]) == ("product", "gate")
    assert rig.shown()["go_to"]["short"] == "G7", "never one that only leads out"


def test_ticket_for_another_zone_is_told_which_gate(make_rig: MakeRig) -> None:
    rig = make_rig(gates=[gate("g2", "G2", zones=4), gate("g5", "G5", zones=2)])
    rig.scan(0)
    assert (rig.shown()["detail"], rig.shown()["go_to"]["short"]) == ("zone", "G5")


def test_gate_out_of_order_names_the_next_one_into_the_same_zones(make_rig: MakeRig) -> None:
    rig = make_rig(gates=[gate("g2", "G2", zones=4), gate("g5", "G5", zones=2), gate("g6", "G6", zones=12)])
    rig.pin("staff")
    assert rig.shown()["next_gate"]["short"] == "G6"


def test_attention_words_and_language_come_from_the_ticket(rig: Rig) -> None:
    rig.state.change(rig.state.row(0, flags=int(TicketFlag.MINOR | TicketFlag.ATTENTION), lang="id"))
    rig.scan(0)
    assert rig.shown()["verdict"] == "GO_ATTENTION"
    assert set(rig.shown()["attention"]) == {"minor", "attention"}
    assert rig.shown()["lang"] == "id"


def test_test_ticket_reads_and_never_opens(rig: Rig) -> None:
    rig.state.change(rig.state.row(0, flags=int(TicketFlag.TEST)))
    rig.scan(0)
    assert rig.shown()["test"] is True
    assert rig.shown()["verdict"] == "STOP"
    assert rig.actuator.pulses == []


def test_status_line_is_honest(rig: Rig) -> None:
    rig.lane.report(mode="local", queue=7, last_error="no route", input_state="gone")
    message = rig.shown()
    assert (message["mode"], message["sync"], message["hint"]) == (
        "local",
        {"queue": 7, "last_error": "no route"},
        "camera",
    )
    rig.clock.advance(60)
    rig.lane.publish_state()
    assert rig.shown()["data_age_s"] == 60


def test_same_report_again_is_not_published(rig: Rig) -> None:
    rig.lane.report(queue=1)
    before = len(rig.screens.messages)
    rig.lane.report(queue=1)
    assert len(rig.screens.messages) == before


def test_decision_message_has_latencies_and_only_numbers_of_real_tickets(rig: Rig) -> None:
    rig.scan(0)
    (message,) = rig.screens.all("decision")
    assert set(message["latency"]) == {"decode_ms", "decide_ms", "commit_ms", "pin_ms", "total_ms"}
    assert message["latency"]["decode_ms"] == 5
    assert message["ref"].startswith("g2/")
    assert message["ticket_number"].count("-") == 2


def gate(id_: str, short: str, **changes: Any) -> dict[str, Any]:
    return {"id": id_, "short": short, "name": {}, "zones": 0xFFFF, "lists": ["main"], "direction": "both"} | changes


def product(n: int) -> dict[str, Any]:
    return {
        "n": n, "kind": "admission", "flags": 0, "max_day": 0, "max_total": 0, "reentry": "none", "passback": "off"
    }  # fmt: skip
