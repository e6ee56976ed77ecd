"""Publishing an event in steps: the base file is built beside the running server, and adopted in one short transaction."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from gate.central import basefile, manifests, schema, trustfiles
from gate.central.database import Database
from gate.central.manifests import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The state of an event after publication. `rebuilt`: a new base file was made."""

    event: str
    seq: int
    issued: int
    cursor: int
    rows: int
    base_sha256: bytes
    base_size: int
    zst_size: int
    rebuilt: bool
    descriptor: bytes


class Publication:
    """One at a time: two base files of one event would race for the change log."""

    def __init__(self, database: Database, signer: Signer, folder: Path) -> None:
        self._db = database
        self._signer = signer
        self._folder = folder
        self._turn = threading.Lock()

    def publish(self, event: str, now_ms: int, *, rebuild: bool | None) -> Published:
        """See `Central.publish`."""
        with self._turn:
            built = self._db.read(lambda connection: self._build(connection, event, rebuild))
            return self._db.write(lambda connection: self._adopt(connection, event, built, now_ms))

    def _build(self, connection: Connection, event: str, rebuild: bool | None) -> tuple[basefile.BaseFile, int] | None:
        """A base file and the cursor that it holds, both of one moment of the database; None = not due."""
        head = manifests.head_of(connection, event)
        if rebuild is None or head.base_sha256 is None:
            rebuild = manifests.needs_base(connection, event)
        if not rebuild:
            return None
        return basefile.build(self._folder, event, manifests.base_rows(connection, event)), head.cursor

    def _adopt(
        self, connection: Connection, event: str, built: tuple[basefile.BaseFile, int] | None, now_ms: int
    ) -> Published:
        if built is not None:
            manifests.adopt_base(connection, event, built[0], built[1], now_ms)
        manifests.adopt_policy(connection, self._signer, event, now_ms)
        trustfiles.ensure(connection, self._signer.keys, now_ms)
        descriptor = manifests.issue(connection, self._signer, event, now_ms)
        head = manifests.head_of(connection, event)
        base = manifests.base_of(connection, event, head.base_sha256)
        return Published(
            event=event,
            seq=head.seq,
            issued=now_ms,
            cursor=head.cursor,
            rows=base.rows,
            base_sha256=base.sha256,
            base_size=base.size,
            zst_size=base.zst_size,
            rebuilt=built is not None,
            descriptor=descriptor,
        )

    def rebuild_due(self, now_ms: int) -> list[str]:
        """See `Central.rebuild_due`."""
        table = schema.event_head
        published = select(table.c.event_id).where(
            table.c.base_sha256.is_not(None), table.c.cursor > table.c.base_cursor
        )

        def due(connection: Connection) -> list[str]:
            return [
                event
                for event in connection.execute(published).scalars().all()
                if manifests.nightly(connection, event, now_ms)
            ]

        done = self._db.read(due)
        for event in done:
            self.publish(event, now_ms, rebuild=True)
        return done

    def reissue(self, now_ms: int) -> list[str]:
        """See `Central.reissue`. Nothing is written while nothing is due."""
        table = schema.event_head
        due = select(table.c.event_id).where(
            table.c.base_sha256.is_not(None), table.c.issued <= now_ms - manifests.REISSUE_MS
        )
        if self._db.read(lambda connection: connection.execute(due).first()) is None:
            return []
        return self._db.write(lambda connection: manifests.reissue_old(connection, self._signer, now_ms))
