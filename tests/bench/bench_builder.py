"""Building the base file of a million tickets from the server's own table: seconds, bytes, and memory that stays bounded.

In a process of its own, so that the peak is the builder's. Size: `GATE_BENCH_TICKETS` (default 1,000,000).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from gate.central import schema
from gate.central.service import Central

TICKETS = int(os.environ.get("GATE_BENCH_TICKETS", "1000000"))
STEP = 20_000
EVENT = "bench"
POLICY: dict[str, Any] = {
    "event": EVENT, "name": {}, "tz": "UTC", "products": [{"n": 1}], "lists": [{"id": "main"}],
    "gates": [{"id": "g1", "short": "G1", "lists": ["main"]}],
}  # fmt: skip


def fill(state: Path) -> None:
    chance = random.Random(1)
    with Central.open(state) as central:
        central.create_event(POLICY)
        for start in range(0, TICKETS, STEP):
            rows = [
                {
                    "event_id": EVENT, "key": chance.randbytes(16), "product": chance.randrange(20), "zones": 3, "state": 0,
                    "flags": 0, "uses": 1,
                }
                for _ in range(min(STEP, TICKETS - start))
            ]  # fmt: skip
            central.db.write(lambda connection, rows=rows: connection.execute(insert(schema.ticket), rows))


def _kib(word: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(word))


def child(state: Path) -> None:
    with Central.open(state) as central:
        before, began, cpu = _kib("VmRSS"), time.monotonic(), time.process_time()
        done = central.publish(EVENT)
        took = {"wall": time.monotonic() - began, "cpu": time.process_time() - cpu, "kib": _kib("VmHWM") - before}
        print(json.dumps(took | {"rows": done.rows, "zst": done.zst_size, "size": done.base_size}))


def main() -> list[dict[str, Any]]:
    folder = Path(tempfile.mkdtemp(prefix="gate-bench-"))
    try:
        fill(folder)
        code = f"import pathlib; from tests.bench.bench_builder import child; child(pathlib.Path({str(folder)!r}))"
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
    finally:
        shutil.rmtree(folder)
    assert found["rows"] == TICKETS
    print(
        f"  {found['rows']:,} tickets: {found['wall']:.1f} s, CPU {found['cpu']:.1f} s, {found['size'] / 1e6:.1f} MB, "
        f"{found['zst'] / 1e6:.1f} MB as zstd, {found['kib'] / 1024:.0f} MiB above the idle server"
    )
    return [
        {"what": f"base file built, {TICKETS:,} tickets", "unit": "s", "median": found["wall"], "goal": "bounded memory"},
        {"what": "base file built, memory above the idle server", "unit": "MiB", "median": found["kib"] / 1024,
         "goal": "<= 64"},
        {"what": "base file built, zstd", "unit": "MB", "median": found["zst"] / 1e6, "goal": "<= 26"},
    ]  # fmt: skip


if __name__ == "__main__":
    main()
