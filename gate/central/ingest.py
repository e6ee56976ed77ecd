"""Taking in pushed journal rows: each one answered, none refused for a business reason, none stored twice.

One transaction a push. Same number with other content: the first stays, the second is kept in quarantine, people are told.

A push that simply goes on where its stream ended, as nearly all do, reads one row of `stream` and nothing else of what is
stored (`_goes_on`); every other one reads its neighbourhood.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select, update

from gate.central import checkins, duplicates, events, incidents, schema, streams
from gate.central.admissions import Admissions
from gate.central.devices import Device, journal_key_of_gate
from gate.central.http import ApiError
from gate.central.pushes import Item, Push
from gate.central.streams import Stream
from gate.errors import FormatError, TrustError
from gate.wire.journal import Head, PushedRecord, read_head, stream_start

_DATA_KINDS = ("clock", "reconciled")
STORED, KNOWN, FLAGGED, QUARANTINED = "stored", "known", "stored_flagged", "quarantined"


@dataclass(slots=True)
class Outcome:
    """The answer of contracts 5. `new`: rows that were stored. `incidents`: whether people have something new to see."""

    results: list[list[Any]] = field(default_factory=list)
    durable: dict[str, int] = field(default_factory=dict)
    missing: dict[str, list[list[int]]] = field(default_factory=dict)
    new: int = 0
    incidents: bool = False

    def to_json(self, now_ms: int) -> dict[str, Any]:
        return {
            "results": self.results,
            "durable": self.durable,
            "upstream": dict(self.durable),  # this is the central server: what is durable here is durable upstream
            "missing": self.missing,
            "now": now_ms,
        }


def store(connection: Connection, event: str, device: Device, push: Push, now_ms: int) -> Outcome:
    """Store what is new and answer for every record.

    Raises:
        ApiError: the device may not push these rows; nothing is stored.
    """
    for item in push.items:
        if item.gate != device.gate and device.profile != "hub":
            raise ApiError(
                403, "forbidden", f"this device may push rows of {device.gate} only", detail={"gate": item.gate}
            )
    head = schema.event_head
    found = connection.execute(select(head).where(head.c.event_id == event).with_for_update()).first()
    if found is None:
        raise ApiError(404, "not_found", f"there is no event {event!r}")
    intake = _Intake(connection, event, device, now_ms)
    if push.items and event != events.DEVICE_STREAM and event not in device.events:
        intake.foreign = True
        intake.incident("foreign_event", device.gate, {"records": len(push.items)})
    outcome = Outcome()
    parts = _by_stream(push.items)
    signed = intake.heads(push.heads, set(parts))
    going_on: dict[tuple[str, bytes], Stream] = {}
    for place, items in parts.items():
        stream = streams.get(connection, event, *place)
        if _goes_on(event, place[1], stream, items, signed) and not intake.has_heads(*place, items):
            going_on[place] = stream or _NO_STREAM
    intake.load({place: items for place, items in parts.items() if place not in going_on})
    intake.keep_heads(signed, set(going_on))
    for item in push.items:
        word = intake.store(item) if (item.gate, item.epoch) in going_on else intake.take(item)
        outcome.results.append([item.epoch.hex(), item.seq, word])
    outcome.new = len(intake.new)
    intake.grown.look_back(connection, event)
    admissions = intake.admissions.change(connection, event, {key for _, key in intake.grown.again})
    checkins.add(
        connection, [(*row[:4], number, *row[4:]) for number, row in enumerate(intake.new, found.checkins + 1)]
    )
    for (gate, epoch), items in parts.items():
        before = going_on.get((gate, epoch))
        if before is not None:
            last = items[-1]
            assert last.pushed is not None
            after = Stream(last.seq, last.seq, last.pushed.hash)
            streams.put(connection, event, gate, epoch, after, new=before is _NO_STREAM)
            outcome.durable[epoch.hex()] = last.seq
            continue
        durable, missing = streams.advance(connection, event, gate, epoch)
        outcome.durable[epoch.hex()] = durable
        if missing:
            outcome.missing[epoch.hex()] = missing
    if intake.new:
        outcome.incidents = bool(duplicates.settle(connection, event, intake.grown, now_ms))
        # Last statement: numbers become visible in the order in which transactions commit.
        connection.execute(
            update(head)
            .where(head.c.event_id == event)
            .values(checkins=found.checkins + len(intake.new), admissions=found.admissions + admissions)
        )
    return outcome


_NO_STREAM = Stream(0, 0, None)


def _by_stream(items: tuple[Item, ...]) -> dict[tuple[str, bytes], list[Item]]:
    parts: dict[tuple[str, bytes], list[Item]] = {}
    for item in items:
        parts.setdefault((item.gate, item.epoch), []).append(item)
    return parts


def _goes_on(
    event: str, epoch: bytes, stream: Stream | None, items: list[Item], heads: list[tuple[bytes, Head]]
) -> bool:
    """Whether these records follow the stream's last one, number by number and hash by hash, and every head that came with
    them is of one of them and agrees."""
    if stream is None:
        seq, previous = 0, stream_start(epoch, event)
    elif stream.tail is None or stream.durable != stream.top:
        return False
    else:
        seq, previous = stream.top, stream.tail
    for item in items:
        if item.pushed is None or item.seq != seq + 1 or item.pushed.prev != previous:
            return False
        seq, previous = item.seq, item.pushed.hash
    first = items[0].seq
    for _, head in heads:
        if head.epoch == epoch and head.gate == items[0].gate:
            pushed = items[head.seq - first].pushed if first <= head.seq <= seq else None
            if pushed is None or pushed.hash != head.hash:
                return False
    return True


class _Intake:
    """One push on its way into the tables: what is there already, what is new."""

    def __init__(self, connection: Connection, event: str, device: Device, now_ms: int) -> None:
        self._connection = connection
        self._event = event
        self._device = device
        self._now_ms = now_ms
        self._rows: dict[tuple[str, bytes], dict[int, tuple[bytes, bytes]]] = {}
        self._heads: dict[tuple[str, bytes, int], bytes] = {}
        self.new: list[tuple[Any, ...]] = []
        """Values of `checkins.COLUMNS` but the number, which stands fifth."""
        self.grown = duplicates.Grown()
        self.admissions = Admissions()
        self.foreign = False

    def incident(self, kind: str, gate: str, detail: dict[str, Any]) -> None:
        incidents.add(
            self._connection, self._event, kind, self._now_ms, gate=gate, device=self._device.device, detail=detail
        )

    def load(self, parts: dict[tuple[str, bytes], list[Item]]) -> None:
        """Read the neighbourhood of every record: hash and previous hash of what is stored, and signed heads."""
        for (gate, epoch), items in parts.items():
            seqs = [item.seq for item in items]
            low, high = min(seqs) - 1, max(seqs) + 1
            table = schema.checkin
            rows = self._connection.execute(
                select(table.c.seq, table.c.hash, table.c.prev).where(
                    table.c.event_id == self._event,
                    table.c.gate == gate,
                    table.c.epoch == epoch,
                    table.c.seq.between(low, high),
                )
            )
            self._rows[gate, epoch] = {row.seq: (bytes(row.hash), bytes(row.prev)) for row in rows}
            self._load_heads(gate, epoch, low, high)

    def has_heads(self, gate: str, epoch: bytes, items: list[Item]) -> bool:
        """Whether somebody has signed for one of these numbers before it came."""
        table = schema.head
        query = select(table.c.seq).where(
            table.c.event_id == self._event,
            table.c.gate == gate,
            table.c.epoch == epoch,
            table.c.seq.between(items[0].seq, items[-1].seq),
        )
        return self._connection.execute(query.limit(1)).first() is not None

    def _load_heads(self, gate: str, epoch: bytes, low: int, high: int) -> None:
        table = schema.head
        found = self._connection.execute(
            select(table.c.seq, table.c.sign1).where(
                table.c.event_id == self._event,
                table.c.gate == gate,
                table.c.epoch == epoch,
                table.c.seq.between(low, high),
            )
        ).all()
        keys = journal_key_of_gate(self._connection, gate) if found else []
        for row in found:
            head = _opened(bytes(row.sign1), keys)
            if head is not None:
                self._heads[gate, epoch, row.seq] = head.hash

    def heads(self, heads: tuple[bytes, ...], places: set[tuple[str, bytes]]) -> list[tuple[bytes, Head]]:
        """The heads that a gate of this push has signed; one that nobody signed is an incident."""
        gates = {gate for gate, _ in places} or {self._device.gate}
        found = []
        keys: list[bytes] | None = None
        for data in heads:
            own = self._device.journal_pub
            head = _opened(data, [own]) if own is not None else None
            if head is None:
                if keys is None:
                    keys = [key for gate in sorted(gates) for key in journal_key_of_gate(self._connection, gate)]
                head = _opened(data, keys)
            if head is None or head.gate not in gates or head.event != self._event:
                self.incident("head_invalid", self._device.gate, {"size": len(data)})
            else:
                found.append((data, head))
        return found

    def keep_heads(self, heads: list[tuple[bytes, Head]], going_on: set[tuple[str, bytes]]) -> None:
        """Store signed heads; one that contradicts a stored row is an incident."""
        table = schema.head
        for data, head in heads:
            place = (head.gate, head.epoch)
            key = {"event_id": self._event, "gate": head.gate, "epoch": head.epoch, "seq": head.seq}
            if place in going_on:  # of a row that is new, and nobody has signed for that number yet
                self._connection.execute(insert(table).values(**key, sign1=data))
                going_on = going_on - {place}
                continue
            same = [table.c[name] == value for name, value in key.items()]
            if self._connection.execute(select(table.c.seq).where(*same)).first() is None:
                self._connection.execute(insert(table).values(**key, sign1=data))
            self._heads.setdefault((*place, head.seq), head.hash)
            stored = self._rows.get(place, {}).get(head.seq)
            if stored is not None and stored[0] != head.hash:
                self.incident("head_mismatch", head.gate, {"epoch": head.epoch.hex(), "seq": head.seq})

    def take(self, item: Item) -> str:
        """One record: stored, known, flagged or put aside."""
        if item.pushed is None:
            return self._put_aside(item, "malformed", item.why)
        rows = self._rows[item.gate, item.epoch]
        pushed = item.pushed
        present = rows.get(item.seq)
        if present is not None:
            if present[0] == pushed.hash:
                return KNOWN
            return self._put_aside(item, "journal_fork", "another record stands under this number")
        why = self._contradiction(item, pushed, rows)
        rows[item.seq] = (pushed.hash, pushed.prev)
        word = self.store(item)
        if why:
            self.incident(why, item.gate, {"epoch": item.epoch.hex(), "seq": item.seq})
        return FLAGGED if why else word

    def store(self, item: Item) -> str:
        """A record that is new."""
        pushed = item.pushed
        assert pushed is not None
        record = pushed.record
        ticket = None if record.ticket is None else bytes.fromhex(record.ticket)
        self.new.append(
            (
                self._event,
                item.gate,
                item.epoch,
                item.seq,
                record.kind,
                record.list,
                ticket,
                record.dir,
                record.reason,
                record.count,
                record.at,
                record.mono,
                record.boot,
                record.error_ms,
                record.ref,
                json.dumps(record.data) if record.kind in _DATA_KINDS else None,
                item.body,
                pushed.prev,
                pushed.hash,
                self._device.device,
                self._now_ms,
            )
        )
        self.admissions.add(record, ticket)
        self.grown.add(record, ticket)
        return FLAGGED if self.foreign else STORED

    def _contradiction(self, item: Item, pushed: PushedRecord, rows: dict[int, tuple[bytes, bytes]]) -> str:
        """Wherever rows meet they must be one chain, and a signed head must name this row's hash."""
        if item.seq == 1 and pushed.prev != stream_start(item.epoch, self._event):
            return "chain_broken"
        before, after = rows.get(item.seq - 1), rows.get(item.seq + 1)
        if (before is not None and before[0] != pushed.prev) or (after is not None and after[1] != pushed.hash):
            return "chain_broken"
        return "head_mismatch" if self._heads.get((item.gate, item.epoch, item.seq), pushed.hash) != pushed.hash else ""

    def _put_aside(self, item: Item, kind: str, why: str) -> str:
        table = schema.quarantine
        text = json.dumps(item.sent, sort_keys=True)
        key = {
            "event_id": self._event,
            "gate": item.gate,
            "epoch": item.epoch,
            "seq": item.seq,
            "digest": hashlib.sha256(text.encode()).digest(),
        }
        same = [table.c[name] == value for name, value in key.items()]
        if self._connection.execute(select(table.c.seq).where(*same)).first() is None:
            self._connection.execute(
                insert(table).values(
                    **key, why=f"{kind}: {why}", record=text, device=self._device.device, received=self._now_ms
                )
            )
            self.incident(kind, item.gate, {"epoch": item.epoch.hex(), "seq": item.seq, "why": why})
        return QUARANTINED


def _opened(data: bytes, keys: list[bytes]) -> Head | None:
    for key in keys:
        try:
            return read_head(data, key)
        except (TrustError, FormatError):
            continue  # perhaps signed with the key of an earlier card of this gate
    return None
