"""Every fact comes from where it should: no field forgotten, none mixed up with its neighbour."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gate.decision.build import Gathered, problem_facts, ticket_facts
from gate.decision.facts import HISTORY_MAX, Facts, Place, Uses
from gate.decision.jsonlogic import MAX_CHARS
from gate.model import (
    CheckinList,
    Claims,
    ClockTrust,
    Direction,
    EventId,
    EventMode,
    GateDef,
    GateId,
    Kid,
    ListId,
    Moment,
    Policy,
    Product,
    Reason,
    TicketFlag,
    TicketKey,
    TicketRow,
    TicketState,
)

PLACE = Place(
    direction=Direction.EXIT,
    moment=Moment(at=1_000_999, mono=5, boot="b", trust=ClockTrust.HOLDOVER),
    lane="busy",
    clock_policy="refuse",
)
CLAIMS = Claims(
    format="rotating", key_input=b"", event=EventId("spring"), kid=Kid(b"kidd"), product=1, zones=2, flags=1, nbf=3, exp=4,
    code_step=5, variation=6,
)  # fmt: skip
ROW = TicketRow(
    key=TicketKey(bytes(16)), product=11, zones=12, state=TicketState.UNPAID, flags=4, uses=13, nbf=14, exp=15, lang="id",
    ext=json.dumps({"item": 501, "variation": 502, "date_from": 503}),
)  # fmt: skip
LIST = CheckinList(
    id=ListId("main"), products=(11,), zones=21, include_unpaid=True, multiple=True, reentry=True, addon_of="x",
    rules='{"==": [1, 1]}', opens=22, closes=23,
)  # fmt: skip
PRODUCT = Product(n=11, flags=2, max_day=31, max_total=32, reentry="free", passback=33)
GATE = GateDef(id=GateId("g2"), short="G2", name={}, zones=41, lists=())
POLICY = Policy(
    event=EventId("spring"), name={}, tz="Asia/Taipei", day_start=51, products={11: PRODUCT}, lists={}, gates={},
    raw={"dates": {"date_from": 61, "date_to": 62, "date_admission": "soon"}},
)  # fmt: skip
USED = Uses(
    entries=71, exits=72, day_entries=73, first_at=74, first_gate="g9", last_at=75, last_dir="entry", step=76
)  # fmt: skip
ALL = Gathered(
    claims=CLAIMS, row=ROW, policy=POLICY, gate=GATE, mode=EventMode(mode="signature", stale_s=81, stale="refuse"),
    list=LIST, used=USED, data_age_s=82, capacity=83, inside=84, history=(85, 86),
)  # fmt: skip


def test_every_fact_of_a_ticket() -> None:
    assert ticket_facts(PLACE, ALL) == Facts(
        direction=Direction.EXIT, now=1000, clock=ClockTrust.HOLDOVER, lane="busy", format="rotating", event="spring",
        gate="g2", list="main", signed=True, rotating=True, found=True, mode="signature", state=1, product=11, zones=12,
        flags=6, uses=13, nbf=14, exp=15, lang="id", list_known=True, list_products=(11,), list_zones=21, list_unpaid=True,
        list_multiple=True, list_reentry=True, list_rules=True, list_addon=True, list_opens=22, list_closes=23, addon="",
        gate_zones=41, reentry="free", passback=33, max_day=31, max_total=32, entries=71, exits=72, day_entries=73,
        inside=True, first_at=74, first_gate="g9", last_at=75, code_step=5, last_step=76, area_capacity=83, area_inside=84,
        data_age_s=82, stale_s=81, stale="refuse", clock_policy="refuse", rules_text='{"==": [1, 1]}', rules_product=501,
        rules_variation=502, rules_history=(85, 86), tz="Asia/Taipei", day_start=51, date_from=503, date_to=62,
    )  # fmt: skip


def test_every_fact_of_a_text_that_is_no_ticket() -> None:
    assert problem_facts(PLACE, Reason.UNKNOWN_KEY, "key_expired") == Facts(
        direction=Direction.EXIT, now=1000, clock=ClockTrust.HOLDOVER, lane="busy", problem=Reason.UNKNOWN_KEY,
        problem_detail="key_expired", clock_policy="refuse", found=False,
    )  # fmt: skip
    assert problem_facts(PLACE, Reason.AMBIGUOUS, "events").found is True


def test_a_list_without_rules_carries_nothing_for_them() -> None:
    facts = ticket_facts(PLACE, replace(ALL, list=replace(LIST, rules=None)))
    assert (facts.list_rules, facts.rules_text, facts.rules_product, facts.rules_history) == (False, None, None, ())
    assert (facts.rules_variation, facts.date_from, facts.tz, facts.day_start) == (None, None, "UTC", 0)


def test_a_product_that_the_policy_does_not_name_has_no_limits() -> None:
    facts = ticket_facts(PLACE, replace(ALL, row=replace(ROW, product=99)))
    assert (facts.max_day, facts.max_total, facts.reentry, facts.passback, facts.flags) == (0, 0, "none", "off", 4)


def rules_of(**changes: Any) -> Facts:
    return ticket_facts(PLACE, replace(ALL, **changes))


def test_without_numbers_of_a_backend_rules_know_ours() -> None:
    for ext in (
        None,
        "{}",
        "not JSON",
        "[" * 16_000,
        '["item", 5]',
        '"item"',
        json.dumps({"item": "501", "variation": True}),
    ):
        facts = rules_of(row=replace(ROW, ext=ext))
        assert (facts.rules_product, facts.rules_variation, facts.date_from) == (11, 6, 61), ext
    bare = rules_of(row=None)
    assert (bare.rules_product, bare.rules_variation, bare.date_from, bare.date_to) == (1, 6, 61, 62)


@pytest.mark.parametrize(
    ("number", "kept"),
    [(0, 0), (-5, -5), (2**63 - 1, 2**63 - 1), (2**63, 11), (-(2**63), 11), (1.5, 11), (None, 11), (False, 11)],
)
def test_a_number_of_a_backend_is_a_whole_one_that_the_journal_can_hold(number: Any, kept: int) -> None:
    assert rules_of(row=replace(ROW, ext=json.dumps({"item": number}))).rules_product == kept


def test_an_ext_is_read_up_to_its_bound() -> None:
    def ext(length: int) -> str:
        return json.dumps({"item": 501, "x": ""})[:-2] + "x" * (length - len(json.dumps({"item": 501, "x": ""}))) + '"}'

    assert len(ext(16_384)) == 16_384
    assert rules_of(row=replace(ROW, ext=ext(16_384))).rules_product == 501
    assert rules_of(row=replace(ROW, ext=ext(16_385))).rules_product == 11


def test_dates_of_the_policy_are_optional_and_a_map() -> None:
    for dates in (None, 5, [61], {}):
        facts = rules_of(row=None, policy=replace(POLICY, raw={"dates": dates}))
        assert (facts.date_from, facts.date_to, facts.date_admission) == (None, None, None)
    assert rules_of(row=None, policy=replace(POLICY, raw={})).date_from is None


def test_a_rule_is_carried_up_to_its_bound_and_the_newest_entries_only() -> None:
    text = "x" * MAX_CHARS
    assert rules_of(list=replace(LIST, rules=text)).rules_text == text
    assert rules_of(list=replace(LIST, rules=text + "x")).rules_text is None
    assert rules_of(list=replace(LIST, rules=text + "x")).list_rules is True
    times = tuple(range(HISTORY_MAX + 7))
    assert rules_of(history=times).rules_history == times[7:]


def test_an_add_on_takes_over_what_makes_the_ticket_shown_void() -> None:
    def found(**shown: Any) -> Facts:
        base = replace(ROW, state=TicketState.VALID, flags=0, nbf=None)
        claims = replace(CLAIMS, flags=0)
        return rules_of(claims=claims, row=replace(ROW, flags=0), shown=replace(base, **shown), addon="found")

    assert (found().state, found().rotating, found().flags, found().signed, found().addon) == (
        1,
        False,
        2,
        False,
        "found",
    )
    assert found(state=TicketState.REVOKED).state == TicketState.REVOKED
    assert found(state=TicketState.BLOCKED).state == TicketState.UNPAID
    assert found(flags=int(TicketFlag.ROTATING)).rotating is True
    assert found(flags=int(TicketFlag.TEST | TicketFlag.VIP | TicketFlag.ATTENTION)).flags == 2 | TicketFlag.TEST


def test_rotating_is_what_claims_or_row_say_and_nothing_else() -> None:
    still = replace(CLAIMS, flags=0)
    assert rules_of(claims=still, row=None).rotating is False
    assert rules_of(claims=still).rotating is False
    assert rules_of(claims=replace(CLAIMS, flags=2), row=None).rotating is False
    assert rules_of(claims=still, row=replace(ROW, flags=int(TicketFlag.ROTATING))).rotating is True
