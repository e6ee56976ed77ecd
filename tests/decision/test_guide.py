"""The document of the answers, the rules, and the words of three languages say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from gate.decision.decide import EXIT_WORDS, RULES, decide
from gate.decision.facts import Facts
from gate.decision.guide import ANSWERS, advice, guest_line, guest_words, position, render
from gate.decision.reasons import verdict_of
from gate.decision.staff import LANGUAGES
from gate.model import Direction, Reason, Verdict
from tests.decision.strategies import any_facts


def test_the_document_is_what_the_code_says(root: Path) -> None:
    written = (root / "docs" / "decisions.md").read_text(encoding="utf-8")
    assert written == render(guest_words()), "write it anew: python -m gate.decision.guide docs/decisions.md"


def test_every_answer_has_words_in_every_language_and_no_words_are_left_over() -> None:
    keys = [answer.key for answer in ANSWERS]
    assert len(set(keys)) == len(keys)
    for texts in LANGUAGES.values():
        assert set(texts) == set(keys)
        assert all(when and do for when, do in texts.values())


def test_every_rule_has_an_answer_and_every_answer_its_rule() -> None:
    names = {rule.__name__ for rules in (*RULES.values(), EXIT_WORDS) for rule in rules}
    assert {answer.rule for answer in ANSWERS} == names | {""}


def test_answers_stand_in_the_order_of_the_rules() -> None:
    order = [rule.__name__ for rule in RULES[Direction.ENTRY]]
    placed = [order.index(answer.rule) for answer in ANSWERS if answer.rule in order]
    assert placed == sorted(placed)
    assert [position(answer) for answer in ANSWERS if answer.key in ("out_of_service", "capacity", "no_entry", "ok")] == [
        "1", "22", "w8", "",
    ]  # fmt: skip


def test_every_reason_is_explained() -> None:
    assert {answer.reason for answer in ANSWERS} == set(Reason)


@given(any_facts())
def test_whatever_is_decided_stands_in_the_document_with_its_verdict(facts: Facts) -> None:
    decision = decide(facts)
    same = [item for item in ANSWERS if (item.rule, item.reason) == (decision.rule, decision.reason)]
    if decision.rule in ("authentic", "ambiguous"):  # their details come from the formats and the look-up
        same = [item for item in ANSWERS if item.reason is decision.reason]
    else:
        same = [item for item in same if item.detail == decision.detail]
    assert same
    if not decision.attention:
        assert same[0].verdict(facts.direction) is verdict_of(decision, facts.direction)


@pytest.mark.parametrize(
    ("key", "entry", "leaving"),
    [
        ("ok", Verdict.GO, Verdict.GO),
        ("ok.passback_soft", Verdict.GO_ATTENTION, None),
        ("already_redeemed.total", Verdict.STOP_USED, None),
        ("revoked", Verdict.STOP, Verdict.GO_ATTENTION),
        ("invalid", Verdict.STOP, Verdict.SEE_STAFF),
        ("no_entry", None, Verdict.GO_ATTENTION),
        ("rules.test", Verdict.STOP, Verdict.SEE_STAFF),
        ("capacity", Verdict.WAIT, None),
        ("error", Verdict.SEE_STAFF, Verdict.SEE_STAFF),
    ],
)
def test_verdicts_of_the_document(key: str, entry: Verdict | None, leaving: Verdict | None) -> None:
    (answer,) = [item for item in ANSWERS if item.key == key]
    assert (answer.verdict(Direction.ENTRY), answer.verdict(Direction.EXIT)) == (entry, leaving)


def test_advice_is_found_for_details_of_formats_and_of_newer_gates() -> None:
    english = LANGUAGES["en"]
    assert advice("invalid", "foreign_payment", "en") == english["invalid.foreign"]
    assert advice("invalid", "base45", "en") == english["invalid"]
    assert advice("unknown_key", "key_not_yet", "en") == english["unknown_key.key_expired"]
    assert advice("wrong_event", "autumn", "en") == english["wrong_event"]
    assert advice("product", "newer", "en") in (english["product.gate"], english["product.zone"])
    assert advice("newer", "", "en") == english["error"]
    assert advice("revoked", "", "xx") == english["revoked"]
    assert advice("revoked", "", "id") == LANGUAGES["id"]["revoked"]


def test_the_guest_s_line_is_the_screen_s() -> None:
    words = guest_words()["en"]
    (day,) = [item for item in ANSWERS if item.key == "already_redeemed.day"]
    assert guest_line(day, words) == words["already_redeemed.day"].replace("{ask}", "…")
