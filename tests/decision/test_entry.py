"""Decisions at an entry: one row a case, named by behaviour, each one step away from a good ticket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gate.decision.decide import decide
from gate.decision.reasons import verdict_of
from gate.model import ClockTrust, Direction, Reason, TicketFlag, TicketState, Verdict
from tests.decision.good import CODE, DAY, GOOD, INSIDE, NOW, OPAQUE, OUTSIDE, STEP, Case

R, S, F = Reason, TicketState, TicketFlag
GO, ATTENTION, USED, STOP = Verdict.GO, Verdict.GO_ATTENTION, Verdict.STOP_USED, Verdict.STOP
STAFF, WAIT, OUT = Verdict.SEE_STAFF, Verdict.WAIT, Verdict.OUT_OF_ORDER
UNTRUSTED, HOLDOVER = ClockTrust.UNTRUSTED, ClockTrust.HOLDOVER


def go(**changes: Any) -> Case:
    return Case(changes, R.OK, "", GO, "")


def look(**changes: Any) -> Case:
    return Case(changes, R.OK, "", ATTENTION, "")


def no(reason: Reason, verdict: Verdict, rule: str, detail: str = "", **changes: Any) -> Case:
    return Case(changes, reason, detail, verdict, rule)


def window(detail: str, **changes: Any) -> Case:
    return no(R.INVALID_TIME, STOP, "window", detail, **changes)


def product(detail: str, **changes: Any) -> Case:
    return no(R.PRODUCT, STOP, "product", detail, **changes)


def used(detail: str, **changes: Any) -> Case:
    return no(R.ALREADY_REDEEMED, USED, "already_redeemed", detail, **changes)


def stale(**changes: Any) -> Case:
    return no(R.STALE_DATA, STAFF, "stale_data", **changes)


def problem(reason: Reason, verdict: Verdict, detail: str = "") -> Case:
    return no(reason, verdict, "authentic", detail, problem=reason, problem_detail=detail, found=False)


CASES: dict[str, Case] = {
    "a good ticket passes": go(),
    # the lane
    "a closed lane lets nobody in": no(R.OUT_OF_SERVICE, OUT, "out_of_service", lane="out"),
    "a busy lane asks to wait": no(R.LANE_BUSY, WAIT, "lane_busy", lane="busy"),
    # no ticket
    "an unreadable text": problem(R.INVALID, STOP, "form"),
    "letters changed by the reader": problem(R.INVALID, STOP, "case"),
    "a forged signature": problem(R.INVALID_SIGNATURE, STOP),
    "an unknown key": problem(R.UNKNOWN_KEY, STOP),
    "a revoked key": problem(R.UNKNOWN_KEY, STOP, "key_revoked"),
    "a ticket of another event": problem(R.WRONG_EVENT, STOP, "autumn"),
    "a text that is a ticket of two events": no(
        R.AMBIGUOUS, STAFF, "ambiguous", "events", problem=R.AMBIGUOUS, problem_detail="events", found=True
    ),
    "two add-ons of the ticket fit": no(R.AMBIGUOUS, STAFF, "ambiguous", "addon", addon="many"),
    "an error on the way": problem(R.ERROR, STAFF),
    # known
    "allow list: a signed ticket that the manifest does not have": no(R.INVALID, STOP, "known", "unknown", found=False),
    "allow list: an opaque text that it does not have": no(R.INVALID, STOP, "known", "unknown", found=False, **OPAQUE),
    "allow list: an opaque text that it has": go(**OPAQUE),
    "signature: a signed ticket that the manifest does not have": go(found=False, mode="signature"),
    "signature: a signed ticket that it has": go(mode="signature"),
    "signature: an opaque text proves nothing": no(
        R.INVALID, STOP, "known", "unknown", found=False, mode="signature", **OPAQUE
    ),
    "signature: an opaque text that the manifest has": go(mode="signature", **OPAQUE),
    "an unknown mode is the strict one": no(R.INVALID, STOP, "known", "unknown", found=False, mode="newer"),
    # state
    "revoked": no(R.REVOKED, STOP, "revoked", state=S.REVOKED),
    "revoked counts in signature mode too": no(R.REVOKED, STOP, "revoked", state=S.REVOKED, mode="signature"),
    "canceled": no(R.CANCELED, STOP, "canceled", state=S.CANCELED),
    "blocked": no(R.BLOCKED, STOP, "blocked", state=S.BLOCKED),
    "a state of a newer server is no way in": no(R.BLOCKED, STOP, "blocked", "state", state=6),
    "a state of 255 neither": no(R.BLOCKED, STOP, "blocked", "state", state=255),
    "not approved": no(R.UNAPPROVED, STAFF, "unapproved", state=S.UNAPPROVED),
    "not paid": no(R.UNPAID, STAFF, "unpaid", state=S.UNPAID),
    "not paid, on a list that takes it": look(state=S.UNPAID, list_unpaid=True),
    "paid, on a list that takes unpaid ones": go(list_unpaid=True),
    "not approved, on a list that takes unpaid ones": no(
        R.UNAPPROVED, STAFF, "unapproved", state=S.UNAPPROVED, list_unpaid=True
    ),
    # window
    "a second too early": window("not_yet", nbf=NOW + 1),
    "the first second": go(nbf=NOW),
    "the last second": go(exp=NOW),
    "a second too late": window("expired", exp=NOW - 1),
    "no window at all": go(nbf=None, exp=None),
    "only a start, in the past": go(exp=None),
    "only a start, in the future": window("not_yet", nbf=NOW + DAY, exp=None),
    "only an end, in the future": go(nbf=None),
    "only an end, in the past": window("expired", nbf=None, exp=NOW - DAY),
    "the list is not open yet": window("not_yet", list_opens=NOW + 1),
    "the list's first second": go(list_opens=NOW),
    "the list's last second": go(list_closes=NOW),
    "the list is closed": window("expired", list_closes=NOW - 1),
    "the ticket's window before the list's": window("expired", exp=NOW - 1, list_opens=NOW + 1),
    "after 2038": go(now=2**31 + 10, nbf=2**31, exp=2**31 + 20),
    "the last second of 32 bits": go(now=2**32 - 1, nbf=None, exp=2**32 - 1),
    "1970 on an untrusted clock is too early": window("not_yet", now=0, clock=UNTRUSTED),
    # product and zone
    "no list of this gate takes the product": product("gate", list_known=False),
    "the list takes other products": product("gate", list_products=(1, 2)),
    "the list takes this product": go(list_products=(1, 12)),
    "the list takes no product": product("gate", list_products=()),
    "a ticket without product on a list of some": product("gate", product=None, list_products=(12,)),
    "a ticket without product on a list of all": go(product=None),
    "product 0 on its list": go(product=0, list_products=(0,)),
    "the gate leads elsewhere": product("zone", gate_zones=0b1000),
    "the list is for another zone": product("zone", list_zones=0b1000),
    "gate and list share a zone that the ticket lacks": product("zone", gate_zones=0b0100),
    "gate and list share none": product("zone", gate_zones=0b0001, list_zones=0b0010),
    "a ticket of no zone": product("zone", zones=0),
    "a ticket of all zones": go(zones=0xFFFF),
    "a gate of all zones": go(gate_zones=0xFFFF),
    "zone 15": go(zones=0x8000, gate_zones=0x8000, list_zones=0xFFFF),
    "no add-on of the ticket fits": product("addon", addon="none"),
    "one add-on of the ticket fits": go(addon="found", list_addon=True),
    # rotating
    "a rotating ticket shown as a picture": no(R.CODE_REQUIRED, STOP, "code_required", rotating=True),
    "a rotating ticket in opaque form": no(R.CODE_REQUIRED, STOP, "code_required", rotating=True, **OPAQUE),
    "a code of now": go(**CODE),
    "a code of a ticket sold as static": go(**CODE | {"rotating": False}),
    "a code of the step before": go(**CODE | {"code_step": STEP - 1}),
    "a code of the step after": go(**CODE | {"code_step": STEP + 1}),
    "a code two steps old": no(R.CODE_EXPIRED, STOP, "code_expired", "old", **CODE | {"code_step": STEP - 2}),
    "a code two steps ahead": no(R.CODE_EXPIRED, STOP, "code_expired", "early", **CODE | {"code_step": STEP + 2}),
    "a code without its step": no(R.CODE_EXPIRED, STOP, "code_expired", "missing", **CODE | {"code_step": None}),
    "a code shown twice": no(R.CODE_EXPIRED, STOP, "code_expired", "replayed", last_step=STEP, **CODE),
    "an older code after a newer one": no(R.CODE_EXPIRED, STOP, "code_expired", "replayed", last_step=STEP + 1, **CODE),
    "the next code after the last": go(last_step=STEP - 1, **CODE),
    # clock
    "clock untrusted: a static ticket is judged by the floor": go(clock=UNTRUSTED, clock_policy="refuse"),
    "clock untrusted: a code is admitted and marked": go(clock=UNTRUSTED, **CODE),
    "clock untrusted: how old a code is cannot be told": go(clock=UNTRUSTED, **CODE | {"code_step": STEP - 1000}),
    "clock untrusted: a code counts once even so": no(
        R.CODE_EXPIRED, STOP, "code_expired", "replayed", clock=UNTRUSTED, last_step=STEP, **CODE
    ),
    "clock untrusted: a code by policy to staff": no(
        R.CLOCK_UNTRUSTED, STAFF, "clock_untrusted", clock=UNTRUSTED, clock_policy="staff", **CODE
    ),
    "clock untrusted: a code by policy refused": no(
        R.CLOCK_UNTRUSTED, STAFF, "clock_untrusted", clock=UNTRUSTED, clock_policy="refuse", **CODE
    ),
    "a code with the clock in holdover": go(clock=HOLDOVER, clock_policy="refuse", **CODE),
    "a code with the clock synced": go(clock_policy="refuse", **CODE),
    # rules
    "a test ticket never opens": no(R.RULES, STOP, "test_flag", "test", flags=F.TEST),
    "a test ticket that staff should look at": no(R.RULES, STOP, "test_flag", "test", flags=F.TEST | F.ATTENTION),
    "the list's rule says yes": go(list_rules=True, rules_text='{"==": [1, 1]}'),
    "the list's rule says no": no(R.RULES, STOP, "rules", "false", list_rules=True, rules_text='{"==": [1, 2]}'),
    "a rule too long to be carried": no(R.RULES, STOP, "rules", "unevaluable", list_rules=True),
    "a rule that is no JSON": no(R.RULES, STOP, "rules", "unevaluable", list_rules=True, rules_text="{"),
    "a rule with an unknown operator": no(
        R.RULES, STOP, "rules", "unevaluable", list_rules=True, rules_text='{"newer": [1]}'
    ),
    "a rule with an unknown variable": no(
        R.RULES, STOP, "rules", "unevaluable", list_rules=True, rules_text='{"==": [{"var": "newer"}, 1]}'
    ),
    "questions without answers": no(R.INCOMPLETE, STAFF, "incomplete", flags=F.ANSWERS),
    # staleness
    "fresh data": go(stale="refuse", data_age_s=0),
    "as old as allowed": go(stale="refuse", data_age_s=3600),
    "a second older, refuse": stale(stale="refuse", data_age_s=3601),
    "a second older, warn": go(stale="warn", data_age_s=3601),
    "of unknown age, refuse": stale(stale="refuse", data_age_s=None),
    "of unknown age, warn": go(data_age_s=None),
    "no limit of age": go(stale="refuse", stale_s=0, data_age_s=10**9),
    "restrict: signed and used nowhere": go(stale="restrict", data_age_s=10**6),
    "restrict: signed and used": stale(stale="restrict", data_age_s=10**6, entries=1, uses=0),
    "restrict: opaque": stale(stale="restrict", data_age_s=10**6, **OPAQUE),
    "restrict: fresh and opaque": go(stale="restrict", data_age_s=10, **OPAQUE),
    "restrict: of unknown age and opaque": stale(stale="restrict", data_age_s=None, **OPAQUE),
    "an unknown word for staleness refuses": stale(stale="newer", data_age_s=10**6),
    # uses
    "used once of one": used("total", entries=1),
    "used twice of one": used("total", entries=2),
    "used once of two": go(entries=1, uses=2),
    "used twice of two": used("total", entries=2, uses=2),
    "unlimited": go(entries=1000, uses=0),
    "unlimited by the row, five by the product": used("total", entries=5, uses=0, max_total=5),
    "ten by the row, five by the product": used("total", entries=5, uses=10, max_total=5),
    "four of five by the product": go(entries=4, uses=10, max_total=5),
    "two by the row, five by the product": used("total", entries=2, uses=2, max_total=5),
    "once a day, today already": used("day", entries=1, day_entries=1, uses=0, max_day=1),
    "once a day, yesterday only": go(entries=1, day_entries=0, uses=0, max_day=1),
    "twice a day, once today": go(entries=3, day_entries=1, uses=0, max_day=2),
    "total is named before day": used("total", entries=1, day_entries=1, max_day=1),
    "a list of many entries": go(entries=7, list_multiple=True),
    "exits do not give a use back": used("total", entries=1, exits=1),
    # coming back
    "inside, and comes again": used("total", **INSIDE | {"uses": 1}),
    "unlimited, and comes again": go(**INSIDE),
    "after its exit, a ticket of one entry": used("total", **OUTSIDE),
    "after its exit, a product that may": go(reentry="after_exit", **OUTSIDE),
    "after its exit, a list that lets it": go(list_reentry=True, **OUTSIDE),
    "before its exit, a product that may after it": no(
        R.CHECKOUT_REQUIRED, STAFF, "checkout_required", reentry="after_exit", **INSIDE
    ),
    "before its exit, on a list of many entries": go(reentry="after_exit", list_multiple=True, **INSIDE),
    "a product that comes and goes freely": go(reentry="free", **INSIDE | {"uses": 1}),
    "freely, but not above the product's total": used("total", reentry="free", max_total=1, **INSIDE),
    "freely, but not above the day's": used("day", reentry="free", max_day=1, day_entries=1, **INSIDE),
    "the first entry of a product that may come back": go(reentry="after_exit"),
    # passback
    "hard: inside": used("passback", passback="hard", **INSIDE),
    "hard: outside again": go(passback="hard", **OUTSIDE | {"uses": 0}),
    "hard: never came in": go(passback="hard"),
    "hard: on a list of many entries": go(passback="hard", list_multiple=True, **INSIDE),
    "timed: within the minutes": used("passback", passback=11, **INSIDE),
    "timed: at the last minute": go(passback=10, **INSIDE),
    "timed: after them": go(passback=9, **INSIDE),
    "timed: when is not known": used("passback", passback=10, **INSIDE | {"last_at": None}),
    "soft: inside": Case({"passback": "soft", **INSIDE}, R.OK, "passback_soft", ATTENTION, ""),
    "soft: outside again": go(passback="soft", **OUTSIDE | {"uses": 0}),
    "soft does not open for a used-up ticket": used("total", passback="soft", **INSIDE | {"uses": 1}),
    "off: inside": go(passback="off", **INSIDE),
    # capacity
    "room for one": go(area_capacity=10, area_inside=9),
    "a room for one with one in it": no(R.CAPACITY, WAIT, "capacity", area_capacity=1, area_inside=1),
    "the area is full": no(R.CAPACITY, WAIT, "capacity", area_capacity=10, area_inside=10),
    "the area is over full": no(R.CAPACITY, WAIT, "capacity", area_capacity=10, area_inside=12),
    "nobody counts": go(area_capacity=0, area_inside=1000),
    # attention
    "attention flag": look(flags=F.ATTENTION),
    "child": look(flags=F.MINOR),
    "accessibility": look(flags=F.ACCESSIBILITY),
    "VIP needs no look": go(flags=F.VIP),
    "staff pass needs no look": go(flags=F.STAFF),
    "VIP with attention": look(flags=F.VIP | F.ATTENTION),
    "attention does not open for a used ticket": used("total", flags=F.ATTENTION, entries=1),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_entry(case: Case) -> None:
    facts = replace(GOOD, **case.changes)
    decision = decide(facts)
    assert (decision.reason, decision.detail, decision.rule) == (case.reason, case.detail, case.rule)
    assert decision.admit == (case.reason is Reason.OK)
    assert verdict_of(decision, Direction.ENTRY) is case.verdict


def test_every_case_is_another_one() -> None:
    assert len({repr(sorted(case.changes.items())) for case in CASES.values()}) == len(CASES)


def test_a_used_ticket_says_where_and_when_it_was_used_first() -> None:
    decision = decide(replace(GOOD, entries=1, first_at=1_797_999_780_000, first_gate="g3"))
    assert decision.first_use is not None
    assert (decision.first_use.gate, decision.first_use.at) == ("g3", 1_797_999_780_000)


def test_only_a_used_ticket_says_so() -> None:
    """A revoked ticket that was used says revoked, and no more."""
    assert decide(replace(GOOD, state=S.REVOKED, entries=1, first_at=1, first_gate="g3")).first_use is None
    assert decide(replace(GOOD, entries=1)).first_use is None


def test_a_first_use_that_nobody_knows_the_gate_of() -> None:
    """nobody knows at which gate: an empty name, not a made-up one."""
    first = decide(replace(GOOD, entries=1, first_at=5, first_gate=None)).first_use
    assert first is not None
    assert (first.gate, first.at) == ("", 5)
