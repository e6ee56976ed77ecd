"""The cascade: one cheap pass on every frame, retries only where something looks like a code or moves.

What a frame lacks the next ones have, so retries rotate over frames: an idle frame costs one pass, a held ticket gets
every retry within a quarter of a second. Never queues a frame; never raises for a picture.
"""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from gate import steps
from gate.errors import FormatError
from gate.scanner.engines import NOTHING, Found, Reading, Zbar, engine_names, load_zbar, read_zxing, side_of
from gate.scanner.frames import AnyPicture, Corners, Picture, to_gray
from gate.scanner.fusion import Fusion
from gate.scanner.region import Region, cut, usable
from gate.scanner.retries import DEAR, RETRIES, Retry

BUDGET_MS = 25.0
"""Wall ms of one frame after which no further retry starts: three quarters of a frame at 30 fps."""
_PER_FRAME = 3
"""Retries on a region in one frame: with eleven of them a held ticket gets every one in four frames."""
_FUSE_AFTER = 4
"""Frames in a row with a region and nothing read, before their pictures are laid over each other."""

_GLANCE_EVERY = 15
"""Still frames between two looks at their texture."""

_WHOLE_EVERY = 3
"""Moving frames between two retries on the whole frame, when nothing in it has the texture of a code."""


class Cascade:
    """Decodes a stream of frames. One instance per input: it remembers where a code was and which retry is next.

    Args:
        zbar: the guarded last stage, or None where its library is missing.
        budget_ms: wall time per frame that retries may fill.
        fusion: lay frames over each other when nothing else reads them.
    """

    def __init__(self, zbar: Zbar | None = None, *, budget_ms: float = BUDGET_MS, fusion: bool = True) -> None:
        self._zbar = zbar
        self._budget_ms = budget_ms
        self._stages = _stages(zbar)
        self._costs = [0.0] * len(self._stages)
        self._fusion_cost = 0.0
        self._turn = 0
        self._region = Region()
        self._fusion = Fusion() if fusion else None
        self._misses = 0
        self._still = 0
        self._walking = 0
        self.seen = False
        """Whether the last frame held a code, a candidate or a patch that looks like one."""

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
        self.seen = False
        if gray is None:
            return NOTHING
        first = read_zxing(gray)
        steps.reach("decode.first")
        if first.readings or first.binary:
            return self._done(first, None)
        if first.candidate is not None:
            self._region.seen(first.candidate)
        else:
            self._region.missed()
        if first.candidate is None and not moving:
            return self._glance(gray, first, start)
        patch = usable(first.candidate) or self._region.patch(gray)
        self.seen = patch is not None
        # Without a patch the last place is worth one look: a ticket that was read and blurs for a moment.
        where = patch or usable(self._region.corners)
        candidate = first.candidate
        for _ in range(_PER_FRAME if patch is not None else 1 if where is not None else self._whole_frame()):
            found = self._next_stage(gray, where, start)
            if found.readings or found.binary:
                return self._done(found, first.candidate)
            candidate = candidate or found.candidate
        if candidate is not None and first.candidate is None:
            self._region.seen(candidate)
        first = Found((), 0, candidate)
        if patch is None:
            self._drop()
            return first
        self._misses += 1
        if self._fusion is not None and self._misses >= _FUSE_AFTER:
            found = self._fuse(self._fusion, gray, patch, start)
            if found.readings or found.binary:
                return self._done(found, first.candidate)
        return first

    def _whole_frame(self) -> int:
        """How many retries a frame gets that moves and shows nothing like a code: people walking by must cost little."""
        self._walking += 1
        if self._walking % _WHOLE_EVERY:
            return 0
        while getattr(self._stages[self._turn], "name", "zbar") in DEAR:
            self._turn = (self._turn + 1) % len(self._stages)
        return 1

    def _glance(self, gray: Picture, first: Found, start: float) -> Found:
        """Nothing moves: a code may still lie there unread, on a table or in a very steady hand. One retry now and then."""
        self._drop()
        self._still += 1
        if self._still % _GLANCE_EVERY:
            return first
        patch = self._region.patch(gray)
        self.seen = patch is not None
        if patch is None:
            return first
        found = self._next_stage(gray, patch, start)
        return self._done(found, None) if found.readings or found.binary else first

    def _done(self, found: Found, candidate: Corners | None) -> Found:
        self.seen = True
        self._region.seen(found.readings[0].corners if found.readings else None)
        self._drop()
        return _distinct(Found(found.readings, found.binary, candidate))

    def _drop(self) -> None:
        self._misses = 0
        if self._fusion is not None:
            self._fusion.clear()

    def _fuse(self, fusion: Fusion, gray: Picture, patch: Corners, start: float) -> Found:
        if (time.perf_counter() - start) * 1000 + self._fusion_cost > self._budget_ms:
            self._fusion_cost *= 0.8
            return NOTHING
        began = time.perf_counter()
        found = fusion.add(gray, patch)
        self._fusion_cost = (time.perf_counter() - began) * 1000
        return found

    def _next_stage(self, gray: Picture, patch: Corners | None, start: float) -> Found:
        turn = self._turn
        self._turn = (turn + 1) % len(self._stages)
        if (time.perf_counter() - start) * 1000 + self._costs[turn] > self._budget_ms:
            # Too dear now; forget a little of its cost, so that one slow moment does not ban it for ever.
            self._costs[turn] *= 0.8
            return NOTHING
        began = time.perf_counter()
        found = run_stage(self._stages[turn], gray, patch)
        self._costs[turn] = (time.perf_counter() - began) * 1000
        return found


def _stages(zbar: Zbar | None) -> tuple[Retry | Zbar, ...]:
    return RETRIES if zbar is None else (*RETRIES[:5], zbar, *RETRIES[5:])


def run_stage(stage: Retry | Zbar, gray: Picture, patch: Corners | None) -> Found:
    """One stage on the neighbourhood of `patch`, or on the whole picture; corners come back in picture coordinates."""
    left = top = 0
    side = 0.0
    if patch is not None and (part := cut(gray, patch)) is not None:
        gray, left, top, side = part
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
            found = run_stage(stage, gray, box)
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
