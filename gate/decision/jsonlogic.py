"""Custom rules of a check-in list: JsonLogic with pretix's operators and variables, and nothing else.

Written for texts that somebody else wrote: bounded in length, depth and number of parts, strict in types, no coercion,
no short cut (a rule with a broken branch is broken). Whatever it cannot evaluate raises `Unevaluable`, and the caller
denies. The libraries of that name recurse without bound, turn an unknown variable into null, and null into 0.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from gate.decision.facts import Facts
from gate.decision.rulefacts import Entry, Known, Time, Unevaluable, entry

MAX_CHARS = 16_384
MAX_DEPTH = 16
MAX_NODES = 1_000

_Operator = Callable[[Known, list[Any]], Any]


def evaluate(text: str, facts: Facts) -> bool:
    """Whether the rule lets the ticket in; the empty rule does.

    Raises:
        Unevaluable: anything else than a rule of the known operators that comes out true or false.
    """
    rule = _parse(text)
    if not isinstance(rule, dict):
        raise Unevaluable("a rule is an operation")
    if not rule:
        return True
    try:
        return _truth(_Evaluation(Known(facts)).value(rule, 0))
    except (OverflowError, ValueError, OSError) as error:  # a time that no calendar has
        raise Unevaluable(f"a time is out of range: {error}") from error


def _parse(text: str) -> Any:
    if len(text) > MAX_CHARS:
        raise Unevaluable(f"longer than {MAX_CHARS} characters")
    try:
        return json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise Unevaluable(f"not JSON: {error}") from error


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > 1:
        raise Unevaluable("an operation has one operator")
    return dict(pairs)


def _constant(name: str) -> NoReturn:
    raise Unevaluable(f"{name} is no number")


class _Evaluation:
    def __init__(self, known: Known) -> None:
        self._known = known
        self._nodes = 0

    def value(self, node: Any, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise Unevaluable(f"more than {MAX_NODES} parts, or nested deeper than {MAX_DEPTH}")
        if not isinstance(node, dict):
            return node
        if not node:
            raise Unevaluable("an operation without operator")
        [(name, raw)] = node.items()
        if name not in _OPERATORS:
            raise Unevaluable(f"unknown operator {name[:40]!r}")
        arguments = raw if isinstance(raw, list) else [raw]
        return _OPERATORS[name](self._known, [self.value(item, depth + 1) for item in arguments])


# ---- operators: every argument is a value already


def _take(arguments: list[Any], low: int, high: int) -> list[Any]:
    """Between `low` and `high` arguments, missing ones as None."""
    if not low <= len(arguments) <= high:
        raise Unevaluable(f"takes {low} to {high} arguments, got {len(arguments)}")
    return arguments + [None] * (high - len(arguments))


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unevaluable("neither true nor false")
    return value


def _number(value: Any) -> int | float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Unevaluable("a number is needed")
    return value


def _at(value: Any) -> int:
    if not isinstance(value, Time):
        raise Unevaluable("a time is needed")
    return value.at


def _joined(join: Callable[[list[bool]], bool], arguments: list[Any]) -> bool:
    if not arguments:
        raise Unevaluable("takes at least one argument")
    return join([_truth(item) for item in arguments])


def _compared(test: Callable[[Any, Any], bool], arguments: list[Any]) -> bool:
    left, right = _take(arguments, 2, 2)
    return test(_number(left), _number(right))


def _same(test: Callable[[Any, Any], bool], arguments: list[Any]) -> bool:
    """Also of two texts."""
    if len(arguments) == 2 and all(isinstance(item, str) for item in arguments):
        return test(*arguments)
    return _compared(test, arguments)


def _tolerance_s(value: Any) -> int | float:
    return 0 if value is None else 60 * _number(value)


def _before(arguments: list[Any]) -> bool:
    left, right, minutes = _take(arguments, 2, 3)
    return _at(left) < _at(right) + _tolerance_s(minutes)


def _after(arguments: list[Any]) -> bool:
    left, right, minutes = _take(arguments, 2, 3)
    return _at(left) > _at(right) - _tolerance_s(minutes)


def _in_list(arguments: list[Any]) -> bool:
    item, objects = _take(arguments, 2, 2)
    if not isinstance(objects, tuple) or not (item is None or isinstance(item, Entry)):
        raise Unevaluable("inList takes a product, variation or gate, and a list of them")
    return item in objects


def _objects(arguments: list[Any]) -> tuple[Entry, ...]:
    if not all(isinstance(item, Entry) for item in arguments):
        raise Unevaluable("a list of objects holds look-ups")
    return tuple(arguments)


def _lookup(arguments: list[Any]) -> Entry:
    model, key, _label = _take(arguments, 2, 3)
    if model not in ("product", "variation", "gate"):
        raise Unevaluable("a look-up is of a product, variation or gate")
    return entry(key)


def _counted(count: Callable[[Time], int], arguments: list[Any]) -> int:
    (time,) = _take(arguments, 1, 1)
    return count(Time(_at(time)))


_OPERATORS: Mapping[str, _Operator] = {
    "and": lambda _, arguments: _joined(all, arguments),
    "or": lambda _, arguments: _joined(any, arguments),
    "<": lambda _, arguments: _compared(operator.lt, arguments),
    "<=": lambda _, arguments: _compared(operator.le, arguments),
    ">": lambda _, arguments: _compared(operator.gt, arguments),
    ">=": lambda _, arguments: _compared(operator.ge, arguments),
    "==": lambda _, arguments: _same(operator.eq, arguments),
    "!=": lambda _, arguments: _same(operator.ne, arguments),
    "inList": lambda _, arguments: _in_list(arguments),
    "isBefore": lambda _, arguments: _before(arguments),
    "isAfter": lambda _, arguments: _after(arguments),
    "var": lambda known, arguments: known.variable(*_take(arguments, 1, 1)),
    "objectList": lambda _, arguments: _objects(arguments),
    "lookup": lambda _, arguments: _lookup(arguments),
    "buildTime": lambda known, arguments: known.time(*_take(arguments, 1, 2)),
    "entries_since": lambda known, arguments: _counted(known.count_since, arguments),
    "entries_before": lambda known, arguments: _counted(known.count_before, arguments),
    "entries_days_since": lambda known, arguments: _counted(known.days_since, arguments),
    "entries_days_before": lambda known, arguments: _counted(known.days_before, arguments),
}
