"""Tickets: issuing them, changing what the organiser says of them, finding them by number.

A row is the organiser's word; the code in a visitor's hand carries claims of its own (`gate.verify.formats.gt1`). Texts are
never stored: a code that we issued is made again from its claims and the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from gate.central import schema
from gate.central.events import NotHereError
from gate.central.keys import KeyStore
from gate.errors import ConfigError, FormatError
from gate.model import TicketFlag, TicketKey, TicketRow, TicketState
from gate.verify.formats import gt1
from gate.wire import cbor
from gate.wire.manifest import chain_next, encode_change
from gate.wire.numbers import parse_ticket_number, ticket_number
from gate.wire.sign1 import Aad, kid_of, public_bytes, sign
from gate.wire.sql import BASE_COLUMNS
from gate.wire.ticketkey import cti_input, ticket_key

_CHUNK = 1000
_KEY_SPAN = 2 ** (8 * 11)  # a ticket number is the first 5 of 16 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicket:
    """What to issue. `nbf`, `exp`: Unix seconds, inclusive, signed into the code."""

    product: int
    zones: int
    exp: int
    nbf: int | None = None
    state: int = TicketState.VALID
    flags: int = 0
    uses: int = 1
    lang: str | None = None
    ext: str | None = None
    parent: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedTicket:
    text: str
    key: TicketKey
    cti: bytes
    number: str
    row: TicketRow


@dataclass(frozen=True, slots=True)
class StoredTicket:
    row: TicketRow
    claims: bytes | None = None
    """CBOR [kid, claims payload] of a code that we issued."""


@dataclass(frozen=True, slots=True)
class Counts:
    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.created + other.created, self.updated + other.updated, self.unchanged + other.unchanged)


class Issuer:
    """Makes codes of one event. Holds its key and salt for as long as a batch takes."""

    def __init__(self, keys: KeyStore, event: str, kid: bytes, random: Callable[[int], bytes]) -> None:
        self._key = keys.signing("ticket", kid)
        self._kid = kid_of(public_bytes(self._key))
        self._salt = keys.salt(event)
        self._random = random

    def make(self, wanted: NewTicket) -> tuple[IssuedTicket, StoredTicket]:
        """Raises: FormatError: a value is out of range."""
        cti = self._random(gt1.CTI_BYTES)
        rotating = gt1.FLAG_ROTATING if wanted.flags & TicketFlag.ROTATING else 0
        payload = gt1.claims_payload(
            exp=wanted.exp, cti=cti, product=wanted.product, zones=wanted.zones, nbf=wanted.nbf, flags=rotating
        )
        key = ticket_key(self._salt, cti_input(cti))
        row = TicketRow(
            key=key,
            product=wanted.product,
            zones=wanted.zones,
            state=wanted.state,
            flags=wanted.flags,
            uses=wanted.uses,
            parent=wanted.parent,
            lang=wanted.lang,
            ext=wanted.ext,
        )
        text = gt1.to_text(sign(self._key, payload, Aad.TICKET))
        issued = IssuedTicket(text=text, key=key, cti=cti, number=ticket_number(key), row=row)
        return issued, StoredTicket(row, cbor.dumps([self._kid, payload]))


def text_of(keys: KeyStore, claims: bytes) -> str:
    """Make the text of an issued code again: Ed25519 gives the same signature each time."""
    kid, payload = cbor.loads(claims)
    return gt1.to_text(sign(keys.signing("ticket", kid), payload, Aad.TICKET))


def row_of(found: Row[Any]) -> TicketRow:
    values = {name: getattr(found, name) for name in BASE_COLUMNS}
    return TicketRow(**values | {"key": TicketKey(bytes(found.key))})


def write(connection: Connection, event: str, tickets: Sequence[StoredTicket], now_ms: int) -> Counts:
    """Insert or update rows; once a base file is out, every row that differs also goes into the change log."""
    counts = Counts()
    for start in range(0, len(tickets), _CHUNK):
        counts += _write_chunk(connection, event, tickets[start : start + _CHUNK], now_ms)
    return counts


def _write_chunk(connection: Connection, event: str, tickets: Sequence[StoredTicket], now_ms: int) -> Counts:
    table = schema.ticket
    latest = {ticket.row.key: ticket for ticket in tickets}
    found = connection.execute(select(table).where(table.c.event_id == event, table.c.key.in_(list(latest))))
    present = {TicketKey(bytes(row.key)): row_of(row) for row in found}
    fresh = [ticket for key, ticket in latest.items() if key not in present]
    changed = [ticket for key, ticket in latest.items() if key in present and present[key] != ticket.row]
    if fresh:
        connection.execute(insert(table), [_values(event, ticket) for ticket in fresh])
    if changed:
        columns = [name for name in BASE_COLUMNS if name != "key"]
        statement = (
            update(table)
            .where(table.c.event_id == bindparam("b_event"), table.c.key == bindparam("b_key"))
            .values({name: bindparam(f"b_{name}") for name in columns})
        )
        values = [{f"b_{name}": getattr(ticket.row, name) for name in BASE_COLUMNS} for ticket in changed]
        connection.execute(statement, [item | {"b_event": event} for item in values])
    _log(connection, event, [ticket.row for ticket in fresh + changed], now_ms)
    return Counts(len(fresh), len(changed), len(latest) - len(fresh) - len(changed))


def _values(event: str, ticket: StoredTicket) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(ticket.row, name) for name in BASE_COLUMNS}
    return values | {"event_id": event, "claims": ticket.claims}


def _log(connection: Connection, event: str, rows: Sequence[TicketRow], now_ms: int) -> None:
    table = schema.event_head
    found = connection.execute(select(table).where(table.c.event_id == event).with_for_update()).one()
    if found.base_sha256 is None or not rows:
        return
    cursor, chain, log = found.cursor, bytes(found.chain), []
    for row in rows:
        cursor += 1
        data = encode_change(cursor, row)
        chain = chain_next(chain, (data,))
        log.append({"event_id": event, "cursor": cursor, "row": data, "chain": chain, "at": now_ms})
    connection.execute(insert(schema.change), log)
    connection.execute(update(table).where(table.c.event_id == event).values(cursor=cursor, chain=chain))


def get(connection: Connection, event: str, key: bytes) -> TicketRow:
    """Raises: ConfigError: no such ticket."""
    table = schema.ticket
    found = connection.execute(select(table).where(table.c.event_id == event, table.c.key == key)).first()
    if found is None:
        raise NotHereError([("ticket", f"event {event} has no such ticket", "check the event and the number")])
    return row_of(found)


def by_number(connection: Connection, event: str, number: str) -> TicketRow:
    """The one ticket with a spoken number. Raises: ConfigError: wrong number, none, or several."""
    try:
        prefix = parse_ticket_number(number)
    except FormatError as error:
        raise ConfigError([("number", str(error), "a number looks like ZDK4-SE1E-0")]) from error
    table = schema.ticket
    rows = connection.execute(
        select(table)
        .where(
            table.c.event_id == event,
            table.c.key >= prefix + bytes(11),
            table.c.key <= prefix + (_KEY_SPAN - 1).to_bytes(11, "big"),
        )
        .limit(2)
    ).all()
    if len(rows) != 1:
        problem = "stands for two tickets" if rows else f"is no ticket of {event}"
        kind = ConfigError if rows else NotHereError
        raise kind([("number", f"{number} {problem}", "check the event and the number")])
    return row_of(rows[0])


def set_state(connection: Connection, event: str, key: bytes, state: int, now_ms: int) -> TicketRow:
    """Cancel, block, revoke, pay, free: what the organiser now says. Raises: ConfigError."""
    row = replace(get(connection, event, key), state=int(TicketState(state)))
    write(connection, event, [StoredTicket(row)], now_ms)
    return row


def issued(
    connection: Connection,
    keys: KeyStore,
    event: str,
    *,
    limit: int,
    product: int | None = None,
    after: bytes | None = None,
) -> Iterator[IssuedTicket]:
    """Codes that were issued here, in order of ticket key, with their texts; those above the key `after`."""
    table = schema.ticket
    query = select(table).where(table.c.event_id == event, table.c.claims.is_not(None), table.c.state != 9)
    if product is not None:
        query = query.where(table.c.product == product)
    if after is not None:
        query = query.where(table.c.key > after)
    for found in connection.execute(query.order_by(table.c.key).limit(limit)):
        row = row_of(found)
        cti = cbor.loads(cbor.loads(found.claims)[1])[7]
        yield IssuedTicket(
            text=text_of(keys, found.claims), key=row.key, cti=cti, number=ticket_number(row.key), row=row
        )
