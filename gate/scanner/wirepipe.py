"""The bytes between a scanner child and its lane, used by both ends. Sans-io: bytes in, messages out.

A record is u32 big-endian length of what follows | type byte | body. Type 1: one JSON object. Type 2: a JSON object, a
line feed, a JPEG picture.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gate.errors import FormatError

JSON, PREVIEW = 1, 2
MAX_RECORD = 4 << 20
"""Bytes. A longer record is a broken peer, not a big picture."""

_HEAD = struct.Struct(">I")


class Record(NamedTuple):
    message: dict[str, Any]
    jpeg: bytes | None


def pack(message: Mapping[str, Any], jpeg: bytes | None = None) -> bytes:
    """One record; with `jpeg` a preview. Raises: FormatError when it would be longer than the peer accepts."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    body = bytes((JSON,)) + body if jpeg is None else bytes((PREVIEW,)) + body + b"\n" + jpeg
    if len(body) > MAX_RECORD:
        raise FormatError(f"record of {len(body)} bytes is above {MAX_RECORD}")
    return _HEAD.pack(len(body)) + body


class Unpacker:
    """Collects bytes of one direction and gives whole records. After FormatError the stream cannot be trusted again."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Record]:
        """Records that `data` completes.

        Raises: FormatError on a length, type or body that no peer of this version sends.
        """
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._buffer)
            if not 1 <= length <= MAX_RECORD:
                raise FormatError(f"record length {length}")
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            yield _record(body)


def _record(body: bytes) -> Record:
    kind, rest = body[0], body[1:]
    jpeg: bytes | None = None
    if kind == PREVIEW:
        rest, line, jpeg = rest.partition(b"\n")
        if not line:
            raise FormatError("preview without a picture")
    elif kind != JSON:
        raise FormatError(f"record type {kind}")
    try:
        message = json.loads(rest)
    except ValueError as error:
        raise FormatError(f"record is not JSON: {error}") from error
    if not isinstance(message, dict) or not isinstance(message.get("t"), str):
        raise FormatError("record without a type word")
    return Record(message, jpeg)
