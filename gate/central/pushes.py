"""Reading a push: which records it brings, and which of them are sound. No database here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gate.central import events
from gate.central.http import json_object
from gate.errors import FormatError
from gate.wire.cbor import Fields
from gate.wire.journal import EPOCH_BYTES, PUSH_RECORDS_MAX, PushedRecord, pushed_and_body
from gate.wire.request import unb64

_HEADS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One pushed record. `pushed` is None when it is malformed (`why`); its place is known even then."""

    gate: str
    epoch: bytes
    seq: int
    body: bytes
    pushed: PushedRecord | None
    why: str
    sent: Any


@dataclass(frozen=True, slots=True)
class Push:
    """`boot`: the one that the device speaks from now, whatever boots its records are of."""

    items: tuple[Item, ...]
    heads: tuple[bytes, ...]
    boot: str | None = None


def parse(body: bytes, event: str) -> Push:
    """Read a push.

    Raises:
        FormatError, ConfigError: not a push, or a record without a place in a stream of this event. The sender halves
            such a batch.
    """
    fields = Fields(json_object(body), "push")
    records = fields.items("records")
    heads = fields.raw("heads") or []
    if len(records) > PUSH_RECORDS_MAX or not isinstance(heads, list) or len(heads) > _HEADS_MAX:
        raise FormatError(f"a push has at most {PUSH_RECORDS_MAX} records and {_HEADS_MAX} heads")
    items = tuple(item_of(record, index, event) for index, record in enumerate(records))
    return Push(items, tuple(unb64(str(head)) for head in heads), boot_of({"boot": fields.raw("boot")}))


_BOOT = re.compile(r"[0-9a-f]{32}")


def boot_of(clock: Any) -> str | None:
    """The boot id in a push, or in the clock of a heartbeat; None when it is no such id."""
    boot = clock.get("boot") if isinstance(clock, dict) else None
    return boot if isinstance(boot, str) and _BOOT.fullmatch(boot) else None


def item_of(record: Any, index: int, event: str) -> Item:
    """One record of a push. Raises: FormatError, ConfigError: it has no place in a stream of that event."""
    fields = Fields(record, f"records[{index}]")
    if record.get("event") != event:
        fields.text("event", 40)
        raise FormatError(f"records[{index}] belongs to another event")
    try:
        pushed, body = pushed_and_body(record)
        _storable(pushed)
    except (ValueError, RecursionError, OverflowError) as error:
        return _malformed(record, index, fields, str(error))
    gate = pushed.record.gate
    events.check_id(gate, f"records[{index}].gate")
    return Item(
        gate=gate, epoch=bytes.fromhex(pushed.record.epoch), seq=pushed.record.seq, body=body, pushed=pushed, why="",
        sent=record,
    )  # fmt: skip


def _malformed(record: Any, index: int, fields: Fields, why: str) -> Item:
    """A record that names its place can be put aside; one that does not makes the whole push wrong."""
    gate, seq = fields.text("gate", 40), fields.integer("seq", 1)
    try:
        epoch = bytes.fromhex(fields.text("epoch", 2 * EPOCH_BYTES))
    except ValueError as error:
        raise FormatError(f"records[{index}].epoch is not hex") from error
    if len(epoch) != EPOCH_BYTES:
        raise FormatError(f"records[{index}].epoch is not {EPOCH_BYTES} bytes")
    events.check_id(gate, f"records[{index}].gate")
    return Item(gate=gate, epoch=epoch, seq=seq, body=b"", pushed=None, why=why, sent=record)


_TICKET = re.compile(r"[0-9a-f]{32}")


def _storable(pushed: PushedRecord) -> None:
    """Raises: FormatError."""
    record = pushed.record
    if record.ticket is not None and not _TICKET.fullmatch(record.ticket):
        raise FormatError("record.ticket is not 16 bytes in lower-case hex")
    for text in (record.boot, record.list, record.dir, record.reason, record.ref):
        if text is not None and "\x00" in text:
            raise FormatError("record has a text with a zero byte")  # no text of PostgreSQL may have one
