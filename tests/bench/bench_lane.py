"""The lane: a commit beside a bare insert, a decision among a million tickets, and the real process from frame to pin.

Objects are really signed and the files are those of a gate; the camera is a drawn video at its own pace and the pins are
gpiozero's mock pins. `GATE_BENCH_TICKETS` (default 1,000,000) sizes the manifest, `GATE_BENCH_SCENES` (40) the video.
"""

from __future__ import annotations

import hashlib
import os
import random
import select
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import zstandard

from gate.bench import admission, rig, summary
from gate.bench import moment as now_moment
from gate.decision.decide import decide
from gate.decision.facts import Place
from gate.lane.gather import gather
from gate.model import ClockTrust, Direction, GateId, Moment
from gate.scanner.simulator import Scene, render_video
from gate.sqlitefile import open_writer
from gate.storage.journal import JournalStore
from gate.storage.tickets import TicketBook, base_path
from gate.storage.world import WorldReader
from gate.wire import sql
from tests.e2e.screen import Screen
from tests.e2e.site import free_port
from tests.fakes.issuer import NOW_S, key
from tests.fakes.state import GATE, StateFolder

TICKETS = int(os.environ.get("GATE_BENCH_TICKETS", "1000000"))
SCENES = int(os.environ.get("GATE_BENCH_SCENES", "40"))
COMMITS = 400
LOOK_UPS = 3_000
STARTS = 3
EXP = 2**32 - 1
_MIB = 1024 * 1024


# ---- a commit


def commit_rows(folder: Path) -> list[dict[str, Any]]:
    """Alternating, so that both see the same disk."""
    with rig(folder, 1_000) as bench:
        found = [bench.gather(bench.text(n)) for n in range(COMMITS)]
        bench.journal.commit([admission(found[0])], now_moment())
        ((size,),) = sqlite3.connect(folder / "journal.db").execute(
            "SELECT length(body) + length(hash) + length(facts) + length(uuid) + length(ticket) + length(epoch) FROM journal"
        )
        bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
        bare.execute("PRAGMA journal_mode=WAL").fetchone()
        bare.execute("PRAGMA synchronous=FULL")
        bare.execute("CREATE TABLE row(id INTEGER PRIMARY KEY, data BLOB NOT NULL)")
        data = random.Random(1).randbytes(size)
        ours, theirs = [], []
        for draft in [admission(item) for item in found]:
            began = time.perf_counter_ns()
            bench.journal.commit([draft], now_moment())
            middle = time.perf_counter_ns()
            bare.execute("BEGIN IMMEDIATE")
            bare.execute("INSERT INTO row(data) VALUES (?)", (data,))
            bare.execute("COMMIT")
            ours.append((middle - began) / 1e6)
            theirs.append((time.perf_counter_ns() - middle) / 1e6)
        bare.close()
    beside = median(theirs)
    return [
        summary(f"admission commit, beside a bare WAL+FULL insert of {size} bytes", ours)
        | {"beside": beside, "ratio": median(ours) / beside, "goal": "ratio <= 1.5"}
    ]


# ---- a gate with a large manifest


def large_state(folder: Path) -> StateFolder:
    state = StateFolder(folder)
    path = folder / "manifests" / "new"
    base = open_writer(path, sql.BASE, synchronous="NORMAL")
    base.execute("PRAGMA journal_mode=DELETE").fetchone()
    base.execute("PRAGMA synchronous=OFF")
    keys = sorted(state.key(n) for n in range(TICKETS))
    base.execute("BEGIN")
    base.executemany("INSERT INTO ticket(key, product, zones, state) VALUES (?, 12, 3, 0)", ((item,) for item in keys))
    base.execute("COMMIT")
    base.close()
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").digest()
    path.rename(base_path(folder, sha256))
    records = tuple(replace(record, nbf=0, exp=2**40) for record in state.issuer.records())
    state.enrol()
    state.trust(keys=records)
    state.publish(base=sha256)
    return state


def decision_rows(state: StateFolder) -> list[dict[str, Any]]:
    chance = random.Random(2)
    texts = [state.text(chance.randrange(TICKETS), exp=EXP) for _ in range(LOOK_UPS)]
    journal = JournalStore(state.path / "journal.db", gate=GATE, key=key("journal"), random=os.urandom)
    reader, book = WorldReader(state.path, gate=GateId(GATE)), TicketBook(state.path, GATE)
    try:
        world = reader.read(NOW_S)
        book.use(world)
        place = Place(
            direction=Direction.ENTRY,
            moment=Moment(at=NOW_S * 1000, mono=1, boot="0" * 32, trust=ClockTrust.SYNCED, error_ms=0),
            lane="ready",
            clock_policy="admit_marked",
        )
        samples = []
        for text in texts:
            began = time.perf_counter_ns()
            decision = decide(gather(text, place, world, book, b"salt").facts)
            samples.append((time.perf_counter_ns() - began) / 1e6)
            assert decision.admit, decision
    finally:
        book.close()
        reader.close()
        journal.close()
        for path in state.path.glob("journal.db*"):
            path.unlink()
    return [summary(f"text -> decision, {TICKETS:,} tickets", samples) | {"goal": "p99 <= 1.5"}]


# ---- the real process


