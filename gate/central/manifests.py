"""Publication: base file, policy object, signed descriptor, pages of changes (contracts 2 and 5).

A descriptor's `seq` rises with each one that is signed, and is on disk before the descriptor leaves: two different
descriptors under one number would be an alarm at every gate.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from gate.central import events, schema, settings
from gate.central.basefile import BaseFile
from gate.central.keys import KeyStore
from gate.errors import ConfigError, StorageError
from gate.model import EventId, TicketState
from gate.sqlitefile import sync_folder
from gate.wire.manifest import BaseRef, Descriptor, Page, chain_next, chain_start, next_seq
from gate.wire.sign1 import Aad, sign
from gate.wire.sql import BASE_COLUMNS

REISSUE_MS = 120_000
PAGE_ROWS = 5000
_REBUILD_PART = 20
# A base file is built again when the change log is over 1/20 of its rows: 5 % of a download that is paid once.
_REBUILD_MIN = 1000
# Below it a new file would cost every gate more than the log does.
_NIGHTLY_AGE_MS = 20 * 3600 * 1000
_SMALL_HOURS = range(3, 5)
_FETCH = 10_000


class MustRefetch(Exception):
    """The asked part of the change log is not there: another incarnation, or folded into a newer base file."""


class Signer:
    """The manifest key of an event, and where objects go. `clock`: Unix ms."""

    def __init__(self, keys: KeyStore, objects: Path, clock: Callable[[], int]) -> None:
        self.keys = keys
        self._clock = clock
        self._objects = objects

    def sign(self, connection: Connection, event: str, payload: bytes, aad: Aad) -> bytes:
        kid = events.current_kid(connection, event, "manifest", self._clock() // 1000)
        return sign(self.keys.signing("manifest", kid), payload, aad).encode()

    def store_object(self, content: bytes) -> bytes:
        """Write `objects/<sha256>`. Returns: the hash. Raises: StorageError."""
        digest = hashlib.sha256(content).digest()
        final = self._objects / digest.hex()
        if final.exists():
            return digest
        fresh = self._objects / f".{digest.hex()}.{os.getpid()}"
        try:
            with fresh.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(final)
            sync_folder(self._objects)
        except OSError as error:
            raise StorageError(f"{final} cannot be written: {error.strerror}") from error
        return digest


def head_of(connection: Connection, event: str) -> Row[Any]:
    """Raises: ConfigError: no such event."""
    table = schema.event_head
    found = connection.execute(select(table).where(table.c.event_id == event)).first()
    if found is None or event == events.DEVICE_STREAM:
        raise events.NotHereError([("event", f"there is no event {event!r}", "see `gate central event list`")])
    return found


def needs_base(connection: Connection, event: str) -> bool:
    head = head_of(connection, event)
    if head.base_sha256 is None:
        return True
    return bool((head.cursor - head.base_cursor) * _REBUILD_PART > base_of(connection, event, head.base_sha256).rows)


def nightly(connection: Connection, event: str, now_ms: int) -> bool:
    """Whether an event's base file is due without being asked for: in its small hours when anything changed since
    yesterday's, or at any hour when the log has grown over 5 % and is worth a download."""
    head = head_of(connection, event)
    grown = head.cursor - head.base_cursor
    if head.base_sha256 is None or not grown:
        return False
    if grown >= _REBUILD_MIN and needs_base(connection, event):
        return True
    table = schema.artifact
    made = connection.execute(
        select(table.c.created).where(table.c.event_id == event, table.c.sha256 == head.base_sha256)
    ).scalar_one()
    return now_ms - made > _NIGHTLY_AGE_MS and events.local_hour(connection, event, now_ms) in _SMALL_HOURS


def base_of(connection: Connection, event: str, sha256: bytes) -> BaseFile:
    table = schema.artifact
    row = connection.execute(select(table).where(table.c.event_id == event, table.c.sha256 == sha256)).one()
    return BaseFile(
        sha256=bytes(row.sha256), size=row.size, zst_sha256=bytes(row.zst_sha256), zst_size=row.zst_size, rows=row.rows
    )


def has_artifact(connection: Connection, served: Sequence[str], sha256: bytes, kind: str) -> bool:
    """Whether a file belongs to one of these events; files before the newest count too (a download goes on)."""
    table = schema.artifact
    query = select(table.c.event_id).where(table.c.event_id.in_(served), table.c.sha256 == sha256, table.c.kind == kind)
    return connection.execute(query).first() is not None


def base_rows(connection: Connection, event: str) -> Iterator[tuple[Any, ...]]:
    """Every ticket in order of key; removed ones are as if absent."""
    table = schema.ticket
    columns = [table.c[name] for name in BASE_COLUMNS]
    query = (
        select(*columns)
        .where(table.c.event_id == event, table.c.state != int(TicketState.REMOVED))
        .order_by(table.c.key)
        .execution_options(yield_per=_FETCH)
    )
    for row in connection.execute(query):
        yield tuple(row)


def adopt_base(connection: Connection, event: str, base: BaseFile, cursor: int, now_ms: int) -> None:
    """Make a file that holds the change log up to `cursor` the event's base; what came after it is chained anew."""
    _artifact(connection, event, base.sha256, "base", now_ms, base)
    life = bytes.fromhex(settings.get(connection, "life") or "")
    seed = b"gate/incarnation" + life + base.sha256 + cursor.to_bytes(8, "big")
    incarnation = hashlib.sha256(seed).digest()[:8]
    chain = chain_start(incarnation, base.sha256, cursor)
    log = schema.change
    connection.execute(delete(log).where(log.c.event_id == event, log.c.cursor <= cursor))
    later = connection.execute(
        select(log.c.cursor, log.c.row).where(log.c.event_id == event).order_by(log.c.cursor)
    ).all()
    for row in later:
        chain = chain_next(chain, (row.row,))
        connection.execute(update(log).where(log.c.event_id == event, log.c.cursor == row.cursor).values(chain=chain))
    head = schema.event_head
    connection.execute(
        update(head)
        .where(head.c.event_id == event)
        .values(
            base_sha256=base.sha256,
            base_cursor=cursor,
            incarnation=incarnation,
            chain=chain,
            cursor=later[-1].cursor if later else cursor,
        )
    )


