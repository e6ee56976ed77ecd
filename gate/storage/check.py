"""`gate journal verify`: every row against its chain, signed heads and boot rows, and the uses table against the rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from gate.errors import DamagedError, FormatError, TrustError
from gate.sqlitefile import open_reader
from gate.storage.uses import KINDS_COUNTED, apply_use
from gate.wire import cbor, sql
from gate.wire.journal import decode_record, read_head, row_hash, stream_start

_ROWS = (
    "SELECT event, epoch, seq, uuid, kind, list, ticket, reason, at, body, hash, facts FROM journal"
    " ORDER BY event, epoch, seq"
)
_COUNTED = f"SELECT body, facts FROM journal WHERE kind IN ({','.join('?' * len(KINDS_COUNTED))}) ORDER BY id"  # noqa: S608
_USES = "SELECT event, list, ticket, entries, exits, annuls, first_at, last_at, last_dir, step FROM uses"
_NEWEST = "SELECT epoch, seq FROM journal WHERE event=? AND ticket=? ORDER BY id DESC LIMIT 1"


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


class _Claim(NamedTuple):
    """Something outside a stream that says which row stood in it."""

    event: str
    epoch: bytes
    seq: int
    hash: bytes | None
    """None: only that it existed is known."""
    who: str


def verify_journal(path: Path, public: bytes | None) -> Check:
    """Walk every stream.

    Args:
        public: the journal key (32 bytes); None = heads are not checked.

    Returns: the first row that is edited, missing or out of place, if any. A stream whose last rows are gone is known by
    a signed head, by the boot row of the next start, by what the server held (`lost_tail` of that row), or because its
    last row bears no head. Only the last life's rows above one of the heads that stay, cut off with their heads, are known
    to nobody here but the next start, by the server. Not covered are what no row's hash covers: `latency`, and of `uses`
    the local day with its count (the time zone does not stand in the journal).

    Raises: DamagedError: not a SQLite file, or its pages cannot be read. StorageError: not a journal.
    """
    connection = open_reader(path)
    try:
        return _verify(connection, public)
    except sqlite3.DatabaseError as error:
        raise DamagedError(f"{path}: {error}") from error
    finally:
        connection.close()


def _verify(connection: sqlite3.Connection, public: bytes | None) -> Check:
    claims: list[_Claim] = []
    bad_head = None
    for item in _heads(connection, public) if public is not None else ():
        if isinstance(item, FirstBad):
            bad_head = bad_head or item
        else:
            claims.append(item)
    signed = {claim[:3] for claim in claims}
    claims += _boots(connection)
    forgotten = _forgotten(connection)
    claims = [claim for claim in claims if (claim.event, claim.epoch) not in forgotten]
    held: dict[tuple[str, bytes, int], bytes | None] = {claim[:3]: None for claim in claims}
    rows = streams = 0
    stream: tuple[str, bytes] | None = None
    previous, expected = b"", 1
    ends: dict[tuple[str, bytes], int] = {}
    for event, epoch, seq, uuid, kind, name, ticket, reason, at, body, digest, facts in connection.execute(_ROWS):
        if (event, epoch) != stream:
            stream, streams = (event, epoch), streams + 1
            previous, expected = stream_start(epoch, event), 1
        rows += 1
        why, where = None, seq
        if seq != expected and not _stranger(body, event, epoch):
            why, where = f"rows {expected} to {seq - 1} are missing", expected
        elif row_hash(previous, body) != digest:
            why = "the hash does not follow from the row before and the body"
        else:
            why = _columns(body, (event, epoch.hex(), seq, uuid, kind, name, _hex(ticket), reason, at), facts)
        if why is not None:
            return Check(rows, streams, FirstBad(event, epoch.hex(), where, why))
        previous, expected = digest, seq + 1
        if (event, epoch, seq) in held:
            held[event, epoch, seq] = digest
        ends[event, epoch] = seq
    bad = bad_head or _unmet(claims, held, ends)
    if bad is None and public is not None:
        bad = _unsigned(signed, ends)
    bad = bad or _uses(connection)
    return Check(rows, streams, bad)


def _hex(value: bytes | None) -> str | None:
    return value.hex() if value is not None else None


def _stranger(body: bytes, event: str, epoch: bytes) -> bool:
    """A row that says that it belongs to another stream: it is named itself, and not what seems to miss before it."""
    try:
        record = decode_record(body)
    except FormatError:
        return False
    return (record.event, record.epoch) != (event, epoch.hex())


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


def _heads(connection: sqlite3.Connection, public: bytes) -> Iterator[_Claim | FirstBad]:
    for event, epoch, seq, signed in connection.execute("SELECT event, epoch, seq, sign1 FROM head ORDER BY 1, 2, 3"):
        try:
            head = read_head(signed, public)
        except (FormatError, TrustError) as error:
            yield FirstBad(event, epoch.hex(), seq, f"the head does not verify: {error}")
            continue
        if (head.event, head.epoch, head.seq) != (event, epoch, seq):
            yield FirstBad(event, epoch.hex(), seq, "the head is of another row")
        else:
            yield _Claim(event, epoch, seq, head.hash, "a signed head")


def _boots(connection: sqlite3.Connection) -> Iterator[_Claim]:
    """Each start names the end of every stream of the epoch before it. A boot row that does not read is found by the walk."""
    for (body,) in connection.execute("SELECT body FROM journal WHERE kind='boot' ORDER BY id"):
        try:
            boot = decode_record(body)
            for event, epoch, seq, digest in boot.data["streams"]:
                yield _Claim(event, bytes.fromhex(epoch), seq, bytes.fromhex(digest), f"the boot row of {boot.epoch}")
            # Where a broken journal was moved aside, its rows are in that file, and nothing was cut off here.
            for event, epoch, seq in boot.data.get("lost_tail", ()) if "set_aside" not in boot.data else ():
                yield _Claim(event, bytes.fromhex(epoch), seq, None, f"the server, by the boot row of {boot.epoch},")
        except (FormatError, TypeError, KeyError, ValueError):
            continue


def _forgotten(connection: sqlite3.Connection) -> set[tuple[str, bytes]]:
    """(event, epoch) of the streams that retention took, by the rows that say so; these stand in a chain themselves."""
    found = set()
    for (body,) in connection.execute("SELECT body FROM journal WHERE kind='mode' AND event='' ORDER BY id"):
        try:
            retention = decode_record(body).data["retention"]
            found |= {(retention["event"], bytes.fromhex(epoch)) for epoch, _, _ in retention["streams"]}
        except (FormatError, TypeError, KeyError, ValueError):
            continue  # another row of that kind
    return found


def _unmet(
    claims: list[_Claim], held: dict[tuple[str, bytes, int], bytes | None], ends: dict[tuple[str, bytes], int]
) -> FirstBad | None:
    for event, epoch, seq, digest, who in claims:
        found = held[event, epoch, seq]
        if found is None:
            lost = ends.get((event, epoch), 0) + 1
            return FirstBad(event, epoch.hex(), lost, f"{who} says that row {seq} existed: the tail is cut")
        if digest is not None and found != digest:
            return FirstBad(event, epoch.hex(), seq, f"the row is not the one that {who} names")
    return None


def _unsigned(heads: set[tuple[str, bytes, int]], ends: dict[tuple[str, bytes], int]) -> FirstBad | None:
    """The writer puts a head on the newest row of a stream in the row's own transaction."""
    for (event, epoch), seq in ends.items():
        if (event, epoch, seq) not in heads:
            return FirstBad(
                event, epoch.hex(), seq + 1, f"no signed head stands at row {seq}: it or rows after it are gone"
            )
    return None


