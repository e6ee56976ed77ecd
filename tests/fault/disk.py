"""Disks that are full, fail to flush or hold broken pages, under the real lane. `python -m tests.fault.disk`
(`make prove-disk`) prints a line for each; the tests run them too.

A full disk needs root (a small tmpfs is mounted), failing flushes need Debian's `fiu-utils`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.fault.process import LaneProcess, free_port
from tests.fault.site import admissions, check, make_state, openings, rows, write_config

SMALL_MIB, KEPT_MIB = 16, 4
FAILING = 0.1
"""Share of the flushes that fail."""


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_MIB}m", "gate-small", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def can_mount(folder: Path) -> bool:
    """Root, in a place where mounting is allowed."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    try:
        with small_disk(folder / "try"):
            return True
    except subprocess.CalledProcessError:
        return False


def full(folder: Path, policy: str = "staff") -> dict[str, object]:
    """A disk that fills under a working gate and is emptied again."""
    with small_disk(folder / "state"):
        state = make_state(folder / "state", 6)
        config = write_config(
            folder / "gate.toml", state=state.path, run=folder / "run", port=free_port(),
            journal=f"min_free_mib = {KEPT_MIB}", more=f'\n[decision]\ndisk_full = "{policy}"\n',
        )  # fmt: skip
        with LaneProcess(config) as lane:
            assert lane.ready()
            before = lane.told(state.text(1))
            ballast = state.path / "ballast"
            with ballast.open("wb") as file:
                try:
                    while True:
                        file.write(bytes(65536))
                        file.flush()
                except OSError:
                    pass  # full: that is what it is for
            begins = lane.until(lambda message: "disk_full" in message.get("faults", ()), 60)
            relays = lane.pulses
            lane.present(state.text(2))
            silent = lane.decision(1.0) is None and lane.pulses == relays
            ballast.unlink()
            over = lane.until(lambda message: message["t"] == "faults" and "disk_full" not in message["faults"], 60)
            after = lane.told(state.text(2))
            lane.stop()
        return {
            "before": before["reason"] if before else None,
            "named": begins is not None,
            "verdict": begins["verdict"] if begins else None,
            "refused": silent,
            "over": over is not None,
            "after": after["reason"] if after else None,
            "chain": check(state.path).ok,
            "pulses": lane.pulses,
            "openings": openings(state.path),
            "noted": [row["data"]["active"] for row in rows(state.path) if row["kind"] == "mode"],
        }


def failing_flush(folder: Path, scans: int = 20) -> dict[str, object]:
    """fdatasync and fsync fail now and then (libfiu): what cannot be flushed is not answered with an open lane."""
    state = make_state(folder / "state", scans + 1)
    config = write_config(folder / "gate.toml", state=state.path, run=folder / "run", port=free_port())
    sync = f"enable_random name=posix/io/sync/*,probability={FAILING}"
    preload = {"FIU_ENABLE": sync, "LD_PRELOAD": "fiu_run_preload.so fiu_posix_preload.so"}
    refs: list[str] = []
    pulses = lives = n = 0
    while n < scans and lives < 12:
        lives += 1
        with LaneProcess(config, environment=_fiu(preload)) as lane:
            if not lane.ready():
                continue  # as the unit: a gate that cannot write does not open, and is started again
            while n < scans:
                lane.present(state.text(n))
                n += 1
                if lane.decision(1.2) is not None:
                    time.sleep(0.5)
                elif lane.process.poll() is not None:
                    break
            lane.kill()
            lane.drain()
            refs += [str(message["ref"]) for message in lane.answered]
            pulses += lane.pulses
    held = {f"{row['gate']}/{row['epoch']}/{row['seq']}" for row in rows(state.path)}
    return {
        "lives": lives,
        "scans": n,
        "answered": len(refs),
        "lost": sum(ref not in held for ref in refs),
        "chain": check(state.path).ok,
        "pulses": pulses,
        "openings": openings(state.path),
    }


def _fiu(preload: dict[str, str]) -> dict[str, str]:
    found = next(iter(Path("/usr/lib").rglob("fiu_run_preload.so")), None)
    assert found is not None
    return preload | {"LD_PRELOAD": f"{found} {found.with_name('fiu_posix_preload.so')}"}


def can_fail_flushes() -> bool:
    return next(iter(Path("/usr/lib").rglob("fiu_run_preload.so")), None) is not None


def broken_page(folder: Path) -> dict[str, object]:
    """The card has spoilt pages while the gate was off: it starts, says so, and lets people in."""
    state = make_state(folder / "state", 4)
    config = write_config(folder / "gate.toml", state=state.path, run=folder / "run", port=free_port())
    with LaneProcess(config) as lane:
        assert lane.ready()
        lane.told(state.text(1))
        lane.stop()
    path = state.path / "journal.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))
    with LaneProcess(config) as lane:
        ready = lane.ready()
        named = lane.until(lambda message: "set_aside" in message.get("faults", ()), 60)
        decision = lane.told(state.text(2))
        lane.stop()
    boot = next(row for row in rows(state.path) if row["kind"] == "boot")
    moved = state.path / str(boot["data"].get("set_aside", {}).get("file"))
    return {
        "ready": ready,
        "named": named is not None,
        "kept": moved.exists(),
        "after": decision["reason"] if decision else None,
        "chain": check(state.path).ok,
        "admissions": sum(admissions(state.path).values()),
    }


def main() -> None:
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if can_mount(folder):
            for policy in ("refuse", "staff", "paper"):
                found = full(folder / policy, policy)
                good = found["refused"] and found["named"] and found["after"] == "ok" and found["chain"]
                bad += not good or found["pulses"] != found["openings"]
                print(f"disk full, policy {policy}: {found}", flush=True)
        else:
            bad += 1
            print("NOT PROVEN: disk full needs root and mount", flush=True)
        if can_fail_flushes():
            for n in range(3):
                found = failing_flush(folder / f"flush{n}", 40)
                bad += (
                    bool(found["lost"]) or not found["chain"] or int(str(found["pulses"])) > int(str(found["openings"]))
                )
                print(f"{FAILING:.0%} of the flushes fail: {found}", flush=True)
        else:
            bad += 1
            print("NOT PROVEN: failing flushes need fiu-utils", flush=True)
        found = broken_page(folder / "page")
        bad += not (found["ready"] and found["named"] and found["kept"] and found["after"] == "ok" and found["chain"])
        print(f"broken pages at start: {found}", flush=True)
    print("disk: " + ("DOES NOT HOLD" if bad else "holds"))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
