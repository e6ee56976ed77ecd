"""`python -m tests.bench.prove_scanner [--hours 8]`: the long proofs of the scanner.

Eight hours of frames in simulated time, then the full bench. Exit 1 when something does not hold.
"""

from __future__ import annotations

import argparse
import sys

import cv2

from tests.bench.__main__ import show
from tests.bench.bench_scanner import main as bench
from tests.scanner.endurance import run

_SLOPE_KIB_PER_HOUR = 512
"""Memory may move by the allocator's habits; a leak of one byte a frame would be 105 KiB an hour, of a list entry 800."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--size", default="640x480", help="of the frames, not below 320x240")
    parser.add_argument("--no-bench", action="store_true", help="the hours only")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    width, _, height = arguments.size.partition("x")
    outcome = run(arguments.hours, (int(width), int(height)), tell=lambda line: print(line, flush=True))
    told = outcome.messages
    checks = {
        "one scan a presentation": told["appeared"] == outcome.shown,
        "every end told": told["left"] == outcome.shown,
        "texts and numbers in order": outcome.texts_in_order,
        "every frame counted": outcome.counted == outcome.frames,
        "none dropped": outcome.dropped == 0,
        "memory does not grow": outcome.slope_kib_per_hour < _SLOPE_KIB_PER_HOUR,
    }
    print(
        f"{arguments.hours:g} h at {arguments.size}, {outcome.frames} frames, {outcome.shown} presentations; messages {dict(told)}; "
        f"memory {outcome.rss_kib[0] if outcome.rss_kib else 0} to {outcome.rss_kib[-1] if outcome.rss_kib else 0} KiB, "
        f"{outcome.slope_kib_per_hour:+.0f} KiB an hour"
    )
    for name, good in checks.items():
        print(f"  {'yes' if good else 'NO '}  {name}")
    if not arguments.no_bench:
        show(bench(["--full"]))
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
