"""From a text to the facts of its decision: the questions are asked here, the answers come from the ports."""

from __future__ import annotations

from typing import NamedTuple

from gate.decision.facts import NO_USES, Facts, Place, problem_facts, ticket_facts
from gate.errors import TicketError
from gate.lane.world import ServedEvent, World, local_day
from gate.model import Claims, Moment, Reason, TicketFlag, TicketKey, TicketState
from gate.ports import Lookup, Tickets
from gate.verify.formats import identify
from gate.wire.ticketkey import stray_hash, ticket_key


class Found(NamedTuple):
    """Facts, and what the journal row and the screen need besides."""

    facts: Facts
    event: ServedEvent | None
    ticket: bytes
    """Ticket key; for a text that matches no ticket its hash under the device's scan salt."""
    day: str | None
    annuls: int
    """How often this ticket's entry was taken back here because nobody passed."""
    proven: bool
    """There is a ticket; else only a stray text."""


def gather(text: str, place: Place, world: World, tickets: Tickets, scan_salt: bytes) -> Found:
    """Never raises for a text, whatever is in it.

    Raises:
        StorageError: the look-up failed.
    """
    moment = place.moment
    stray = stray_hash(scan_salt, text)
    try:
        claims = identify(text, world.keys, moment.seconds)
    except TicketError as error:
        return _stray(place, world, stray, error.reason, error.detail)
    if claims.event is not None:
        event = world.event(claims.event)
        if event is None:  # served by the key set, but its objects are not here yet
            return _stray(place, world, stray, Reason.WRONG_EVENT, claims.event)
        return _ticket(claims, event, place, _look_up(claims, event, tickets, moment), moment)
    hits = []
    for event in world.events:
        found = _look_up(claims, event, tickets, moment)
        if found.lookup.row is not None and found.lookup.row.state != TicketState.REMOVED:
            hits.append((event, found))
    if not hits:
        return _stray(place, world, stray, Reason.INVALID, "unknown")
    if len(hits) > 1:
        return _stray(place, world, stray, Reason.AMBIGUOUS, "events")
    event, found = hits[0]
    return _ticket(claims, event, place, found, moment)


class _Looked(NamedTuple):
    key: TicketKey
    lookup: Lookup
    day: str


def _look_up(claims: Claims, event: ServedEvent, tickets: Tickets, moment: Moment) -> _Looked:
    key = ticket_key(event.salt, claims.key_input)
    day = local_day(event.policy, moment.at)
    return _Looked(key, tickets.look_up(event.id, event.gate.lists, key, day), day.label)


def _ticket(claims: Claims, event: ServedEvent, place: Place, looked: _Looked, moment: Moment) -> Found:
    row = looked.lookup.row
    product = row.product if row is not None else claims.product
    checkin_list = event.list_for(product)
    used = looked.lookup.uses.get(checkin_list.id, NO_USES) if checkin_list else NO_USES
    facts = ticket_facts(
        place,
        claims,
        row,
        event.policy,
        event.gate,
        event.mode,
        checkin_list,
        used,
        max(0, moment.at - event.issued_ms) // 1000,
    )
    return Found(facts, event, looked.key, looked.day, used.annuls, proven=True)


def _stray(place: Place, world: World, stray: bytes, reason: Reason, detail: str) -> Found:
    event = world.events[0] if world.events else None
    return Found(problem_facts(place, reason, detail), event, stray, None, 0, proven=False)


def attention_words(flags: int) -> list[str]:
    """Flags that staff should see, as words of the language files."""
    words = {
        TicketFlag.VIP: "vip",
        TicketFlag.MINOR: "minor",
        TicketFlag.ACCESSIBILITY: "accessibility",
        TicketFlag.STAFF: "staff",
        TicketFlag.ATTENTION: "attention",
    }
    return [word for flag, word in words.items() if flags & flag]
