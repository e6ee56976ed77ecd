"""Facts and rules in words for people, for `gate explain`. English: it is read by technicians and in bug reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gate.model import TicketFlag, TicketState

_MS = 1000


def _time(value: int) -> str:
    try:
        return dt.datetime.fromtimestamp(value, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{value} (no date)"


def _time_ms(value: int) -> str:
    return _time(value // _MS)


def _bits(value: int) -> str:
    return ", ".join(str(bit) for bit in range(16) if value >> bit & 1) or "none"


def _flags(value: int) -> str:
    return ", ".join(str(flag.name).lower() for flag in TicketFlag if value & flag) or "none"


def _state(value: int) -> str:
    return TicketState(value).name.lower() if value in frozenset(TicketState) else f"unknown ({value})"


def _limit(value: int) -> str:
    return str(value) if value else "no limit"


def _passback(value: str | int) -> str:
    return f"{value} min" if isinstance(value, int) else value


def _seconds(value: int) -> str:
    return f"{value} s"


_TABLE: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "direction": ("way", str),
    "now": ("time of the decision", _time),
    "clock": ("clock", str),
    "lane": ("lane", str),
    "problem": ("what was wrong with the code", str),
    "problem_detail": ("more exactly", str),
    "format": ("format of the code", str),
    "event": ("event", str),
    "gate": ("gate", str),
    "list": ("check-in list", str),
    "signed": ("proven by a signature", str),
    "rotating": ("sold as rotating", str),
    "found": ("in the manifest", str),
    "mode": ("mode of the event", str),
    "state": ("state of the ticket", _state),
    "product": ("product", str),
    "zones": ("zones of the ticket", _bits),
    "flags": ("flags", _flags),
    "uses": ("entries the ticket allows", _limit),
    "nbf": ("valid from", _time),
    "exp": ("valid until", _time),
    "lang": ("language of the guest", str),
    "list_known": ("a list of this gate takes it", str),
    "list_products": ("products of the list", lambda value: ", ".join(map(str, value)) or "none"),
    "list_zones": ("zones of the list", _bits),
    "list_unpaid": ("the list takes unpaid tickets", str),
    "list_multiple": ("the list allows any number of entries", str),
    "list_reentry": ("the list lets in again after an exit", str),
    "list_rules": ("the list has a rule of its own", str),
    "list_addon": ("the list is of add-ons", str),
    "list_opens": ("list opens", _time),
    "list_closes": ("list closes", _time),
    "addon": ("add-on of the ticket", lambda value: value or "not asked for"),
    "gate_zones": ("zones of the gate", _bits),
    "reentry": ("re-entry of the product", str),
    "passback": ("passback of the product", _passback),
    "max_day": ("entries the product allows a day", _limit),
    "max_total": ("entries the product allows", _limit),
    "entries": ("entries so far", str),
    "exits": ("exits so far", str),
    "day_entries": ("entries today", str),
    "inside": ("inside now", str),
    "first_at": ("first entry", _time_ms),
    "first_gate": ("gate of the first entry", str),
    "last_at": ("last entry or exit", _time_ms),
    "code_step": ("time of the code", lambda value: _time(value * 30)),
    "last_step": ("time of the last code admitted", lambda value: _time(value * 30)),
    "area_capacity": ("capacity of the area", lambda value: str(value) if value else "nobody counts"),
    "area_inside": ("people in the area", str),
    "data_age_s": ("age of the data", _seconds),
    "stale_s": ("age allowed", lambda value: _seconds(value) if value else "any"),
    "stale": ("when the data is older", str),
    "clock_policy": ("when the clock is not trusted", str),
    "rules_text": ("rule of the list", str),
    "rules_product": ("product, as the rule knows it", str),
    "rules_variation": ("variation, as the rule knows it", str),
    "rules_history": ("entries known by their time", lambda value: str(len(value))),
    "tz": ("time zone", str),
    "day_start": ("a day begins", lambda value: f"{value // 60:02}:{value % 60:02}"),
    "date_from": ("event begins", _time),
    "date_to": ("event ends", _time),
    "date_admission": ("admission begins", _time),
}
"""Name of a fact -> its label and how its value is said. A test holds it complete."""


def say(name: str, value: Any) -> str:
    """One fact in words: `valid until: 2026-12-31 22:00:00 UTC`."""
    label, words = _TABLE[name]
    if value is None or value == "":
        return f"{label}: -"
    if isinstance(value, bool):
        return f"{label}: {'yes' if value else 'no'}"
    return f"{label}: {words(value)}"


def say_all(names: Iterable[str], facts: Mapping[str, Any]) -> str:
    return "; ".join(say(name, facts[name]) for name in names)


def label(rule: str) -> str:
    """A rule's name in words: `already redeemed`."""
    return rule.replace("_", " ")
