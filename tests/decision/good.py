"""A ticket that may pass; every case of the tables is one `replace` away from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from gate.decision.facts import Facts
from gate.model import ClockTrust, Direction, Reason, Verdict

NOW = 1_798_000_000
DAY = 86_400

GOOD = Facts(
    direction=Direction.ENTRY,
    now=NOW,
    clock=ClockTrust.SYNCED,
    format="gt1",
    event="spring",
    list="main",
    signed=True,
    found=True,
    product=12,
    zones=0b0011,
    nbf=NOW - DAY,
    exp=NOW + DAY,
    list_zones=0b1111,
    gate_zones=0b0001,
    data_age_s=120,
    stale_s=3600,
    stale="warn",
)
LEAVING = replace(GOOD, direction=Direction.EXIT, entries=1, inside=True)
OPAQUE: dict[str, Any] = {"format": "opaque", "signed": False}
STEP = NOW // 30
CODE: dict[str, Any] = {"format": "rotating", "rotating": True, "code_step": STEP}
"""A rotating code made just now."""
INSIDE: dict[str, Any] = {"entries": 1, "inside": True, "last_at": (NOW - 600) * 1000, "uses": 0}
"""Came in ten minutes ago, with a ticket of unlimited uses, and has not gone out."""
OUTSIDE: dict[str, Any] = {"entries": 1, "exits": 1, "inside": False, "last_at": (NOW - 600) * 1000}
"""Came in and went out ten minutes ago."""


class Case(NamedTuple):
    """What is changed in the good ticket, and the answer. `rule` is the one that answers; empty = every rule lets pass."""

    changes: dict[str, Any]
    reason: Reason
    detail: str
    verdict: Verdict
    rule: str
