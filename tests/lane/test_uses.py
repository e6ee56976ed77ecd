"""Who may come in again: uses counted over gates, days, exits and annulled entries, on real storage and real codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gate.model import Decision, ListId, Reason, TicketKey, TicketState, Verdict
from gate.storage.check import verify_journal
from gate.wire.ticketkey import text_input, ticket_key
from tests.fakes.issuer import NOW_S, POLICY
from tests.lane.rig import Rig

MakeRig = Callable[..., Rig]
PRODUCT: dict[str, Any] = POLICY["products"][0]
BOTH = ("entry", "exit")
H = 3600


def of_product(**changes: Any) -> dict[str, Any]:
    return {"products": [PRODUCT | changes], "lanes": BOTH, "sensor": False}


def of_list(**changes: Any) -> dict[str, Any]:
    return {"lists": [{"id": "main", "products": None, "zones": 0xFFFF} | changes], "lanes": BOTH, "sensor": False}


def word(decision: Decision | None) -> str:
    assert decision is not None
    return f"{decision.reason}/{decision.detail}" if decision.detail else str(decision.reason)


def go(rig: Rig, what: int | str = 0, way: str = "entry") -> str:
    """One scan, and time for the lane to be free again."""
    answer = word(rig.scan(what, way))
    rig.wait(6)
    return answer


# ---- coming back


def test_product_that_may_come_back_after_its_exit(make_rig: MakeRig) -> None:
    rig = make_rig(**of_product(reentry="after_exit"))
    assert [go(rig), go(rig), go(rig, way="exit"), go(rig), go(rig)] == [
        "ok", "checkout_required", "ok", "ok", "checkout_required",
    ]  # fmt: skip


def test_product_that_comes_and_goes_freely_up_to_its_total(make_rig: MakeRig) -> None:
    rig = make_rig(**of_product(reentry="free", max_total=3))
    assert [go(rig) for _ in range(4)] == ["ok", "ok", "ok", "already_redeemed/total"]


def test_list_that_lets_back_in(make_rig: MakeRig) -> None:
    """pretix: allow_entry_after_exit."""
    rig = make_rig(**of_list(reentry=True))
    assert [go(rig), go(rig), go(rig, way="exit"), go(rig)] == ["ok", "already_redeemed/total", "ok", "ok"]


def test_list_that_does_not(make_rig: MakeRig) -> None:
    rig = make_rig(**of_list())
    assert [go(rig), go(rig, way="exit"), go(rig)] == ["ok", "ok", "already_redeemed/total"]


def test_exits_alone_use_nothing_up(make_rig: MakeRig) -> None:
    rig = make_rig(**of_list())
    assert [go(rig, way="exit"), go(rig)] == ["no_entry", "ok"]


def test_multi_entry_ticket(make_rig: MakeRig) -> None:
    rig = make_rig(lanes=BOTH, sensor=False)
    rig.state.change(rig.state.row(0, uses=2))
    assert [go(rig), go(rig), go(rig)] == ["ok", "ok", "already_redeemed/total"]


def test_entries_of_a_day_begin_anew_at_the_policy_s_hour(make_rig: MakeRig) -> None:
    rig = make_rig(**of_product(max_day=1), day_start=240)
    rig.state.change(rig.state.row(0, uses=0, exp=NOW_S + 30 * 24 * H))
    assert [go(rig), go(rig)] == ["ok", "already_redeemed/day"]
    rig.clock.advance(24 * H)
    assert go(rig) == "ok"


# ---- passback


@pytest.mark.parametrize(("passback", "answer"), [("hard", "already_redeemed/passback"), ("off", "ok")])
def test_passback_of_a_ticket_with_uses_left(make_rig: MakeRig, passback: str, answer: str) -> None:
    rig = make_rig(**of_product(passback=passback))
    rig.state.change(rig.state.row(0, uses=5))
    assert [go(rig), go(rig), go(rig, way="exit"), go(rig)] == ["ok", answer, "ok", "ok"]


def test_timed_passback(make_rig: MakeRig) -> None:
    rig = make_rig(**of_product(passback=10))
    rig.state.change(rig.state.row(0, uses=5))
    assert [go(rig), go(rig)] == ["ok", "already_redeemed/passback"]
    rig.clock.advance(600)
    assert go(rig) == "ok"


def test_soft_passback_opens_and_leaves_its_mark_in_the_row(make_rig: MakeRig) -> None:
    rig = make_rig(**of_product(passback="soft"))
    rig.state.change(rig.state.row(0, uses=5))
    assert [go(rig), go(rig)] == ["ok", "ok/passback_soft"]
    assert [row["detail"] for row in rig.rows("admitted")] == ["", "passback_soft"]
    assert rig.screens.all("decision")[-1]["verdict"] == Verdict.GO_ATTENTION


def test_passback_over_gates(make_rig: MakeRig) -> None:
    """Whoever went in elsewhere is inside; the newest of all gates' entries and exits decides, not the newest to arrive."""
    rig = make_rig(**of_product(passback="hard"))
    rig.state.change(rig.state.row(0, uses=9))
    rig.state.remote(0, 1, at=(NOW_S - 300) * 1000)
    assert go(rig) == "already_redeemed/passback"
    rig.state.remote(0, 2, at=(NOW_S - 200) * 1000, kind="exit", dir="exit")
    rig.state.remote(0, 3, at=(NOW_S - 400) * 1000, gate="g8")
    assert go(rig) == "ok"


