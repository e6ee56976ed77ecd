"""Several poor frames of one code laid over each other: the last stage, for what no single frame gives.

Helps where the code holds still and each frame is noisy or dark, or where a reflection wanders over it; not against
motion blur or a finger. A buffer holds one code only: it is dropped when the place jumps, the size changes, the pictures
stop agreeing, or anything was read.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from gate.scanner.engines import NOTHING, Found, Reading, read_zxing, side_of
from gate.scanner.frames import Corners, Picture

_Layer = npt.NDArray[np.float32]

_SIDE = 320
"""Pixels of the square that crops are brought to."""
_MARGIN = 1.5
"""Side of the crop in sides of the code."""
_FRAMES = 12
"""The mean forgets older frames: a hand never holds still for longer."""
_FIRST = 3
"""Frames before the first attempt."""
_AGREE = 0.4
"""Least correlation of a crop with the mean, after registration."""
_SATURATED = 246
_STRIKES = 3
"""Crops in a row that may disagree (a blurred one, a finger) before the buffer is dropped."""


class Fusion:
    """One code's running mean. Feed each unread frame with its region."""

    def __init__(self) -> None:
        self._sum: _Layer | None = None
        self._weight: _Layer | None = None
        self._centre = (0.0, 0.0)
        self._side = 0.0
        self._scale = 1.0
        self._warp = np.eye(2, 3, dtype=np.float32)
        self._strikes = 0
        self._turn = 0
        self.frames = 0
        """Frames in the mean."""

    def clear(self) -> None:
        self._sum = self._weight = None
        self.frames = 0

    def add(self, gray: Picture, corners: Corners) -> Found:
        """Lay the region over the mean and decode that, each call in another way.

        Returns: readings with their corners in this frame; nothing in most calls.
        """
        x, y = sum(p[0] for p in corners) / 4, sum(p[1] for p in corners) / 4
        side = side_of(corners)
        if self.frames and (
            max(abs(x - self._centre[0]), abs(y - self._centre[1])) > self._side / 2
            or not 0.6 < side / self._side < 1.67
        ):
            self.clear()
        if not self.frames:
            self._side, self._scale = side, _SIDE / (_MARGIN * side)
            self._warp = np.eye(2, 3, dtype=np.float32)
        self._centre = x, y
        crop = self._crop(gray, x, y)
        if not self._lay(crop):
            return NOTHING
        if self.frames < _FIRST:
            return NOTHING
        return self._decode(x, y)

    def _crop(self, gray: Picture, x: float, y: float) -> _Layer:
        half = _SIDE / 2
        to_crop = np.array([[self._scale, 0, half - x * self._scale], [0, self._scale, half - y * self._scale]])
        flags = cv2.INTER_LINEAR if self._scale > 0.7 else cv2.INTER_AREA
        crop = cv2.warpAffine(gray, to_crop, (_SIDE, _SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(crop, dtype=np.float32)

    def _lay(self, crop: _Layer) -> bool:
        """Register against the mean and add. Returns: whether it belongs to it."""
        if self._sum is None or self._weight is None:
            self._sum, self._weight = _weighed(crop)
            self.frames, self._strikes = 1, 0
            return True
        mean = self._sum / self._weight
        warp = _register(mean, crop)
        if warp is None:
            self._strikes += 1
            if self._strikes > _STRIKES:
                self.clear()
            return False
        self._strikes = 0
        self._warp = warp
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        aligned = cv2.warpAffine(crop, warp, (_SIDE, _SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        layer, weight = _weighed(np.asarray(aligned, dtype=np.float32))
        self.frames += 1
        keep = 1.0 if self.frames <= _FRAMES else 1 - 1 / _FRAMES
        self._sum = self._sum * np.float32(keep) + layer
        self._weight = self._weight * np.float32(keep) + weight
        return True

    def _decode(self, x: float, y: float) -> Found:
        if self._sum is None or self._weight is None:
            return NOTHING
        mean = self._sum / self._weight
        self._turn = (self._turn + 1) % len(_LOOKS)
        found = NOTHING
        for look in (_LOOKS[self._turn], _LOOKS[(self._turn + 1) % len(_LOOKS)]):
            found = read_zxing(look(mean), "fusion")
            if found.readings or found.binary:
                break
        back = tuple(Reading(r.text, r.engine, self._in_frame(r.corners, x, y)) for r in found.readings)
        return Found(back, found.binary, None)

    def _in_frame(self, corners: Corners, x: float, y: float) -> Corners:
        points = np.array(corners, np.float64) @ self._warp[:, :2].T.astype(np.float64) + self._warp[:, 2]
        a, b, c, d = (
            (round(float((px - _SIDE / 2) / self._scale + x)), round(float((py - _SIDE / 2) / self._scale + y)))
            for px, py in points
        )
        return a, b, c, d


def _weighed(layer: _Layer) -> tuple[_Layer, _Layer]:
    """Saturated pixels hold no information: they count for almost nothing, so that a wandering reflection leaves none."""
    saturated = cv2.threshold(layer, _SATURATED, 1, cv2.THRESH_BINARY)[1]
    weight = np.asarray(1.0 - 0.98 * cv2.dilate(saturated, np.ones((7, 7), np.uint8)), dtype=np.float32)
    return np.asarray(layer * weight, dtype=np.float32), weight


def _register(mean: _Layer, crop: _Layer) -> npt.NDArray[np.float32] | None:
    """The affine map from the mean to the crop: phase correlation for the shift, then ECC at half size."""
    small = [_relief(cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)) for p in (mean, crop)]
    (dx, dy), _ = cv2.phaseCorrelate(small[0], small[1], _window(small[0].shape[0]))
    if max(abs(dx), abs(dy)) > _SIDE / 8:
        dx = dy = 0.0
    warp = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 12, 2e-3)
    try:
        agreement, found = cv2.findTransformECC(small[0], small[1], warp, cv2.MOTION_AFFINE, stop, _EVERYWHERE, 3)
    except cv2.error:
        return None  # it says so by raising: the pictures have nothing in common
    warp = np.asarray(found, dtype=np.float32)
    if agreement < _AGREE or abs(float(np.linalg.det(warp[:, :2])) - 1) > 0.25:
        return None
    warp[:, 2] *= 2
    return warp


def _relief(picture: npt.ArrayLike) -> _Layer:
    """Structure without the light on it: bands and reflections must not be what is registered."""
    calm = cv2.GaussianBlur(np.asarray(picture, dtype=np.float32), (0, 0), 1.0)
    flat = calm - cv2.GaussianBlur(calm, (0, 0), 8)
    return np.asarray(np.clip(flat * (40 / (float(flat.std()) + 1e-3)), -100, 100), dtype=np.float32)


_EVERYWHERE = np.full((_SIDE // 2, _SIDE // 2), 255, np.uint8)
_WINDOWS: dict[int, _Layer] = {}


def _window(side: int) -> _Layer:
    if side not in _WINDOWS:
        _WINDOWS[side] = np.asarray(cv2.createHanningWindow((side, side), cv2.CV_32F), dtype=np.float32)
    return _WINDOWS[side]


def _stretched(mean: _Layer) -> _Layer:
    low, high = (float(v) for v in np.percentile(mean[::4, ::4], (2, 98)))
    return np.asarray((mean - low) * (255 / max(4.0, high - low)), dtype=np.float32)


def _plain(mean: _Layer) -> Picture:
    return np.clip(_stretched(mean), 0, 255).astype(np.uint8)


def _unsharp(mean: _Layer) -> Picture:
    level = _stretched(mean)
    return np.clip(level * 4.5 - cv2.GaussianBlur(level, (0, 0), 4) * 3.5, 0, 255).astype(np.uint8)


def _thresholded(mean: _Layer) -> Picture:
    picture = cv2.adaptiveThreshold(_plain(mean), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 31, 2)
    return np.asarray(picture, dtype=np.uint8)


_LOOKS = (_plain, _unsharp, _thresholded)
