"""Scanner figures beside zxing-cpp, pyzbar and OpenCV alone, on the same pictures in the same run.

`make bench`, or `python -m tests.bench.bench_scanner [--corpus FOLDER] [--full]`. The corpus (also `GATE_QR_CORPUS`)
holds pictures with the expected text in NAME.txt beside them; folders that begin with `falsepositives` hold no QR code.
It is no part of the project; without it those rows are left out. `--full` shows 429 presentations to every reader; the
short run shows 39. cv2 runs on one thread; times are CPU time of the thread.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

import cv2

from tests.bench import scanner_cpu, scanner_photos, scanner_shown
from tests.bench.scanner_readers import ALONE, GATE, GATE_PLAIN

OUT = Path(__file__).parent / "out"
_SHORT, _FULL = 1, 11
"""Seeds, 39 presentations each."""


def photo_table(result: dict[str, Any]) -> None:
    print(f"\n{result['photos']} photos with a code, {result['empty']} without")
    print(f"{'':<20}{'read':>6}{'rate':>8}{'differs':>9}{'on empty':>10}{'ms median':>11}{'p95':>8}")
    for name, row in result["rows"].items():
        print(
            f"{name:<20}{row['read']:>6}{100 * row['rate']:>7.1f}%{len(row['differs']):>9}{len(row['reads on empty']):>10}"
            f"{row['ms median']:>11.2f}{row['ms p95']:>8.1f}"
        )
    rates = {name: 100 * row["rate"] for name, row in result["rows"].items()}
    print(
        f"Gate - zxing-cpp {rates['Gate'] - rates['zxing-cpp']:+.1f} points (goal +3.5), "
        f"Gate - pyzbar {rates['Gate'] - rates['pyzbar']:+.1f} (goal +20); "
        f"{result['rows']['Gate']['named binary']} of Gate's are named binary and not guessed"
    )
    for name, row in result["rows"].items():
        if row["differs"]:
            print(f"  {name} differs from the truth: {', '.join(row['differs'])}")


def shown_table(result: dict[str, Any]) -> None:
    print(
        f"\n{result['presentations']} simulated presentations, 640x480 at 30 fps, seeds from {scanner_shown.FIRST_SEED}"
    )
    print(f"{'':<20}{'0.3 s':>7}{'1 s':>8}{'wrong':>7}{'ms median':>11}{'p95':>8}")
    for name, row in result["rows"].items():
        print(
            f"{name:<20}{100 * row['rate 0.3 s']:>6.1f}%{100 * row['rate 1 s']:>7.1f}%{len(row['wrong']):>7}"
            f"{row['ms median']:>11.2f}{row['ms p95']:>8.1f}"
        )
    rates = {name: 100 * row["rate 1 s"] for name, row in result["rows"].items()}
    added = result["rows"]["Gate"]["read"] - result["rows"]["Gate, fusion off"]["read"]
    print(
        f"at 1 s: Gate - zxing-cpp {rates['Gate'] - rates['zxing-cpp']:+.1f} points (goal +20), "
        f"Gate - pyzbar {rates['Gate'] - rates['pyzbar']:+.1f} (goal +35); fusion adds {added} presentations"
    )
    names = list(result["rows"])
    print(f"{'read, of ' + str(result['presentations'] // 13) + ' each':<20}" + "".join(f"{n[:16]:>18}" for n in names))
    for condition in scanner_shown.CONDITIONS:
        counts = (result["rows"][n]["by condition"].get(condition, 0) for n in names)
        print(f"  {condition:<18}" + "".join(f"{c:>18}" for c in counts))
    for name, row in result["rows"].items():
        for wrong in row["wrong"]:
            print(f"  {name} wrong: {wrong}")


def main(words: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=os.environ.get("GATE_QR_CORPUS"))
    parser.add_argument("--full", action="store_true", help="429 presentations instead of 39")
    arguments = parser.parse_args(words)
    cv2.setNumThreads(1)
    readers = (*ALONE, GATE_PLAIN, GATE)
    result: dict[str, Any] = {"machine": platform.machine()}
    if arguments.corpus is None:
        print("photos: skipped, no folder given (--corpus or GATE_QR_CORPUS)")
    else:
        result["photos"] = scanner_photos.compare(Path(arguments.corpus), (*ALONE, GATE))
        photo_table(result["photos"])
    first = scanner_shown.FIRST_SEED
    result["shown"] = scanner_shown.compare(range(first, first + (_FULL if arguments.full else _SHORT)), readers)
    shown_table(result["shown"])
    rows = scanner_cpu.measure(600 if arguments.full else 120)
    result["cpu"] = rows
    OUT.mkdir(exist_ok=True)
    name = "bench_scanner_full.json" if arguments.full else "bench_scanner.json"
    (OUT / name).write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return rows


if __name__ == "__main__":
    from tests.bench.__main__ import show

    show(main())
