"""What explain says of a decision: each rule, the facts it read, in words for people."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from gate.decision.decide import EXIT_WORDS, RULES, explain
from gate.decision.facts import NAMES, Facts
from gate.decision.words import _TABLE, label, say, say_all
from gate.model import Direction, TicketFlag
from tests.decision.good import GOOD, NOW
from tests.decision.strategies import any_facts


def test_every_fact_has_words() -> None:
    assert set(_TABLE) == set(NAMES)
    assert len({words for words, _ in _TABLE.values()}) == len(NAMES), "no two are called the same"


@given(any_facts())
def test_any_fact_can_be_said(facts: Facts) -> None:
    for name, value in facts.to_map().items():
        assert say(name, value).isprintable()


def test_a_rule_names_the_facts_it_read_and_no_others() -> None:
    _, steps = explain(replace(GOOD, exp=NOW - 1))
    by_name = {step.name: step for step in steps}
    assert by_name["window"].answer == "invalid_time/expired"
    assert by_name["window"].looked == ("nbf", "exp", "list_opens", "list_closes", "now")
    assert by_name["revoked"].looked == ("state",)
    assert steps[-1].name == "window"


def test_a_rule_of_the_list_names_what_the_rule_asked_for() -> None:
    text = '{"<": [{"var": "entries_number"}, 2]}'
    _, steps = explain(replace(GOOD, list_rules=True, rules_text=text))
    looked = next(step.looked for step in steps if step.name == "rules")
    assert looked == ("list_rules", "rules_text", "rules_history", "entries")


def test_words_for_people() -> None:
    facts = replace(GOOD, flags=int(TicketFlag.VIP | TicketFlag.MINOR)).to_map()
    assert say_all(("state", "exp"), facts) == "state of the ticket: valid; valid until: 2026-12-24 04:26:40 UTC"
    assert say("flags", facts["flags"]) == "flags: vip, minor"
    assert say("zones", 0b101) == "zones of the ticket: 0, 2"
    assert say("found", True) == "in the manifest: yes"
    assert say("max_day", 0) == "entries the product allows a day: no limit"
    assert say("passback", 10) == "passback of the product: 10 min"
    assert say("first_at", None) == "first entry: -"
    assert say("state", 6) == "state of the ticket: unknown (6)"
    assert say("now", 2**62).endswith("(no date)")
    assert label("already_redeemed") == "already redeemed"


def test_at_an_exit_the_words_follow_the_rules() -> None:
    leaving = replace(GOOD, direction=Direction.EXIT, entries=1)
    everything = [rule.__name__ for rule in (*RULES[Direction.EXIT], *EXIT_WORDS)]
    assert [step.name for step in explain(leaving)[1]] == everything
    unpaid = explain(replace(leaving, state=1))[1]
    assert (unpaid[-1].name, unpaid[-1].answer) == ("unpaid", "unpaid")
    assert [step.name for step in explain(GOOD)[1]] == [rule.__name__ for rule in RULES[Direction.ENTRY]]


def test_facts_are_written_as_plain_lists_and_numbers() -> None:
    written = replace(GOOD, list_products=(1, 2), rules_history=(5,)).to_map()
    assert (type(written["list_products"]), type(written["rules_history"])) == (list, list)
    assert (written["list_products"], written["rules_history"], written["now"]) == ([1, 2], [5], NOW)
