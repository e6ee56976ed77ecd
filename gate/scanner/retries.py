"""The ways to change a picture before it is decoded again. Pure pictures in and out; what runs when is the cascade's.

Chosen by counting what each alone reads of frames that the plain pass misses (simulated presentations) and of photos.
`side` is the code's side in pixels as far as it is known, 0 = unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from gate.scanner.frames import Picture

_MODULES = 41
"""A ticket code's modules a side (version 6); the side of a candidate says how large one is."""


@dataclass(frozen=True, slots=True)
class Retry:
    """`apply(picture, side)` gives the changed picture and its scale."""

    name: str
    apply: Callable[[Picture, float], tuple[Picture, float]]


def _enlarged(gray: Picture, side: float, target: float) -> tuple[Picture, float]:
    """Only as much larger as brings the code to about `target` px; a whole frame above VGA stays as it is."""
    scale = 2.0 if gray.size <= 640 * 480 else 1.0
    if side:
        scale = min(2.0, max(1.0, target / side))
    if scale == 1.0:
        return gray, 1.0
    return np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), dtype=np.uint8), scale


def _blurred(gray: Picture, sigma: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma), dtype=np.uint8)


def _mean(gray: Picture, window: int, c: int) -> Picture:
    picture = cv2.adaptiveThreshold(gray, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, window | 1, c)
    return np.asarray(picture, dtype=np.uint8)


def _sharp(gray: Picture, side: float) -> tuple[Picture, float]:
    big, scale = _enlarged(gray, side, 300)
    return np.asarray(cv2.addWeighted(big, 4.5, _blurred(big, 1.5 * scale), -3.5, 0), dtype=np.uint8), scale


def _crisp(gray: Picture, side: float) -> tuple[Picture, float]:
    """Noise off first, then sharpened over a wider radius."""
    big, scale = _enlarged(gray, side, 300)
    calm = _blurred(big, 0.8 * scale)
    return np.asarray(cv2.addWeighted(calm, 5.0, _blurred(calm, 2.0 * scale), -4.0, 0), dtype=np.uint8), scale


def _fine(gray: Picture, side: float) -> tuple[Picture, float]:
    """Decides each pixel by its own neighbourhood at double size: bands, low light, noise."""
    big, scale = _enlarged(gray, side, 300)
    return _mean(_blurred(big, 0.8 * scale), round(15 * scale), 1), scale


def _broad(gray: Picture, side: float) -> tuple[Picture, float]:
    """The same over seven modules, smoothed by a quarter of one: washed out, low light."""
    big, scale = _enlarged(gray, side, 300)
    module = side * scale / _MODULES if side else 4.0
    return _mean(_blurred(big, max(0.5, 0.22 * module)), max(5, round(7 * module)), 1), scale


def _threshold(window: int, c: int) -> Callable[[Picture, float], tuple[Picture, float]]:
    return lambda gray, side: (_mean(gray, window, c), 1.0)


def _soft(gray: Picture, side: float) -> tuple[Picture, float]:
    return _blurred(gray, 1.3), 1.0


def _gamma(power: float) -> Callable[[Picture, float], tuple[Picture, float]]:
    table = np.array([round(255 * (i / 255) ** power) for i in range(256)], dtype=np.uint8)
    return lambda gray, side: (np.asarray(cv2.LUT(gray, table), dtype=np.uint8), 1.0)


def _half(gray: Picture, side: float) -> tuple[Picture, float]:
    half = np.asarray(cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return _mean(half, 25, 5), 0.5


RETRIES: tuple[Retry, ...] = (
    Retry("sharp", _sharp),
    Retry("fine", _fine),
    Retry("crisp", _crisp),
    Retry("mean15", _threshold(15, 3)),
    Retry("broad", _broad),
    Retry("mean25", _threshold(25, 5)),
    Retry("soft", _soft),
    Retry("gamma4", _gamma(4)),
    Retry("gamma2", _gamma(2)),
    Retry("half", _half),
)
"""In the order of what they rescue of gate frames; the tail is cheap and earns its place on photos."""

DEAR = frozenset({"sharp", "fine", "crisp", "broad", "zbar"})
"""Those that enlarge, and the other engine: for a region, never for a whole frame of a stream."""
