"""`gate journal verify`: every row against its chain and its head, and the uses table against the rows."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gate.errors import FormatError, TrustError
from gate.sqlitefile import open_reader
from gate.wire.journal import decode_record, read_head, row_hash, stream_start

_ROWS = (
    "SELECT event, epoch, seq, uuid, kind, list, ticket, reason, at, body, hash, facts FROM journal"
    " ORDER BY event, epoch, seq"
)


@dataclass(frozen=True, slots=True)
class FirstBad:
    event: str
    epoch: str
    seq: int
    why: str


@dataclass(frozen=True, slots=True)
class Check:
    rows: int
    streams: int
    first_bad: FirstBad | None

    @property
    def ok(self) -> bool:
        return self.first_bad is None


def verify_journal(path: Path, public: bytes | None) -> Check:
    """Walk every stream.

    Args:
        public: the journal key (32 bytes); None = heads are not checked.

    Returns: the first row that is edited, missing or out of place, if any.
    """
    connection = open_reader(path)
    try:
        return _verify(connection, public)
    finally:
        connection.close()


def _verify(connection: sqlite3.Connection, public: bytes | None) -> Check:
    rows = streams = 0
    stream: tuple[str, bytes] | None = None
    previous, expected = b"", 1
    tips: dict[tuple[str, bytes, int], bytes] = {}
    ends: dict[tuple[str, bytes], int] = {}
    for event, epoch, seq, uuid, kind, name, ticket, reason, at, body, digest, facts in connection.execute(_ROWS):
        if (event, epoch) != stream:
            stream, streams = (event, epoch), streams + 1
            previous, expected = stream_start(epoch, event), 1
        rows += 1
        why = None
        if seq != expected:
            why = f"rows {expected} to {seq - 1} are missing"
        elif row_hash(previous, body) != digest:
            why = "the hash does not follow from the row before and the body"
        else:
            why = _columns(body, (event, epoch.hex(), seq, uuid, kind, name, _hex(ticket), reason, at), facts)
        if why is not None:
            return Check(rows, streams, FirstBad(event, epoch.hex(), seq, why))
        previous, expected = digest, seq + 1
        tips[event, epoch, seq] = digest
        ends[event, epoch] = seq
    bad = _heads(connection, public, tips, ends) if public is not None else None
    return Check(rows, streams, bad)


def _hex(value: bytes | None) -> str | None:
    return value.hex() if value is not None else None


def _columns(body: bytes, columns: tuple[object, ...], facts: bytes | None) -> str | None:
    """The columns repeat the body, and the facts are those that the body names by hash."""
    try:
        record = decode_record(body)
    except FormatError as error:
        return f"the body does not read: {error}"
    repeated = (
        record.event,
        record.epoch,
        record.seq,
        record.id,
        record.kind,
        record.list,
        record.ticket,
        record.reason,
        record.at,
    )
    if repeated != columns:
        return "a column differs from the body"
    if (sha256(facts).hexdigest() if facts is not None else None) != record.facts:
        return "the facts are not those of the decision"
    return None


def _heads(
    connection: sqlite3.Connection,
    public: bytes,
    tips: dict[tuple[str, bytes, int], bytes],
    ends: dict[tuple[str, bytes], int],
) -> FirstBad | None:
    for event, epoch, seq, signed in connection.execute("SELECT event, epoch, seq, sign1 FROM head ORDER BY 1, 2, 3"):
        try:
            head = read_head(signed, public)
        except (FormatError, TrustError) as error:
            return FirstBad(event, epoch.hex(), seq, f"the head does not verify: {error}")
        if (head.event, head.epoch, head.seq) != (event, epoch, seq):
            return FirstBad(event, epoch.hex(), seq, "the head is of another row")
        if tips.get((event, epoch, seq)) is None:
            lost = ends.get((event, epoch), 0) + 1
            return FirstBad(event, epoch.hex(), lost, f"a signed head says that row {seq} existed: the tail is cut")
        if tips[event, epoch, seq] != head.hash:
            return FirstBad(event, epoch.hex(), seq, "the row is not the one that its head signed")
    return None
