"""Taking in pushed journal rows: each one answered, none refused for a business reason, none stored twice.

One transaction a push. Same number with other content: the first stays, the second is kept in quarantine, people are told.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select, update

from gate.central import events, incidents, schema
from gate.central.devices import Device, journal_key_of_gate
from gate.central.http import ApiError
from gate.central.pushes import Item, Push
from gate.errors import FormatError, TrustError
from gate.wire.journal import Head, PushedRecord, read_head, stream_start

_MISSING_MAX = 100
_WALK_ROWS = 20_000
# How far above a gap the search for further gaps goes in one push; the rest is named when the first are filled.
_DATA_KINDS = ("clock", "reconciled")
STORED, KNOWN, FLAGGED, QUARANTINED = "stored", "known", "stored_flagged", "quarantined"


@dataclass(slots=True)
class Outcome:
    """The answer of contracts 5. `admissions`: people let in by the rows that are new."""

    results: list[list[Any]] = field(default_factory=list)
    durable: dict[str, int] = field(default_factory=dict)
    missing: dict[str, list[list[int]]] = field(default_factory=dict)
    new: int = 0

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
    intake.load(push.items)
    intake.heads(push.heads)
    outcome = Outcome(results=[[item.epoch.hex(), item.seq, intake.take(item)] for item in push.items])
    for number, values in enumerate(intake.new, found.checkins + 1):
        values["n"] = number
    if intake.new:
        connection.execute(insert(schema.checkin), intake.new)
        outcome.new = len(intake.new)
    for gate, epoch in intake.streams:
        durable, missing = _advance(connection, event, gate, epoch)
        outcome.durable[epoch.hex()] = durable
        if missing:
            outcome.missing[epoch.hex()] = missing
    if intake.new:
        # Last statement: numbers become visible in the order in which transactions commit.
        connection.execute(
            update(head)
            .where(head.c.event_id == event)
            .values(checkins=found.checkins + len(intake.new), admissions=found.admissions + intake.admissions)
        )
    return outcome


class _Intake:
    """One push on its way into the tables: what is there already, what is new."""

    def __init__(self, connection: Connection, event: str, device: Device, now_ms: int) -> None:
        self._connection = connection
        self._event = event
        self._device = device
        self._now_ms = now_ms
        self._rows: dict[tuple[str, bytes], dict[int, tuple[bytes, bytes]]] = {}
        self._heads: dict[tuple[str, bytes, int], bytes] = {}
        self.streams: list[tuple[str, bytes]] = []
        self.new: list[dict[str, Any]] = []
        self.admissions = 0
        self.foreign = False

    def incident(self, kind: str, gate: str, detail: dict[str, Any]) -> None:
        incidents.add(
            self._connection, self._event, kind, self._now_ms, gate=gate, device=self._device.device, detail=detail
        )

    def load(self, items: tuple[Item, ...]) -> None:
        """Read the neighbourhood of every record: hash and previous hash of what is stored, and signed heads."""
        spans: dict[tuple[str, bytes], list[int]] = defaultdict(list)
        for item in items:
            spans[item.gate, item.epoch].append(item.seq)
        self.streams = list(spans)
        for (gate, epoch), seqs in spans.items():
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

    def heads(self, heads: tuple[bytes, ...]) -> None:
        """Keep signed heads; one that nobody signed, or that contradicts a stored row, is an incident."""
        gates = {gate for gate, _ in self.streams} or {self._device.gate}
        keys = [key for gate in sorted(gates) for key in journal_key_of_gate(self._connection, gate)]
        table = schema.head
        for data in heads:
            head = _opened(data, keys)
            if head is None or head.gate not in gates or head.event != self._event:
                self.incident("head_invalid", self._device.gate, {"size": len(data)})
                continue
            place = (head.gate, head.epoch, head.seq)
            key = {"event_id": self._event, "gate": head.gate, "epoch": head.epoch, "seq": head.seq}
            same = [table.c[name] == value for name, value in key.items()]
            if self._connection.execute(select(table.c.seq).where(*same)).first() is None:
                self._connection.execute(insert(table).values(**key, sign1=data))
            self._heads.setdefault(place, head.hash)
            stored = self._rows.get((head.gate, head.epoch), {}).get(head.seq)
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
        self.new.append(self._values(item, pushed))
        record = pushed.record
        if record.kind in ("admitted", "override"):
            self.admissions += record.count
        if why:
            self.incident(why, item.gate, {"epoch": item.epoch.hex(), "seq": item.seq})
        return FLAGGED if why or self.foreign else STORED

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

    def _values(self, item: Item, pushed: PushedRecord) -> dict[str, Any]:
        record = pushed.record
        return {
            "event_id": self._event,
            "gate": item.gate,
            "epoch": item.epoch,
            "seq": item.seq,
            "kind": record.kind,
            "list": record.list,
            "ticket": None if record.ticket is None else bytes.fromhex(record.ticket),
            "dir": record.dir,
            "reason": record.reason,
            "count": record.count,
            "at": record.at,
            "mono": record.mono,
            "boot": record.boot,
            "error_ms": record.error_ms,
            "ref": record.ref,
            "data": json.dumps(record.data) if record.kind in _DATA_KINDS else None,
            "body": record.encode(),
            "prev": pushed.prev,
            "hash": pushed.hash,
            "device": self._device.device,
            "received": self._now_ms,
        }


def _opened(data: bytes, keys: list[bytes]) -> Head | None:
    for key in keys:
        try:
            return read_head(data, key)
        except (TrustError, FormatError):
            continue  # perhaps signed with the key of an earlier card of this gate
    return None


def _advance(connection: Connection, event: str, gate: str, epoch: bytes) -> tuple[int, list[list[int]]]:
    """Raise the number up to which a stream is complete. Returns: it, and the gaps above (both ends inclusive)."""
    table = schema.stream
    same = (table.c.event_id == event, table.c.gate == gate, table.c.epoch == epoch)
    before = connection.execute(select(table.c.durable).where(*same)).scalar()
    durable = before or 0
    held: set[int] = set()
    for part in (schema.checkin, schema.quarantine):
        held.update(
            connection.execute(
                select(part.c.seq)
                .where(part.c.event_id == event, part.c.gate == gate, part.c.epoch == epoch, part.c.seq > durable)
                .order_by(part.c.seq)
                .limit(_WALK_ROWS)
            ).scalars()
        )
    top = durable
    missing: list[list[int]] = []
    for seq in sorted(held):
        if seq == durable + 1 and not missing:
            durable = seq
        elif seq > top + 1 and len(missing) < _MISSING_MAX:
            missing.append([top + 1, seq - 1])
        top = seq
    if before is None:
        connection.execute(insert(table).values(event_id=event, gate=gate, epoch=epoch, durable=durable, top=top))
    else:
        connection.execute(update(table).where(*same).values(durable=durable, top=top))
    return durable, missing
