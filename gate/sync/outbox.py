"""What of the journal a peer does not hold yet: reading it, and each row in the form in which it is pushed.

The journal belongs to the lane; nothing is written here.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from gate.errors import FormatError, StorageError
from gate.sqlitefile import open_reader
from gate.sync.rows import StreamKey
from gate.wire import cbor, sql
from gate.wire.journal import row_hash, stream_start
from gate.wire.sign1 import split

_NEW_STREAMS = "SELECT event, epoch, max(seq) FROM journal WHERE id > ? GROUP BY event, epoch ORDER BY min(id)"
_HEAD = "SELECT sign1 FROM head WHERE event = ? AND epoch = ? ORDER BY seq DESC LIMIT 1"
_HEAD_AT = "SELECT sign1 FROM head WHERE event = ? AND epoch = ? AND seq = ?"
_HASH = "SELECT hash FROM journal WHERE event = ? AND epoch = ? AND seq = ?"
_HEAD_MAX = 1024


@dataclass(slots=True)
class Outbox:
    """Used by one thread."""

    path: Path
    tops: dict[StreamKey, int] = field(default_factory=dict)
    _connection: sqlite3.Connection | None = None
    _inode: int = 0
    _version: int = -1
    _last_id: int = 0

    def look(self) -> bool:
        """Note new rows. Returns: whether the journal is there. Raises: StorageError."""
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError:
            return False
        if self._connection is None or inode != self._inode:
            self.close()
            self._connection = open_reader(self.path, any_thread=True)
            self._inode, self._version, self._last_id = inode, -1, 0
            self.tops.clear()
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return True
        last = self._connection.execute("SELECT max(id) FROM journal").fetchone()[0] or 0
        query, values = (_NEW_STREAMS, (self._last_id,)) if 0 < self._last_id <= last else (sql.STREAMS, ())
        for event, epoch, top in self._connection.execute(query, values):
            self.tops[event, epoch] = max(top, self.tops.get((event, epoch), 0))
        self._version, self._last_id = version, last
        return True

    def rows(self, event: str, epoch: bytes, after: int, limit: int) -> list[tuple[int, bytes, bytes]]:
        """(seq, body, hash) above `after`."""
        found = self._reader().execute(sql.OUTBOX, (event, epoch, after, limit))
        return [(seq, body, digest) for _, _, seq, body, digest in found]

    def hash_before(self, event: str, epoch: bytes, seq: int) -> bytes | None:
        """Of the row before, or where retention took it, of the signed head that stands at its number. None: neither."""
        if seq == 1:
            return stream_start(epoch, event)
        row = self._reader().execute(_HASH, (event, epoch, seq - 1)).fetchone()
        if row is not None:
            return bytes(row[0])
        head = self._reader().execute(_HEAD_AT, (event, epoch, seq - 1)).fetchone()
        return None if head is None else _hash_of(head[0])

    def head(self, event: str, epoch: bytes) -> bytes | None:
        row = self._reader().execute(_HEAD, (event, epoch)).fetchone()
        return None if row is None else row[0]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _reader(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StorageError("the journal is not open")
        return self._connection


def _hash_of(sign1: bytes) -> bytes | None:
    """The hash that a head of our own journal states. A wrong one only makes the row fail its own check."""
    try:
        return bytes.fromhex(
            cbor.Fields(cbor.loads(split(sign1, limit=_HEAD_MAX).payload or b""), "head").text("hash", 64)
        )
    except ValueError:
        return None


def to_json(before: bytes | None, body: bytes, digest: bytes) -> str:
    """The record as pushed: the body's own fields, untouched, so that a newer lane's fields keep their hash.

    Raises: FormatError: the row is damaged, or its predecessor is gone.
    """
    if before is None:
        raise FormatError("the row before it is gone, so its place in the chain cannot be shown")
    if row_hash(before, body) != digest:
        raise FormatError("the row in the journal does not match its hash")
    record = cbor.loads(body)
    if not isinstance(record, dict):
        raise FormatError("the row in the journal is not a record")
    try:
        return json.dumps(record | {"prev": before.hex(), "hash": digest.hex()}, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise FormatError(f"the row in the journal cannot be sent: {error}") from error
