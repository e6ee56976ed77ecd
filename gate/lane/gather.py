"""From a text to the facts of its decision: the questions are asked here, the answers come from the ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from gate.decision.build import Gathered, problem_facts, ticket_facts
from gate.decision.facts import NO_USES, Facts, Place
from gate.errors import TicketError
from gate.lane.world import ServedEvent, World, local_day
from gate.model import (
    CheckinList,
    Claims,
    Direction,
    GateId,
    Moment,
    Reason,
    TicketFlag,
    TicketKey,
    TicketRow,
    TicketState,
)
from gate.ports import Lookup, Tickets
from gate.verify.foreign import family
from gate.verify.formats import identify
from gate.wire.ticketkey import stray_hash, ticket_key

_NO_TICKETS_FORM = ("too_long", "control")


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
        return _stray(place, world, stray, error.reason, _foreign(text, error))
    if claims.event is not None:
        event = world.event(claims.event)
        if event is None:  # served by the key set, but its objects are not here yet
            return _stray(place, world, stray, Reason.WRONG_EVENT, claims.event)
        return _ticket(claims, event, place, _look_up(claims, event, tickets, moment), tickets)
    hits = []
    for event in world.events:
        found = _look_up(claims, event, tickets, moment)
        if found.lookup.row is not None and found.lookup.row.state != TicketState.REMOVED:
            hits.append((event, found))
    if not hits:
        return _stray(place, world, stray, Reason.INVALID, family(text) or "unknown")
    if len(hits) > 1:
        return _stray(place, world, stray, Reason.AMBIGUOUS, "events")
    event, found = hits[0]
    return _ticket(claims, event, place, found, tickets)


Find = Callable[[ServedEvent, bytes], Sequence[TicketKey]]
"""Keys of an event's manifest that begin with these bytes, at most two: more than one is ambiguous anyway."""


def gather_number(prefix: bytes, place: Place, world: World, tickets: Tickets, find: Find, scan_salt: bytes) -> Found:
    """The same for a typed ticket number: the first bytes of the ticket key (contracts 0). Two hits are `ambiguous`.

    Raises:
        StorageError: the look-up failed.
    """
    stray = stray_hash(scan_salt, prefix.hex())
    hits = [(event, key) for event in world.events for key in find(event, prefix)]
    if not hits:
        return _stray(place, world, stray, Reason.INVALID, "unknown")
    if len(hits) > 1:
        return _stray(place, world, stray, Reason.AMBIGUOUS, "number")
    event, key = hits[0]
    return gather_key(key, Claims(format="number", key_input=b"", event=event.id), event, place, tickets)


def gather_key(key: TicketKey, claims: Claims, event: ServedEvent, place: Place, tickets: Tickets) -> Found:
    """The same for a ticket whose key is known already.

    Raises:
        StorageError: the look-up failed.
    """
    return _ticket(claims, event, place, _look_up_key(key, event, tickets, place.moment), tickets)


class _Looked(NamedTuple):
    key: TicketKey
    lookup: Lookup
    day: str


def _look_up(claims: Claims, event: ServedEvent, tickets: Tickets, moment: Moment) -> _Looked:
    return _look_up_key(ticket_key(event.salt, claims.key_input), event, tickets, moment)


def _look_up_key(key: TicketKey, event: ServedEvent, tickets: Tickets, moment: Moment) -> _Looked:
    day = local_day(event.policy, moment.at)
    return _Looked(key, tickets.look_up(event.id, event.gate.lists, key, day), day.label)


def _ticket(claims: Claims, event: ServedEvent, place: Place, looked: _Looked, tickets: Tickets) -> Found:
    moment, used_of = place.moment, looked.lookup.uses
    row = looked.lookup.row if looked.lookup.row and looked.lookup.row.state != TicketState.REMOVED else None
    chosen = _choose(event, looked.key, row.product if row else claims.product, tickets)
    key, shown = looked.key, None
    if chosen.row is not None:  # an add-on takes the place of the ticket that was shown
        shown = row
        key, row = chosen.row.key, chosen.row
        used_of = tickets.look_up(event.id, event.gate.lists, key, local_day(event.policy, moment.at)).uses
    used = used_of.get(chosen.list.id, NO_USES) if chosen.list else NO_USES
    area = event.policy.areas.get(event.gate.area or "")
    counted = area is not None and area.capacity > 0 and place.direction is Direction.ENTRY
    with_rules = chosen.list is not None and chosen.list.rules is not None
    known = Gathered(
        claims=claims,
        row=row,
        policy=event.policy,
        gate=event.gate,
        mode=event.mode,
        list=chosen.list,
        used=used,
        data_age_s=event.data_age_s(moment.at),
        addon=chosen.addon,
        shown=shown,
        capacity=area.capacity if area and counted else 0,
        inside=tickets.inside(event.id, _gates_of(event, event.gate.area)) if counted else 0,
        history=tuple(tickets.entries(event.id, chosen.list.id, key)) if chosen.list and with_rules else (),
    )
    return Found(ticket_facts(place, known), event, key, looked.day, used.annuls, proven=True)


class _Chosen(NamedTuple):
    """Which list the scan counts on, and for a list of add-ons which ticket. `addon` as in the facts."""

    list: CheckinList | None = None
    row: TicketRow | None = None
    addon: str = ""


def _choose(event: ServedEvent, key: TicketKey, product: int | None, tickets: Tickets) -> _Chosen:
    """The first list of this gate that takes the ticket or, where a list is of add-ons, something that hangs on it.

    The ticket that was shown is one of the candidates itself: who shows the add-on's own code need not show the other.
    """
    lists = [event.policy.lists[name] for name in event.gate.lists]
    hanging = tickets.addons(event.id, key) if any(item.addon_of is not None for item in lists) else ()
    empty = _Chosen()
    for item in lists:
        if item.addon_of is None:
            if _takes(item, product):
                return _Chosen(item)
            continue
        fitting = _usable([row for row in hanging if _takes(item, row.product)])
        if _takes(item, product):
            return _Chosen(item, addon="many" if fitting else "")
        if fitting:
            return _Chosen(item, None, "many") if len(fitting) > 1 else _Chosen(item, fitting[0], "found")
        empty = empty if empty.list is not None else _Chosen(item, addon="none")
    return empty


def _takes(item: CheckinList, product: int | None) -> bool:
    return item.products is None or product in item.products


def _usable(rows: list[TicketRow]) -> list[TicketRow]:
    """Of several, those that are not void; one alone keeps its state, which the rules then name."""
    alive = [row for row in rows if row.state not in (TicketState.CANCELED, TicketState.REVOKED)]
    return alive or rows[:1]


def _gates_of(event: ServedEvent, area: str | None) -> list[GateId]:
    return [gate.id for gate in event.policy.gates.values() if gate.area == area]


def _stray(place: Place, world: World, stray: bytes, reason: Reason, detail: str) -> Found:
    event = world.events[0] if world.events else None
    return Found(problem_facts(place, reason, detail), event, stray, None, 0, proven=False)


def _foreign(text: str, error: TicketError) -> str:
    """The detail of a refusal; a text that is too long or has several lines may be of a family that people know."""
    return (error.detail in _NO_TICKETS_FORM and family(text)) or error.detail


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
