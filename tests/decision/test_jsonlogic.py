"""Custom rules: pretix's operators and variables as its documentation has them, strict types, and no way to hang or crash."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.decision.facts import Facts
from gate.decision.jsonlogic import MAX_CHARS, MAX_DEPTH, MAX_NODES, evaluate
from gate.decision.rulefacts import Unevaluable
from tests.decision.good import GOOD

NOW = 1_798_000_017  # Wednesday 2026-12-23 04:26:57 UTC, 12:26:57 in Taipei
H = 3600
IN = replace(
    GOOD,
    now=NOW,
    gate="g2",
    list_rules=True,
    rules_product=2,
    rules_variation=7,
    tz="Asia/Taipei",
    entries=3,
    day_entries=2,
    inside=True,
    first_at=(NOW - 30 * H) * 1000,
    rules_history=(NOW - 30 * H, NOW - 5 * H, NOW - 90),
    date_from=NOW - H,
    date_to=NOW + 5 * H,
    date_admission=NOW - 2 * H,
)
NEVER = replace(IN, entries=0, day_entries=0, inside=False, first_at=None, rules_history=())


def var(name: str) -> dict[str, str]:
    return {"var": name}


def objects(model: str, *ids: str) -> dict[str, Any]:
    return {"objectList": [{"lookup": [model, key, "its name"]} for key in ids]}


def at(kind: str, *value: str) -> dict[str, Any]:
    return {"buildTime": [kind, *value]}


NOON, ISO_NOW = "12:00:00", "2026-12-23T04:26:57Z"
TRUE: dict[str, Any] = {
    "no rule at all": {},
    "at most two entries, none so far": ({"<": [var("entries_number"), 2]}, NEVER),
    "entries_number": {"==": [var("entries_number"), 3]},
    "entries_today": {"==": [var("entries_today"), 2]},
    "entries_days: two local days": {"==": [var("entries_days"), 2]},
    "entries_days: none": ({"==": [var("entries_days"), 0]}, NEVER),
    "minutes_since_last_entry": {"==": [var("minutes_since_last_entry"), 1]},
    "minutes_since_last_entry: never is -1": ({"==": [var("minutes_since_last_entry"), -1]}, NEVER),
    "minutes_since_first_entry": {"==": [var("minutes_since_first_entry"), 1800]},
    "minutes_since_first_entry: never is -1": ({"==": [var("minutes_since_first_entry"), -1]}, NEVER),
    "cool-down of a minute, or never in": {
        "or": [{">": [var("minutes_since_last_entry"), 0]}, {"==": [var("minutes_since_last_entry"), -1]}]
    },
    "a last entry by a clock ahead of ours is now, not never": (
        {"==": [var("minutes_since_last_entry"), 0]}, replace(IN, entries=1, rules_history=(NOW + 300,))
    ),
    "entry_status present": {"==": [var("entry_status"), "present"]},
    "entry_status absent": ({"==": [var("entry_status"), "absent"]}, NEVER),
    "entry_status is another": {"!=": [var("entry_status"), "absent"]},
    "now_isoweekday: Wednesday": {"==": [var("now_isoweekday"), 3]},
    "now_isoweekday is local": ({"==": [var("now_isoweekday"), 2]}, replace(IN, tz="America/Los_Angeles")),
    "<": {"<": [1, 2]},
    "<=": {"<=": [2, 2]},
    ">": {">": [2, 1.5]},
    ">=": {">=": [2, 2]},
    "==": {"==": [2, 2.0]},
    "!=": {"!=": [2, 3]},
    "and": {"and": [{"<": [1, 2]}, {"<": [2, 3]}]},
    "or": {"or": [{"<": [2, 1]}, {"<": [2, 3]}]},
    "and of one": {"and": [{"<": [1, 2]}]},
    "nested": {"and": [{"or": [{"==": [1, 2]}, {"<": [1, 2]}]}, {"!=": [1, 2]}]},
    "inList: the product": {"inList": [var("product"), objects("product", "1", "2")]},
    "inList: the variation": {"inList": [var("variation"), objects("variation", "7")]},
    "inList: the gate by its name": {"inList": [var("gate"), objects("gate", "g1", "g2")]},
    "inList: a gate with a number for a name": (
        {"inList": [var("gate"), objects("gate", "12")]}, replace(IN, gate="12")
    ),
    "inList: an id as a number": {"inList": [var("product"), {"objectList": [{"lookup": ["product", 2, "VIP"]}]}]},
    "inList: a look-up without its label": {"inList": [var("product"), {"objectList": [{"lookup": ["product", "2"]}]}]},
    "inList: an id of forty signs": (
        {"inList": [var("gate"), objects("gate", "g" * 40)]}, replace(IN, gate="g" * 40)
    ),
    "inList: an id with leading zeros is the same number": {"inList": [var("product"), objects("product", "02")]},
    "isBefore": {"isBefore": [var("now"), at("date_to"), None]},
    "isBefore without tolerance": {"isBefore": [var("now"), at("date_to")]},
    "isBefore within the tolerance": {"isBefore": [var("now"), at("date_from"), 61]},
    "isAfter": {"isAfter": [var("now"), at("date_from"), None]},
    "isAfter within the tolerance": {"isAfter": [var("now"), at("date_to"), 301]},
    "isAfter with a fraction of a minute": {"isAfter": [var("now"), at("custom", "2026-12-23T04:27:26Z"), 0.5]},
    "custom time": {"isAfter": [var("now"), at("custom", "2026-12-23T04:26:56+00:00")]},
    "custom time in another zone": {"isAfter": [var("now"), at("custom", "2026-12-23T12:26:56+08:00")]},
    "custom time with fractions": {"isAfter": [var("now"), at("custom", "2026-12-22T22:00:00.000Z")]},
    "customtime: noon of the day, local": {"isAfter": [var("now"), at("customtime", NOON)]},
    "customtime: half past noon is not yet": {"isBefore": [var("now"), at("customtime", "12:30:00")]},
    "customtime without seconds": {"isAfter": [var("now"), at("customtime", "12:26")]},
    "customtime is of the local day, not of the one in London": (
        {"isAfter": [var("now"), at("customtime", "20:00")]}, replace(IN, tz="America/Los_Angeles")
    ),
    "customtime: not yet that of the local day": (
        {"isBefore": [var("now"), at("customtime", "20:30")]}, replace(IN, tz="America/Los_Angeles")
    ),
    "date_admission": {"isAfter": [at("date_from"), at("date_admission")]},
    "date_to falls back to date_from": (
        {"isBefore": [at("date_to"), at("custom", ISO_NOW)]}, replace(IN, date_to=None)
    ),
    "date_admission falls back to date_from": (
        {"isAfter": [at("date_admission"), at("custom", "2026-12-23T03:26:56Z")]}, replace(IN, date_admission=None)
    ),
    "entries_since": {"==": [{"entries_since": [at("custom", "2026-12-22T22:00:00Z")]}, 2]},
    "entries_since is inclusive": ({"==": [{"entries_since": [at("custom", ISO_NOW)]}, 1]},
                                   replace(IN, entries=1, rules_history=(NOW,))),
    "entries_before": {"==": [{"entries_before": [at("custom", "2026-12-22T22:00:00Z")]}, 1]},
    "entries_since today's noon": {"==": [{"entries_since": [at("customtime", NOON)]}, 1]},
    "entries_days_since": {"==": [{"entries_days_since": [at("custom", "2026-12-20T00:00:00Z")]}, 2]},
    "entries_days_since: a day goes on after the time": {"==": [{"entries_days_since": [at("customtime", NOON)]}, 1]},
    "entries_days_since: nothing after": {"==": [{"entries_days_since": [at("custom", "2027-01-01T00:00:00Z")]}, 0]},
    "entries_days_before": {"==": [{"entries_days_before": [at("customtime", NOON)]}, 2]},
    "entries_days_before: nothing before": {"==": [{"entries_days_before": [at("custom", "2026-12-01T00:00:00Z")]}, 0]},
    "a variable given in a list": {"==": [{"var": ["entries_number"]}, 3]},
    "a count given without a list": {"==": [{"entries_since": at("custom", "2026-12-22T22:00:00Z")}, 2]},
}  # fmt: skip
FALSE: dict[str, Any] = {
    "at most two entries, two so far": ({"<": [var("entries_number"), 2]}, replace(IN, entries=2)),
    "and": {"and": [{"<": [1, 2]}, {"<": [3, 2]}]},
    "or": {"or": [{"<": [2, 1]}, {"<": [3, 2]}]},
    "inList: another product": {"inList": [var("product"), objects("product", "1", "3")]},
    "inList: an empty list": {"inList": [var("product"), {"objectList": []}]},
    "inList: no variation": (
        {"inList": [var("variation"), objects("variation", "7")]}, replace(IN, rules_variation=None)
    ),
    "inList: a gate's name is no number": {"inList": [var("gate"), objects("gate", "2")]},
    "isBefore: the very second": {"isBefore": [var("now"), at("custom", ISO_NOW)]},
    "isAfter: the very second": {"isAfter": [var("now"), at("custom", ISO_NOW)]},
    "isBefore: at the end of the tolerance": {"isBefore": [var("now"), at("date_from"), 60]},
    "isAfter: at the end of the tolerance": {"isAfter": [var("now"), at("date_to"), 300]},
    "<": {"<": [2, 2]},
    ">": {">": [2, 2]},
    "<=": {"<=": [3, 2]},
    ">=": {">=": [1, 2]},
    "==": {"==": [1, 2]},
    "!=": {"!=": [2, 2.0]},
    "== of texts": {"==": [var("entry_status"), "absent"]},
    "the same entry is not before its own second": (
        {"==": [{"entries_before": [at("custom", ISO_NOW)]}, 1]}, replace(IN, entries=1, rules_history=(NOW,))
    ),
}  # fmt: skip
LONG = replace(IN, entries=9)
"""More entries than are known by their time."""
BROKEN: dict[str, Any] = {
    "no rule but a value": True,
    "a number": 1,
    "null": None,
    "a list": [{"<": [1, 2]}],
    "a number comes out": var("entries_number"),
    "a time comes out": var("now"),
    "an unknown operator": {"if": [{"<": [1, 2]}, True, False]},
    "an operator of JsonLogic that is not pretix's": {"!": [{"<": [1, 2]}]},
    "an unknown variable": {"==": [var("attendee_name"), "Ada"]},
    "a variable of no name": {"==": [{"var": []}, 1]},
    "a variable with a default": {"==": [{"var": ["entries_number", 0]}, 3]},
    "a variable named by a list": {"==": [{"var": [["now"]]}, 1]},
    "a variable named by null": {"==": [{"var": None}, 1]},
    "two operators": '{"<": [1, 2], ">": [2, 1]}',
    "one operator twice": '{"<": [1, 2], "<": [2, 1]}',
    "no operator inside": {"and": [{}]},
    "and of nothing": {"and": []},
    "or of nothing": {"or": []},
    "and of a number": {"and": [1]},
    "or with a broken branch": {"or": [{"<": [1, 2]}, {"nope": []}]},
    "and with a branch of null": {"and": [{"<": [2, 1]}, None]},
    "< of one": {"<": [1]},
    "< of three": {"<": [1, 2, 3]},
    "< of a text": {"<": ["1", 2]},
    "< of true": {"<": [True, 2]},
    "< of null": {"<": [None, 2]},
    "< of times": {"<": [var("now"), at("date_to")]},
    "== of number and text": {"==": [1, "1"]},
    "== of products": {"==": [var("product"), 2]},
    "== of true": {"==": [True, True]},
    "== of three texts": {"==": ["a", "a", "a"]},
    "inList of a number": {"inList": [2, objects("product", "2")]},
    "inList of plain numbers": {"inList": [var("product"), [1, 2]]},
    "inList of one": {"inList": [var("product")]},
    "inList of a list of numbers": {"inList": [var("product"), {"objectList": [1, 2]}]},
    "a look-up of something else": {"inList": [var("product"), objects("seat", "2")]},
    "a look-up of a list": {"inList": [var("product"), {"objectList": [{"lookup": [["product"], "2"]}]}]},
    "a look-up without id": {"inList": [var("product"), {"objectList": [{"lookup": ["product"]}]}]},
    "a look-up of an empty id": {"inList": [var("product"), objects("product", "")]},
    "a look-up of a long id": {"inList": [var("product"), objects("product", "9" * 41)]},
    "a look-up of four": {"inList": [var("product"), {"objectList": [{"lookup": ["product", "2", "", ""]}]}]},
    "a look-up of true": {"inList": [var("product"), {"objectList": [{"lookup": ["product", True, ""]}]}]},
    "isBefore of a number": {"isBefore": [1, at("date_to")]},
    "isBefore of one": {"isBefore": [var("now")]},
    "isBefore of a text": {"isBefore": [var("now"), ISO_NOW]},
    "a tolerance of a text": {"isBefore": [var("now"), at("date_to"), "5"]},
    "a tolerance of true": {"isAfter": [var("now"), at("date_to"), True]},
    "a time of an unknown kind": {"isBefore": [var("now"), at("tomorrow")]},
    "a time of no kind": {"isBefore": [var("now"), {"buildTime": []}]},
    "a time of a list": {"isBefore": [var("now"), {"buildTime": [["custom"], ISO_NOW]}]},
    "a date_from with a value": {"isBefore": [var("now"), at("date_from", ISO_NOW)]},
    "a custom time without its offset": {"isBefore": [var("now"), at("custom", "2026-12-23T04:26:57")]},
    "a custom time that is none": {"isBefore": [var("now"), at("custom", "Christmas")]},
    "a custom time that is missing": {"isBefore": [var("now"), at("custom")]},
    "a custom time that is a number": {"isBefore": [var("now"), {"buildTime": ["custom", 1]}]},
    "a time of day that is none": {"isBefore": [var("now"), at("customtime", "25:00")]},
    "a time of day with an offset": {"isBefore": [var("now"), at("customtime", "12:00+08:00")]},
    "a time of day that is missing": {"isBefore": [var("now"), at("customtime")]},
    "a date that the event does not have": ({"isBefore": [var("now"), at("date_from")]}, replace(IN, date_from=None)),
    "a date without the one it falls back to": (
        {"isBefore": [var("now"), at("date_to")]}, replace(IN, date_from=None, date_to=None)
    ),
    "entries_since of nothing": {"==": [{"entries_since": []}, 1]},
    "entries_since of a number": {"==": [{"entries_since": [5]}, 1]},
    "a zone that nobody knows": ({"==": [var("now_isoweekday"), 3]}, replace(IN, tz="Mars/Olympus")),
    "a zone that is a path": ({"==": [var("now_isoweekday"), 3]}, replace(IN, tz="../../etc/passwd")),
    "a year that no calendar has": ({"==": [var("now_isoweekday"), 3]}, replace(IN, now=2**62)),
    "more entries than remembered: days": ({">": [var("entries_days"), 0]}, LONG),
    "more entries than remembered: since before the oldest": (
        {">": [{"entries_since": [at("custom", "2026-12-01T00:00:00Z")]}, 0]}, LONG
    ),
    "more entries than remembered: days before": ({">": [{"entries_days_before": [at("customtime", NOON)]}, 0]}, LONG),
    "more entries than remembered: since the oldest of them": (
        {">": [{"entries_since": [at("custom", "2026-12-21T22:26:57Z")]}, 0]}, LONG
    ),
    "more entries than remembered: none at all": (
        {">": [{"entries_since": [at("customtime", NOON)]}, -1]}, replace(IN, rules_history=())
    ),
    "the last entry is not remembered": ({">": [var("minutes_since_last_entry"), 5]}, replace(IN, rules_history=())),
    "no JSON": "{",
    "nothing": "",
    "JSON with a tail": '{"<": [1, 2]} x',
    "NaN": '{"<": [NaN, 2]}',
    "Infinity": '{"<": [1, Infinity]}',
    "too deep": "{" + '"and":[{' * MAX_DEPTH + '"<":[1,2]' + "}]" * MAX_DEPTH + "}",
    "a bomb of brackets": "[" * (MAX_CHARS - 2),
    "a bomb of operators": '{"and":[' * 1500,
    "a number of a million digits": '{"<": [1, ' + "9" * 10_000 + "]}",
    "too many parts": {"and": [{"<": [1, 2]}] * (MAX_NODES // 3 + 1)},
    "too long": '{"<": [1, 2]}' + " " * MAX_CHARS,
}  # fmt: skip


def case(value: Any) -> tuple[str, Facts]:
    rule, facts = value if isinstance(value, tuple) else (value, IN)
    return rule if isinstance(rule, str) else json.dumps(rule), facts


@pytest.mark.parametrize("value", TRUE.values(), ids=TRUE)
def test_lets_in(value: Any) -> None:
    assert evaluate(*case(value)) is True


@pytest.mark.parametrize("value", FALSE.values(), ids=FALSE)
def test_lets_nobody_in(value: Any) -> None:
    assert evaluate(*case(value)) is False


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
def test_cannot_be_evaluated(value: Any) -> None:
    with pytest.raises(Unevaluable):
        evaluate(*case(value))


def test_newest_entries_suffice_for_what_is_newer_than_the_oldest_of_them() -> None:
    noon = json.dumps({"==": [{"entries_since": [at("customtime", NOON)]}, 1]})
    second = json.dumps({"==": [{"entries_since": [at("custom", "2026-12-21T22:26:58Z")]}, 2]})
    assert evaluate(second, LONG), "a second after the oldest that is remembered"
    before = json.dumps({"==": [{"entries_before": [at("customtime", NOON)]}, 8]})
    days = json.dumps({"==": [{"entries_days_since": [at("customtime", NOON)]}, 1]})
    assert evaluate(noon, LONG)
    assert evaluate(before, LONG)
    assert evaluate(days, LONG)


def test_depth_and_parts_up_to_the_bound_are_fine() -> None:
    deep: Any = {"<": [1, 2]}
    for _ in range(MAX_DEPTH - 1):
        deep = {"and": [deep]}
    assert evaluate(json.dumps(deep), IN)
    assert evaluate('{"<": [1, 2]}'.ljust(MAX_CHARS), IN)
    assert evaluate(json.dumps({"and": [{"<": [1, 2]}] * ((MAX_NODES - 1) // 3)}), IN)


def test_days_begin_when_the_policy_says() -> None:
    """02:00 belongs to the evening before when a day begins at 04:00; at midnight it does not."""
    two_in_the_night, evening = 1_797_962_400, 1_797_948_000  # 18:00 and 14:00 UTC = 02:00 and 22:00 in Taipei
    facts = replace(IN, entries=2, rules_history=(evening, two_in_the_night))
    assert evaluate('{"==": [{"var": "entries_days"}, 1]}', replace(facts, day_start=240))
    assert evaluate('{"==": [{"var": "entries_days"}, 2]}', replace(facts, day_start=0))


def test_the_longest_rule_over_the_longest_history_takes_milliseconds() -> None:
    history = tuple(range(NOW - 500 * H, NOW, H))
    count = {">=": [{"entries_days_since": [at("custom", "2026-12-01T00:00:00Z")]}, 0]}
    text = json.dumps({"and": [count] * (MAX_NODES // 6)})
    facts = replace(IN, entries=500, rules_history=history)
    assert len(text) <= MAX_CHARS
    begun = time.thread_time()  # of work, whatever else the machine does meanwhile
    assert evaluate(text, facts)
    assert time.thread_time() - begun < 1  # 5 ms here; a history walked once for each pair of it takes many seconds


NAMES = [*["<", "<=", ">", ">=", "==", "!="], "inList", "isBefore", "isAfter", "or", "and", "var", "objectList", "lookup",
         "buildTime", "entries_since", "entries_before", "entries_days_since", "entries_days_before", "if", "map"]  # fmt: skip
WORDS = ["product", "gate", "now", "entries_number", "entries_days", "custom", "date_from", "customtime", ISO_NOW, NOON]
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=5)
    | st.sampled_from(WORDS)
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), st.lists(inner, max_size=3) | inner, min_size=1, max_size=1)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(trees)
def test_any_json_comes_out_true_false_or_unevaluable(value: Any) -> None:
    with contextlib.suppress(Unevaluable):
        assert evaluate(json.dumps(value), IN) in (True, False)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_comes_out_true_false_or_unevaluable(text: str) -> None:
    with contextlib.suppress(Unevaluable):
        assert evaluate(text, IN) in (True, False)


@settings(deadline=None)
@given(
    st.lists(st.integers(-(2**40), 2**45), max_size=5),
    st.integers(0, 7),
    st.sampled_from(["entries_since", "entries_before", "entries_days_since", "entries_days_before"]),
)
def test_any_history_is_counted_or_unevaluable(history: list[int], entries: int, name: str) -> None:
    facts = replace(IN, entries=entries, rules_history=tuple(sorted(history)))
    with contextlib.suppress(Unevaluable):
        assert evaluate(json.dumps({">=": [{name: [at("customtime", NOON)]}, 0]}), facts) is True
