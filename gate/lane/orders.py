"""The vocabulary of work by hand: who acts, what is ordered, what is answered, and which rows follow from it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gate.errors import GateError
from gate.lane.gather import Found, attention_words
from gate.lane.screen import shown_for
from gate.lane.world import ServedEvent
from gate.model import Decision, Direction, Reason, TicketFlag, Verdict
from gate.wire.journal import Record
from gate.wire.numbers import ticket_number

COUNT_MAX = 50
"""People of one group."""


class Refused(GateError):
    """A command that cannot be done. `code` is for the API, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who acts: staff id (None = an integration), and the input of the rows (`handheld:<pairing>`, `api:<name>`)."""

    actor: str | None
    input: str
    key: str = ""
    """Idempotency key of the request, kept in the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One scan by hand; exactly one of `text` and `number`. `open`: the lane's relay too, else only the person beside it."""

    text: str | None = None
    number: str | None = None
    direction: Direction = Direction.ENTRY
    list: str | None = None
    inspect: bool = False
    open: bool = False
    count: int = 1


def second_person(event: ServedEvent | None) -> tuple[str, ...]:
    """Reasons that one person alone cannot override."""
    rules = event.policy.raw.get("override") if event else None
    named = rules.get("second_person") if isinstance(rules, dict) else None
    return tuple(str(item) for item in named) if isinstance(named, list) else (str(Reason.REVOKED),)


def override_reasons(event: ServedEvent | None) -> tuple[str, ...]:
    """Reasons for which the organiser lets staff override; empty = any. `other` among them = also in one's own words."""
    rules = event.policy.raw.get("override") if event else None
    named = rules.get("reasons") if isinstance(rules, dict) else None
    return tuple(str(item) for item in named if item) if isinstance(named, list) else ()


def answer_of(
    found: Found, decision: Decision, verdict: Verdict, order: Order, record: Record | None, at: int
) -> dict[str, Any]:
    facts, event = found.facts, found.event
    shown = shown_for(decision, verdict, found, order.direction, 0)
    product = event.policy.products.get(facts.product) if event and facts.product is not None else None
    return {
        "verdict": verdict.value,
        "reason": decision.reason.value,
        "detail": decision.detail,
        "admitted": decision.admit and not order.inspect,
        "inspected": order.inspect,
        "ticket_number": ticket_number(found.ticket) if found.proven and found.ticket else None,
        "ref": record.own_ref if record else None,
        "first_use": shown.first_use,
        "go_to": shown.go_to,
        "case": None,
        "event": event.id if event else None,
        "list": facts.list,
        "dir": order.direction.value,
        "count": order.count,
        "product": product.name if product else None,
        "text": product.text if product else None,
        "attention": list(attention_words(facts.flags)),
        "test": bool(facts.flags & TicketFlag.TEST),
        "lang": facts.lang,
        "uses": facts.uses if found.proven else None,
        "entries": max(0, facts.entries - (order.count - 1)) if found.proven else None,
        "second_person": decision.reason.value in second_person(event),
        "at": record.at if record else at,
    }


def origin(by: By) -> dict[str, Any]:
    origin: dict[str, Any] = {"by": by.input}
    if by.key:
        origin["key"] = by.key
    return origin
