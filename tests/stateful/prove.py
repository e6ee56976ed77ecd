"""`python -m tests.stateful.prove [MINUTES]` (`make prove-stateful`): many histories, then every seeded bug must be found."""

from __future__ import annotations

import sys
import time

from tests.stateful.machine import BUGS, Tally, run
from tests.stateful.world import Broken

ROUND = 25
STEPS = 50
BUG_HISTORIES = 400


def main(minutes: float = 10.0) -> int:
    """Returns: 0 when all is as it must be."""
    began, number = time.monotonic(), 0
    while time.monotonic() - began < 60 * minutes:
        number += 1
        run(ROUND, STEPS, seed=number)
    print(
        f"{Tally.runs} histories of up to {STEPS} steps, {Tally.records} records, {Tally.calls} calls,"
        f" {Tally.checks} checks under way: all healed, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    bad = 0
    for bug in BUGS:
        Tally.runs, started = 0, time.monotonic()
        try:
            run(BUG_HISTORIES, STEPS, seed=1, bug=bug, shrink=False)
            word, bad = "NOT FOUND", bad + 1
        except Broken as error:
            word = f"found: {error}"
        print(f"bug: {bug:38} {Tally.runs:4} histories {time.monotonic() - started:6.1f} s  {word}"[:150], flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*(float(word) for word in sys.argv[1:])))