def test_time_of_a_record_is_that_of_its_boot_s_best_clock(make_rig: MakeRig) -> None:
    """A gate that did not know the time wrote 1970; its clock record says when its exit really was."""
    rig = make_rig(**of_product(reentry="after_exit"))
    rig.state.remote(0, 1, at=(NOW_S - 300) * 1000)
    rig.state.remote(0, 2, at=1000, kind="exit", dir="exit", gate="g8", mono=50_000, boot="b8")
    assert go(rig) == "checkout_required"
    rig.state.run("INSERT INTO remote_clock VALUES ('g8', 'b8', ?, 10)", (NOW_S - 150) * 1000)
    assert go(rig) == "ok"


# ---- entries taken back


def test_entry_that_nobody_made_leaves_the_ticket_outside(make_rig: MakeRig) -> None:
    rig = make_rig(products=[PRODUCT | {"reentry": "after_exit"}], lanes=BOTH)
    assert word(rig.scan(0)) == "ok"
    rig.wait(6)
    assert [row["kind"] for row in rig.rows("admitted", "annulled")] == ["admitted", "annulled"]
    assert word(rig.scan(0)) == "ok", "annulled, so not inside"
    rig.walk()
    assert word(rig.scan(0)) == "checkout_required"


def test_annulled_re_entry_leaves_the_exit_as_the_newest(make_rig: MakeRig) -> None:
    rig = make_rig(products=[PRODUCT | {"reentry": "after_exit"}], lanes=BOTH)
    assert word(rig.scan(0)) == "ok"
    rig.walk()
    assert word(rig.scan(0, "exit")) == "ok"
    rig.walk("exit")
    assert word(rig.scan(0)) == "ok"
    rig.wait(6)
    assert rig.rows("annulled")
    row = rig.book._connection.execute("SELECT entries, exits, annuls, last_dir FROM uses").fetchone()
    assert row == (1, 1, 1, "exit")
    assert word(rig.scan(0)) == "ok"
    rig.walk()
    rig.close()
    assert verify_journal(rig.state.path / "journal.db", None).ok, "the rebuilt uses are the same"


# ---- add-ons

WORKSHOP = {"id": "workshop", "products": [20], "zones": 0xFFFF, "addon_of": "main"}
ADDONS: dict[str, Any] = {
    "products": [PRODUCT, PRODUCT | {"n": 20}, PRODUCT | {"n": 21}],
    "lists": [WORKSHOP],
    "gates": [{"id": "g2", "short": "G2", "name": {}, "zones": 0xFFFF, "lists": ["workshop"], "direction": "both"}],
    "lanes": BOTH,
    "sensor": False,
}


def addon(rig: Rig, n: int, name: str, **changes: Any) -> TicketKey:
    row = replace(rig.state.opaque(name), parent=rig.state.key(n), product=20, **changes)
    rig.state.change(row)
    return row.key


def test_add_on_is_found_by_its_ticket_and_is_what_is_used(make_rig: MakeRig) -> None:
    rig = make_rig(**ADDONS)
    key = addon(rig, 0, "a")
    assert [go(rig), go(rig)] == ["ok", "already_redeemed/total"]
    row = rig.rows("admitted")[0]
    assert (row["ticket"], row["product"], row["list"]) == (key.hex(), 20, "workshop")


def test_add_on_shown_by_its_own_code_is_the_same_ticket(make_rig: MakeRig) -> None:
    rig = make_rig(**ADDONS)
    key = addon(rig, 0, "A1B2C3")
    assert key == ticket_key(rig.state.issuer.salt, text_input("A1B2C3"))
    assert [go(rig, "A1B2C3"), go(rig)] == ["ok", "already_redeemed/total"]


def test_no_add_on_and_two_add_ons(make_rig: MakeRig) -> None:
    rig = make_rig(**ADDONS)
    assert go(rig, 1) == "product/addon"
    addon(rig, 0, "a")
    addon(rig, 0, "b")
    assert go(rig) == "ambiguous/addon"
    addon(rig, 0, "b", state=TicketState.REMOVED)
    assert go(rig) == "ok"


