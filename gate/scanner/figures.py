"""What a picture says about camera, lens and light, and which figures deserve a word. Pure over pictures and numbers.

Thresholds are set to warn before guests queue: at each of them codes are still read, with the margin gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from gate.scanner.engines import side_of
from gate.scanner.frames import Corners, Picture

SOFT, DARK, BRIGHT, GLARE, DIRT, SLOW, LATE, BUSY, SMALL, FLAT = (
    "soft",
    "dark",
    "bright",
    "glare",
    "dirt",
    "slow",
    "late",
    "busy",
    "small",
    "flat",
)
HINTS: Mapping[str, str] = {
    SOFT: "the code is out of focus: set the lens for the reading distance and fix it, or clean it",
    DARK: "too little light: add a lamp beside the camera",
    BRIGHT: "too much light: shorten the exposure or shade the camera",
    GLARE: "a lamp is mirrored in screens: move it off the mirror angle, or tilt the camera",
    DIRT: "the same spots in every picture: clean the window and the lens",
    SLOW: "fewer pictures a second than the camera was set to: dim light with automatic exposure, or a weak USB port",
    LATE: "pictures are old when they arrive: use MJPG, a smaller size, or another port",
    BUSY: "decoding fills the time between two pictures: choose a smaller size",
    SMALL: "fewer than 4 pixels a module: come nearer, or use more resolution",
    FLAT: "little contrast between print and paper: more light, less stray light",
}
"""What to do, by warning."""

_MIN_MODULE_PX = 4.0
_SOFT_EDGE = 0.55
_DARK, _BRIGHT, _GLARE, _DIRT, _FLAT = 40.0, 200.0, 0.02, 0.004, 60.0
_LATE_MS, _BUSY_MS, _SLOW_FPS = 120.0, 25.0, 15.0

_DIRT_SIZE = (320, 180)
_UNUSUAL, _SPOT = 12, 6
"""Gray levels."""
_OBSERVED = 8
"""Moments in which a place must have looked unlike itself before it is judged."""


def glare(gray: Picture) -> float:
    """Share of saturated pixels, 0-1."""
    small = cv2.resize(gray, (320, 180), interpolation=cv2.INTER_NEAREST)
    return float(cv2.countNonZero(cv2.threshold(small, 249, 255, cv2.THRESH_BINARY)[1])) / small.size


def code_figures(gray: Picture, corners: Corners, modules: int) -> dict[str, float]:
    """Of a code that was read: pixels a module, contrast in gray levels, share saturated, sharpness of its edges.

    `edge` is the steepest step between neighbouring pixels as a share of the contrast, at best about 1 for a pixel-sharp
    picture; it falls with defocus and motion, and unlike a Laplacian does not depend on what is shown.
    """
    side = side_of(corners)
    target = np.array([(0, 0), (255, 0), (255, 255), (0, 255)], np.float32)
    flat = cv2.warpPerspective(
        gray, cv2.getPerspectiveTransform(np.array(corners, np.float32), target), (256, 256), flags=cv2.INTER_LINEAR
    )
    low, high = (float(v) for v in np.percentile(flat, (10, 90)))
    contrast = high - low
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    crop = gray[max(0, min(ys)) : max(ys) + 1, max(0, min(xs)) : max(xs) + 1].astype(np.int16)
    steps = np.abs(np.diff(crop, axis=1)) if min(crop.shape) > 2 else np.zeros((1, 1), np.int16)
    return {
        "module_px": side / modules,
        "contrast": contrast,
        "clipped": float((flat > 249).mean()),
        "edge": float(np.percentile(steps, 97)) / max(1.0, contrast),
    }


class Dirt:
    """Finds spots in front of everything. Feed about one frame a second; memory is a few small pictures.

    A poster stands still too, but somebody who passes hides it and not the spots on the window: so detail is only
    believed in moments when the light at its place is unlike what it usually is.
    """

    def __init__(self) -> None:
        shape = _DIRT_SIZE[::-1]
        self._level: npt.NDArray[np.float32] | None = None
        self._sum = np.zeros(shape, np.float32)
        self._size = np.zeros(shape, np.float32)
        self._count = np.zeros(shape, np.float32)

    def feed(self, gray: Picture) -> float:
        """Share of the view with spots that do not move, 0-1. 0 until enough of the view has changed."""
        small = np.asarray(cv2.resize(gray, _DIRT_SIZE, interpolation=cv2.INTER_AREA), dtype=np.float32)
        calm = np.asarray(cv2.GaussianBlur(small, (0, 0), 6), dtype=np.float32)
        if self._level is None:
            self._level = calm
            return 0.0
        unusual = (np.abs(calm - self._level) > _UNUSUAL).astype(np.float32)
        # Well inside of what passes only: at its edge the room still shows.
        unusual = np.asarray(cv2.erode(unusual, np.ones((41, 41), np.uint8)), dtype=np.float32)
        # A running median: somebody who stands there for a moment does not shift it.
        self._level += np.clip(calm - self._level, -1, 1)
        detail = (small - calm) * unusual
        self._sum += detail
        self._size += np.abs(detail)
        self._count += unusual
        if float(self._count.max()) > 60:  # windows get cleaned: forget slowly
            for total in (self._sum, self._size, self._count):
                total *= np.float32(0.5)
        judged = self._count >= _OBSERVED
        if float(judged.mean()) < 0.1:
            return 0.0
        height = np.abs(self._sum) / np.maximum(self._count, 1)
        spots = judged & (height > _SPOT) & (np.abs(self._sum) > 0.8 * self._size)
        return float(spots.mean())


def warnings(figures: Mapping[str, float], wanted_fps: float) -> list[str]:
    """Named warnings for the figures that are known (see `health`)."""
    checks: Sequence[tuple[str, str, bool]] = (
        (DARK, "light", figures.get("light", 128) < _DARK),
        (BRIGHT, "light", figures.get("light", 128) > _BRIGHT),
        (GLARE, "glare", figures.get("glare", 0) > _GLARE),
        (DIRT, "dirt", figures.get("dirt", 0) > _DIRT),
        (SMALL, "module_px", figures.get("module_px", 99) < _MIN_MODULE_PX),
        (FLAT, "contrast", figures.get("contrast", 255) < _FLAT),
        (SOFT, "edge", 0 < figures.get("edge", 1) < _SOFT_EDGE * min(1.0, 3.0 / max(1.0, figures.get("module_px", 3)))),
        (SLOW, "fps", 0 < figures.get("fps", 99) < min(_SLOW_FPS, 0.6 * wanted_fps)),
        (LATE, "age_ms", figures.get("age_ms", 0) > _LATE_MS),
        (BUSY, "decode_ms", figures.get("decode_ms", 0) > _BUSY_MS),
    )
    return [name for name, key, bad in checks if bad and key in figures]
