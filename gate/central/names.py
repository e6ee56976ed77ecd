"""Names of ticket holders: kept here only, found by their words, shown masked; a whole name is a reveal. Both are logged.

A name is folded for looking up: marks and case do not count, and a word is a run of letters and digits.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from gate.central import audit, events, schema, tickets
from gate.errors import GateError
from gate.model import TicketKey, TicketState
from gate.wire.numbers import ticket_number

NAME_MAX = 200
QUERY_MIN, QUERY_MAX = 3, 60
"""Letters and digits of a search."""
FOUND_MAX = 20
_CANDIDATES = 5_000
# Names looked at for one search: some 20 ms. Whoever asks for more is told that there are more.
_DOTS_MAX = 9
_CHUNK = 1_000
_JOINERS = "\u200c\u200d"
# Zero width (non-)joiner: spelling in Persian and Indic scripts, all other format signs are tricks.


class NotAllowedError(GateError):
    """The organiser does not let gates search by name."""

    code = "forbidden"


class TooShortError(GateError):
    """So few letters would list the house."""

    code = "too_short"


def clean(text: str) -> str:
    """A name as it is kept: composed, single spaces, no control or direction signs."""
    composed = unicodedata.normalize("NFC", text)
    kept = (" " if sign.isspace() else sign for sign in composed if sign.isspace() or _visible(sign))
    return " ".join("".join(kept).split())


def _visible(sign: str) -> bool:
    return not unicodedata.category(sign).startswith("C") or sign in _JOINERS


def fold(text: str) -> str:
    """Words of a name for looking up, joined by single spaces."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    signs = []
    for sign in plain:
        kind = unicodedata.category(sign)
        if kind[0] in "LN" or kind == "Mc":
            signs.append(sign)
        elif kind not in ("Mn", "Me", "Cf") and sign not in "'\u2019\u02bc":  # O'Brien is one word
            signs.append(" ")
    return unicodedata.normalize("NFC", " ".join("".join(signs).split()))


def mask(name: str) -> str:
    """`S••• D••••` of `Sari Dewi`: the first sign of each word, and about how long it is."""
    return " ".join(_masked(word) for word in name.split()[:8])


def _masked(word: str) -> str:
    first = 1
    while first < min(len(word), 3) and unicodedata.combining(word[first]):
        first += 1
    if len(word) == first:
        return "•"
    return word[:first] + "•" * min(len(word) - first, _DOTS_MAX)


# ---- keeping


def of(connection: Connection, event: str, keys: Sequence[bytes]) -> dict[bytes, str]:
    table, found = schema.person, {}
    for start in range(0, len(keys), _CHUNK):
        some = keys[start : start + _CHUNK]
        query = select(table.c.key, table.c.name).where(table.c.event_id == event, table.c.key.in_(some))
        found.update({bytes(row.key): row.name for row in connection.execute(query)})
    return found


def put(connection: Connection, event: str, named: Mapping[bytes, str | None]) -> None:
    """Give tickets their names (cleaned ones); None takes a name away."""
    keys = list(named)
    for table in (schema.person, schema.person_word):
        for start in range(0, len(keys), _CHUNK):
            some = keys[start : start + _CHUNK]
            connection.execute(delete(table).where(table.c.event_id == event, table.c.key.in_(some)))
    people, words = [], []
    for key, name in named.items():
        if name is None:
            continue
        folded = fold(name)
        people.append({"event_id": event, "key": key, "name": name, "folded": f" {folded}"})
        words += [{"event_id": event, "word": word.encode(), "key": key} for word in sorted(set(folded.split()))]
    if people:
        connection.execute(insert(schema.person), people)
    if words:
        connection.execute(insert(schema.person_word), words)


def forget(connection: Connection, event: str) -> int:
    """Every name of an event, where imports noted them too. Returns: how many there were. Raises: ConfigError."""
    events.policy_of(connection, event)
    count = connection.execute(delete(schema.person).where(schema.person.c.event_id == event)).rowcount
    connection.execute(delete(schema.person_word).where(schema.person_word.c.event_id == event))
    log = schema.import_row
    connection.execute(update(log).where(log.c.event_id == event).values(name_before=None, name_after=None))
    return int(count)


