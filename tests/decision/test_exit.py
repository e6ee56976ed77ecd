"""Decisions at an exit: the lane opens for every recognised ticket; the word is the one that pretix would give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from gate.decision.decide import decide
from gate.decision.facts import Facts
from gate.decision.reasons import verdict_of
from gate.model import ClockTrust, Direction, Reason, TicketFlag, TicketState, Verdict
from tests.decision.good import LEAVING, NOW, OPAQUE, Case
from tests.decision.strategies import recognised

R, S, F = Reason, TicketState, TicketFlag
GO, ATTENTION, STAFF = Verdict.GO, Verdict.GO_ATTENTION, Verdict.SEE_STAFF


def opens(reason: Reason = R.OK, rule: str = "", detail: str = "", **changes: Any) -> Case:
    return Case(changes, reason, detail, GO if reason is R.OK else ATTENTION, rule)


def stays(reason: Reason, verdict: Verdict, rule: str, detail: str = "", **changes: Any) -> Case:
    return Case(changes, reason, detail, verdict, rule)


OPENS: dict[str, Case] = {
    "a guest who came in": opens(),
    "canceled meanwhile": opens(R.CANCELED, "canceled", state=S.CANCELED),
    "blocked meanwhile": opens(R.BLOCKED, "blocked", state=S.BLOCKED),
    "not approved": opens(R.UNAPPROVED, "unapproved", state=S.UNAPPROVED),
    "not paid": opens(R.UNPAID, "unpaid", state=S.UNPAID),
    "not paid, on a list that takes it": opens(state=S.UNPAID, list_unpaid=True),
    "a state of a newer server": opens(R.BLOCKED, "blocked", "state", state=6),
    "another product": opens(R.PRODUCT, "product", "gate", list_products=(1,)),
    "another zone": opens(R.PRODUCT, "product", "zone", gate_zones=0b1000),
    "never came in": opens(R.NO_ENTRY, "no_entry", entries=0),
    "revoked meanwhile": opens(R.REVOKED, "revoked", state=S.REVOKED),
    "two events have this text": opens(R.AMBIGUOUS, "ambiguous", problem=R.AMBIGUOUS, found=True),
    "expired meanwhile": opens(exp=NOW - 1),
    "not valid yet": opens(nbf=NOW + 1),
    "the list is closed": opens(list_closes=NOW - 1),
    "used up": opens(entries=3),
    "used up today": opens(entries=3, day_entries=3, max_day=1),
    "left before": opens(exits=1),
    "data too old": opens(stale="refuse", data_age_s=10**6),
    "clock untrusted": opens(clock=ClockTrust.UNTRUSTED, clock_policy="refuse", now=0),
    "a picture of a rotating ticket": opens(rotating=True),
    "a list with rules": opens(list_rules=True),
    "no add-on fits": opens(R.PRODUCT, "product", "addon", addon="none"),
    "the area is full": opens(area_capacity=1, area_inside=1),
    "an old code": opens(format="rotating", rotating=True, code_step=1),
    "questions without answers": opens(flags=F.ANSWERS),
    "an opaque ticket": opens(**OPAQUE),
    "signature mode, not in the manifest": opens(found=False, mode="signature"),
}
OPENS |= {
    f"{flag.name} is looked at": Case({"flags": flag}, R.OK, "", ATTENTION, "")
    for flag in (F.ATTENTION, F.MINOR, F.ACCESSIBILITY)
}
STAYS: dict[str, Case] = {
    "unreadable": stays(R.INVALID, STAFF, "authentic", "form", problem=R.INVALID, problem_detail="form"),
    "a forged signature": stays(R.INVALID_SIGNATURE, STAFF, "authentic", problem=R.INVALID_SIGNATURE),
    "an unknown key": stays(R.UNKNOWN_KEY, STAFF, "authentic", problem=R.UNKNOWN_KEY),
    "another event": stays(R.WRONG_EVENT, STAFF, "authentic", problem=R.WRONG_EVENT),
    "a test ticket": stays(R.RULES, STAFF, "test_flag", "test", flags=F.TEST),
    "not in the manifest": stays(R.INVALID, STAFF, "known", "unknown", found=False),
    "somebody is passing": stays(R.LANE_BUSY, Verdict.WAIT, "lane_busy", lane="busy"),
    "the lane is closed": stays(R.OUT_OF_SERVICE, Verdict.OUT_OF_ORDER, "out_of_service", lane="out"),
}


@pytest.mark.parametrize("case", OPENS.values(), ids=OPENS)
def test_the_exit_opens(case: Case) -> None:
    decision = decide(replace(LEAVING, **case.changes))
    assert decision.admit
    assert (decision.reason, decision.detail, decision.rule) == (case.reason, case.detail, case.rule)
    assert verdict_of(decision, Direction.EXIT) is case.verdict


@pytest.mark.parametrize("case", STAYS.values(), ids=STAYS)
def test_the_exit_does_not_open_by_itself(case: Case) -> None:
    decision = decide(replace(LEAVING, **case.changes))
    assert not decision.admit
    assert (decision.reason, decision.detail, decision.rule) == (case.reason, case.detail, case.rule)
    assert verdict_of(decision, Direction.EXIT) is case.verdict


@given(recognised(Direction.EXIT))
def test_the_exit_opens_for_every_recognised_ticket(facts: Facts) -> None:
    """Nobody is kept inside over a state, a clock, a debt or old data."""
    decision = decide(replace(facts, lane="ready", flags=facts.flags & ~F.TEST))
    assert decision.admit
    assert verdict_of(decision, Direction.EXIT) in {GO, ATTENTION}
    assert decision.reason in {
        R.OK,
        R.AMBIGUOUS,
        R.REVOKED,
        R.CANCELED,
        R.BLOCKED,
        R.UNAPPROVED,
        R.PRODUCT,
        R.UNPAID,
        R.NO_ENTRY,
    }
