"""`duplicate_admission`, `passback_soft`: what resolve() says of tickets whose records grew, as incidents that may end.

Runs in the transaction that adds the records, so that the incidents of a committed state are those of its records.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from gate.central import checkins, events, incidents, schema
from gate.model import TicketKey
from gate.wire.journal import Record, ref_of
from gate.wire.numbers import ticket_number
from gate.wire.passback import soft_passbacks
from gate.wire.resolve import ENTRY_KINDS, USE_KINDS, BootClock, Duplicate, Limits, Placed, Use, resolve

KIND = "duplicate_admission"
SOFT = "passback_soft"
"""Entered while somebody is inside with the ticket, which its product lets happen and wants told."""
ONLINE_MS = 10_000
"""A record that reached us within ten seconds of its moment was pushed by a gate that was connected."""
_RECORD_KINDS = (*USE_KINDS, "annulled")
_CHUNK = 500
Ticket = tuple[str, bytes]
"""(list, ticket key)."""


class Grown:
    """What a push added that can change an answer. Collected record by record, settled once."""

    def __init__(self) -> None:
        self.tickets: set[Ticket] = set()
        self.again: set[Ticket] = set()
        """Those that stand in this push more than once, or were seen before it: only they can have become too many."""
        self.clocks: list[BootClock] = []

    def add(self, record: Record, ticket: bytes | None) -> None:
        if record.kind in _RECORD_KINDS:
            if ticket is not None and record.list is not None:
                part = (record.list, ticket)
                (self.again if part in self.tickets else self.tickets).add(part)
        elif record.kind == "clock":
            clock = _clock(record)
            if clock is not None:
                self.clocks.append(clock)

    def look_back(self, connection: Connection, event: str) -> None:
        """Find the tickets that have records already; before the new ones are added."""
        keys = [key for _, key in self.tickets]
        seen: set[bytes] = set()
        for start in range(0, len(keys), _CHUNK):
            seen |= checkins.seen(connection, event, keys[start : start + _CHUNK])
        self.again.update(part for part in self.tickets if part[1] in seen)


def _clock(record: Record) -> BootClock | None:
    data = record.data
    if not isinstance(data, dict):
        return None
    base, error = data.get("base_ms"), data.get("error_ms")
    if type(base) is not int or type(error) is not int or not 0 <= base < 2**62 or not 0 <= error < 2**62:
        return None  # an admission is placed by its own clock then
    return BootClock(record.gate, record.boot, base, error)


def settle(connection: Connection, event: str, grown: Grown, received: int) -> int:
    """Bring the incidents of the tickets that grew up to date. Returns: how many incidents began or ended."""
    tickets = set(grown.again)
    for clock in grown.clocks:
        if _keep(connection, event, clock):
            tickets |= _of_boot(connection, event, clock)
    keys = sorted({key for _, key in tickets})
    changed = 0
    for start in range(0, len(keys), _CHUNK):
        changed += _settle(connection, event, keys[start : start + _CHUNK], tickets, received)
    return changed


def _keep(connection: Connection, event: str, clock: BootClock) -> bool:
    """Store a clock that is the best of its boot. Returns: whether it is."""
    table = schema.boot_clock
    same = (table.c.event_id == event, table.c.gate == clock.gate, table.c.boot == clock.boot)
    old = connection.execute(select(table.c.error_ms, table.c.base_ms).where(*same)).first()
    if old is None:
        connection.execute(
            insert(table).values(
                event_id=event, gate=clock.gate, boot=clock.boot, base_ms=clock.base_ms, error_ms=clock.error_ms
            )
        )
        return True
    if (old.error_ms, old.base_ms) <= (clock.error_ms, clock.base_ms):
        return False
    connection.execute(update(table).where(*same).values(base_ms=clock.base_ms, error_ms=clock.error_ms))
    return True


def _of_boot(connection: Connection, event: str, clock: BootClock) -> set[Ticket]:
    """Tickets used at a gate in one boot: their times have moved."""
    table = schema.checkin
    rows = connection.execute(
        select(table.c.list, table.c.ticket)
        .where(
            table.c.event_id == event,
            table.c.gate == clock.gate,
            table.c.boot == clock.boot,
            table.c.kind.in_(USE_KINDS),
            table.c.ticket.is_not(None),
            table.c.list.is_not(None),
        )
        .distinct()
    )
    return {(row.list, bytes(row.ticket)) for row in rows}


def _settle(connection: Connection, event: str, keys: list[bytes], tickets: set[Ticket], received: int) -> int:
    table = schema.checkin
    several = connection.execute(
        select(table.c.list, table.c.ticket)
        .where(table.c.event_id == event, table.c.ticket.in_(keys), table.c.kind.in_(ENTRY_KINDS))
        .group_by(table.c.list, table.c.ticket)
        .having(func.count() > 1)
    ).all()
    # A ticket with one admission can have no duplicate, and none that ended: records are never taken away.
    wanted = {(row.list, bytes(row.ticket)) for row in several if row.list is not None} & tickets
    if not wanted:
        return 0
    keys = sorted({key for _, key in wanted})
    records: dict[Ticket, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(
        select(table).where(table.c.event_id == event, table.c.ticket.in_(keys), table.c.kind.in_(_RECORD_KINDS))
    ):
        records[row.list, bytes(row.ticket)].append(row)
    present: dict[tuple[str, Ticket], dict[str, Row[Any]]] = defaultdict(dict)
    log = schema.incident
    for row in connection.execute(
        select(log).where(log.c.event_id == event, log.c.ticket.in_(keys), log.c.kind.in_((KIND, SOFT)))
    ):
        present[row.kind, (row.list, bytes(row.ticket))][row.ref] = row
    rules = _Rules(connection, event, keys)
    clocks = _clocks(connection, event, {row.gate for part in wanted for row in records[part]})
    changed = 0
    for part in sorted(wanted):
        rows = records[part]
        limits = rules.limits(part)
        result = resolve(map(_use, rows), clocks, limits, rules.day_of)
        arrivals = {ref_of(row.gate, row.epoch, row.seq): row.received for row in rows}
        for kind, found in ((KIND, result.duplicates), (SOFT, soft_passbacks(result, limits))):
            changed += _write(connection, event, kind, part, found, present[kind, part], arrivals, received)
    return changed


def _write(
    connection: Connection,
    event: str,
    kind: str,
    part: Ticket,
    found: Iterable[Duplicate],
    present: dict[str, Row[Any]],
    arrivals: dict[str, int],
    received: int,
) -> int:
    table, changed, still = schema.incident, 0, set()
    for item in found:
        ref = item.placed.use.own_ref
        still.add(ref)
        detail = _detail(part, item, arrivals)
        old = present.get(ref)
        if old is None:
            incidents.add(
                connection, event, kind, received, gate=item.placed.use.gate, detail=detail, list_=part[0],
                ticket=part[1], ref=ref,
            )  # fmt: skip
            changed += 1
        elif old.ended is not None or json.loads(old.detail) != detail:
            changed += old.ended is not None
            same = (table.c.event_id == event, table.c.n == old.n)
            connection.execute(update(table).where(*same).values(ended=None, detail=json.dumps(detail)))
    for ref, old in present.items():
        if ref not in still and old.ended is None:
            changed += 1
            same = (table.c.event_id == event, table.c.n == old.n)
            connection.execute(update(table).where(*same).values(ended=received))
    return changed


def _detail(part: Ticket, item: Duplicate, arrivals: dict[str, int]) -> dict[str, Any]:
    return {
        "list": part[0],
        "number": ticket_number(TicketKey(part[1])),
        "why": item.why,
        "order_unknown": item.order_unknown,
        "first": _admission(item.first, arrivals),
        "again": _admission(item.placed, arrivals),
    }


def _admission(placed: Placed, arrivals: dict[str, int]) -> dict[str, Any]:
    """Where and when, how sure, and whether that gate was connected: it reached us at once, or so many ms later."""
    late = arrivals[placed.use.own_ref] - placed.time
    return {
        "gate": placed.use.gate,
        "at": placed.time,
        "error_ms": placed.error_ms,
        "ref": placed.use.own_ref,
        "late_ms": late,
        "connected": late <= ONLINE_MS,
    }


def _clocks(connection: Connection, event: str, gates: set[str]) -> list[BootClock]:
    table = schema.boot_clock
    rows = connection.execute(select(table).where(table.c.event_id == event, table.c.gate.in_(sorted(gates))))
    return [BootClock(row.gate, row.boot, row.base_ms, row.error_ms) for row in rows]


def _use(row: Row[Any]) -> Use:
    return Use(
        gate=row.gate,
        epoch=row.epoch.hex(),
        seq=row.seq,
        kind=row.kind,
        dir=row.dir,
        count=row[_COUNT],  # `count` is a method of a row
        at=row.at,
        mono=row.mono,
        boot=row.boot,
        error_ms=row.error_ms,
        ref=row.ref,
    )


_COUNT = [column.name for column in schema.checkin.columns].index("count")


class _Rules:
    """The organiser's limits for some tickets, as they are now."""

    def __init__(self, connection: Connection, event: str, keys: list[bytes]) -> None:
        table = schema.ticket
        rows = connection.execute(
            select(table.c.key, table.c.product, table.c.uses).where(table.c.event_id == event, table.c.key.in_(keys))
        )
        self._rows = {bytes(row.key): row for row in rows}
        text = connection.execute(select(schema.event.c.policy).where(schema.event.c.event_id == event)).scalar()
        self._products, self._lists, self.day_of = _policy(text or "{}")

    def limits(self, part: Ticket) -> Limits:
        """A ticket that is not here (mode `signature`) is good for one entry, as at a gate."""
        row = self._rows.get(part[1])
        product = self._products.get(row.product, {}) if row else {}
        counted = self._lists.get(part[0], {})
        return Limits(
            uses=row.uses if row else 1,
            max_total=product.get("max_total", 0),
            max_day=product.get("max_day", 0),
            reentry=product.get("reentry", "none"),
            passback=product.get("passback", "off"),
            multiple=counted.get("multiple", False),
            list_reentry=counted.get("reentry", False),
        )


@lru_cache(maxsize=32)
def _policy(text: str) -> tuple[dict[int, dict[str, Any]], dict[str, dict[str, Any]], Callable[[int], str]]:
    """Products by number, lists by name, and the local day of a Unix ms."""
    policy = json.loads(text)
    products = {item["n"]: item for item in policy.get("products", ())}
    lists = {item["id"]: item for item in policy.get("lists", ())}
    zone = events.zone_of(policy)
    shift = timedelta(minutes=policy.get("day_start", 0))

    def start_ms(day: date) -> int:
        return int((datetime.combine(day, time(), zone) + shift).timestamp() * 1000)

    def day_of(at_ms: int) -> str:
        """As the lane counts it: days follow one another without gap or overlap, also when the clocks change."""
        try:
            day = (datetime.fromtimestamp(at_ms / 1000, zone).replace(tzinfo=None) - shift).date()
            if at_ms < start_ms(day):
                day -= timedelta(days=1)
            elif at_ms >= start_ms(day + timedelta(days=1)):
                day += timedelta(days=1)
        except (OverflowError, ValueError, OSError):
            return ""  # a gate wrote a time that no calendar has; its record counts all the same
        return day.isoformat()

    return products, lists, day_of