# ---- looking up, for a gate


def search(connection: Connection, event: str, text: str) -> dict[str, Any]:
    """People whose name has words that begin like those asked for, masked, at most `FOUND_MAX`.

    Raises: NotAllowedError, TooShortError.
    """
    policy = _allowed(connection, event)
    words = sorted(fold(text[:QUERY_MAX]).split(), key=lambda word: (-len(word), word))
    if sum(map(len, words)) < QUERY_MIN:
        raise TooShortError(f"at least {QUERY_MIN} letters of the name")
    word, person, ticket = schema.person_word, schema.person, schema.ticket
    first = words[0].encode()
    near = (
        select(word.c.key)
        .where(word.c.event_id == event, word.c.word >= first, word.c.word < first + b"\xff")  # no UTF-8 has this byte
        .order_by(word.c.word, word.c.key)
        .limit(_CANDIDATES)
    )
    candidates = near.subquery()
    query = (
        select(person.c.key, person.c.name, person.c.folded, ticket.c.product, ticket.c.state)
        .select_from(candidates)
        .join(person, (person.c.event_id == event) & (person.c.key == candidates.c.key))
        .join(ticket, (ticket.c.event_id == event) & (ticket.c.key == candidates.c.key))
        .where(ticket.c.state != int(TicketState.REMOVED))
        .distinct()
    )
    for other in words[1:]:
        query = query.where(person.c.folded.contains(f" {other}", autoescape=True))
    rows = connection.execute(query.order_by(person.c.folded, person.c.key).limit(FOUND_MAX + 1)).all()
    looked_at_all = len(connection.execute(near).all()) < _CANDIDATES
    products = {item["n"]: _text(item.get("name")) for item in policy.get("products", ())}
    people = [
        {
            "masked": mask(row.name),
            "number": ticket_number(TicketKey(bytes(row.key))),
            "product": products.get(row.product, ""),
            "state": TicketState(row.state).name.lower(),
        }
        for row in rows[:FOUND_MAX]
    ]
    return {"people": people, "more": len(rows) > FOUND_MAX or not looked_at_all}


def note_search(
    connection: Connection, event: str, text: str, found: dict[str, Any], *, device: str, now_ms: int, random: bytes
) -> None:
    """Write down who searched and how much was found. Of the name only its length: a list of searches must not be one of names."""
    detail = {
        "letters": sum(map(len, fold(text[:QUERY_MAX]).split())),
        "people": len(found["people"]),
        "more": found["more"],
    }
    entry = audit.begin(connection, event, f"device:{device}", "search", detail, now_ms, random)
    audit.end(connection, event, entry, "ok")


def reveal(
    connection: Connection, event: str, number: str, *, device: str, staff: str, reason: str, now_ms: int, random: bytes
) -> dict[str, Any] | None:
    """A whole name, for a reason; noted in the same transaction. None: that ticket has no name here.

    Raises: NotAllowedError; ConfigError: a wrong number, no such ticket, or two.
    """
    _allowed(connection, event)
    row = tickets.by_number(connection, event, number)
    name = of(connection, event, [row.key]).get(row.key)
    if name is None:
        return None
    detail = {"staff": staff, "reason": reason, "number": ticket_number(row.key)}
    entry = audit.begin(connection, event, f"device:{device}", "reveal", detail, now_ms, random)
    audit.end(connection, event, entry, "ok")
    return {
        "name": name,
        "number": ticket_number(row.key),
        "ticket": row.key.hex(),
        "product": row.product,
        "state": TicketState(row.state).name.lower(),
    }


def _allowed(connection: Connection, event: str) -> dict[str, Any]:
    """The event's policy. The organiser's newest word counts, published or not: taking it back works at once."""
    policy = events.policy_of(connection, event)
    if policy.get("search") != "hub":
        raise NotAllowedError("the organiser does not allow search by name at the gates (policy: search)")
    return policy


def _text(names: Any) -> str:
    texts = names if isinstance(names, dict) else {}
    return str(texts.get("en") or next(iter(texts.values()), ""))[:80]
