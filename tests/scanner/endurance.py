"""Hours of frames through the child's own loop in simulated time: as fast as they can be read, a clock that is given.

Every second of that time a ticket is shown for three of thirty frames; every hour one is held for 58 s. What is
checked: one scan a presentation, both ends told, counters that add up, and memory that does not grow.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import segno

from gate.scanner import child as child_module
from gate.scanner.child import Child
from gate.scanner.decoder import Cascade
from gate.scanner.engines import load_zbar
from gate.scanner.frames import Frame, Picture
from gate.scanner.simulator.stage import Noise, hall
from gate.scanner.sources import SourceFacts
from gate.settings import InputSettings

_FPS = 30
_PERIOD_MS = 1000 / _FPS
_SHOWN = 3
"""Frames of each second with a ticket: one in ten."""
_TICKETS = 24
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    frames: int
    shown: int
    """Presentations made."""
    messages: Counter[str]
    texts_in_order: bool
    counted: int
    """Frames that the health messages account for."""
    dropped: int
    rss_kib: list[int]
    """Resident memory, one sample each simulated five minutes."""

    @property
    def slope_kib_per_hour(self) -> float:
        """Of a line through the samples after the first fifth."""
        kept = self.rss_kib[len(self.rss_kib) // 5 :]
        if len(kept) < 3:
            return 0.0
        return float(np.polyfit(np.arange(len(kept)) / 12, kept, 1)[0])


class _NoSource:
    live = True

    def open(self) -> SourceFacts:
        return SourceFacts("none", (0, 0), 0.0)

    def read(self) -> None:
        return None

    def close(self) -> None:
        """Nothing is held."""


def _symbol(text: str) -> Picture:
    code = segno.make(text, error="m", micro=False, boost_error=False)
    grid = np.array([list(row) for row in code.matrix_iter(border=4)], dtype=bool)
    return np.where(grid, 25, 230).astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1)


def _pictures(size: tuple[int, int]) -> tuple[list[Picture], list[list[Picture]], list[str]]:
    """Distinct empty frames, and three frames each of two dozen tickets at different places."""
    rng = np.random.default_rng(11)
    still, noise = hall(size, rng), Noise(size, 2.2, rng)
    texts = [f"GT1:TICKET-{n:04d}-" + "ABCDEFGH0123456789" * 7 for n in range(_TICKETS)]
    tickets: list[list[Picture]] = []
    for text in texts:
        symbol = _symbol(text)
        side = symbol.shape[0]
        x, y = int(rng.integers(10, size[0] - side - 10)), int(rng.integers(10, size[1] - side - 10))
        scene = still.copy()
        scene[y : y + side, x : x + side] = symbol[:, :, None]
        tickets.append([noise.add(scene) for _ in range(_SHOWN)])
    return [noise.add(still) for _ in range(16)], tickets, texts


def _frames(hours: float, size: tuple[int, int], start_s: int) -> Iterator[tuple[int, Picture, str | None]]:
    """(capture time in ms, picture, text of a presentation that begins with it)."""
    empty, tickets, texts = _pictures(size)
    blank = itertools.cycle(empty)
    n = 0
    for second in range(start_s, start_s + round(hours * 3600)):
        which, of_hour = second % _TICKETS, second % 3600
        held, first_held = 3540 <= of_hour < 3598, of_hour == 3540
        # After the long one a second of nobody: a ticket in the same instant would rightly be two in view.
        nobody = of_hour == 3598
        for k in range(_FPS):
            at = 1_000_000 + round(n * _PERIOD_MS)
            n += 1
            if held:
                yield at, tickets[0][k % _SHOWN], texts[0] if first_held and k == 0 else None
            elif k < _SHOWN and not nobody:
                yield at, tickets[which][k], texts[which] if k == 0 else None
            else:
                yield at, next(blank), None


def run(
    hours: float,
    size: tuple[int, int] = (640, 480),
    tell: Callable[[str], None] | None = None,
    *,
    start_s: int = 0,
) -> Outcome:
    """Feed `hours` of frames, beginning at second `start_s` of the plan, and report."""
    messages: Counter[str] = Counter()
    appeared: list[int] = []
    texts: list[str] = []
    shown: list[str] = []
    health: dict[str, Any] = {}
    totals = Counter[str]()

    def send(message: dict[str, Any], jpeg: bytes | None = None) -> None:
        messages[message["t"]] += 1
        if message["t"] == "appeared":
            appeared.append(message["p"])
            texts.append(message["text"])
            # Bounded, so that the test's own lists are not what grows: pairs are compared and forgotten.
            if len(texts) > 200 and texts[:100] == shown[:100]:
                del texts[:100], shown[:100], appeared[:99]
        elif message["t"] == "health":
            health.update(message)
            totals["frames"] += round(message["fps"])

    clock = [0]
    child = Child(InputSettings(width=size[0], height=size[1]), _NoSource(), Cascade(load_zbar()), send)
    rss: list[int] = []
    frames = presentations = 0

    def now() -> int:
        return clock[0]

    # A plain function: a mock would remember every call, and memory is what is measured.
    with mock.patch.object(child_module, "mono_ms", new=now):
        for at, picture, begins in _frames(hours, size, start_s):
            clock[0] = at + 8
            frames += 1
            if begins is not None:
                presentations += 1
                shown.append(begins)
            child._frame(Frame(picture, at, frames))
            if frames % _FPS == 0:
                child._health(clock[0])
            if frames % (_FPS * 300) == 0:
                with open("/proc/self/statm", encoding="ascii") as statm:
                    rss.append(int(statm.read().split()[1]) * _PAGE_KIB)
                if tell is not None:
                    tell(
                        f"{frames / _FPS / 3600:.2f} h, {presentations} shown, {messages['appeared']} read, {rss[-1]} KiB"
                    )
        for event in child._holdoff.clear(clock[0]):
            child._tell(event, None)
    return Outcome(
        frames=frames,
        shown=presentations,
        messages=messages,
        texts_in_order=texts == shown and appeared == list(range(appeared[0], appeared[0] + len(appeared))),
        counted=child._gauges.seen,
        dropped=int(health.get("dropped", -1)),
        rss_kib=rss,
    )