def video(state: StateFolder, path: Path) -> float:
    """Valid tickets shown one quickly after the other. Returns: its length in seconds."""
    chance = random.Random(3)
    chosen = chance.sample(range(TICKETS), SCENES)
    scenes = [
        Scene(
            text=state.text(n, exp=EXP),
            medium=("phone", "paper")[number % 2],
            enter_s=0.3,
            hold_s=0.45,
            leave_s=0.3,
            gap_s=0.15,
        )
        for number, n in enumerate(chosen)
    ]
    render_video(scenes, path)
    return 0.8 + sum(scene.length_s for scene in scenes)


def config(state: StateFolder, folder: Path, source: Path, port: int) -> Path:
    path = folder / "gate.toml"
    path.write_text(
        f'[gate]\nid = "{GATE}"\nstate_dir = "{state.path}"\nruntime_dir = "{folder / "run"}"\n'
        "[lane.entry]\nrelay_pin = 17\npulse_ms = 200\n"
        '[pins]\nfactory = "mock"\nlamp_pins = [5, 6, 13]\n'
        f'[[input]]\nname = "cam0"\nkind = "video"\ndevice = "{source}"\n'
        f"[kiosk]\ndisplay_port = {port}\n"
    )
    return path


@contextmanager
def lane(settings: Path, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The lane process and the seconds until it says that it runs."""
    began = time.monotonic()
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "gate", "run", "--config", str(settings)],
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    try:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], 30)
        assert readable, log.read_text()
        assert b"running" in process.stdout.readline(), log.read_text()
        yield process, time.monotonic() - began
    finally:
        process.terminate()
        process.wait(15)
        assert process.stdout is not None
        process.stdout.close()


def rss_mib(pid: int) -> list[float]:
    """Of a process and of its children."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")  # a child belongs to the thread that started it
    pids = [str(pid), *(child for path in lists for child in path.read_text().split())]
    sizes = [Path(f"/proc/{item}/statm").read_text().split()[1] for item in pids]
    return [int(size) * os.sysconf("SC_PAGE_SIZE") / _MIB for size in sizes]


def process_rows(state: StateFolder, folder: Path) -> list[dict[str, Any]]:
    source, port = folder / "video.mp4", free_port()
    seconds = video(state, source)
    settings, log = config(state, folder, source, port), folder / "lane.log"
    starts = []
    for _ in range(STARTS - 1):
        with lane(settings, log) as (_, took):
            starts.append(took)
    with lane(settings, log) as (process, took):
        starts.append(took)
        screen = Screen(port, "/ws/display")
        try:
            time.sleep(seconds + 3)
            decisions = screen.all("decision")
            sizes = rss_mib(process.pid)
        finally:
            screen.close()
    opened = _opened(decisions, log)
    beside, imports = _while_importing(state, folder, settings, log, port, seconds)
    name = f"{TICKETS:,} tickets"
    row = summary(f"capture -> pin, 30 fps 1280x720 video, {name}", [item["total_ms"] for item in opened])
    parts = ", ".join(
        f"{word} {median(item[f'{word}_ms'] for item in opened):.1f}" for word in ("decode", "decide", "commit", "pin")
    )
    return [
        row | {"beside": f"{len(opened)} of {SCENES} opened; medians: {parts}", "goal": "p99 <= 50"},
        summary(f"the same while sync imports another {TICKETS:,}", [item["total_ms"] for item in beside])
        | {"beside": f"{len(beside)} of {SCENES} opened; {imports} imports", "goal": f"p99 <= {row['p99'] + 10:.0f}"},
        {
            "what": f"lane start to ready, {name}",
            "unit": "s",
            "median": median(starts),
            "p95": max(starts),
            "goal": "<= 3",
        },
        {
            "what": "RSS of lane and scanner child",
            "unit": "MiB",
            "median": sum(sizes),
            "beside": " + ".join(f"{size:.0f}" for size in sizes),
            "goal": "<= 200",
        },
    ]


def _opened(decisions: list[dict[str, Any]], log: Path) -> list[dict[str, float]]:
    opened = [item["latency"] for item in decisions if item["latency"]["pin_ms"] is not None]
    if not opened:
        raise RuntimeError(f"the lane opened for nobody: {log.read_text()[-2000:]}")
    return opened


def _while_importing(
    state: StateFolder, folder: Path, settings: Path, log: Path, port: int, seconds: float
) -> tuple[list[dict[str, float]], int]:
    """The same video before a gate that knows none of its tickets yet, with an import going on. Returns: the latencies,
    and how many imports came to an end."""
    for path in state.path.glob("journal.db*"):
        path.unlink()
    base = next((state.path / "manifests").glob("*.sqlite"))
    packed, size = folder / "base.zst", base.stat().st_size
    with base.open("rb") as source, packed.open("wb") as target:
        zstandard.ZstdCompressor(level=3).copy_stream(source, target, size=size)
    command = [sys.executable, "-m", "tests.bench.importing", str(packed), str(folder), base.stem, str(size)]
    with lane(settings, log), subprocess.Popen(command, stdout=subprocess.PIPE) as importer:
        screen = Screen(port, "/ws/display")
        try:
            time.sleep(seconds + 3)
            decisions = screen.all("decision")
        finally:
            screen.close()
            importer.terminate()
        assert importer.stdout is not None
        imports = len(importer.stdout.read().splitlines())
    return _opened(decisions, log), imports


def main() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="gate-bench-") as name:
        folder = Path(name)
        for part in ("commit", "state", "process"):
            (folder / part).mkdir()
        rows = commit_rows(folder / "commit")
        state = large_state(folder / "state")
        return rows + decision_rows(state) + process_rows(state, folder / "process")


if __name__ == "__main__":
    from tests.bench.__main__ import show

    show(main())