def test_add_on_for_another_list_does_not_fit(make_rig: MakeRig) -> None:
    rig = make_rig(**ADDONS)
    rig.state.change(replace(rig.state.opaque("c"), parent=rig.state.key(0), product=21))
    assert go(rig) == "product/addon"


def test_canceled_add_on_is_named_and_one_that_replaced_it_found(make_rig: MakeRig) -> None:
    rig = make_rig(**ADDONS)
    addon(rig, 0, "a", state=TicketState.CANCELED)
    assert go(rig) == "canceled"
    addon(rig, 0, "b")
    assert go(rig) == "ok"


def test_add_on_of_a_revoked_ticket_is_revoked(make_rig: MakeRig) -> None:
    rig = make_rig(**ADDONS)
    addon(rig, 0, "a")
    rig.state.change(rig.state.row(0, state=TicketState.REVOKED))
    assert go(rig) == "revoked"


def test_add_on_of_a_rotating_ticket_needs_the_rotating_code(make_rig: MakeRig) -> None:
    rig = make_rig(**ADDONS)
    addon(rig, 0, "a")
    rig.state.change(rig.state.row(0, flags=16))
    assert go(rig) == "code_required"


def test_base_file_without_the_index_of_parents_is_read_all_the_same(make_rig: MakeRig) -> None:
    from tests.fakes.state import StateFolder, edit

    rig = make_rig(**ADDONS)
    state: StateFolder = rig.state
    child = replace(state.opaque("a"), parent=state.key(0), product=20)
    sha256 = state.publish(
        [state.row(0), child], lists=ADDONS["lists"], gates=ADDONS["gates"], products=ADDONS["products"]
    )
    edit(state.path / "manifests" / f"{sha256.hex()}.sqlite", "DROP INDEX ticket_parent")
    rig.reader._checked.add(sha256)  # the content is another now, which is not what this test is about
    rig.use_world()
    assert go(rig) == "ok"
    assert rig.rows("admitted")[0]["ticket"] == child.key.hex()


# ---- full

AREA: dict[str, Any] = {
    "areas": [{"id": "hall", "name": {}, "capacity": 2}],
    "gates": [
        {
            "id": "g2",
            "short": "G2",
            "name": {},
            "zones": 0xFFFF,
            "lists": ["main"],
            "direction": "both",
            "area": "hall",
        },
        {
            "id": "g9",
            "short": "G9",
            "name": {},
            "zones": 0xFFFF,
            "lists": ["main"],
            "direction": "both",
            "area": "hall",
        },
        {
            "id": "g7",
            "short": "G7",
            "name": {},
            "zones": 0xFFFF,
            "lists": ["main"],
            "direction": "both",
            "area": "yard",
        },
    ],
    "lanes": BOTH,
    "sensor": False,
}


def test_full_area_lets_the_next_in_when_somebody_leaves(make_rig: MakeRig) -> None:
    rig = make_rig(**AREA)
    assert [go(rig, 0), go(rig, 1), go(rig, 2)] == ["ok", "ok", "capacity"]
    assert [go(rig, 0, "exit"), go(rig, 2), go(rig, 3)] == ["ok", "ok", "capacity"]


def test_area_counts_all_its_gates_and_no_others(make_rig: MakeRig) -> None:
    rig = make_rig(**AREA)
    rig.state.remote(3, 1, gate="g7")
    rig.state.remote(3, 2, gate="g9")
    assert [go(rig, 0), go(rig, 1)] == ["ok", "capacity"]
    rig.state.remote(3, 3, gate="g9", kind="exit", dir="exit")
    assert go(rig, 1) == "ok"
    rig.state.remote(4, 4, gate="g9")
    rig.state.remote(4, 5, gate="g9", kind="annulled", ref="g9/0000000000000000/4")
    assert [go(rig, 0, "exit"), go(rig, 2)] == ["ok", "ok"], "an annulled entry is nobody"


def test_area_without_capacity_is_not_counted(make_rig: MakeRig) -> None:
    rig = make_rig(**AREA | {"areas": [{"id": "hall", "name": {}, "capacity": 0}]})
    assert {go(rig, n) for n in range(4)} == {"ok"}


def test_annulled_entry_makes_room_again(make_rig: MakeRig) -> None:
    rig = make_rig(**AREA | {"sensor": True})
    for n in (0, 1):
        assert word(rig.scan(n)) == "ok"
        rig.walk()
    assert word(rig.scan(2)) == "capacity"
    assert word(rig.scan(0, "exit")) == "ok"
    rig.walk("exit")
    assert word(rig.scan(2)) == "ok"
    rig.wait(6)
    assert word(rig.scan(3)) == "ok"


# ---- custom rules


def of_rule(rule: Any, **changes: Any) -> dict[str, Any]:
    return of_list(rules=json.dumps(rule), multiple=True) | changes


