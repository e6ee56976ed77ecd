"""Small pictures for people: at most five a second, and only while somebody looks."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from gate.scanner.engines import Found
from gate.scanner.frames import Frame

_INTERVAL_MS = 200
_WIDTH = 800
_QUALITY = 75


class Preview:
    """Decides when a picture is due and makes it. Set `wanted` from any thread."""

    def __init__(self) -> None:
        self.wanted = False
        self._at: int | None = None

    def due(self, now: int) -> bool:
        """True when a picture is wanted and the last is 200 ms old; `now` in CLOCK_MONOTONIC ms."""
        if not self.wanted or (self._at is not None and now - self._at < _INTERVAL_MS):
            return False
        self._at = now
        return True

    def picture(self, frame: Frame, found: Found) -> tuple[dict[str, Any], bytes]:
        """Message and JPEG. `codes` holds corners in frame coordinates; `size` is the frame's, not the JPEG's."""
        width, height = frame.size
        image = frame.image
        if width > _WIDTH:
            image = np.asarray(
                cv2.resize(image, (_WIDTH, round(height * _WIDTH / width)), interpolation=cv2.INTER_AREA),
                dtype=np.uint8,
            )
        _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        codes = [{"read": True, "corners": reading.corners} for reading in found.readings]
        if found.candidate is not None:
            codes.append({"read": False, "corners": found.candidate})
        return {"t": "preview", "at": frame.captured, "size": frame.size, "codes": codes}, jpeg.tobytes()
