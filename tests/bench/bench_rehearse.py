"""A rehearsal of a million tickets, beside asking each of them by itself. Size: `GATE_BENCH_TICKETS` (default 1,000,000).

Tickets of 20 products, of windows of their own (no two alike), some revoked, unpaid, canceled, used: what an event of some
days has. The goal is 30 s for a million.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.decision.decide import decide
from gate.decision.facts import Place
from gate.lane.gather import gather_key
from gate.lane.world import ServedEvent, World
from gate.model import (
    CheckinList,
    Claims,
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
    TicketKey,
)
from gate.rehearse import rehearse
from gate.sqlitefile import open_writer
from gate.storage.journal import JournalStore
from gate.storage.tickets import TicketBook, base_path
from gate.wire import sql

NOW_S = 1_800_000_000
EVENT = EventId("bench")
ROUNDS = 3
ONE_BY_ONE = 20_000
USED_SHARE = 100
"""One ticket in so many was used at another gate."""
_ROW = "INSERT INTO ticket(key, product, zones, state, flags, nbf, exp) VALUES (?,?,?,?,?,?,?)"
_REMOTE = (
    "INSERT INTO remote(event, list, ticket, gate, epoch, seq, kind, dir, count, at)"
    " VALUES (?,'main',?,'g9',?,?,'admitted','entry',1,?)"
)


def tickets(count: int) -> Iterator[tuple[Any, ...]]:
    random_ = random.Random(1)
    for key in sorted(random_.randbytes(16) for _ in range(count)):
        begins = NOW_S + random_.randrange(-86_400, 86_400)
        state = random_.choices((0, 1, 4, 5), (96, 1, 2, 1))[0]
        yield (
            key,
            random_.randrange(20),
            random_.choice((1, 3, 7)),
            state,
            random_.choice((0, 0, 0, 2)),
            begins,
            begins + 90_000,
        )


def world() -> World:
    main = ListId("main")
    gate = GateDef(id=GateId("g1"), short="G1", name={}, zones=3, lists=(main,))
    policy = Policy(
        event=EVENT, name={}, tz="Asia/Taipei", day_start=240, products={n: Product(n=n) for n in range(20)},
        lists={main: CheckinList(id=main, products=tuple(range(18)))}, gates={gate.id: gate},
    )  # fmt: skip
    served = ServedEvent(
        id=EVENT,
        policy=policy,
        gate=gate,
        mode=EventMode(),
        salt=bytes(32),
        issued_ms=NOW_S * 1000,
        base_sha256=bytes(32),
    )
    return World(events=(served,))


def make(folder: Path, count: int) -> TicketBook:
    (folder / "manifests").mkdir()
    base = open_writer(base_path(folder, bytes(32)), sql.BASE, synchronous="NORMAL")
    base.execute("PRAGMA journal_mode=DELETE").fetchone()
    base.execute("BEGIN")
    base.executemany(_ROW, tickets(count))
    base.execute("COMMIT")
    used = [key for (key,) in base.execute("SELECT key FROM ticket")][::USED_SHARE]
    base.close()
    with closing(open_writer(folder / "sync.db", sql.SYNC, synchronous="NORMAL")) as sync:
        sync.execute("BEGIN")
        rows = ((EVENT, key, bytes(8), n, NOW_S * 1000 - 5) for n, key in enumerate(used, 1))
        sync.executemany(_REMOTE, rows)
        sync.execute("COMMIT")
    JournalStore(
        folder / "journal.db", gate="g1", key=Ed25519PrivateKey.from_private_bytes(bytes(32)), random=os.urandom
    ).close()
    return TicketBook(folder, "g1")


def one_by_one(folder: Path, book: TicketBook) -> float:
    """Seconds a ticket when each is looked up and decided by itself."""
    place = Place(
        direction=Direction.ENTRY,
        moment=Moment(at=NOW_S * 1000, mono=0, boot="0" * 32, trust=ClockTrust.SYNCED),
        lane="ready",
        clock_policy="admit_marked",
    )
    (event,) = world().events
    claims = Claims(format="gt1", key_input=b"", event=EVENT)
    with closing(open_writer(base_path(folder, bytes(32)), sql.BASE, synchronous="NORMAL")) as base:
        keys = [TicketKey(key) for (key,) in base.execute("SELECT key FROM ticket LIMIT ?", (ONE_BY_ONE,))]
    begun = time.perf_counter()
    for key in keys:
        decide(gather_key(key, claims, event, place, book).facts)
    return (time.perf_counter() - begun) / len(keys)


def main() -> list[dict[str, Any]]:
    count = int(os.environ.get("GATE_BENCH_TICKETS", "1000000"))
    with tempfile.TemporaryDirectory(prefix="gate-bench-") as name:
        folder = Path(name)
        book = make(folder, count)
        book.use(world())
        try:
            results = [
                rehearse(folder, world(), book, at_s=NOW_S, gate=None, direction=Direction.ENTRY) for _ in range(ROUNDS)
            ]
            beside = one_by_one(folder, book) * count
        finally:
            book.close()
    took = sorted(item.seconds for item in results)
    print(f"   {results[0].tickets:,} tickets: {results[0].admitted:,} admitted; {dict(results[0].refused)}")
    return [
        {"what": f"rehearsal of {count:,} tickets, beside one by one", "unit": "s", "median": took[len(took) // 2],
         "p95": took[-1], "p99": took[-1], "beside": beside, "ratio": took[len(took) // 2] / beside, "goal": "<= 30 s"}
    ]  # fmt: skip
