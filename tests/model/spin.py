"""Runs spin over `sync.pml`: the protocol as designed must hold, every seeded bug must be found.

`python -m tests.model.spin` (`make prove-model`) tries the large bounds and prints a line for each run; the tests use
`SHORT`. Needs spin (Debian: `spin`) and a C compiler.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).with_name("sync.pml")

Bounds = dict[str, int]

SHORT: tuple[Bounds, ...] = (
    {"ADMISSIONS": 2},
    {"ADMISSIONS": 2, "REIMAGES": 0, "POISONS": 1},
    {"ADMISSIONS": 2, "REIMAGES": 0, "CRASHES": 0, "RESTORES": 1},
)
LONG: tuple[Bounds, ...] = (
    {"ADMISSIONS": 3},
    {"ADMISSIONS": 2, "CRASHES": 2, "LOSSES": 2},
    {"ADMISSIONS": 3, "CRASHES": 1, "REIMAGES": 0, "POISONS": 1},
    {"ADMISSIONS": 2, "RESTORES": 1},
)

UPTO = "stored[0]==journal[0]"
LOST = "(opened&~((safe|gone)))==0"
SECOND_LIFE = "know[g]&(1<<i)"
DOUBLED = "!(doubled)"


@dataclass(frozen=True, slots=True)
class Bug:
    """A switch of the model, the bounds it needs, and the invariants of which spin may name any."""

    switch: str
    what: str
    bounds: Bounds
    breaks: tuple[str, ...]


BUGS = (
    Bug("ACK_IN_SECOND_TX", "the server commits the number before the rows", {}, (UPTO, LOST)),
    Bug("ACK_BEFORE_COMMIT", "the server answers before its commit", {}, (UPTO, LOST)),
    Bug("DELETE_ON_4XX", "a refused row is deleted", {"POISONS": 1}, (LOST,)),
    Bug("ASIDE_IN_SECOND_TX", "the set-aside row is noted after the number", {"POISONS": 1}, (UPTO, LOST)),
    Bug("SEQ_REUSE", "a new card goes on with the old epoch", {"REIMAGES": 1}, (UPTO, LOST)),
    Bug("ADMIT_BEFORE_FEED", "a new card admits before it has read what it did", {"REIMAGES": 1}, (SECOND_LIFE,)),
    Bug("OPEN_BEFORE_COMMIT", "the lane opens before the journal is on disk", {}, (LOST,)),
    Bug("NO_KEY", "the server takes a row in each time it comes", {}, (DOUBLED,)),
    Bug("KEEP_ACKS", "numbers of a server's former life stay in force", {"RESTORES": 1, "REIMAGES": 0}, (UPTO, LOST)),
)


@dataclass(frozen=True, slots=True)
class Result:
    """`violated`: text of the assertion that failed, empty when none did. `complete`: every state was looked at."""

    violated: str
    complete: bool
    states: int
    depth: int
    seconds: float


class SpinError(Exception):
    """spin or the compiler failed, or pan said something that is not understood."""


def check(bounds: Bounds, switch: str = "", *, limit_s: float = 1800.0) -> Result:
    """Build the verifier for these bounds and run it. Raises: SpinError."""
    defines = [f"-D{name}={value}" for name, value in bounds.items()] + ([f"-DBUG_{switch}"] if switch else [])
    with tempfile.TemporaryDirectory(prefix="gate-spin-") as folder:
        _run(["spin", *defines, "-a", str(MODEL)], folder, 60)
        # COLLAPSE: a third of the memory for some more time. The whole state vector is kept, nothing is hashed away.
        _run(["cc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=2048", "-o", "pan", "pan.c"], folder, 120)
        began = time.monotonic()
        said = _run(["./pan", "-m100000", "-w22"], folder, limit_s)
        took = time.monotonic() - began
    violated = re.search(r"assertion violated (.*?) \(at depth", said)
    states = re.search(r"(\d+) states, stored", said)
    depth = re.search(r"depth reached (\d+)", said)
    errors = re.search(r"errors: (\d+)", said)
    if states is None or depth is None or errors is None or bool(int(errors[1])) != (violated is not None):
        raise SpinError(said[:2000])
    complete = "Search not completed" not in said and "max search depth too small" not in said
    return Result(violated[1].replace(" ", "") if violated else "", complete, int(states[1]), int(depth[1]), took)


def _run(command: list[str], folder: str, limit_s: float) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=limit_s, check=False)
    if done.returncode:
        raise SpinError(f"{command[0]} ended with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return done.stdout + done.stderr


def found(bug: Bug, result: Result) -> bool:
    return any(_same(wanted, result.violated) for wanted in bug.breaks)


def _same(wanted: str, violated: str) -> bool:
    """spin writes out macros and inlines, so numbers of places differ."""
    return re.sub(r"\d+", "#", wanted) in re.sub(r"\d+", "#", violated)


def name_of(bounds: Bounds) -> str:
    return " ".join(f"{name.lower()}={value}" for name, value in bounds.items())


def main() -> int:
    """Returns: 0 when all is as it must be."""
    if not shutil.which("spin") or not shutil.which("cc"):
        print("spin and a C compiler are needed (Debian: apt install spin gcc)", file=sys.stderr)
        return 3
    bad = 0
    for bounds in LONG:
        result = check(bounds)
        good = not result.violated and result.complete
        bad += not good
        word = "holds" if good else f"BROKEN: {result.violated or 'not all states were looked at'}"
        print(f"{name_of(bounds):50} {result.states:>12,} states {result.seconds:8.1f} s  {word}", flush=True)
    for bug in BUGS:
        result = check({"ADMISSIONS": 2, **bug.bounds}, bug.switch)
        good = found(bug, result)
        bad += not good
        word = "found" if good else f"NOT FOUND {result.violated}"
        print(f"bug: {bug.what:45} {result.states:>12,} states {result.seconds:8.1f} s  {word}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
