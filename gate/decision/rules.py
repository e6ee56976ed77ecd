"""One function a rule. A rule looks at the facts and answers with a refusal, or lets the next one look.

What a rule cannot judge it refuses by name; none lets pass what it does not understand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gate.decision.facts import Facts
from gate.decision.jsonlogic import evaluate
from gate.decision.rulefacts import Unevaluable
from gate.model import ClockTrust, Reason, TicketFlag, TicketState

CODE_STEP_S = 30
"""A rotating code is made for one step of this length (contracts 1)."""
CODE_WINDOW = 1
"""Steps that a code may be off: phones and gates differ by some seconds, and holding it up takes time."""


class Refusal(NamedTuple):
    reason: Reason
    detail: str = ""


_STATES = frozenset(TicketState)
Rule = Callable[[Facts], Refusal | None]


def out_of_service(f: Facts) -> Refusal | None:
    return Refusal(Reason.OUT_OF_SERVICE) if f.lane == "out" else None


def lane_busy(f: Facts) -> Refusal | None:
    return Refusal(Reason.LANE_BUSY) if f.lane == "busy" else None


def authentic(f: Facts) -> Refusal | None:
    """invalid, invalid_signature, unknown_key, wrong_event: there is no ticket."""
    if f.problem is None or f.problem is Reason.AMBIGUOUS:
        return None
    return Refusal(f.problem, f.problem_detail)


def known(f: Facts) -> Refusal | None:
    """allow_list: an id that the manifest does not have is refused. An unsigned text proves nothing in any mode."""
    if f.found or (f.mode == "signature" and f.signed):
        return None
    return Refusal(Reason.INVALID, "unknown")


def ambiguous(f: Facts) -> Refusal | None:
    """Two tickets have this text or number, or two add-ons of the ticket fit this list."""
    if f.problem is Reason.AMBIGUOUS:
        return Refusal(Reason.AMBIGUOUS, f.problem_detail)
    return Refusal(Reason.AMBIGUOUS, "addon") if f.addon == "many" else None


def revoked(f: Facts) -> Refusal | None:
    return Refusal(Reason.REVOKED) if f.state == TicketState.REVOKED else None


def canceled(f: Facts) -> Refusal | None:
    return Refusal(Reason.CANCELED) if f.state == TicketState.CANCELED else None


def blocked(f: Facts) -> Refusal | None:
    """A state that only a newer server knows is none that lets pass."""
    if f.state == TicketState.BLOCKED:
        return Refusal(Reason.BLOCKED)
    return None if f.state in _STATES else Refusal(Reason.BLOCKED, "state")


def unapproved(f: Facts) -> Refusal | None:
    return Refusal(Reason.UNAPPROVED) if f.state == TicketState.UNAPPROVED else None


def window(f: Facts) -> Refusal | None:
    """nbf <= now <= exp, inclusive, of the ticket and of the list."""
    for start, end in ((f.nbf, f.exp), (f.list_opens, f.list_closes)):
        if start is not None and f.now < start:
            return Refusal(Reason.INVALID_TIME, "not_yet")
        if end is not None and f.now > end:
            return Refusal(Reason.INVALID_TIME, "expired")
    return None


def product(f: Facts) -> Refusal | None:
    """The ticket's product on a list of this gate, then its zones among the gate's."""
    if f.addon == "none":
        return Refusal(Reason.PRODUCT, "addon")
    if not f.list_known or (f.list_products is not None and f.product not in f.list_products):
        return Refusal(Reason.PRODUCT, "gate")
    if not f.zones & f.gate_zones & f.list_zones:
        return Refusal(Reason.PRODUCT, "zone")
    return None


def unpaid(f: Facts) -> Refusal | None:
    return Refusal(Reason.UNPAID) if f.state == TicketState.UNPAID and not f.list_unpaid else None


def code_required(f: Facts) -> Refusal | None:
    """A ticket sold as rotating counts only as a rotating code."""
    return Refusal(Reason.CODE_REQUIRED) if f.rotating and f.format != "rotating" else None


def code_expired(f: Facts) -> Refusal | None:
    """One code admits once, whatever the clock. How old it is needs a clock that is trusted: see `clock_untrusted`."""
    if f.format != "rotating":
        return None
    if f.code_step is None:
        return Refusal(Reason.CODE_EXPIRED, "missing")
    if f.clock is not ClockTrust.UNTRUSTED:
        ahead = f.code_step - f.now // CODE_STEP_S
        if ahead < -CODE_WINDOW:
            return Refusal(Reason.CODE_EXPIRED, "old")
        if ahead > CODE_WINDOW:
            return Refusal(Reason.CODE_EXPIRED, "early")
    if f.last_step is not None and f.code_step <= f.last_step:
        return Refusal(Reason.CODE_EXPIRED, "replayed")
    return None


def clock_untrusted(f: Facts) -> Refusal | None:
    """Only of rotating codes: all others are judged by the floor, which is never later than the true time. By policy;
    the default admits and marks the row."""
    if f.format != "rotating" or f.clock is not ClockTrust.UNTRUSTED or f.clock_policy == "admit_marked":
        return None
    return Refusal(Reason.CLOCK_UNTRUSTED)


def test_flag(f: Facts) -> Refusal | None:
    """It reads, and never opens a live lane: neither way."""
    return Refusal(Reason.RULES, "test") if f.flags & TicketFlag.TEST else None


def rules(f: Facts) -> Refusal | None:
    """The list's own rule; one that cannot be evaluated denies."""
    if not f.list_rules:
        return None
    if f.rules_text is None:
        return Refusal(Reason.RULES, "unevaluable")
    try:
        passed = evaluate(f.rules_text, f)
    except Unevaluable:
        return Refusal(Reason.RULES, "unevaluable")
    return None if passed else Refusal(Reason.RULES, "false")


