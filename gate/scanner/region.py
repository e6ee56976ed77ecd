"""Where in the frame to look harder: the last known code, an unread candidate, or a patch of fine texture.

Pure over pictures; the cascade feeds what each frame showed and asks for a region afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np

from gate.scanner.engines import side_of
from gate.scanner.frames import Corners, Picture

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are outside."""

_KEEP_FRAMES = 15
"""How long the last known place of a code guides retries."""
_STAY_FRAMES = 60
"""Looks at one texture, each with retries, after which it is taken for a part of the room."""
_POSTER_FRAMES = 900
"""And for how many looks."""
_WIDTH = 320
"""Width at which texture is measured: modules are still two pixels there, and letters of a poster are not."""
_ENERGY = 3.0
"""Gradient in both directions, in proportion to the light, below which nothing is printed there."""
_MIN_SIDE = 16
_PATCH = 11
MIN_CROP = 24


class Region:
    """Remembers where a code was, and which textures stand there and are none. One per input."""

    def __init__(self) -> None:
        self._corners: Corners | None = None
        self._age = 0
        self._stays = 0
        self._place: Box = (0, 0, 0, 0)
        self._posters: deque[tuple[Box, int]] = deque(maxlen=4)
        self._frame = 0

    def patch(self, gray: Picture) -> Corners | None:
        """The patch of texture to look at in this frame, leaving out what has stood in its place unread.

        A hand is never so still; a poster, a grille or a shelf is, and must not take the retries of every frame.
        """
        self._frame += 1
        while self._posters and self._frame - self._posters[0][1] > _POSTER_FRAMES:
            self._posters.popleft()
        found = texture(gray, [box for box, _ in self._posters])
        if found is None:
            return None
        box = (*found[0], *found[2])
        slack = gray.shape[1] / 160
        same = all(abs(a - b) <= slack for a, b in zip(box, self._place, strict=True))
        self._stays = self._stays + 1 if same else 0
        self._place = self._place if same else box
        if self._stays >= _STAY_FRAMES:
            self._stays = 0
            self._posters.append((box, self._frame))
        return found

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


def texture(gray: Picture, ignore: Sequence[Box] = ()) -> Corners | None:
    """The patch with most fine structure in both directions, when it has about the shape of a code. `ignore`: boxes not to look at."""
    factor = min(1.0, _WIDTH / gray.shape[1])
    small = cv2.resize(gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else gray
    across = cv2.convertScaleAbs(cv2.Sobel(small, cv2.CV_16S, 1, 0, ksize=3), alpha=0.25)
    down = cv2.convertScaleAbs(cv2.Sobel(small, cv2.CV_16S, 0, 1, ksize=3), alpha=0.25)
    # In proportion to the light there: a code in the dark band of a pulsed lamp counts as much as one beside it.
    light = cv2.blur(small, (_PATCH, _PATCH))
    energy = cv2.min(cv2.blur(across, (_PATCH, _PATCH)), cv2.blur(down, (_PATCH, _PATCH)))
    energy = cv2.divide(energy, cv2.convertScaleAbs(light, alpha=1, beta=24), scale=160)
    # Relative to what is usual in this frame: noise lifts everything, low light lowers everything.
    usual = float(cv2.mean(energy)[0])
    for left, top, right, bottom in ignore:
        x0, y0, x1, y1 = (int(v * factor) for v in (left, top, right, bottom))
        energy[max(0, y0 - _PATCH) : y1 + _PATCH, max(0, x0 - _PATCH) : x1 + _PATCH] = 0
    _, highest, _, peak = cv2.minMaxLoc(energy)
    if highest < max(2.5 * usual, _ENERGY):
        return None
    mask = cv2.threshold(energy, (highest + usual) / 2, 255, cv2.THRESH_BINARY)[1]
    area, _, _, (x, y, width, height) = cv2.floodFill(np.asarray(mask), None, peak, 128)
    if min(width, height) < _MIN_SIDE or max(width, height) > 2.2 * min(width, height):
        return None
    if area < 0.35 * width * height:
        return None
    x0, y0, x1, y1 = (round(float(v) / factor) for v in (x, y, x + width, y + height))
    return (x0, y0), (x1, y0), (x1, y1), (x0, y1)
