"""One function a rule. A rule looks at the facts and answers with a refusal, or lets the next one look.

What is not built yet denies by name (`rules`), it never lets pass: custom list rules and add-on lists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gate.decision.facts import Facts
from gate.model import ClockTrust, Reason, TicketFlag, TicketState


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
    return Refusal(f.problem, f.problem_detail) if f.problem is not None else None


def known(f: Facts) -> Refusal | None:
    """allow_list: an id that the manifest does not have is refused. An unsigned text proves nothing in any mode."""
    if f.found or (f.mode == "signature" and f.signed):
        return None
    return Refusal(Reason.INVALID, "unknown")


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


def clock_untrusted(f: Facts) -> Refusal | None:
    """By policy; the default admits and marks the row."""
    if f.clock is not ClockTrust.UNTRUSTED or f.clock_policy == "admit_marked":
        return None
    return Refusal(Reason.CLOCK_UNTRUSTED)


def rules(f: Facts) -> Refusal | None:
    if f.flags & TicketFlag.TEST:
        return Refusal(Reason.RULES, "test")
    if f.list_rules:
        return Refusal(Reason.RULES, "unsupported")
    return Refusal(Reason.RULES, "addon") if f.list_addon else None


def incomplete(f: Facts) -> Refusal | None:
    return Refusal(Reason.INCOMPLETE) if f.flags & TicketFlag.ANSWERS else None


def stale_data(f: Facts) -> Refusal | None:
    """`restrict` admits only what a signature proves and no gate is known to have used; `warn` only shows the age."""
    if f.stale == "warn" or not f.stale_s or (f.data_age_s is not None and f.data_age_s <= f.stale_s):
        return None
    if f.stale == "restrict" and f.signed and not f.entries:
        return None
    return Refusal(Reason.STALE_DATA)


def already_redeemed(f: Facts) -> Refusal | None:
    """Uses per (event, list, ticket), everywhere known. 0 = no limit."""
    if f.list_multiple:
        return None
    limits = [limit for limit in (f.uses, f.max_total) if limit]
    if limits and f.entries >= min(limits):
        return Refusal(Reason.ALREADY_REDEEMED, "total")
    if f.max_day and f.day_entries >= f.max_day:
        return Refusal(Reason.ALREADY_REDEEMED, "day")
    return None


def no_entry(f: Facts) -> Refusal | None:
    """At an exit: nobody entered with it."""
    return Refusal(Reason.NO_ENTRY) if f.entries == 0 else None
