"""CPU ms a frame at three sizes, with nothing in view and with a ticket, for each reader; BGR frames as a camera gives."""

from __future__ import annotations

import time
from typing import Any

import cv2
import numpy as np

from gate.scanner.decoder import Cascade
from gate.scanner.engines import load_zbar
from gate.scanner.frames import Picture, to_gray
from gate.scanner.motion import Motion
from gate.scanner.simulator.conditions import Strain
from gate.scanner.simulator.held import draw_held
from gate.scanner.simulator.stage import Noise, hall
from tests.bench.scanner_readers import ALONE, Read

SIZES = ((640, 480), (1280, 720), (1920, 1080))
TEXT = "GT1:/2O5VSHRKDF3K.6F8GWR9572OI2/T2H-2 73+J3100000$JGEM00MPI0R*585ZN/48TDV402%MMXSEYCSHHR CIP7RMJMUVKIQIIUUDLP15I27CE5EQEN7WE$+P.76YXA.KI1F7/DCVOS$+U70"


def frames(size: tuple[int, int], count: int, *, ticket: bool) -> list[Picture]:
    """A hall with sensor noise; with a phone in the middle when asked."""
    rng = np.random.default_rng(7)
    still = hall(size, rng)
    if ticket:
        held = draw_held(TEXT, "phone", Strain(), rng)
        factor = 0.62 * size[1] / held.picture.shape[0]
        phone = cv2.resize(held.picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        top, left = (size[1] - phone.shape[0]) // 2, (size[0] - phone.shape[1]) // 2
        still[top : top + phone.shape[0], left : left + phone.shape[1]] = phone[:, :, None]
    noise = Noise(size, 2.2, rng)
    return [noise.add(still) for _ in range(count)]


def gate() -> Read:
    """All that the child does with a frame."""
    cascade, motion, count = Cascade(load_zbar()), Motion(), iter(range(1 << 30))

    def read(frame: Picture) -> Any:
        gray = to_gray(frame)
        assert gray is not None
        return cascade.look(gray, moving=motion.feed(gray, next(count) * 33))

    return read


def measure(rounds: int) -> list[dict[str, Any]]:
    """Rows of median and p95 CPU ms; readers take turns on the same frames, so that a busy moment hits all."""
    rows: list[dict[str, Any]] = []
    for size in SIZES:
        for ticket in (False, True):
            shown = frames(size, 8, ticket=ticket)
            readers: dict[str, Read] = {r.name: _gray_first(r.stream()) for r in ALONE} | {"Gate": gate()}
            readers["zxing-cpp, gray given"] = ALONE[0].stream()
            spent: dict[str, list[float]] = {name: [] for name in readers}
            grays = [to_gray(frame) for frame in shown]
            # The first second and a half after a start counts as motion: an idle frame comes after it.
            for n in range(rounds + 50):
                for name, read in readers.items():
                    if name in ("pyzbar", "OpenCV") and (n < 50 or n % 6):
                        continue
                    picture = grays[n % 8] if name.endswith("given") else shown[n % 8]
                    assert picture is not None
                    began = time.thread_time()
                    read(picture)
                    if n >= 50:
                        spent[name].append((time.thread_time() - began) * 1000)
            one_pass = float(np.median(spent["zxing-cpp, gray given"]))
            for name, values in spent.items():
                median, p95, p99 = (float(v) for v in np.percentile(values, (50, 95, 99)))
                view = "ticket" if ticket else "empty"
                row: dict[str, Any] = {
                    "what": f"{size[0]}x{size[1]} {view}: {name}",
                    "unit": "CPU ms",
                    "median": median,
                    "p95": p95,
                    "p99": p99,
                }
                if name == "Gate":
                    row |= {"beside": one_pass, "ratio": median / one_pass}
                    row |= {"goal": "<= 1.3"} if (size, ticket) == ((1280, 720), False) else {}
                rows.append(row)
            given = float(np.mean(spent["zxing-cpp"]))
            mean = float(np.mean(spent["Gate"]))
            view = "ticket" if ticket else "empty"
            row = {"what": f"{size[0]}x{size[1]} {view}: Gate, mean", "unit": "CPU ms", "median": mean}
            rows.append(row | {"beside": given, "ratio": mean / given})
    return rows


def _gray_first(read: Read) -> Read:
    """The readers alone get what a careful program gives them: gray, converted by OpenCV."""

    def convert(frame: Picture) -> Any:
        gray = to_gray(frame)
        assert gray is not None
        return read(gray)

    return convert