def _uses(connection: sqlite3.Connection) -> FirstBad | None:
    """The table that admissions are judged by, against the rows it is derived from.

    What counts for which local day is not compared: the event's time zone does not stand in the journal.
    """
    rebuilt = sqlite3.connect(":memory:", isolation_level=None)
    try:
        rebuilt.executescript(sql.JOURNAL)
        for body, facts in connection.execute(_COUNTED, KINDS_COUNTED):
            step = cbor.loads(facts).get("code_step") if facts is not None else None
            apply_use(rebuilt, decode_record(body), None, step, journal=connection)
        right, found = _by_ticket(rebuilt), _by_ticket(connection)
    finally:
        rebuilt.close()
    for event, name, ticket in sorted(right.keys() | found.keys()):
        if right.get((event, name, ticket)) != found.get((event, name, ticket)):
            epoch, seq = connection.execute(_NEWEST, (event, ticket)).fetchone() or (b"", 0)
            return FirstBad(event, epoch.hex(), seq, f"the uses of its ticket on list {name} are not those of the rows")
    return None


def _by_ticket(connection: sqlite3.Connection) -> dict[tuple[str, str, bytes], tuple[Any, ...]]:
    return {(event, name, ticket): tuple(values) for event, name, ticket, *values in connection.execute(_USES)}