def incomplete(f: Facts) -> Refusal | None:
    return Refusal(Reason.INCOMPLETE) if f.flags & TicketFlag.ANSWERS else None


def stale_data(f: Facts) -> Refusal | None:
    """`restrict` admits only what a signature proves and no gate is known to have used; `warn` only shows the age."""
    if f.stale == "warn" or not f.stale_s or (f.data_age_s is not None and f.data_age_s <= f.stale_s):
        return None
    if f.stale == "restrict" and f.signed and not f.entries:
        return None
    return Refusal(Reason.STALE_DATA)


def checkout_required(f: Facts) -> Refusal | None:
    """A product that may come back after its exit, and has not gone out."""
    if f.reentry == "after_exit" and f.inside and not f.list_multiple:
        return Refusal(Reason.CHECKOUT_REQUIRED)
    return None


def already_redeemed(f: Facts) -> Refusal | None:
    """Uses per (event, list, ticket), everywhere known. 0 = no limit. A list of multiple entries has none at all."""
    if f.list_multiple:
        return None
    if f.max_total and f.entries >= f.max_total:
        return Refusal(Reason.ALREADY_REDEEMED, "total")
    if f.uses and f.entries >= f.uses and not returns(f):
        return Refusal(Reason.ALREADY_REDEEMED, "total")
    if f.max_day and f.day_entries >= f.max_day:
        return Refusal(Reason.ALREADY_REDEEMED, "day")
    if f.passback != "soft" and passed_back(f):
        return Refusal(Reason.ALREADY_REDEEMED, "passback")
    return None


def returns(f: Facts) -> bool:
    """A further entry uses up nothing."""
    if f.reentry == "free":
        return True
    return not f.inside and (f.reentry == "after_exit" or f.list_reentry)


def passed_back(f: Facts) -> bool:
    """Somebody is inside with this ticket, as far as its product cares."""
    if not f.inside or f.passback == "off":
        return False
    if isinstance(f.passback, str):
        return True
    return f.last_at is None or f.now * 1000 - f.last_at < f.passback * 60_000


def capacity(f: Facts) -> Refusal | None:
    """Of the area behind this gate, counted by what all its gates let in and out, as far as known here."""
    return Refusal(Reason.CAPACITY) if 0 < f.area_capacity <= f.area_inside else None


def no_entry(f: Facts) -> Refusal | None:
    """At an exit: nobody entered with it."""
    return Refusal(Reason.NO_ENTRY) if f.entries == 0 else None
