"""pretix's signed codes, "sig1": what they prove, and nothing that pretix's server would not accept.

Text = reversed standard base64 of: version 1 | payload length 16-bit | signature length 16-bit | payload | signature. The
Ed25519 signature is over the payload alone, a protocol buffers message. The code names no event and no key: every key of
the events served here is tried, and no other.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature

from gate.errors import FormatError, TicketError
from gate.model import Claims, Reason
from gate.verify.formats.gt1 import check_key
from gate.verify.keyset import KeySet, TicketKeyRecord
from gate.wire.sign1 import SIGNATURE_BYTES
from gate.wire.ticketkey import text_input

ALL_ZONES = 0xFFFF
"""pretix knows no zones: what the code does not say, the gate does not ask."""
_TEXT = re.compile(r"={0,2}[A-Za-z0-9+/]{92,598}")
_VERSION = 1
_HEAD = 5
_SEED, _ITEM, _VARIATION, _SUBEVENT, _FROM, _UNTIL = range(1, 7)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_MAX_FIELD = 2**29 - 1


class _Parts(NamedTuple):
    payload: bytes
    signature: bytes


def split(text: str) -> _Parts | None:
    """Payload and signature, or None when the text has another form (pretix's random secrets have).

    Strict: one text for one content. pretix's own decoder is lenient, but the server looks codes up by their exact text.
    """
    if not _TEXT.fullmatch(text):
        return None
    backwards = text[::-1].encode("ascii")
    try:
        raw = b64decode(backwards, validate=True)
    except (binascii.Error, ValueError):
        return None
    if b64encode(raw) != backwards or raw[0] != _VERSION:
        return None
    size, signature_size = int.from_bytes(raw[1:3], "big"), int.from_bytes(raw[3:5], "big")
    if signature_size != SIGNATURE_BYTES or len(raw) != _HEAD + size + SIGNATURE_BYTES:
        return None
    return _Parts(raw[_HEAD : _HEAD + size], raw[_HEAD + size :])


class PretixSig1:
    name = "pretix_sig1"

    def recognises(self, text: str) -> bool:
        return split(text) is not None

    def parse(self, text: str, keys: KeySet, now_s: int) -> Claims:
        """As with GT1, nothing of the payload is read before its signature is checked."""
        parts = split(text)
        if parts is None:
            raise TicketError(Reason.INVALID, "form")
        record = _signer(parts, keys)
        try:
            values = _message(parts.payload)
        except FormatError as error:
            raise TicketError(Reason.INVALID, "claims") from error
        check_key(record, keys, now_s)
        return Claims(
            format=self.name,
            key_input=text_input(text),
            event=record.event,
            kid=record.kid,
            product=values[_ITEM],
            zones=ALL_ZONES,
            variation=values.get(_VARIATION) or None,
            subevent=values.get(_SUBEVENT) or None,
            nbf=values.get(_FROM) or None,
            exp=values.get(_UNTIL) or None,
        )


def _signer(parts: _Parts, keys: KeySet) -> TicketKeyRecord:
    if not keys.of_served:
        raise TicketError(Reason.UNKNOWN_KEY)
    for record in keys.of_served:
        try:
            record.public.verify(parts.signature, parts.payload)
        except InvalidSignature:
            continue
        return record
    raise TicketError(Reason.INVALID_SIGNATURE)


def _message(payload: bytes) -> dict[int, int]:
    """The numbers of the message by field; a signed GT1 ticket, which begins like an end of group, is none.

    Unknown fields are left alone: later versions may add some.

    Raises:
        FormatError: not a message, a field of ours twice or of another kind, no seed or no item.
    """
    values: dict[int, int] = {}
    seed = False
    for field, kind, value in _fields(payload):
        if field > _UNTIL:
            continue
        if field in values or (field == _SEED and seed):
            raise FormatError(f"field {field} stands twice")
        if kind != (_BYTES if field == _SEED else _VARINT):
            raise FormatError(f"field {field} is of another kind")
        if field == _SEED:
            seed = True
        elif value >= 2**63:
            raise FormatError(f"field {field} is negative")
        else:
            values[field] = value
    if not seed or not values.get(_ITEM):
        raise FormatError("no seed or no item")
    return values


def _fields(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(field number, wire type, value); the value of bytes is their length. Groups, long out of use, are refused."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        field, kind = tag >> 3, tag & 7
        if not 1 <= field <= _MAX_FIELD:
            raise FormatError("a field number is out of range")
        value = 0
        if kind == _VARINT:
            value, at = _varint(data, at)
        elif kind == _BYTES:
            value, at = _varint(data, at)
            at += value
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            raise FormatError(f"wire type {kind} is not used")
        if at > len(data):
            raise FormatError("a field is cut")
        yield field, kind, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of at most 64 bits and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise FormatError("a number is cut")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 2**64:
                break
            return value, at
    raise FormatError("a number has more than 64 bits")
