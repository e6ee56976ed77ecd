"""The cascade: one cheap pass on every frame, retries only where something looks like a code or moves.

What a frame lacks the next ones have, so retries rotate over frames: an idle frame costs one pass, a held ticket gets
every retry within a quarter of a second. Never queues a frame; never raises for a picture.
"""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from gate.errors import FormatError
from gate.scanner.engines import (
    NOTHING,
    RETRIES,
    Found,
    Reading,
    Retry,
    Zbar,
    engine_names,
    load_zbar,
    read_zxing,
    side_of,
)
from gate.scanner.frames import AnyPicture, Corners, Picture, to_gray

BUDGET_MS = 25.0
"""Wall ms of one frame after which no further retry starts: three quarters of a frame at 30 fps."""
_BOX_FRAMES = 15
"""How long the last known place of a code guides retries."""

_Box = tuple[int, int, int, int]


class Cascade:
    """Decodes a stream of frames. One instance per input: it remembers where a code was and which retry is next.

    Args:
        zbar: the guarded last stage, or None where its library is missing.
        budget_ms: wall time per frame that retries may fill.
    """

    def __init__(self, zbar: Zbar | None = None, *, budget_ms: float = BUDGET_MS) -> None:
        self._zbar = zbar
        self._budget_ms = budget_ms
        self._stages = _stages(zbar)
        self._costs = [0.0] * len(self._stages)
        self._turn = 0
        self._box: Corners | None = None
        self._box_age = 0

    @property
    def engines(self) -> list[str]:
        """Engine names with versions, for `hello`."""
        return engine_names(self._zbar)

    def look(self, image: AnyPicture, *, moving: bool = True) -> Found:
        """Read one frame.

        Args:
            image: gray or BGR, 8 bits; anything else reads as nothing.
            moving: the motion test's answer: without motion and without a candidate only the first pass runs.
        """
        start = time.perf_counter()
        gray = to_gray(image)
        if gray is None:
            return NOTHING
        first = read_zxing(gray)
        if first.readings or first.binary:
            self._remember(first.readings[0].corners if first.readings else None)
            return _distinct(first)
        if first.candidate is not None:
            self._remember(first.candidate)
        elif self._box is not None:
            self._box_age += 1
            if self._box_age > _BOX_FRAMES:
                self._box = None
        for _ in range(2 if first.candidate is not None else 1 if moving else 0):
            found = self._next_stage(gray, (time.perf_counter() - start) * 1000)
            if found.readings or found.binary:
                if found.readings:
                    self._remember(found.readings[0].corners)
                return _distinct(Found(found.readings, found.binary, first.candidate))
        return first

    def _remember(self, corners: Corners | None) -> None:
        self._box, self._box_age = corners, 0

    def _next_stage(self, gray: Picture, elapsed_ms: float) -> Found:
        turn = self._turn
        self._turn = (turn + 1) % len(self._stages)
        if elapsed_ms + self._costs[turn] > self._budget_ms:
            # Too dear now; forget a little of its cost, so that one slow moment does not ban it for ever.
            self._costs[turn] *= 0.8
            return NOTHING
        start = time.perf_counter()
        found = _run(self._stages[turn], gray, self._box)
        self._costs[turn] = (time.perf_counter() - start) * 1000
        return found


def _stages(zbar: Zbar | None) -> tuple[Retry | Zbar, ...]:
    return RETRIES if zbar is None else (*RETRIES, zbar)


def _run(stage: Retry | Zbar, gray: Picture, box: Corners | None) -> Found:
    """One stage on the neighbourhood of `box`, or on the whole picture; corners come back in picture coordinates."""
    left = top = 0
    side = 0.0
    if box is not None:
        side = side_of(box)
        left, top, right, bottom = _neighbourhood(box, gray.shape[1], gray.shape[0])
        if right - left < 24 or bottom - top < 24:
            left = top = 0
            side = 0.0
        else:
            gray = np.ascontiguousarray(gray[top:bottom, left:right])
    if isinstance(stage, Zbar):
        found, scale = stage(gray), 1.0
    else:
        picture, scale = stage.apply(gray, side)
        found = read_zxing(picture, f"zxing+{stage.name}")
    return Found(
        tuple(Reading(r.text, r.engine, _moved(r.corners, scale, left, top)) for r in found.readings),
        found.binary,
        None if found.candidate is None else _moved(found.candidate, scale, left, top),
    )


def _neighbourhood(corners: Corners, width: int, height: int) -> _Box:
    """The corners' bounding box with half its size as margin: a candidate's corners are a guess and tickets move."""
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    margin = max(max(xs) - min(xs), max(ys) - min(ys)) // 2
    return (
        max(0, min(xs) - margin),
        max(0, min(ys) - margin),
        min(width, max(xs) + margin),
        min(height, max(ys) + margin),
    )


def _moved(corners: Corners, scale: float, left: int, top: int) -> Corners:
    a, b, c, d = ((round(x / scale) + left, round(y / scale) + top) for x, y in corners)
    return a, b, c, d


def _distinct(found: Found) -> Found:
    """One reading per text, the nearest: a sheet may show one code twice."""
    nearest: dict[str, Reading] = {}
    for reading in found.readings:
        known = nearest.get(reading.text)
        if known is None or side_of(reading.corners) > side_of(known.corners):
            nearest[reading.text] = reading
    return Found(tuple(nearest.values()), found.binary, found.candidate)


def scan_picture(image: AnyPicture, zbar: Zbar | None = None) -> tuple[list[Reading], int]:
    """Every stage on one still, first success wins. Returns: readings and the number of binary symbols seen."""
    gray = to_gray(image)
    if gray is None:
        return [], 0
    first = read_zxing(gray)
    binary = first.binary
    if first.readings:
        return list(_distinct(first).readings), binary
    boxes = [None] if first.candidate is None else [first.candidate, None]
    for stage in _stages(zbar):
        for box in boxes:
            found = _run(stage, gray, box)
            binary = max(binary, found.binary)
            if found.readings:
                return list(_distinct(found).readings), binary
    return [], binary


def scan_image(path: Path) -> tuple[list[Reading], float]:
    """Read the codes of one image file with everything there is.

    Returns: readings (text, engine, corners) and the wall ms of decoding, file reading left out.
    Raises: FormatError when the file is not a picture OpenCV can open; OSError when it cannot be read.
    """
    data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None:
        raise FormatError(f"{path}: not a picture that can be read")
    zbar = load_zbar()
    start = time.perf_counter()
    readings, _ = scan_picture(on_white(np.asarray(image)), zbar)
    return readings, (time.perf_counter() - start) * 1000


def on_white(image: AnyPicture) -> AnyPicture:
    """A picture file as a camera would see it: 8 bits, and transparent parts lie on white paper."""
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.ndim == 3 and image.shape[2] == 4:
        alpha = image[:, :, 3:].astype(np.uint16)
        mixed = (image[:, :, :3].astype(np.uint16) * alpha + 255 * (255 - alpha)) // 255
        return mixed.astype(np.uint8)
    return image
