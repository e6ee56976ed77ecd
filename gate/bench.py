"""`gate bench`: what this machine needs for each step of the way of a scan. Needs no server, camera or pins.

Everything is the real code on made-up data in a temporary folder, so that a technician can compare machines and cards.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import segno
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.decision.decide import decide
from gate.decision.facts import Place
from gate.lane.gather import Found, gather
from gate.lane.rows import outcome
from gate.lane.world import ServedEvent, World
from gate.model import (
    CheckinList,
    ClockTrust,
    Direction,
    EventId,
    EventMode,
    GateDef,
    GateId,
    ListId,
    Moment,
    Policy,
    Product,
)
from gate.ports import Draft
from gate.scanner.decoder import Cascade
from gate.scanner.engines import load_zbar
from gate.sqlitefile import open_writer
from gate.storage.journal import JournalStore
from gate.storage.tickets import TicketBook, base_path
from gate.verify.formats import gt1, identify
from gate.verify.keyset import KeySet, TicketKeyRecord
from gate.wire import sql
from gate.wire.sign1 import kid_of, public_bytes
from gate.wire.ticketkey import cti_input, ticket_key

NOW_S = 1_800_000_000
EVENT = EventId("bench")
_SALT = bytes(32)
_EXP = NOW_S + 86_400


@dataclass(frozen=True, slots=True)
class Rig:
    """An enrolled gate's inside, with a manifest of many tickets."""

    folder: Path
    key: Ed25519PrivateKey
    world: World
    tickets: TicketBook
    journal: JournalStore

    def text(self, n: int) -> str:
        return gt1.encode(self.key, exp=_EXP, cti=cti_of(n), product=1, zones=1)

    def place(self) -> Place:
        return Place(direction=Direction.ENTRY, moment=moment(), lane="ready", clock_policy="admit_marked")

    def gather(self, text: str) -> Found:
        return gather(text, self.place(), self.world, self.tickets, _SALT)


def moment() -> Moment:
    mono = time.monotonic_ns() // 1_000_000
    return Moment(at=NOW_S * 1000, mono=mono, boot="0" * 32, trust=ClockTrust.SYNCED, error_ms=0)


def cti_of(n: int) -> bytes:
    return n.to_bytes(12, "big")


@contextmanager
def rig(folder: Path, rows: int) -> Iterator[Rig]:
    """Make a manifest of `rows` tickets in `folder` and open everything on it."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    sha256 = bytes(32)
    (folder / "manifests").mkdir()
    base = open_writer(base_path(folder, sha256), sql.BASE, synchronous="NORMAL")
    base.execute("PRAGMA journal_mode=DELETE").fetchone()
    keys = sorted(ticket_key(_SALT, cti_input(cti_of(n))) for n in range(rows))
    base.execute("BEGIN")
    base.executemany("INSERT INTO ticket(key, product, zones, state) VALUES (?, 1, 1, 0)", ((k,) for k in keys))
    base.execute("COMMIT")
    base.close()
    open_writer(folder / "sync.db", sql.SYNC, synchronous="NORMAL").close()
    journal = JournalStore(folder / "journal.db", gate="g1", key=key, random=os.urandom)
    tickets = TicketBook(folder, "g1")
    world = _world(key, sha256)
    tickets.use(world)
    try:
        yield Rig(folder, key, world, tickets, journal)
    finally:
        tickets.close()
        journal.close()


def _world(key: Ed25519PrivateKey, sha256: bytes) -> World:
    main = ListId("main")
    gate = GateDef(id=GateId("g1"), short="G1", name={}, zones=1, lists=(main,))
    policy = Policy(
        event=EVENT,
        name={},
        tz="UTC",
        day_start=0,
        products={1: Product(n=1)},
        lists={main: CheckinList(id=main)},
        gates={gate.id: gate},
    )
    served = ServedEvent(
        id=EVENT, policy=policy, gate=gate, mode=EventMode(), salt=_SALT, issued_ms=NOW_S * 1000, base_sha256=sha256
    )
    record = TicketKeyRecord(kid=kid_of(public_bytes(key)), event=EVENT, public=key.public_key(), nbf=0, exp=_EXP)
    return World(events=(served,), keys=KeySet([record], [EVENT]))


def admission(found: Found) -> Draft:
    """The draft that the lane commits for an admission."""
    return outcome(found, decide(found.facts), Direction.ENTRY, input="bench", data={"lane": "entry"})


def timed(what: str, rounds: int, action: Callable[[int], object]) -> dict[str, Any]:
    """Run `action(n)` and give its wall times in ms."""
    samples = []
    for n in range(rounds):
        begun = time.perf_counter_ns()
        action(n)
        samples.append((time.perf_counter_ns() - begun) / 1e6)
    return summary(what, samples)


def summary(what: str, samples: list[float]) -> dict[str, Any]:
    ordered = sorted(samples)
    return {
        "what": what,
        "unit": "ms",
        "n": len(ordered),
        "median": statistics.median(ordered),
        "p95": ordered[int(0.95 * (len(ordered) - 1))],
        "p99": ordered[int(0.99 * (len(ordered) - 1))],
    }


def picture(text: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A 1280x720 gray frame with the code in its middle, four pixels a module."""
    matrix = np.array(segno.make(text, error="m").matrix, dtype=np.uint8)
    code = cv2.resize((1 - matrix) * 255, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    frame = np.full((720, 1280), 230, np.uint8)
    top, left = (720 - code.shape[0]) // 2, (1280 - code.shape[1]) // 2
    frame[top : top + code.shape[0], left : left + code.shape[1]] = code
    return frame


def measure(rows: int = 100_000) -> list[dict[str, Any]]:
    """Each step of the way of a scan, in ms; the commit is on the disk of the temporary folder."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="gate-bench-") as name, rig(Path(name), rows) as bench:
        texts = [bench.text(n) for n in range(500)]
        cascade = Cascade(load_zbar())
        shown = picture(texts[0])
        empty = np.full((720, 1280), 128, np.uint8)
        found = [bench.gather(text) for text in texts]
        return [
            timed("frame 1280x720 with a code -> text", 200, lambda _n: cascade.look(shown)),
            timed("frame 1280x720 with nothing", 200, lambda _n: cascade.look(empty, moving=False)),
            timed("text -> verified claims", 500, lambda n: identify(texts[n], bench.world.keys, NOW_S)),
            timed(f"text -> decision, {rows:,} tickets", 500, lambda n: decide(bench.gather(texts[n]).facts)),
            timed("admission commit (one fsync)", 300, lambda n: bench.journal.commit([admission(found[n])], moment())),
        ]
