"""Where in the frame to look harder: the last known code, an unread candidate, or a patch of fine texture.

Pure over pictures; the cascade feeds what each frame showed and asks for a region afterwards.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np

from gate.scanner.engines import side_of
from gate.scanner.frames import Corners, Picture

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are outside."""

_KEEP_FRAMES = 15
"""How long the last known place of a code guides retries."""
_WIDTH = 320
"""Width at which texture is measured: modules are still two pixels there, and letters of a poster are not."""
_ENERGY = 14.0
"""Mean gradient in both directions that print and screens reach and blurred backgrounds do not."""
_MIN_SIDE = 16
_PATCH = 11
MIN_CROP = 24


class Region:
    """Remembers where a code was. One per input."""

    def __init__(self) -> None:
        self._corners: Corners | None = None
        self._age = 0

    def seen(self, corners: Corners | None) -> None:
        """A code or candidate was here in this frame; None forgets."""
        self._corners, self._age = corners, 0

    def missed(self) -> None:
        """This frame showed neither."""
        if self._corners is not None:
            self._age += 1
            if self._age > _KEEP_FRAMES:
                self._corners = None

    @property
    def corners(self) -> Corners | None:
        return self._corners


def usable(corners: Corners | None) -> Corners | None:
    """None for corners that span no area: a failed candidate may be a line or a point."""
    return corners if corners is not None and side_of(corners) >= _MIN_SIDE else None


def neighbourhood(corners: Corners, width: int, height: int, margin: float = 0.5) -> Box:
    """The corners' bounding box with `margin` of its size around: a candidate's corners are a guess and tickets move."""
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    more = round(max(max(xs) - min(xs), max(ys) - min(ys)) * margin)
    return max(0, min(xs) - more), max(0, min(ys) - more), min(width, max(xs) + more), min(height, max(ys) + more)


def cut(gray: Picture, corners: Corners, margin: float = 0.5) -> tuple[Picture, int, int, float] | None:
    """The neighbourhood as a picture with its left, top and the code's side; None when it is too small to hold a code."""
    left, top, right, bottom = neighbourhood(corners, gray.shape[1], gray.shape[0], margin)
    if right - left < MIN_CROP or bottom - top < MIN_CROP:
        return None
    return np.ascontiguousarray(gray[top:bottom, left:right]), left, top, side_of(corners)


def texture(gray: Picture) -> Corners | None:
    """The patch with most fine structure in both directions, when it has about the shape of a code."""
    factor = min(1.0, _WIDTH / gray.shape[1])
    small = cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else gray
    across = cv2.convertScaleAbs(cv2.Sobel(small, cv2.CV_16S, 1, 0, ksize=3), alpha=0.25)
    down = cv2.convertScaleAbs(cv2.Sobel(small, cv2.CV_16S, 0, 1, ksize=3), alpha=0.25)
    # In proportion to the light there: a code in the dark band of a pulsed lamp counts as much as one beside it.
    light = cv2.blur(small, (_PATCH, _PATCH))
    energy = cv2.min(cv2.blur(across, (_PATCH, _PATCH)), cv2.blur(down, (_PATCH, _PATCH)))
    energy = cv2.divide(energy, cv2.convertScaleAbs(light, alpha=1, beta=24), scale=160)
    _, highest, _, peak = cv2.minMaxLoc(energy)
    # Relative to what is usual in this frame: noise lifts everything, low light lowers everything.
    usual = float(cv2.mean(energy)[0])
    if highest < max(2.5 * usual, min(_ENERGY, 3.0)):
        return None
    mask = cv2.threshold(energy, (highest + usual) / 2, 255, cv2.THRESH_BINARY)[1]
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, ltype=cv2.CV_32S)
    for left, top, width, height, area in stats[1:]:
        if left <= peak[0] < left + width and top <= peak[1] < top + height:
            if min(width, height) < _MIN_SIDE or max(width, height) > 2.2 * min(width, height):
                return None
            if area < 0.35 * width * height:
                return None
            x0, y0, x1, y1 = (round(float(v) / factor) for v in (left, top, left + width, top + height))
            return (x0, y0), (x1, y0), (x1, y1), (x0, y1)
    return None
