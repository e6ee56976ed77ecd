"""The camera doctor: frames or picture files in, figures and named warnings out. Prints nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from gate.errors import DeviceError
from gate.scanner.decoder import Cascade, on_white, scan_picture
from gate.scanner.engines import Reading, Zbar, load_zbar
from gate.scanner.figures import HINTS, Dirt, code_figures, glare, warnings
from gate.scanner.frames import Frame, to_gray
from gate.scanner.motion import Motion, focus
from gate.scanner.quality import modules_of
from gate.scanner.sheets import target_mm
from gate.scanner.sources import EndOfSource, FrameSource
from gate.scanner.sources.files import IMAGE_SUFFIXES, matching


@dataclass(slots=True)
class Examination:
    """Collects pictures of one camera."""

    live: bool
    wanted_fps: float = 30.0
    pictures: int = 0
    read: int = 0
    _zbar: Zbar | None = field(default_factory=load_zbar)
    _dirt: Dirt = field(default_factory=Dirt)
    _motion: Motion = field(default_factory=Motion)
    _cascade: Cascade = field(init=False)
    _values: dict[str, list[float]] = field(default_factory=dict)
    _targets: set[float] = field(default_factory=set)
    _first: int | None = None
    _last: int = 0

    def __post_init__(self) -> None:
        self._cascade = Cascade(self._zbar)

    def take(self, frame: Frame) -> None:
        """One picture; of a live camera its time and age count too."""
        gray = to_gray(np.asarray(on_white(frame.image)))
        if gray is None:
            return
        now = time.monotonic_ns() // 1_000_000
        self._motion.feed(gray, frame.captured)
        began = time.perf_counter()
        readings = list(self._cascade.look(gray).readings) if self.live else scan_picture(gray, self._zbar)[0]
        self._add("decode_ms", (time.perf_counter() - began) * 1000)
        self._add("light", self._motion.light)
        if self.live:
            self._add("age_ms", now - frame.captured)
            self._first = frame.captured if self._first is None else self._first
            self._last = frame.captured
        if not self.live or self.pictures % 10 == 0:
            self._add("focus", focus(gray))
            self._add("glare", glare(gray))
            self._add("dirt", self._dirt.feed(gray))
        self.pictures += 1
        self.read += bool(readings)
        for reading in readings:
            self._code(gray, reading)

    def report(self) -> dict[str, Any]:
        """Medians of the figures, the warnings with what to do, and whether all is well. Raises: DeviceError: no picture."""
        if not self.pictures:
            raise DeviceError("not one picture came: is the camera connected, the path right?")
        figures = {name: round(float(median(values)), 3) for name, values in self._values.items()}
        if "dirt" in self._values:
            figures["dirt"] = round(self._values["dirt"][-1], 4)
        if self.live and self._first is not None and self._last > self._first:
            figures["fps"] = round((self.pictures - 1) * 1000 / (self._last - self._first), 1)
        judged = {k: v for k, v in figures.items() if self.live or k not in ("decode_ms", "dirt")}
        found = warnings(judged, self.wanted_fps)
        if self.live and self._motion.dark:
            found.insert(0, "black")
        elif self.live and self._motion.frozen:
            found.insert(0, "frozen")
        return {
            "ok": not found,
            "pictures": self.pictures,
            "read": self.read,
            **figures,
            "smallest_module_mm": min(self._targets) if self._targets else None,
            "warnings": [{"name": name, "hint": HINTS.get(name, _STATES.get(name, ""))} for name in found],
        }

    def _code(self, gray: Any, reading: Reading) -> None:
        for name, value in code_figures(gray, reading.corners, modules_of(len(reading.text.encode()))).items():
            self._add(name, value)
        size = target_mm(reading.text)
        if size is not None:
            self._targets.add(size)

    def _add(self, name: str, value: float) -> None:
        self._values.setdefault(name, []).append(value)


_STATES = {
    "black": "the picture is black: is the lens covered, is there any light?",
    "frozen": "the picture stands still: plug the camera in again",
}


def examine(frames: Iterable[Frame], *, live: bool, wanted_fps: float = 30.0) -> dict[str, Any]:
    """The report over some frames. Raises: DeviceError when there is none."""
    examination = Examination(live, wanted_fps)
    for frame in frames:
        examination.take(frame)
    return examination.report()


def frames_of(source: FrameSource, seconds: float) -> Iterator[Frame]:
    """What an opened source gives for so long. Raises: SourceError when the device fails."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            item = source.read()
        except EndOfSource:
            return
        if isinstance(item, Frame):
            yield item


def frames_of_files(path: Path) -> Iterator[Frame]:
    """A picture file, or those of a folder. Raises: DeviceError naming what is no picture."""
    names = matching(str(path), IMAGE_SUFFIXES)
    if not names:
        raise DeviceError(f"there is no picture at {path}")
    for n, name in enumerate(names):
        data = np.fromfile(name, np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
        if image is None:
            raise DeviceError(f"{name}: not a picture that can be read")
        yield Frame(np.asarray(on_white(np.asarray(image)), dtype=np.uint8), n * 33, n)
