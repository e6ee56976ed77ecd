"""Sync beside what one would write without thinking: a million tickets as one verified file against gzip JSON Lines.

Each way runs in a process of its own that has the sync worker loaded, so that CPU seconds and memory are its alone. The
files come over loopback HTTP from this process. Sizes: `GATE_BENCH_TICKETS` (default 1,000,000).
"""

from __future__ import annotations

import gzip
import http.server
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.central.basefile import BaseFile, build, name_of
from gate.model import EventId, TicketKey, TicketRow
from gate.sync.clocks import SyncClock, read_boot
from gate.sync.rows import EventState
from gate.sync.store import Store
from gate.verify.trust import TrustedSet
from gate.wire.manifest import BaseRef, Descriptor, Page, chain_next, chain_start, encode_change
from gate.wire.sign1 import Aad, kid_of, public_bytes, sign, thumbprint
from gate.wire.sql import BASE, BASE_COLUMNS
from gate.wire.trust import KeyRecord, TrustFile

EVENT = "bench"
ROUNDS = 5
CHANGE_ROUNDS = 15
CHANGES = 10_000
_INSERT = f"INSERT INTO ticket VALUES({','.join('?' * len(BASE_COLUMNS))})"


def tickets(count: int) -> Iterator[tuple[Any, ...]]:
    """Random keys in order; a few products and zones, as an event of a day has them."""
    random_ = random.Random(1)
    for key in sorted(random_.randbytes(16) for _ in range(count)):
        yield (key, random_.randrange(20), random_.choice((1, 3, 7)), 0, 0, 1, None, None, None, None, None, None)


def write_lines(path: Path, count: int) -> None:
    with gzip.open(path, "wt", compresslevel=6) as file:
        for row in tickets(count):
            file.write(json.dumps(dict(zip(BASE_COLUMNS, (row[0].hex(), *row[1:]), strict=True))) + "\n")


# ---- the child: one import, measured


