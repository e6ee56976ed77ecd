"""5,000 gates back at once after an outage, 100 records each: when is everything on disk, and at what price?

Gates are coroutines of one client process on the same machine, loopback only, each with its own key, connection and signed
requests. They come back within the reconnect spread that the server names (30 s) and obey `Retry-After` plus full jitter,
as `gate.sync` does. Beside it: the same gates at once, retrying every second and giving up on an answer after one second.
Sizes: `GATE_BENCH_GATES` (default 5,000), `GATE_BENCH_HERD_S` (longest run, default 120).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.pushing import Gate, Server, make_gates, make_server, more_files, now_ms, read_answer

GATES = int(os.environ.get("GATE_BENCH_GATES", "5000"))
LONGEST_S = float(os.environ.get("GATE_BENCH_HERD_S", "120"))
RECORDS = 100
SPREAD_S = 30.0
FIXED_S = 1.0
GOAL_S = 60


@dataclass
class Count:
    acked: int = 0
    tries: int = 0
    busy: int = 0
    failed: int = 0
    times: list[float] = field(default_factory=list)


async def ours(gate: Gate, host: str, count: Count, began: float) -> None:
    await asyncio.sleep(random.uniform(0, SPREAD_S))
    backoff = 1.0
    while time.monotonic() - began < LONGEST_S:
        wait = random.uniform(0, backoff)
        try:
            status, retry = await once(gate, host, count, 30.0)
            if status == 200:
                count.acked += 1
                count.times.append(time.monotonic() - began)
                return
            count.busy += 1
            wait = (retry or 1.0) + random.uniform(0, 1.0)
        except (OSError, EOFError, TimeoutError):
            count.failed += 1
            backoff = min(60.0, backoff * 2)
        await asyncio.sleep(wait)


async def fixed(gate: Gate, host: str, count: Count, began: float) -> None:
    while time.monotonic() - began < LONGEST_S:
        try:
            status, _ = await once(gate, host, count, FIXED_S)
            if status == 200:
                count.acked += 1
                count.times.append(time.monotonic() - began)
                return
            count.busy += 1
        except (OSError, EOFError, TimeoutError):
            count.failed += 1
        await asyncio.sleep(FIXED_S)


async def once(gate: Gate, host: str, count: Count, timeout_s: float) -> tuple[int, float | None]:
    """One push over a connection of its own. Raises: OSError, EOFError, TimeoutError."""
    count.tries += 1
    name, port = host.split(":")
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(name, int(port), limit=2**18)
        try:
            writer.write(gate.request(0, host, now_ms()))
            answer = await read_answer(reader)
        finally:
            writer.close()
    if answer.status == 200:
        assert all(word in ("stored", "known") for _, _, word in json.loads(answer.body)["results"])
    else:
        assert answer.status == 503, answer
    return answer.status, answer.retry_after_s


async def herd(way: Any, gates: list[Gate], host: str) -> Count:
    count, began = Count(), time.monotonic()
    await asyncio.gather(*(way(gate, host, count, began) for gate in gates))
    return count


def run(name: str, way: Any, gates: list[Gate]) -> tuple[Count, float, int]:
    """Returns: what happened, CPU seconds of the server, rows that are on disk."""
    folder = Path(tempfile.mkdtemp(prefix="gate-bench-"))
    try:
        make_server(folder / "state", None, gates)
        server = Server(folder / "state")
        try:
            count = asyncio.run(herd(way, gates, server.host))
            cpu = server.cpu_s()
        finally:
            server.stop()
        import sqlite3

        connection = sqlite3.connect(folder / "state" / "central.db")
        (rows,) = connection.execute("SELECT count(*) FROM checkin").fetchone()
        connection.close()
    finally:
        shutil.rmtree(folder)
    times = sorted(count.times) or [0.0]
    print(
        f"  {name}: {count.acked} of {len(gates)} acked, last after {times[-1]:.1f} s, {count.tries} tries, {count.busy} told "
        f"to wait, {count.failed} failed; {rows} rows on disk; server CPU {cpu:.1f} s"
    )
    return count, cpu, rows


def main() -> list[dict[str, Any]]:
    more_files()
    gates = make_gates(GATES, 1, RECORDS, now_ms())
    count, cpu, rows = run("with the server's pace", ours, gates)
    other, other_cpu, _ = run("fixed retry of 1 s", fixed, gates)
    assert rows >= count.acked * RECORDS, "an acked record is not there"
    times = sorted(count.times) or [LONGEST_S]
    client = resource.getrusage(resource.RUSAGE_SELF)
    print(f"  CPU of the client process in all: {client.ru_utime + client.ru_stime:.1f} s")
    return [
        {
            "what": f"herd: {GATES} gates, {RECORDS} records each, all acked", "unit": "s", "median": times[len(times) // 2],
            "p95": times[int(len(times) * 0.95)], "p99": times[int(len(times) * 0.99)],
            "beside": f"fixed retry: {other.acked} of {GATES}, {other.tries} tries, CPU {other_cpu:.0f} s",
            "goal": f"<= {GOAL_S} s: {count.acked} of {GATES} in {times[-1]:.0f} s, {count.tries} tries, CPU {cpu:.0f} s",
        }
    ]  # fmt: skip


if __name__ == "__main__":
    main()