def adopt_policy(connection: Connection, signer: Signer, event: str, now_ms: int) -> None:
    """Sign the policy as it stands and put it where the descriptor can name it."""
    payload = events.checked(events.policy_of(connection, event))
    content = signer.sign(connection, event, payload, Aad.POLICY)
    digest = signer.store_object(content)
    _artifact(connection, event, digest, "policy", now_ms, size=len(content))
    head = schema.event_head
    connection.execute(
        update(head).where(head.c.event_id == event).values(policy_sha256=digest, policy_size=len(content))
    )


def _artifact(
    connection: Connection,
    event: str,
    sha256: bytes,
    kind: str,
    now_ms: int,
    base: BaseFile | None = None,
    size: int = 0,
) -> None:
    table = schema.artifact
    connection.execute(delete(table).where(table.c.event_id == event, table.c.sha256 == sha256))
    connection.execute(
        insert(table).values(
            event_id=event,
            sha256=sha256,
            kind=kind,
            size=base.size if base else size,
            zst_sha256=base.zst_sha256 if base else None,
            zst_size=base.zst_size if base else None,
            rows=base.rows if base else None,
            created=now_ms,
        )
    )


def issue(
    connection: Connection, signer: Signer, event: str, now_ms: int, at: tuple[int, bytes] | None = None
) -> bytes:
    """Sign the next descriptor.

    Args:
        at: (cursor, chain) of an earlier row of the change log; None = of its end, which is then the event's descriptor.
    """
    head = head_of(connection, event)
    if head.base_sha256 is None:
        raise ConfigError([("event", f"{event} was never published", f"run `gate central publish {event}`")])
    base = base_of(connection, event, head.base_sha256)
    seq = next_seq(head.seq, now_ms // 1000)
    cursor, chain = at or (head.cursor, bytes(head.chain))
    descriptor = Descriptor(
        event=EventId(event),
        seq=seq,
        issued=now_ms,
        incarnation=bytes(head.incarnation),
        base=BaseRef(
            sha256=base.sha256,
            size=base.size,
            zst_sha256=base.zst_sha256,
            zst_size=base.zst_size,
            rows=base.rows,
            cursor=head.base_cursor,
        ),
        cursor=cursor,
        chain=chain,
        policy_sha256=bytes(head.policy_sha256),
        policy_size=head.policy_size,
        secrets=head.secrets,
        checkins=head.checkins,
    )
    content = signer.sign(connection, event, descriptor.payload(), Aad.MANIFEST)
    table = schema.event_head
    values: dict[str, Any] = {"seq": seq}
    if at is None:
        values |= {"descriptor": content, "issued": now_ms}
    connection.execute(update(table).where(table.c.event_id == event).values(**values))
    return content


def reissue_old(connection: Connection, signer: Signer, now_ms: int) -> list[str]:
    """Sign a fresh descriptor for each event whose last one is older than 120 s. Returns: those events."""
    table = schema.event_head
    due = connection.execute(
        select(table.c.event_id).where(table.c.base_sha256.is_not(None), table.c.issued <= now_ms - REISSUE_MS)
    ).scalars()
    done = list(due)
    for event in done:
        issue(connection, signer, event, now_ms)
    return done


# ---- pages of changes


@dataclass(frozen=True, slots=True)
class Rows:
    """Part of the change log after a cursor. `descriptor` is None when the page ends before the log does."""

    rows: tuple[bytes, ...]
    next: int
    chain: bytes
    more: bool
    descriptor: bytes | None

    def page(self, descriptor: bytes) -> Page:
        return Page(rows=self.rows, next=self.next, more=self.more, descriptor=descriptor)


def changes(connection: Connection, event: str, incarnation: bytes, after: int, limit: int) -> Rows:
    """Raises: MustRefetch, ConfigError."""
    head = head_of(connection, event)
    if head.incarnation is None or bytes(head.incarnation) != incarnation:
        raise MustRefetch("the change log begins with another base file")
    if not head.base_cursor <= after <= head.cursor:
        raise MustRefetch(f"the change log runs from {head.base_cursor} to {head.cursor}")
    log = schema.change
    found = connection.execute(
        select(log.c.cursor, log.c.row, log.c.chain)
        .where(log.c.event_id == event, log.c.cursor > after)
        .order_by(log.c.cursor)
        .limit(limit)
    ).all()
    last, chain = (found[-1].cursor, bytes(found[-1].chain)) if found else (after, bytes(head.chain))
    more = last < head.cursor
    return Rows(tuple(bytes(row.row) for row in found), last, chain, more, None if more else bytes(head.descriptor))


def middle_page(connection: Connection, signer: Signer, event: str, rows: Rows, now_ms: int) -> Page:
    """A page that ends before the log does, with a descriptor of its own.

    Its number is the newest, so the event's descriptor is signed again above it: a gate refuses to go back.
    """
    descriptor = issue(connection, signer, event, now_ms, (rows.next, rows.chain))
    issue(connection, signer, event, now_ms)
    return rows.page(descriptor)
