"""The order of rules is the policy (contracts 1a): of two reasons, the earlier one is given. And what explain says of it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from gate.decision.decide import EXIT_WORDS, RULES, decide, explain
from gate.decision.facts import Facts, facts_from_map
from gate.model import ClockTrust, Direction, Reason, TicketFlag, TicketState
from gate.wire import cbor
from tests.decision.good import GOOD, LEAVING, NOW, STEP
from tests.decision.strategies import any_facts

FAULTS: dict[str, dict[str, Any]] = {
    "out_of_service": {"lane": "out"},
    "lane_busy": {"lane": "busy"},
    "authentic": {"problem": Reason.INVALID_SIGNATURE},
    "known": {"found": False},
    "ambiguous": {"addon": "many"},
    "revoked": {"state": TicketState.REVOKED},
    "canceled": {"state": TicketState.CANCELED},
    "blocked": {"state": TicketState.BLOCKED},
    "unapproved": {"state": TicketState.UNAPPROVED},
    "window": {"exp": NOW - 1},
    "product": {"list_products": (1,)},
    "unpaid": {"state": TicketState.UNPAID},
    "code_required": {"rotating": True, "format": "gt1"},
    "code_expired": {"format": "rotating", "code_step": None},
    "clock_untrusted": {
        "clock": ClockTrust.UNTRUSTED,
        "clock_policy": "staff",
        "format": "rotating",
        "code_step": STEP,
    },
    "test_flag": {"flags": int(TicketFlag.TEST)},
    "rules": {"list_rules": True},
    "incomplete": {"flags": int(TicketFlag.ANSWERS)},
    "stale_data": {"stale": "refuse", "data_age_s": 10**6},
    "checkout_required": {"inside": True, "reentry": "after_exit"},
    "already_redeemed": {"entries": 1},
    "capacity": {"area_capacity": 1, "area_inside": 1},
}
"""One fault for each rule of the entry, in the order of contracts 1a."""


def test_the_rules_of_the_entry_are_those_of_the_contract_in_its_order() -> None:
    assert [rule.__name__ for rule in RULES[Direction.ENTRY]] == list(FAULTS)


def test_the_rules_of_the_exit() -> None:
    assert [rule.__name__ for rule in RULES[Direction.EXIT]] == [
        "out_of_service",
        "lane_busy",
        "authentic",
        "known",
        "test_flag",
    ]
    assert [rule.__name__ for rule in EXIT_WORDS] == [
        "ambiguous", "revoked", "canceled", "blocked", "unapproved", "product", "unpaid", "no_entry",
    ]  # fmt: skip


PAIRS = [
    (first, second)
    for first, second in itertools.combinations(FAULTS, 2)
    if not FAULTS[first].keys() & FAULTS[second].keys()
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_two_faults_the_earlier_is_named(first: str, second: str) -> None:
    assert decide(replace(GOOD, **FAULTS[second])).rule == second
    assert decide(replace(GOOD, **FAULTS[first], **FAULTS[second])).rule == first


def test_with_every_fault_at_once_they_come_up_one_after_the_other() -> None:
    """Put right one by one, in order: each fault hides all that follow. Some exclude one another: one stands for them."""
    apart = {
        "lane_busy",
        "canceled",
        "blocked",
        "unapproved",
        "unpaid",
        "code_required",
        "clock_untrusted",
        "test_flag",
    }
    left = [name for name in FAULTS if name not in apart]
    seen = []
    while left:
        facts = GOOD
        for name in left:
            facts = replace(facts, **FAULTS[name])
        seen.append(decide(facts).rule)
        left.remove(seen[-1])
    assert seen == [name for name in FAULTS if name not in apart]


@given(any_facts(Direction.ENTRY))
def test_revoked_is_said_before_used(facts: Facts) -> None:
    known = replace(facts, found=True, problem=None, addon="", lane="ready")
    facts = replace(known, state=TicketState.REVOKED, entries=9, uses=1)
    assert decide(facts).reason is Reason.REVOKED


@given(any_facts())
def test_the_same_facts_give_the_same_decision_now_and_from_the_journal(facts: Facts) -> None:
    assert facts.encode() == cbor.dumps(facts.to_map()), "deterministic CBOR, whoever writes it"
    again = facts_from_map(cbor.loads(facts.encode()))
    assert again == facts
    assert decide(facts) == decide(facts) == decide(again)


@given(any_facts())
def test_explain_ends_with_the_rule_that_decided(facts: Facts) -> None:
    decision, steps = explain(facts)
    assert decision == decide(facts)
    assert all(step.answer == "pass" for step in steps[:-1])
    if decision.rule:
        assert steps[-1].name == decision.rule
        expected = f"{decision.reason}/{decision.detail}" if decision.detail else decision.reason
        assert steps[-1].answer == expected
    else:
        assert steps[-1].answer == "pass"
        words = EXIT_WORDS if facts.direction is Direction.EXIT else ()
        assert len(steps) == len(RULES[facts.direction]) + len(words)


@given(any_facts(Direction.ENTRY))
def test_nobody_enters_without_proof_state_window_zone_and_a_use_left(facts: Facts) -> None:
    """What an admission always means, said once more without the rules."""
    if not decide(facts).admit:
        return
    assert facts.lane == "ready"
    assert facts.problem is None
    assert facts.addon not in {"none", "many"}
    assert not facts.list_rules or facts.rules_text == '{"==": [1, 1]}'
    assert not facts.area_capacity or facts.area_inside < facts.area_capacity
    assert facts.found or (facts.signed and facts.mode == "signature")
    assert (
        facts.state == TicketState.VALID or (facts.state == TicketState.UNPAID and facts.list_unpaid) or not facts.found
    )
    assert facts.nbf is None or facts.nbf <= facts.now
    assert facts.exp is None or facts.now <= facts.exp
    assert facts.zones & facts.gate_zones & facts.list_zones
    assert not facts.rotating or facts.format == "rotating"
    assert not facts.flags & TicketFlag.TEST
    comes_back = facts.reentry == "free" or (not facts.inside and (facts.reentry == "after_exit" or facts.list_reentry))
    assert facts.list_multiple or not facts.uses or facts.entries < facts.uses or comes_back
    assert facts.list_multiple or not facts.max_total or facts.entries < facts.max_total
    assert facts.list_multiple or not facts.max_day or facts.day_entries < facts.max_day
    assert facts.list_multiple or not (facts.inside and facts.passback == "hard")


@given(any_facts(Direction.ENTRY))
def test_one_entry_more_never_opens_what_was_shut(facts: Facts) -> None:
    if facts.entries and not decide(facts).admit:
        assert not decide(replace(facts, entries=facts.entries + 1, day_entries=facts.day_entries + 1)).admit


@given(any_facts(Direction.ENTRY))
def test_less_trust_never_opens_what_was_shut(facts: Facts) -> None:
    """Older data, no signature, the stricter mode: each can only shut."""
    if decide(facts).admit:
        return
    older = None if facts.data_age_s is None else facts.data_age_s + 10_000
    assert not decide(replace(facts, data_age_s=older)).admit
    assert not decide(replace(facts, signed=False)).admit
    assert not decide(replace(facts, mode="allow_list")).admit


def test_a_guest_who_is_leaving_is_not_asked_what_an_entry_asks() -> None:
    for name, changes in FAULTS.items():
        admitted = decide(replace(LEAVING, **changes)).admit
        assert admitted == (name not in {"out_of_service", "lane_busy", "authentic", "known", "test_flag"}), name
