"""Check-ins a second that one server process takes over HTTP, beside raw SQL of the same rows into the same tables.

Batches of 100 with a signed head each, bodies built beforehand, request signatures, record hashes, chains and heads
checked, every answer after a durable commit. SQLite and PostgreSQL. Size: `GATE_BENCH_CHECKINS` (default 60,000).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from gate.central import checkins, engines, place
from tests.bench.pushing import Gate, Server, make_gates, make_server, now_ms, read_answer
from tests.central.postgres import Postgres
from tests.conftest import PARTS

CHECKINS = int(os.environ.get("GATE_BENCH_CHECKINS", "60000"))
BATCH = 100
GATES = 16
GOAL = 8_000


async def push_all(host: str, queues: list[list[bytes]]) -> list[float]:
    """One connection a gate, one push in flight each. Returns: seconds of each push."""
    times: list[float] = []

    async def gate(requests: list[bytes]) -> None:
        name, port = host.split(":")
        reader, writer = await asyncio.open_connection(name, int(port), limit=2**20)
        for request in requests:
            began = time.perf_counter()
            writer.write(request)
            answer = await read_answer(reader)
            times.append(time.perf_counter() - began)
            assert answer.status == 200, answer
            assert all(word == "stored" for _, _, word in json.loads(answer.body)["results"])
        writer.close()

    await asyncio.gather(*(gate(requests) for requests in queues))
    return times


def over_http(state: Path, url: str | None, gates: list[Gate]) -> tuple[float, list[float], float]:
    """Returns: check-ins a second, seconds of each push, CPU seconds of the server."""
    make_server(state, url, gates)
    server = Server(state)
    try:
        queues = [[gate.request(n, server.host, now_ms()) for n in range(len(gate.bodies))] for gate in gates]
        began = time.perf_counter()
        times = asyncio.run(push_all(server.host, queues))
        took = time.perf_counter() - began
        return sum(len(gate.bodies) for gate in gates) * BATCH / took, times, server.cpu_s()
    finally:
        server.stop()


def raw_sqlite(state: Path) -> float:
    """The rows as they lie there, into a second file with the same tables: one commit for 100, as durable."""
    rows, fresh = _rows_sqlite(state / place.SQLITE), state / "raw.db"
    connection = sqlite3.connect(fresh, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL").fetchone()
    connection.execute("PRAGMA synchronous=FULL")
    source = sqlite3.connect(state / place.SQLITE)
    for (text,) in source.execute("SELECT sql FROM sqlite_master WHERE tbl_name = 'checkin' AND sql IS NOT NULL"):
        connection.execute(text)
    source.close()
    statement = f"INSERT INTO checkin VALUES ({','.join('?' * len(checkins.COLUMNS))})"

    def write(part: list[Any]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, part)
        connection.execute("COMMIT")

    rate = _timed(rows, write)
    connection.close()
    return rate


def _rows_sqlite(path: Path) -> list[Any]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT * FROM checkin ORDER BY n").fetchall()
    connection.close()
    return rows


def raw_postgresql(url: str) -> float:
    with psycopg.connect(engines.libpq(url)) as connection:
        rows = connection.execute("SELECT * FROM checkin ORDER BY n").fetchall()
        connection.execute("CREATE TABLE raw (LIKE checkin INCLUDING ALL)")
        connection.commit()
        statement = f"INSERT INTO raw VALUES ({','.join(['%s'] * len(checkins.COLUMNS))})"

        def write(part: list[Any]) -> None:
            with connection.cursor() as cursor:
                cursor.executemany(statement, part)
            connection.commit()

        return _timed(rows, write)


def _timed(rows: list[Any], write: Callable[[list[Any]], None]) -> float:
    began = time.perf_counter()
    for start in range(0, len(rows), BATCH):
        write(rows[start : start + BATCH])
    return len(rows) / (time.perf_counter() - began)


def row(engine: str, http: tuple[float, list[float], float], raw: float) -> dict[str, Any]:
    rate, times, cpu = http
    times = sorted(1000 * item for item in times)
    at = {name: times[int(len(times) * share)] for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    print(
        f"  {engine}: {rate:,.0f} check-ins/s over HTTP, {raw:,.0f} as raw SQL; a push of {BATCH}: median {at['p50']:.0f}, "
        f"p95 {at['p95']:.0f}, p99 {at['p99']:.0f} ms with {GATES} gates; server CPU {1e6 * cpu / CHECKINS:.0f} us a check-in"
    )
    return {
        "what": f"ingest over HTTP, {engine}", "unit": "check-ins/s", "median": rate, "beside": f"raw SQL {raw:,.0f}",
        "ratio": rate / raw, "goal": f">= {GOAL:,}",
    }  # fmt: skip


def main() -> list[dict[str, Any]]:
    folder = Path(tempfile.mkdtemp(prefix="gate-bench-"))
    gates = make_gates(GATES, CHECKINS // BATCH // GATES, BATCH, now_ms())
    rows = []
    try:
        http = over_http(folder / "sqlite", None, gates)
        rows.append(row("SQLite", http, raw_sqlite(folder / "sqlite")))
        programs = PARTS["postgres"]()
        if not programs:
            print("  PostgreSQL is not on this machine")
            return rows
        server = Postgres(Path(programs), durable=True)
        try:
            url = server.create()
            http = over_http(folder / "postgresql", url, gates)
            rows.append(row("PostgreSQL", http, raw_postgresql(url)))
        finally:
            server.close()
    finally:
        shutil.rmtree(folder)
    return rows


if __name__ == "__main__":
    main()
