"""Does anything move? A 160x90 thumbnail answers for hundredths of a millisecond. Also tells dark and frozen pictures.

Pure over pictures and the capture times it is given.
"""

from __future__ import annotations

import cv2
import numpy as np

from gate.scanner.frames import Picture

THUMB = (160, 90)
_STEP = 15
"""Gray levels between two frames that noise does not reach in a thumbnail."""
_SHARE = 0.004
"""Share of thumbnail pixels that must change: about a fingertip."""
_LINGER_MS = 1500
"""A ticket that came to rest unread still deserves its retries."""
_DARK_MEAN = 12.0
_FROZEN_MS = 3000


class Motion:
    """Feed every frame; ask afterwards. Times are CLOCK_MONOTONIC ms."""

    def __init__(self) -> None:
        self._last: Picture | None = None
        self._moved_at: int | None = None
        self._changed_at: int | None = None
        self._at = 0
        self.light = 0.0
        """Mean gray level of the last frame, 0-255."""

    def feed(self, gray: Picture, at: int) -> bool:
        """Take a frame. Returns: True while something moves or has just moved."""
        thumb = np.asarray(cv2.resize(gray, THUMB, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
        self.light = float(cv2.mean(thumb)[0])
        self._at = at
        if self._last is None:
            # Whatever is there came before we looked: after a restart that may be a ticket.
            self._changed_at = self._moved_at = at
        else:
            difference = cv2.absdiff(thumb, self._last)
            changed = cv2.countNonZero(difference)
            if changed:
                self._changed_at = at
                strong = cv2.countNonZero(cv2.threshold(difference, _STEP, 255, cv2.THRESH_BINARY)[1])
                if strong >= _SHARE * thumb.size:
                    self._moved_at = at
        self._last = thumb
        return self._moved_at is not None and at - self._moved_at <= _LINGER_MS

    @property
    def dark(self) -> bool:
        """True when the lens is covered or no light is on."""
        return self._last is not None and self.light < _DARK_MEAN and float(self._last.max()) < 4 * _DARK_MEAN

    @property
    def still_ms(self) -> int:
        """How long not one thumbnail pixel has changed."""
        return 0 if self._changed_at is None else self._at - self._changed_at

    @property
    def frozen(self) -> bool:
        """True when not one thumbnail pixel has changed for 3 s: a real sensor's noise never does that."""
        return self.still_ms >= _FROZEN_MS


def focus(gray: Picture) -> float:
    """Sharpness of the middle of a picture: variance of its Laplacian. Compare only with the same camera and place."""
    height, width = gray.shape
    middle = gray[height // 4 : height * 3 // 4, width // 4 : width * 3 // 4]
    return float(cv2.Laplacian(middle, cv2.CV_16S, ksize=3).astype(np.float32).var())
