"""Our check-ins on their way to the server: the journal above what the peer holds, one batch in flight.

Nothing is ever taken out of the journal; a record the server cannot take is quarantined, shown, and the others go on.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from gate.errors import FormatError, StorageError, UplinkError
from gate.sqlitefile import open_reader
from gate.sync.client import Client
from gate.sync.clocks import SyncClock
from gate.sync.protocol import DELIVERED, QUARANTINED, Ack, BatchSize, PushAnswer, fits, parse_push_answer
from gate.sync.rows import StreamKey
from gate.sync.store import Store
from gate.wire import cbor, sql
from gate.wire.journal import DEVICE_STREAM, DEVICE_STREAM_PATH, row_hash, stream_start
from gate.wire.request import b64

_NEW_STREAMS = "SELECT event, epoch, max(seq) FROM journal WHERE id > ? GROUP BY event, epoch ORDER BY min(id)"
_HEAD = "SELECT sign1 FROM head WHERE event = ? AND epoch = ? ORDER BY seq DESC LIMIT 1"
_HASH = "SELECT hash FROM journal WHERE event = ? AND epoch = ? AND seq = ?"
_PACK_ABOVE = 4096
# Bytes. One record is not worth packing; a batch of 200 shrinks to a sixth.
_WHY_MAX = 300

Poison = tuple[str, bytes, int, str]


@dataclass(frozen=True, slots=True)
class _Item:
    epoch: bytes
    seq: int
    json: str


@dataclass(slots=True)
class Outbox:
    """What of the journal a peer does not hold yet. The journal is read, never written."""

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
        """None: the row before is gone, by retention."""
        if seq == 1:
            return stream_start(epoch, event)
        row = self._reader().execute(_HASH, (event, epoch, seq - 1)).fetchone()
        return None if row is None else row[0]

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


class Pusher:
    """Used by one thread.

    Args:
        peer: id of the server; what one server holds says nothing about another.
        most: records in a batch.
    """

    def __init__(self, *, peer: str, most: int, store: Store, outbox: Outbox, clock: SyncClock) -> None:
        self._peer = peer
        self._store = store
        self._outbox = outbox
        self._clock = clock
        self._acks: dict[StreamKey, Ack] = store.acks(peer)
        self._most = most
        self._sizes: dict[str, BatchSize] = {}

    def look(self) -> list[str]:
        """Events with records that the peer does not hold, in order of birth. Raises: StorageError."""
        self._outbox.look()
        return list(
            dict.fromkeys(event for (event, epoch), top in self._outbox.tops.items() if self._open(event, epoch, top))
        )

    def queue(self) -> int:
        """Records not delivered yet."""
        return sum(self._ack(event, epoch).pending(top) for (event, epoch), top in self._outbox.tops.items())

    def forget(self) -> None:
        """Read again what the peer holds: it was changed in sync.db."""
        self._acks = self._store.acks(self._peer)

    def step(self, client: Client, event: str) -> int:
        """Send one batch of an event. Returns: records delivered or quarantined.

        Raises:
            UplinkError: not delivered; also after a batch was halved (`poison`: try again at once).
            FormatError: an answer that is none.
            StorageError: journal or sync.db.
        """
        size = self._sizes.setdefault(event, BatchSize(self._most))
        items, poison = self._collect(event, size.now)
        if not items:
            self._apply(event, PushAnswer(results=()), poison)
            return len(poison)
        body = self._body(event, items)
        headers = {}
        if len(body) > _PACK_ABOVE:
            body, headers = zstandard.compress(body, 3), {"Content-Encoding": "zstd"}
        path = event if event != DEVICE_STREAM else DEVICE_STREAM_PATH
        try:
            answer = client.post(f"/events/{path}/checkins", body, headers=headers)
        except UplinkError as error:
            if error.code != "poison":
                raise
            if not size.shrink(len(items)):
                raise
            item = items[0]
            poison.append((event, item.epoch, item.seq, f"the server refused it: {error}"[:_WHY_MAX]))
            self._apply(event, PushAnswer(results=()), poison)
            return len(poison)
        parsed = parse_push_answer(answer.json())
        known = {(item.epoch.hex(), item.seq) for item in items}
        for epoch, seq, word in parsed.results:
            if (epoch, seq) in known and word == QUARANTINED:
                poison.append((event, bytes.fromhex(epoch), seq, "the server holds another record of this number"))
        self._apply(event, parsed, poison, known)
        size.grow()
        return len(items) + len(poison)

    # ---- making a batch

    def _collect(self, event: str, most: int) -> tuple[list[_Item], list[Poison]]:
        items: list[_Item] = []
        poison: list[Poison] = []
        for (stream_event, epoch), top in self._outbox.tops.items():
            if stream_event == event and len(items) < most:
                ready, bad = self._stream(event, epoch, top, most - len(items))
                items += ready
                poison += bad
        return items[: fits((len(item.json) for item in items), most)], poison

    def _stream(self, event: str, epoch: bytes, top: int, most: int) -> tuple[list[_Item], list[Poison]]:
        ack = self._ack(event, epoch)
        first = ack.first(top)
        if first is None:
            return [], []
        rows = self._outbox.rows(event, epoch, first - 1, most)
        # Numbers that the journal does not hold (retention, a lost tail) cannot be sent and must not hold up the others.
        last = rows[-1][0] if rows else top
        ack.settle(set(range(first, last + 1)) - {seq for seq, _, _ in rows})
        items: list[_Item] = []
        poison: list[Poison] = []
        previous: tuple[int, bytes] | None = None
        for seq, body, digest in rows:
            before = previous[1] if previous and previous[0] == seq - 1 else self._outbox.hash_before(event, epoch, seq)
            previous = (seq, digest)
            if seq in ack.settled:
                continue
            try:
                items.append(_Item(epoch, seq, _to_json(before, body, digest)))
            except FormatError as error:
                poison.append((event, epoch, seq, str(error)[:_WHY_MAX]))
        return items, poison

    def _body(self, event: str, items: list[_Item]) -> bytes:
        epochs = dict.fromkeys(item.epoch for item in items)
        heads = [b64(head) for epoch in epochs if (head := self._outbox.head(event, epoch)) is not None]
        records = ",".join(item.json for item in items)
        rest = json.dumps({"heads": heads, "mono": self._clock.mono_ms(), "boot": self._clock.boot})
        return f'{{"records":[{records}],{rest[1:]}'.encode()

    # ---- taking an answer

    def _apply(
        self,
        event: str,
        answer: PushAnswer,
        poison: list[Poison],
        sent: Iterable[tuple[str, int]] = (),
    ) -> None:
        """All effects of one answer, on disk in one transaction."""
        sent = set(sent)
        delivered: dict[str, set[int]] = {}
        for epoch, seq, word in answer.results:
            if word in DELIVERED and (epoch, seq) in sent:
                delivered.setdefault(epoch, set()).add(seq)
        changed: dict[StreamKey, Ack] = {}
        for (stream_event, key), top in self._outbox.tops.items():
            if stream_event != event:
                continue
            ack, epoch = self._ack(event, key), key.hex()
            before = (ack.upto, ack.upstream)
            bad = {seq for _, bad_epoch, seq, _ in poison if bad_epoch == key}
            ack.settle(delivered.get(epoch, set()) | bad)
            ack.durable(answer.durable.get(epoch, 0), top)
            ack.upstream = max(ack.upstream, min(answer.upstream.get(epoch, 0), top))
            if epoch in answer.missing:
                quarantined = bad | self._store.quarantined(self._peer, event, key)
                for low, high in answer.missing[epoch]:
                    ack.missing(low, high, top, quarantined)
            if (ack.upto, ack.upstream) != before:
                changed[event, key] = ack
        self._store.take_acks(self._peer, changed, poison, self._clock.now().at)

    def _ack(self, event: str, epoch: bytes) -> Ack:
        return self._acks.setdefault((event, epoch), Ack())

    def _open(self, event: str, epoch: bytes, top: int) -> bool:
        return self._ack(event, epoch).pending(top) > 0


def _to_json(before: bytes | None, body: bytes, digest: bytes) -> str:
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
