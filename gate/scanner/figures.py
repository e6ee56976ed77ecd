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
    """Finds what stays while the scene changes. Feed about one frame a second; memory is two small pictures."""

    def __init__(self) -> None:
        self._detail: npt.NDArray[np.float32] | None = None
        self._level: npt.NDArray[np.float32] | None = None
        self._spread: npt.NDArray[np.float32] | None = None
        self._frames = 0

    def feed(self, gray: Picture) -> float:
        """Share of the view with spots that do not move, 0-1. 0 until enough of the view has changed."""
        small = np.asarray(cv2.resize(gray, _DIRT_SIZE, interpolation=cv2.INTER_AREA), dtype=np.float32)
        calm = np.asarray(cv2.GaussianBlur(small, (0, 0), 6), dtype=np.float32)
        detail = np.asarray(small - calm, dtype=np.float32)
        if self._detail is None or self._level is None or self._spread is None:
            self._detail, self._level = detail, calm
            self._spread = np.zeros_like(calm)
            return 0.0
        self._frames += 1
        keep = np.float32(1 / min(self._frames + 1, 60))
        self._spread += (np.abs(calm - self._level) - self._spread) * keep
        self._level += (calm - self._level) * keep
        self._detail += (detail - self._detail) * keep
        if self._frames < 20:
            return 0.0
        # Only where the scene itself changed can a spot be told from a thing that stands there.
        changed = self._spread > 6
        if float(changed.mean()) < 0.2:
            return 0.0
        return float((changed & (np.abs(self._detail) > 5)).mean())


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
