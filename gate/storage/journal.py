"""The durable record: rows, hash chain, signed heads and the uses they change, in one transaction an outcome.

Owned by the admission thread: the connection may not leave it. Other processes read the file beside it.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate import steps
from gate.errors import DamagedError, StorageError
from gate.model import ClockTrust, Moment
from gate.ports import Draft
from gate.sqlitefile import open_writer, transaction
from gate.storage.uses import apply_use
from gate.wire import sql
from gate.wire.journal import DEVICE_STREAM, EPOCH_BYTES, Head, Record, row_hash, stream_start, uuid7

_INSERT = (
    "INSERT INTO journal(event, epoch, seq, uuid, kind, list, ticket, reason, at, body, hash, facts, latency)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
)

_FORGOTTEN = "forgotten."
"""Small value by event: epochs that retention took, which are no lost tail."""


@dataclass(slots=True)
class _Tip:
    """End of one stream of this epoch."""

    seq: int
    hash: bytes


class JournalStore:
    """See `ports.Journal`.

    Args:
        key: signs heads. random: n random bytes.
        head_every: heads at multiples of this stay; the newest head of a stream is always there, so that sync can push
            at any moment.
    """

    def __init__(
        self,
        path: Path,
        *,
        gate: str,
        key: Ed25519PrivateKey,
        random: Callable[[int], bytes],
        head_every: int = 100,
    ) -> None:
        self.gate = gate
        self._folder = path.parent
        self._connection = open_writer(path, sql.JOURNAL, synchronous="FULL")
        self._key = key
        self._random = random
        self._head_every = head_every
        self.epoch = random(EPOCH_BYTES)
        self._tips: dict[str, _Tip] = {}

    def close(self) -> None:
        self._connection.close()

    # ---- writing

    def commit(self, drafts: Sequence[Draft], moment: Moment) -> list[Record]:
        tips = dict(self._tips)
        records = []
        try:
            with self._transaction() as connection:
                steps.reach("journal.begun")
                for draft in drafts:
                    record, tip = self._insert(connection, draft, moment, tips)
                    tips[draft.event] = tip
                    records.append(record)
                    if tip.seq % self._head_every == 0:
                        self._write_head(connection, draft.event, tip, moment)
                for event in {draft.event for draft in drafts}:
                    self._newest_head(connection, event, tips[event], moment)
                self._keep_floor(connection, moment)
                steps.reach("journal.counted")
        except sqlite3.Error as error:
            raise _not_written(error) from error
        steps.reach("journal.committed")
        self._tips = tips
        return records

    def _insert(
        self, connection: sqlite3.Connection, draft: Draft, moment: Moment, tips: dict[str, _Tip]
    ) -> tuple[Record, _Tip]:
        tip = tips.get(draft.event) or _Tip(0, stream_start(self.epoch, draft.event))
        facts = draft.facts.encode() if draft.facts is not None else None
        record = Record(
            event=draft.event,
            gate=self.gate,
            epoch=self.epoch.hex(),
            seq=tip.seq + 1,
            id=uuid7(moment.at, self._random(10)),
            kind=draft.kind,
            list=draft.list,
            dir=draft.direction.value if draft.direction else None,
            ticket=draft.ticket.hex() if draft.ticket else None,
            product=draft.product,
            count=draft.count,
            reason=draft.reason,
            detail=draft.detail,
            rule=draft.rule,
            ref=draft.ref,
            actor=draft.actor,
            input=draft.input,
            at=moment.at,
            mono=moment.mono,
            boot=moment.boot,
            clock=moment.trust.value,
            error_ms=moment.error_ms,
            facts=sha256(facts).hexdigest() if facts is not None else None,
            data=draft.data,
        )
        body = record.encode()
        digest = row_hash(tip.hash, body)
        latency = json.dumps({k: round(v, 2) for k, v in draft.latency.items()}) if draft.latency else None
        connection.execute(
            _INSERT,
            (
                record.event,
                self.epoch,
                record.seq,
                record.id,
                record.kind,
                record.list,
                draft.ticket,
                record.reason,
                record.at,
                body,
                digest,
                facts,
                latency,
            ),
        )
        steps.reach("journal.row")
        apply_use(connection, record, draft.day, draft.facts.code_step if draft.facts else None)
        return record, _Tip(record.seq, digest)

    def _newest_head(self, connection: sqlite3.Connection, event: str, tip: _Tip, moment: Moment) -> None:
        """In place of the one before, which stays only at a multiple."""
        before = self._tips.get(event)
        if before is not None and before.seq % self._head_every:
            connection.execute("DELETE FROM head WHERE event=? AND epoch=? AND seq=?", (event, self.epoch, before.seq))
        if tip.seq % self._head_every:
            self._write_head(connection, event, tip, moment)

    def _write_head(self, connection: sqlite3.Connection, event: str, tip: _Tip, moment: Moment) -> None:
        head = Head(gate=self.gate, event=event, epoch=self.epoch, seq=tip.seq, hash=tip.hash, at=moment.at)
        connection.execute(
            "INSERT INTO head(event, epoch, seq, sign1) VALUES (?,?,?,?)",
            (event, self.epoch, tip.seq, head.sign(self._key)),
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """On a file system that was remounted read-only under us, ext4 takes writes into blocks of the WAL that exist already
        and reports them flushed; nothing of it reaches the disk. So the flag is asked before every COMMIT."""
        with transaction(self._connection) as connection:
            yield connection
            try:
                flags = os.statvfs(self._folder).f_flag
            except OSError as error:
                raise StorageError(f"the journal could not be written: {error.strerror}") from error
            if flags & os.ST_RDONLY:
                raise StorageError("the journal could not be written: its file system is read-only")

    def tip(self, event: str) -> bytes:
        """Hash of the newest row of a stream of this epoch, empty before the first."""
        tip = self._tips.get(event)
        return tip.hash if tip else b""

    # ---- start and small values

    def write_boot(self, moment: Moment, acked: dict[tuple[str, str], int], data: dict[str, object]) -> Record:
        """First row of this epoch: names the end of each stream since the boot row before, and a tail that got lost.

        Args:
            acked: by (event, epoch hex), what the server says it has; more than the file holds is `lost_tail`.
        """
        lost = [
            [event, epoch, upto]
            for (event, epoch), upto in acked.items()
            if epoch not in (self.meta(_FORGOTTEN + event) or "").split() and upto > self._held(event, epoch)
        ]
        boots = self._connection.execute("SELECT max(id) FROM journal WHERE event=? AND seq=1", (DEVICE_STREAM,))
        # Streams end with their epoch, so each is named once: a list of all would outgrow a push in a gate that starts often.
        body = {**data, "streams": [list(stream) for stream in self.streams(boots.fetchone()[0] or 0)]}
        if lost:
            body["lost_tail"] = lost
        draft = Draft(event=DEVICE_STREAM, kind="boot", data=body)
        return self.commit([draft], moment)[0]

    def _held(self, event: str, epoch: str) -> int:
        found = self._connection.execute(
            "SELECT max(seq) FROM journal WHERE event=? AND epoch=?", (event, bytes.fromhex(epoch))
        )
        return found.fetchone()[0] or 0

    def streams(self, since: int = 0) -> list[tuple[str, str, int, str]]:
        """(event, epoch hex, last seq, hash hex) of each stream with rows from this `id` on, oldest first. Read from the index alone."""
        rows = self._connection.execute(
            "SELECT j.event, j.epoch, j.seq, j.hash FROM journal j JOIN (SELECT event, epoch, max(seq) AS seq,"
            " min(id) AS born FROM journal WHERE +id >= ? GROUP BY event, epoch) t USING (event, epoch, seq)"
            " ORDER BY t.born",
            (since,),
        )
        return [(event, epoch.hex(), seq, digest.hex()) for event, epoch, seq, digest in rows]

    def newest(self, event: str) -> int:
        """Unix ms of an event's newest row, 0 when there is none."""
        row = self._connection.execute("SELECT max(at) FROM journal WHERE event=?", (event,)).fetchone()
        return row[0] or 0

    def forget(self, event: str, moment: Moment) -> None:
        """Delete every row of an event that has none in this life yet, and say so in a row.

        Raises: StorageError; then nothing is deleted.
        """
        if event in self._tips:
            raise StorageError(f"{event} has rows of this life")
        ends = [[epoch, seq, digest] for name, epoch, seq, digest in self.streams() if name == event]
        draft = Draft(event=DEVICE_STREAM, kind="mode", data={"retention": {"event": event, "streams": ends}})
        try:
            self._connection.execute("PRAGMA secure_delete=ON").fetchone()
            with self._transaction() as connection:
                for table in ("journal", "uses", "head"):
                    connection.execute(f"DELETE FROM {table} WHERE event=?", (event,))  # noqa: S608 - the words above
                tips = dict(self._tips)
                _, tip = self._insert(connection, draft, moment, tips)
                tips[DEVICE_STREAM] = tip
                self._newest_head(connection, DEVICE_STREAM, tip, moment)
                epochs = " ".join(str(epoch) for epoch, _, _ in ends)
                self._write_meta(connection, _FORGOTTEN + event, epochs)
            self._tips = tips
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise _not_written(error) from error

    def meta(self, name: str) -> str | None:
        row = self._connection.execute("SELECT v FROM meta WHERE k=?", (name,)).fetchone()
        return row[0] if row else None

    def keep_time(self, moment: Moment) -> None:
        """Remember how late it is while nothing else is written: a restart must not lose a quiet night.

        Raises: StorageError.
        """
        try:
            with self._transaction() as connection:
                self._keep_floor(connection, moment)
        except sqlite3.Error as error:
            raise _not_written(error) from error

    def _keep_floor(self, connection: sqlite3.Connection, moment: Moment) -> None:
        # Holdover time may be ahead of the truth, so it must not become a floor that never falls.
        if moment.trust is not ClockTrust.HOLDOVER:
            self._write_meta(connection, "clock_floor", str(moment.at))

    def set_meta(self, name: str, value: str) -> None:
        """Raises: StorageError."""
        try:
            with self._transaction() as connection:
                self._write_meta(connection, name, value)
        except sqlite3.Error as error:
            raise _not_written(error) from error

    @staticmethod
    def _write_meta(connection: sqlite3.Connection, name: str, value: str) -> None:
        connection.execute(
            "INSERT INTO meta(k, v) VALUES (?,?) ON CONFLICT(k) DO UPDATE SET v=excluded.v", (name, value)
        )


def _not_written(error: sqlite3.Error) -> StorageError:
    """SQLITE_CORRUPT and SQLITE_NOTADB are plain `DatabaseError`s: waiting does not heal them."""
    kind = DamagedError if type(error) is sqlite3.DatabaseError else StorageError
    return kind(f"the journal could not be written: {error}")