def _memory(word: str) -> int:
    """KiB of a line of /proc/self/status."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(word))


def import_file(state: Path, url: str, descriptor: Descriptor) -> None:
    from gate.sync.client import Client
    from gate.sync.files import BaseFiles
    from gate.sync.folders import Folders

    folders = Folders(state, state / "run")
    folders.make()
    client = Client(url, clock=SyncClock(read_boot()), timeout_s=30, nonce=lambda: "0" * 32)
    BaseFiles(folders).fetch(client, descriptor)


def import_lines(state: Path, url: str) -> None:
    import httpx

    connection = sqlite3.connect(state / "tickets.sqlite")
    connection.executescript(BASE)
    with httpx.stream("GET", f"{url}/lines.gz") as response, (state / "lines.gz").open("wb") as file:
        for chunk in response.iter_raw():
            file.write(chunk)
    with gzip.open(state / "lines.gz", "rt") as lines, connection:
        connection.executemany(_INSERT, (_row(line) for line in lines))
    connection.close()


def _row(line: str) -> tuple[Any, ...]:
    values = json.loads(line)
    return (bytes.fromhex(values["key"]), *(values[name] for name in BASE_COLUMNS[1:]))


def child(way: str, url: str, text: str) -> None:
    import gate.sync.worker  # noqa: F401 - the idle process that the memory is counted from

    base = json.loads(text)
    reference = BaseRef(**{k: bytes.fromhex(v) if isinstance(v, str) else v for k, v in base.items()})
    descriptor = _descriptor(reference, reference.cursor, bytes(32), 1)
    state = Path(tempfile.mkdtemp(prefix="gate-bench-"))
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins here
        before, cpu, wall = _memory("VmRSS"), time.process_time(), time.monotonic()
        import_file(state, url, descriptor) if way == "file" else import_lines(state, url)
        took = {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall, "kib": _memory("VmHWM") - before}
    finally:
        shutil.rmtree(state)
    print(json.dumps(took))


# ---- the parent


def _descriptor(base: BaseRef, cursor: int, chain: bytes, seq: int) -> Descriptor:
    return Descriptor(
        event=EventId(EVENT), seq=seq, issued=seq * 1000, incarnation=bytes(8), base=base, cursor=cursor, chain=chain,
        policy_sha256=bytes(32), policy_size=0, secrets=1, checkins=0,
    )  # fmt: skip


def _serve(folder: Path) -> tuple[http.server.ThreadingHTTPServer, str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"


def _measure(way: str, url: str, base: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.bench_sync", way, url, base]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def manifest_rows(count: int) -> list[dict[str, Any]]:
    folder = Path(tempfile.mkdtemp(prefix="gate-bench-"))
    try:
        made: BaseFile = build(folder / "v1" / "manifests", EVENT, tickets(count))
        write_lines(folder / "lines.gz", count)
        base = json.dumps(
            {"sha256": made.sha256.hex(), "size": made.size, "zst_sha256": made.zst_sha256.hex(), "zst_size": made.zst_size,
             "rows": made.rows, "cursor": 0}
        )  # fmt: skip
        server, url = _serve(folder)
        files: list[dict[str, float]] = []
        lines: list[dict[str, float]] = []
        for number in range(ROUNDS):
            files.append(_measure("file", url, base))
            if number < 2:
                lines.append(_measure("lines", url, base))
        server.shutdown()
        packed, plain = (
            (folder / "v1" / "manifests" / name_of(made.sha256)).stat().st_size,
            (folder / "lines.gz").stat().st_size,
        )
    finally:
        shutil.rmtree(folder)
    name = f"{count:,} tickets"

    def row(what: str, unit: str, key: str, scale: float, goal: str) -> dict[str, Any]:
        values = sorted(item[key] * scale for item in files)
        beside = median(item[key] * scale for item in lines)
        ratio = median(values) / beside if beside else None
        return {
            "what": what, "unit": unit, "median": median(values), "p95": values[-1], "p99": values[-1],
            "beside": beside, "ratio": ratio, "goal": goal,
        }  # fmt: skip

    return [
        {"what": f"manifest of {name}, bytes on the wire", "unit": "MB", "median": packed / 1e6, "beside": plain / 1e6,
         "ratio": packed / plain, "goal": "<= 26 MB"},
        row(f"import of {name}, CPU, beside gzip JSON Lines into SQLite", "s", "cpu", 1, "<= 0.5 s, ratio <= 0.067"),
        row(f"import of {name}, wall", "s", "wall", 1, ""),
        row(f"import of {name}, RSS above the idle process", "MiB", "kib", 1 / 1024, "<= 32 MiB"),
    ]  # fmt: skip


def change_rows() -> list[dict[str, Any]]:
    """10,000 changes: verified, chained, applied in pages of 5,000, beside an update in place of the same rows."""
    key, root = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
    record = KeyRecord(
        kid=kid_of(public_bytes(key)), pub=public_bytes(key), role="manifest", events=(EventId("*"),), nbf=0, exp=2**40
    )
    trust = TrustFile(org="bench", version=1, issued=0, expires=2**50, root=public_bytes(root), keys=(record,)).sign(
        [root]
    )
    base = BaseRef(sha256=bytes(32), size=1, zst_sha256=bytes(32), zst_size=1, rows=0, cursor=0)
    random_ = random.Random(2)
    rows = [TicketRow(key=TicketKey(random_.randbytes(16)), product=1, zones=1, state=5) for _ in range(CHANGES)]
    encoded = [encode_change(number, row) for number, row in enumerate(rows, 1)]
    start = chain_start(bytes(8), base.sha256, 0)
    pages: list[Page] = []
    chain = start
    for first in range(0, CHANGES, 5000):
        part = tuple(encoded[first : first + 5000])
        chain = chain_next(chain, part)
        descriptor = _descriptor(base, first + len(part), chain, 2 + first)
        signed = sign(key, descriptor.payload(), Aad.MANIFEST).encode()
        pages.append(Page(rows=part, next=first + len(part), more=first + 5000 < CHANGES, descriptor=signed))
    rounds = [(_apply(pages, trust, root, start), _update_in_place(rows)) for _ in range(CHANGE_ROUNDS)]
    name = f"{CHANGES:,} changes verified and applied, beside an unverified update in place"

    def row(what: str, index: int, goal: str) -> dict[str, Any]:
        took, beside = sorted(ours[index] for ours, _ in rounds), median(theirs[index] for _, theirs in rounds)
        return {
            "what": what, "unit": "s", "median": median(took), "p95": took[-1], "p99": took[-1], "beside": beside,
            "ratio": median(took) / beside, "goal": goal,
        }  # fmt: skip

    # Both: on a machine that is busy with other things only the CPU time says what the work costs.
    return [row(f"{name}, wall", 0, "<= 0.1 s"), row(f"{name}, CPU", 1, "")]


def _apply(pages: list[Page], trust: bytes, root: Ed25519PrivateKey, chain: bytes) -> tuple[float, float]:
    """Wall and CPU seconds."""
    folder = Path(tempfile.mkdtemp(prefix="gate-bench-"))
    try:
        store, trusted = Store(folder / "sync.db"), TrustedSet(thumbprint(public_bytes(root)))
        trusted.update_trust(trust)
        cursor, began, cpu = 0, time.monotonic(), time.process_time()
        for page in pages:
            rows, chain = trusted.check_page(EventId(EVENT), page, cursor, chain, 1)
            cursor = page.next
            state = EventState(
                event=EVENT, descriptor=page.descriptor, policy=bytes(32), secrets=1, base_sha256=bytes(32),
                incarnation=bytes(8), cursor=cursor, chain=chain, verified_mono=0, verified_boot="",
            )  # fmt: skip
            store.advance(state, rows)
        took = time.monotonic() - began, time.process_time() - cpu
        store.close()
    finally:
        shutil.rmtree(folder)
    return took


def _update_in_place(rows: list[TicketRow]) -> tuple[float, float]:
    folder = Path(tempfile.mkdtemp(prefix="gate-bench-"))
    try:
        connection = sqlite3.connect(folder / "tickets.sqlite", isolation_level=None)
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + BASE)
        values = [tuple(getattr(row, name) for name in BASE_COLUMNS) for row in rows]
        connection.execute("BEGIN")
        connection.executemany(_INSERT, values)
        connection.execute("COMMIT")
        began, cpu = time.monotonic(), time.process_time()
        connection.execute("BEGIN")
        connection.executemany("UPDATE ticket SET state=? WHERE key=?", ((row.state, row.key) for row in rows))
        connection.execute("COMMIT")
        took = time.monotonic() - began, time.process_time() - cpu
        connection.close()
    finally:
        shutil.rmtree(folder)
    return took


def main() -> list[dict[str, Any]]:
    return change_rows() + manifest_rows(int(os.environ.get("GATE_BENCH_TICKETS", "1000000")))


if __name__ == "__main__":
    child(*sys.argv[1:])
