"""sync.db: the only writer of it. Every method is one transaction; what belongs together changes together.

Nothing is checked here but what must never fall: callers pass only what `gate.verify.trust` has accepted.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gate import steps
from gate.errors import StorageError
from gate.sqlitefile import open_writer, transaction
from gate.sync.protocol import Ack
from gate.sync.rows import Change, ClockRow, EventState, RemoteRow, StreamKey
from gate.wire import sql

_OVERLAY = (
    "INSERT OR REPLACE INTO overlay(event, key, product, zones, state, flags, uses, nbf, exp, parent, lang, note, ext,"
    " cursor) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_EVENT = (
    "INSERT INTO event(event, descriptor, policy, secrets, base_sha256, incarnation, cursor, chain, verified_mono,"
    " verified_boot) VALUES(?,?,?,?,?,?,?,?,?,?) ON CONFLICT(event) DO UPDATE SET descriptor=excluded.descriptor,"
    " policy=excluded.policy, secrets=excluded.secrets, base_sha256=excluded.base_sha256,"
    " incarnation=excluded.incarnation, cursor=excluded.cursor, chain=excluded.chain,"
    " verified_mono=excluded.verified_mono, verified_boot=excluded.verified_boot"
)
_REMOTE = (
    "INSERT OR IGNORE INTO remote(event, list, ticket, gate, epoch, seq, kind, dir, count, at, mono, boot, error_ms,"
    " ref) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_REMOTE_CLOCK = (
    "INSERT INTO remote_clock(gate, boot, base_ms, error_ms) VALUES(?,?,?,?) ON CONFLICT(gate, boot) DO UPDATE SET"
    " base_ms=excluded.base_ms, error_ms=excluded.error_ms"
    " WHERE (excluded.error_ms, excluded.base_ms) < (error_ms, base_ms)"
)
_ACKED = (
    "INSERT INTO acked(peer, event, epoch, upto, upstream) VALUES(?,?,?,?,?) ON CONFLICT(peer, event, epoch)"
    " DO UPDATE SET upto=excluded.upto, upstream=max(upstream, excluded.upstream)"
)
_CONTENT = ("event", "trust", "overlay", "remote", "remote_clock", "acked", "quarantine")


class Store:
    """Used from all threads of the worker, one at a time.

    Raises: StorageError, DamagedError at opening.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = open_writer(path, sql.SYNC, synchronous="NORMAL", any_thread=True)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StorageError("sync.db is closed")
        return self._connection

    # ---- trust

    def trust_files(self) -> list[tuple[int, bytes]]:
        with self._lock:
            return self._open().execute("SELECT version, file FROM trust ORDER BY version").fetchall()

    def add_trust(self, version: int, file: bytes) -> None:
        with self._lock, transaction(self._open()) as connection:
            connection.execute("INSERT OR IGNORE INTO trust(version, file) VALUES(?,?)", (version, file))

    # ---- events

    def event(self, event: str) -> EventState | None:
        """None: no manifest yet."""
        with self._lock:
            row = (
                self._open()
                .execute(
                    "SELECT event, descriptor, policy, secrets, base_sha256, incarnation, cursor, chain, verified_mono,"
                    " verified_boot FROM event WHERE event = ? AND descriptor IS NOT NULL",
                    (event,),
                )
                .fetchone()
            )
        if row is None:
            return None
        return EventState(
            event=row[0],
            descriptor=row[1],
            policy=row[2],
            secrets=row[3] or 0,
            base_sha256=row[4],
            incarnation=row[5],
            cursor=row[6],
            chain=row[7],
            verified_mono=row[8] or 0,
            verified_boot=row[9] or "",
        )

    def bases_in_use(self) -> set[bytes]:
        with self._lock:
            rows = self._open().execute("SELECT base_sha256 FROM event WHERE base_sha256 IS NOT NULL")
            return {row[0] for row in rows}

    def swap(self, state: EventState, changes: Iterable[Sequence[Change]]) -> None:
        """A new base file is in place: take it, with its changes so far as the whole overlay of the event."""
        with self._lock, transaction(self._open()) as connection:
            connection.execute("DELETE FROM overlay WHERE event = ?", (state.event,))
            for page in changes:
                _write_overlay(connection, state.event, page)
            _write_event(connection, state)

    def advance(self, state: EventState, changes: Sequence[Change]) -> None:
        """A page of changes with the descriptor that proves it; no rows = only a newer descriptor."""
        with self._lock, transaction(self._open()) as connection:
            _write_overlay(connection, state.event, changes)
            _write_event(connection, state)

    def end(self, event: str) -> bool:
        """Drop what was told of an event. What is known of the outbox stays: its rows may still be on their way.

        Returns: whether there was anything.
        """
        with self._lock, transaction(self._open()) as connection:
            dropped = 0
            for table in ("overlay", "remote", "event"):
                statement = f"DELETE FROM {table} WHERE event = ?"  # noqa: S608 - a name of the tuple above
                dropped += connection.execute(statement, (event,)).rowcount
            return dropped > 0

    # ---- check-ins of all gates

    def feed_cursor(self, event: str) -> str | None:
        with self._lock:
            row = self._open().execute("SELECT feed FROM event WHERE event = ?", (event,)).fetchone()
        return None if row is None else row[0]

    def take_feed(
        self, event: str, rows: Iterable[RemoteRow], clocks: Iterable[ClockRow], following: str | None
    ) -> None:
        """A whole page and the cursor behind it (None: from the beginning next time)."""
        with self._lock, transaction(self._open()) as connection:
            connection.executemany(
                _REMOTE,
                (
                    (event, r.list, r.ticket, r.gate, r.epoch, r.seq, r.kind, r.dir, r.count, r.at, r.mono, r.boot,
                     r.error_ms, r.ref)
                    for r in rows
                ),
            )  # fmt: skip
            connection.executemany(_REMOTE_CLOCK, ((c.gate, c.boot, c.base_ms, c.error_ms) for c in clocks))
            steps.reach("feed.rows")
            connection.execute(
                "INSERT INTO event(event, feed) VALUES(?,?) ON CONFLICT(event) DO UPDATE SET feed=excluded.feed",
                (event, following),
            )

    # ---- push

    def acks(self, peer: str) -> dict[StreamKey, Ack]:
        """What the peer holds, quarantined numbers already settled."""
        with self._lock:
            connection = self._open()
            rows = connection.execute(
                "SELECT event, epoch, upto, upstream FROM acked WHERE peer = ?", (peer,)
            ).fetchall()
            poison = connection.execute("SELECT event, epoch, seq FROM quarantine WHERE peer = ?", (peer,)).fetchall()
        acks = {(event, epoch): Ack(upto, upstream) for event, epoch, upto, upstream in rows}
        for event, epoch, seq in poison:
            acks.setdefault((event, epoch), Ack()).settle((seq,))
        return acks

    def quarantined(self, peer: str, event: str, epoch: bytes) -> set[int]:
        with self._lock:
            rows = self._open().execute(
                "SELECT seq FROM quarantine WHERE peer = ? AND event = ? AND epoch = ?", (peer, event, epoch)
            )
            return {row[0] for row in rows}

    def take_acks(
        self,
        peer: str,
        acks: Mapping[StreamKey, Ack],
        poison: Iterable[tuple[str, bytes, int, str]] = (),
        at: int = 0,
        freed: Iterable[tuple[str, bytes, int]] = (),
    ) -> None:
        """The effect of one answer. `poison`: (event, epoch, seq, why). `at`: Unix ms. `freed`: no longer quarantined."""
        with self._lock, transaction(self._open()) as connection:
            connection.executemany(
                _ACKED, [(peer, event, epoch, ack.upto, ack.upstream) for (event, epoch), ack in acks.items()]
            )
            connection.executemany(
                "INSERT OR REPLACE INTO quarantine(peer, event, epoch, seq, why, at) VALUES(?,?,?,?,?,?)",
                [(peer, event, epoch, seq, why, at) for event, epoch, seq, why in poison],
            )
            connection.executemany(
                "DELETE FROM quarantine WHERE peer = ? AND event = ? AND epoch = ? AND seq = ?",
                [(peer, *place) for place in freed],
            )
            steps.reach("push.noted")

    def aside(self, peer: str, why: str, before: int) -> list[tuple[str, bytes, int]]:
        """Places quarantined before a Unix ms for a reason that begins with `why`."""
        with self._lock:
            return (
                self._open()
                .execute(
                    "SELECT event, epoch, seq FROM quarantine WHERE peer = ? AND substr(why, 1, ?) = ? AND at <= ?",
                    (peer, len(why), why, before),
                )
                .fetchall()
            )

    def forget_acks(self, peer: str, event: str) -> None:
        """Send everything of an event again: the server began anew, what it still has it calls `known`."""
        with self._lock, transaction(self._open()) as connection:
            connection.execute("DELETE FROM acked WHERE peer = ? AND event = ?", (peer, event))

    def release_quarantine(self) -> int:
        """Try the quarantined records once more. Returns: how many."""
        with self._lock, transaction(self._open()) as connection:
            rows = connection.execute("SELECT peer, event, epoch, min(seq) FROM quarantine GROUP BY 1, 2, 3").fetchall()
            for peer, event, epoch, seq in rows:
                connection.execute(
                    "UPDATE acked SET upto = min(upto, ?) WHERE peer = ? AND event = ? AND epoch = ?",
                    (seq - 1, peer, event, epoch),
                )
            return connection.execute("DELETE FROM quarantine").rowcount

    def quarantine_count(self) -> int:
        with self._lock:
            return int(self._open().execute("SELECT count(*) FROM quarantine").fetchone()[0])

    # ---- clock and status

    def put_clock(self, boot: str, base_ms: int, error_ms: int, source: str) -> None:
        """The server offset of this boot; those of other boots mean nothing any more."""
        with self._lock, transaction(self._open()) as connection:
            connection.execute("DELETE FROM clock WHERE boot <> ?", (boot,))
            connection.execute("INSERT OR REPLACE INTO clock VALUES(?,?,?,?)", (boot, base_ms, error_ms, source))

    def put_status(self, values: Mapping[str, str], at: int) -> None:
        """`at`: Unix ms, of the last change of each."""
        with self._lock, transaction(self._open()) as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO status(k, v, at) VALUES(?,?,?)", [(k, v, at) for k, v in values.items()]
            )

    def status(self) -> dict[str, str]:
        with self._lock:
            return dict(self._open().execute("SELECT k, v FROM status").fetchall())

    def clear(self) -> None:
        """The gate was enrolled elsewhere: what the former organisation's server told us is void."""
        with self._lock, transaction(self._open()) as connection:
            for table in _CONTENT:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of the tuple above


def _write_overlay(connection: sqlite3.Connection, event: str, changes: Sequence[Change]) -> None:
    # In order of key each page of the file is touched once; a ticket changed twice keeps its order (the sort is stable).
    connection.executemany(
        _OVERLAY,
        [
            (
                event,
                r.key,
                r.product,
                r.zones,
                r.state,
                r.flags,
                r.uses,
                r.nbf,
                r.exp,
                r.parent,
                r.lang,
                r.note,
                r.ext,
                n,
            )
            for n, r in sorted(changes, key=_key_of)
        ],
    )


def _key_of(change: Change) -> bytes:
    return change[1].key


def _write_event(connection: sqlite3.Connection, state: EventState) -> None:
    steps.reach("store.overlay")
    connection.execute(
        _EVENT,
        (
            state.event, state.descriptor, state.policy, state.secrets, state.base_sha256, state.incarnation,
            state.cursor, state.chain, state.verified_mono, state.verified_boot,
        ),
    )  # fmt: skip
    steps.reach("store.event")
