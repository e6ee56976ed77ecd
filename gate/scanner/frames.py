"""One picture and what travels with it. No decoding, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

AnyPicture: TypeAlias = npt.NDArray[Any]
"""Whatever a driver or file gave, before `to_gray` has looked at it."""

Picture: TypeAlias = npt.NDArray[np.uint8]
"""Rows x columns gray, or rows x columns x 3 BGR, 8 bits."""

Corners: TypeAlias = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
"""Top left, top right, bottom right, bottom left of a symbol, in pixels of the frame."""

_MIN_SIDE = 8
_MAX_PIXELS = 64_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A captured picture. `captured` is CLOCK_MONOTONIC ms of the exposure, `seq` counts frames of this source."""

    image: Picture
    captured: int
    seq: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.shape[1], self.image.shape[0]


def to_gray(image: AnyPicture) -> Picture | None:
    """The picture as contiguous 8-bit gray; None when no decoder may see it (empty, strips, absurd size, other types).

    Decoders read wrong types silently and raise on empty arrays, so this is the one door all pictures pass.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        return None
    height, width = image.shape[:2]
    if min(height, width) < _MIN_SIDE or height * width > _MAX_PIXELS:
        return None
    if image.ndim == 2:
        return np.ascontiguousarray(image)
    channels = image.shape[2]
    if channels == 1:
        return np.ascontiguousarray(image[:, :, 0])
    if channels == 3:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    return None