def test_rule_of_at_most_two_entries(make_rig: MakeRig) -> None:
    rig = make_rig(**of_rule({"<": [{"var": "entries_number"}, 2]}))
    assert [go(rig), go(rig), go(rig)] == ["ok", "ok", "rules/false"]


def test_rule_of_a_cool_down_counts_other_gates(make_rig: MakeRig) -> None:
    minutes = {"var": "minutes_since_last_entry"}
    rig = make_rig(**of_rule({"or": [{">": [minutes, 4]}, {"==": [minutes, -1]}]}))
    rig.state.remote(0, 1, at=(NOW_S - 240) * 1000)
    assert go(rig) == "rules/false"
    rig.clock.advance(120)
    assert [go(rig), go(rig)] == ["ok", "rules/false"]


def test_rule_sees_no_entry_that_was_taken_back(make_rig: MakeRig) -> None:
    since = {"entries_since": [{"buildTime": ["customtime", "00:00"]}]}
    rig = make_rig(**of_rule({"<": [since, 1]}) | {"sensor": True})
    assert word(rig.scan(0)) == "ok"
    rig.wait(6)
    assert word(rig.scan(0)) == "ok"
    rig.walk()
    assert word(rig.scan(0)) == "rules/false"
    rig.state.remote(1, 1)
    rig.state.remote(1, 2, kind="annulled", ref="g9/0000000000000000/1")
    assert word(rig.scan(1)) == "ok"


def test_rule_of_product_variation_and_gate(make_rig: MakeRig) -> None:
    def among(what: str, key: str) -> dict[str, Any]:
        return {"inList": [{"var": what}, {"objectList": [{"lookup": [what, key, ""]}]}]}

    rig = make_rig(**of_rule({"and": [among("product", "501"), among("variation", "7"), among("gate", "g2")]}))
    assert go(rig, 0) == "rules/false"
    rig.state.change(rig.state.row(0, ext=json.dumps({"item": 501, "variation": 7})))
    rig.state.change(rig.state.row(1, ext="[not an object"))
    assert [go(rig, 0), go(rig, 1)] == ["ok", "rules/false"]


def test_rule_of_the_event_s_dates(make_rig: MakeRig) -> None:
    rule = {"isAfter": [{"var": "now"}, {"buildTime": ["date_admission"]}]}
    rig = make_rig(**of_rule(rule), dates={"date_from": NOW_S + H, "date_admission": NOW_S - H})
    assert go(rig) == "ok"
    rig.state.change(rig.state.row(1, ext=json.dumps({"date_from": NOW_S + H})))
    assert go(rig, 1) == "ok", "the ticket's own date comes before the event's, where it has one"


def test_rule_without_what_it_needs_denies(make_rig: MakeRig) -> None:
    rig = make_rig(**of_rule({"isAfter": [{"var": "now"}, {"buildTime": ["date_from"]}]}))
    decision = rig.scan(0)
    assert word(decision) == "rules/unevaluable"
    assert decision is not None
    assert decision.reason is Reason.RULES


def test_exit_is_not_asked_for_rules(make_rig: MakeRig) -> None:
    rig = make_rig(**of_rule({"<": [2, 1]}))
    assert [go(rig), go(rig, way="exit")] == ["rules/false", "no_entry"]


def test_times_of_entries_are_bounded_and_in_order(make_rig: MakeRig) -> None:
    from gate.decision.facts import HISTORY_MAX

    rig = make_rig(**of_list(multiple=True))
    for seq in range(HISTORY_MAX + 20):
        rig.state.remote(0, seq + 1, at=(NOW_S - 10_000 + seq) * 1000)
    assert go(rig) == "ok"
    times = rig.book.entries(rig.lane.world.events[0].id, ListId("main"), rig.state.key(0))
    assert len(times) == HISTORY_MAX
    assert times == sorted(times)
    assert times[-1] == NOW_S


def test_records_that_sync_lets_go_of_are_no_longer_inside(make_rig: MakeRig) -> None:
    rig = make_rig(**AREA)
    rig.state.remote(3, 1, gate="g9", count=2)
    assert go(rig, 0) == "capacity"
    rig.state.run("DELETE FROM remote")
    assert go(rig, 0) == "ok"


def test_whoever_lacks_an_add_on_is_not_sent_to_another_gate(make_rig: MakeRig) -> None:
    main = {"id": "main", "products": None, "zones": 0xFFFF}
    other = {"id": "g3", "short": "G3", "name": {}, "zones": 0xFFFF, "lists": ["main"], "direction": "both"}
    rig = make_rig(**ADDONS | {"lists": [WORKSHOP, main], "gates": [*ADDONS["gates"], other]})
    assert word(rig.scan(0)) == "product/addon"
    assert rig.shown()["go_to"] is None
