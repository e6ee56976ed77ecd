"""A gate's state folder as sync leaves it: every object really signed, every file really there, and easy to spoil."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gate.model import EventId, TicketKey, TicketRow
from gate.sqlitefile import open_writer
from gate.storage.tickets import base_path
from gate.wire import cbor, sql
from gate.wire.enrol import Enrolment
from gate.wire.manifest import BaseRef
from gate.wire.ticketkey import cti_input, text_input, ticket_key
from tests.fakes.issuer import NOW_S, SPRING, Issuer

GATE = "g2"


class StateFolder:
    """Begins empty; `ready` makes an enrolled gate with one event."""

    def __init__(self, path: Path, issuer: Issuer | None = None) -> None:
        self.path = path
        self.issuer = issuer or Issuer()
        self._seq = NOW_S
        for name in ("manifests", "objects", "secrets"):
            (path / name).mkdir(parents=True, exist_ok=True)

    @property
    def sync_db(self) -> Path:
        return self.path / "sync.db"

    def journal(self, *kinds: str) -> list[dict[str, Any]]:
        """Bodies of the rows on disk (of these kinds), oldest first, read by a connection of its own."""
        connection = sqlite3.connect(f"file:{self.path / 'journal.db'}?mode=ro", uri=True)
        try:
            bodies = [cbor.loads(body) for (body,) in connection.execute("SELECT body FROM journal ORDER BY id")]
        finally:
            connection.close()
        return [body for body in bodies if body["kind"] in kinds or not kinds]

    def ready(self, rows: Iterable[TicketRow] = (), **policy: Any) -> StateFolder:
        self.enrol()
        self.trust()
        self.publish(rows, **policy)
        return self

    # ---- tickets

    def cti(self, n: int) -> bytes:
        return n.to_bytes(12, "big")

    def key(self, n: int) -> TicketKey:
        return ticket_key(self.issuer.salt, cti_input(self.cti(n)))

    def row(self, n: int, **changes: Any) -> TicketRow:
        return TicketRow(**({"key": self.key(n), "product": 12, "zones": 3} | changes))

    def opaque(self, text: str, **changes: Any) -> TicketRow:
        return self.row(0, key=ticket_key(self.issuer.salt, text_input(text)), **changes)

    def text(self, n: int, event: EventId = SPRING, **changes: Any) -> str:
        return self.issuer.ticket(event, cti=self.cti(n), **changes)

    # ---- what sync stores

    def enrol(self, gate: str = GATE, events: tuple[str, ...] = (SPRING,)) -> None:
        enrolment = Enrolment(
            device=gate,
            gate=gate,
            short="G2",
            org="Fair",
            events=events,
            trust=(),
            case_next=1,
            server="central",
            root=self.issuer.root_thumbprint.hex(),
        )
        (self.path / "enrolment.json").write_text(json.dumps(enrolment.to_json()))

    def trust(self, version: int = 1, **changes: Any) -> None:
        self.run("INSERT INTO trust VALUES (?,?)", version, self.issuer.trust(version, **changes))

    def base(self, rows: Iterable[TicketRow]) -> bytes:
        """A base file under its content's name. Returns: the SHA-256."""
        path = self.path / "manifests" / "new"
        path.unlink(missing_ok=True)
        file = open_writer(path, sql.BASE, synchronous="NORMAL")
        file.execute("PRAGMA journal_mode=DELETE").fetchone()
        columns = ",".join(sql.BASE_COLUMNS)
        marks = ",".join(f":{name}" for name in sql.BASE_COLUMNS)
        file.execute("BEGIN")
        file.executemany(f"INSERT INTO ticket({columns}) VALUES ({marks})", [asdict(row) for row in rows])
        file.execute("COMMIT")
        file.close()
        sha256 = hashlib.sha256(path.read_bytes()).digest()
        path.rename(base_path(self.path, sha256))
        return sha256

    def publish(
        self, rows: Iterable[TicketRow] = (), event: EventId = SPRING, base: bytes | None = None, **policy: Any
    ) -> bytes:
        """A new base (or a given one, that lies there), policy and descriptor. Returns: the base's SHA-256."""
        self._seq += 1
        sha256 = self.base(rows) if base is None else base
        policy_bytes = self.issuer.policy(event=event, **policy)
        policy_sha256 = hashlib.sha256(policy_bytes).digest()
        descriptor = self.issuer.descriptor(
            self._seq,
            event=event,
            base=BaseRef(sha256=sha256, size=4096, zst_sha256=bytes(32), zst_size=512, rows=0, cursor=0),
            policy_sha256=policy_sha256,
            policy_size=len(policy_bytes),
        )
        (self.path / "objects" / f"{policy_sha256.hex()}.cbor").write_bytes(policy_bytes)
        (self.path / "secrets" / f"{event}.cbor").write_bytes(self.issuer.secrets_plain().encode())
        self.run(
            "INSERT INTO event(event, descriptor, policy, base_sha256) VALUES (:e, :d, :p, :b)"
            " ON CONFLICT DO UPDATE SET descriptor=:d, policy=:p, base_sha256=:b",
            {"e": event, "d": descriptor, "p": policy_sha256, "b": sha256},
        )
        return sha256

    def change(self, row: TicketRow, event: EventId = SPRING) -> None:
        """A row of the overlay, as after an applied page of changes."""
        names = (*sql.BASE_COLUMNS, "event", "cursor")
        values = asdict(row) | {"event": event, "cursor": 1}
        self.run(
            f"INSERT OR REPLACE INTO overlay({','.join(names)}) VALUES ({','.join(f':{n}' for n in names)})", values
        )

    def remote(self, n: int, seq: int, **changes: Any) -> None:
        """A check-in of another gate (or of this one, by `gate` and `epoch`)."""
        values = {
            "event": SPRING, "list": "main", "ticket": self.key(n), "gate": "g9", "epoch": bytes(8), "seq": seq,
            "kind": "admitted", "dir": "entry", "count": 1, "at": NOW_S * 1000 - 60_000, "mono": None, "boot": None,
            "error_ms": None, "ref": None,
        } | changes  # fmt: skip
        self.run(f"INSERT INTO remote({','.join(values)}) VALUES ({','.join(f':{name}' for name in values)})", values)

    def run(self, statement: str, *values: Any) -> None:
        """One committed statement on sync.db."""
        connection = open_writer(self.sync_db, sql.SYNC, synchronous="NORMAL")
        try:
            connection.execute(statement, values[0] if len(values) == 1 and isinstance(values[0], dict) else values)
        finally:
            connection.close()

    def replace_sync(self) -> None:
        """Sync lost its file and began a new one."""
        for path in self.path.glob("sync.db*"):
            path.unlink()
        open_writer(self.sync_db, sql.SYNC, synchronous="NORMAL").close()


def edit(path: Path, statement: str, *values: Any) -> None:
    """What somebody with a database tool does to a file."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(statement, values)
    finally:
        connection.close()
