"""Reading a push: which records it brings, and which of them are sound. No database here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gate.central import events
from gate.central.http import json_object
from gate.errors import FormatError
from gate.wire.cbor import Fields
from gate.wire.journal import EPOCH_BYTES, PUSH_RECORDS_MAX, PushedRecord, pushed_from_json
from gate.wire.request import unb64

_HEADS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One pushed record. `pushed` is None when it is malformed (`why`); its place is known even then."""

    gate: str
    epoch: bytes
    seq: int
    pushed: PushedRecord | None
    why: str
    sent: Any


@dataclass(frozen=True, slots=True)
class Push:
    items: tuple[Item, ...]
    heads: tuple[bytes, ...]


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
    items = tuple(_item(record, index, event) for index, record in enumerate(records))
    return Push(items, tuple(unb64(str(head)) for head in heads))


def _item(record: Any, index: int, event: str) -> Item:
    fields = Fields(record, f"records[{index}]")
    if fields.text("event", 40) != event:
        raise FormatError(f"records[{index}] belongs to another event")
    gate, seq = fields.text("gate", 40), fields.integer("seq", 1)
    try:
        epoch = bytes.fromhex(fields.text("epoch", 2 * EPOCH_BYTES))
    except ValueError as error:
        raise FormatError(f"records[{index}].epoch is not hex") from error
    if len(epoch) != EPOCH_BYTES:
        raise FormatError(f"records[{index}].epoch is not {EPOCH_BYTES} bytes")
    events.check_id(gate, f"records[{index}].gate")
    try:
        pushed, why = _checked(record), ""
    except (ValueError, RecursionError, OverflowError) as error:
        pushed, why = None, str(error)
    return Item(gate=gate, epoch=epoch, seq=seq, pushed=pushed, why=why, sent=record)


def _checked(record: Any) -> PushedRecord:
    pushed = pushed_from_json(record)
    for name in ("epoch", "ticket"):
        text = getattr(pushed.record, name)
        if text is not None and bytes.fromhex(text).hex() != text:
            raise FormatError(f"record.{name} is not lower-case hex")
    return pushed
