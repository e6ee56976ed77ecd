"""Scanner figures: what an empty frame costs beside one zxing-cpp pass, and what share of real photos is read.

Run: `python tests/bench/bench_scanner.py [--corpus FOLDER]` (or `GATE_QR_CORPUS`). The corpus holds pictures with the
expected text in NAME.txt beside them; folders whose name begins with `falsepositives` hold no QR code. It is no part of
the project; without it those rows are left out. Times are wall ms of this machine, cv2 on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gate.scanner.decoder import Cascade, on_white, scan_picture
from gate.scanner.engines import Zbar, load_zbar, read_zxing
from gate.scanner.frames import Picture, to_gray
from gate.scanner.motion import Motion
from gate.scanner.simulator.stage import Noise, hall

OUT = Path(__file__).parent / "out"
_IMAGES = (".webp", ".png", ".jpg", ".jpeg")


@dataclass
class Tally:
    """Counts of one reader over the corpus."""

    read: int = 0
    wrong: list[str] = field(default_factory=list)
    binary: int = 0
    on_empty: list[str] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)


def spread(values: list[float]) -> dict[str, float]:
    """Median, p95 and p99, in the values' own unit."""
    median, p95, p99 = np.percentile(values, (50, 95, 99))
    return {"median": round(float(median), 3), "p95": round(float(p95), 3), "p99": round(float(p99), 3)}


def clocked(run: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = run()
    return result, (time.perf_counter() - start) * 1000


def idle_rows(rounds: int = 300) -> dict[str, Any]:
    """An empty hall at 1280x720, the same frames for every reader, alternating."""
    rng = np.random.default_rng(7)
    still, noise = hall((1280, 720), rng), Noise((1280, 720), 2.2, rng)
    cascade, motion = Cascade(load_zbar()), Motion()
    alone: list[float] = []
    as_given: list[float] = []
    ours: list[float] = []
    for n in range(rounds + 20):
        frame = noise.add(still)
        gray = to_gray(frame)
        assert gray is not None
        _, plain_ms = clocked(lambda gray=gray: read_zxing(gray))
        _, given_ms = clocked(lambda frame=frame: read_zxing(frame))

        def whole(frame: Picture = frame, at: int = n * 33) -> None:
            picture = to_gray(frame)
            assert picture is not None
            cascade.look(picture, moving=motion.feed(picture, at))

        _, whole_ms = clocked(whole)
        if n >= 20:
            alone.append(plain_ms)
            as_given.append(given_ms)
            ours.append(whole_ms)
    return {
        "empty 1280x720, zxing-cpp alone (gray given)": spread(alone),
        "empty 1280x720, zxing-cpp alone (BGR frame given)": spread(as_given),
        "empty 1280x720, cascade (BGR frame, motion test)": spread(ours),
        "cascade / zxing-cpp, gray given": round(float(np.median(ours) / np.median(alone)), 3),
        "cascade / zxing-cpp, frame given": round(float(np.median(ours) / np.median(as_given)), 3),
    }


def readers(zbar: Zbar | None) -> dict[str, Callable[[Picture], tuple[list[str], int]]]:
    """Texts and binary symbols by reader name."""

    def alone(gray: Picture) -> tuple[list[str], int]:
        found = read_zxing(gray)
        return [r.text for r in found.readings], found.binary

    def gate(gray: Picture) -> tuple[list[str], int]:
        found, binary = scan_picture(gray, zbar)
        return [r.text for r in found], binary

    rows: dict[str, Callable[[Picture], tuple[list[str], int]]] = {"zxing-cpp": alone, "gate": gate}
    if zbar is not None:
        engine = zbar
        rows["pyzbar"] = lambda gray: ([r.text for r in engine(gray).readings], 0)
    return rows


def corpus_rows(corpus: Path) -> dict[str, Any]:
    """Read rate of photos with a known text, texts that differ, reads on pictures without a code."""
    engines = readers(load_zbar())
    tallies = {name: Tally() for name in engines}
    with_truth = empty = 0
    for path in sorted(p for p in corpus.rglob("*") if p.suffix.lower() in _IMAGES):
        truth_file = path.with_suffix(".txt")
        blank = path.parent.name.startswith("falsepositives")
        if not blank and not truth_file.exists():
            continue
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        gray = None if image is None else to_gray(on_white(np.asarray(image)))
        if gray is None:
            print(f"not readable as a picture: {path}")
            continue
        truth = "" if blank else truth_file.read_bytes().decode("utf-8", "replace").rstrip("\r\n")
        with_truth, empty = with_truth + (not blank), empty + blank
        for name, run in engines.items():
            (texts, binary), ms = clocked(lambda run=run, gray=gray: run(gray))
            tally = tallies[name]
            tally.ms.append(ms)
            label = f"{path.parent.name}/{path.name}"
            if blank:
                tally.on_empty += [label] if texts else []
            elif any(text.rstrip("\r\n") == truth for text in texts):
                tally.read += 1
            elif texts:
                tally.wrong.append(label)
            else:
                tally.binary += binary > 0
    return {
        "photos": with_truth,
        "empty photos": empty,
        "readers": {
            name: {
                "read": tally.read,
                "rate": round(tally.read / max(1, with_truth), 4),
                "differs": tally.wrong,
                "named binary": tally.binary,
                "reads on empty": tally.on_empty,
                "ms": spread(tally.ms),
            }
            for name, tally in tallies.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=os.environ.get("GATE_QR_CORPUS"))
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    result: dict[str, Any] = {"machine": platform.machine(), "idle": idle_rows()}
    print(f"{'row':<52}{'median':>9}{'p95':>9}{'p99':>9}")
    for name, values in result["idle"].items():
        if isinstance(values, dict):
            print(f"{name:<52}{values['median']:>9.2f}{values['p95']:>9.2f}{values['p99']:>9.2f}  ms")
        else:
            print(f"{name + ', of medians':<52}{values:>9.2f}  goal <= 1.3")
    if arguments.corpus is None:
        print("photo corpus: skipped, no folder given (--corpus or GATE_QR_CORPUS)")
    else:
        result["corpus"] = corpus_rows(Path(arguments.corpus))
        photos, empty = result["corpus"]["photos"], result["corpus"]["empty photos"]
        for name, row in result["corpus"]["readers"].items():
            ms = row["ms"]
            label = f"{name}: {row['read']}/{photos} read = {100 * row['rate']:.1f} %"
            print(f"{label:<52}{ms['median']:>9.2f}{ms['p95']:>9.2f}{ms['p99']:>9.2f}  ms")
            print(
                f"  not UTF-8 and named binary: {row['named binary']}, reads on {empty} empty: {len(row['reads on empty'])}"
            )
            print(f"  differs from the truth file: {', '.join(row['differs']) or 'none'}")
    OUT.mkdir(exist_ok=True)
    (OUT / "bench_scanner.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
