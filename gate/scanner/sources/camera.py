"""Cameras through OpenCV: V4L2 devices, and RTSP and other addresses that are no plain MJPEG."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Protocol

import cv2
import numpy as np

from gate.scanner.frames import Frame
from gate.scanner.sources import Item, SourceFacts
from gate.scanner.sources.faults import BROKEN_FRAMES, NO_SOURCE, REFUSED, UNPLUGGED, SourceError
from gate.settings import InputSettings

_MIN_FPS = 15.0
"""Below this a ticket in motion is seen too seldom; a driver that offers less is misconfigured."""
_OPEN_TIMEOUT_MS = 5000
_READ_TIMEOUT_MS = 3000
_READ_FAILURES = 10
"""Broken frames in a row (a bad JPEG is one) after which the device counts as gone."""


class Capture(Protocol):
    """The part of `cv2.VideoCapture` used here."""

    def isOpened(self) -> bool: ...
    def set(self, prop: int, value: float) -> bool: ...
    def get(self, prop: int) -> float: ...
    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, Any]: ...
    def release(self) -> None: ...


def _open_capture(settings: InputSettings) -> Capture:
    if settings.kind == "url":
        wait = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_TIMEOUT_MS]
        return cv2.VideoCapture(settings.device, cv2.CAP_FFMPEG, wait)
    return cv2.VideoCapture(settings.device, cv2.CAP_V4L2)


class CameraSource:
    """A camera device or URL. The newest frame is what `grab` gives: the driver keeps one buffer where it can."""

    live = True

    def __init__(
        self, settings: InputSettings, open_capture: Callable[[InputSettings], Capture] = _open_capture
    ) -> None:
        self._settings = settings
        self._open_capture = open_capture
        self._capture: Capture | None = None
        self._seq = 0
        self._failures = 0

    def open(self) -> SourceFacts:
        device = self._settings.device
        if self._settings.kind == "camera" and not os.path.exists(device):
            raise SourceError(
                NO_SOURCE, f"camera {device} is not there: plug it in, or set input.device (v4l2-ctl --list-devices)"
            )
        capture = self._open_capture(self._settings)
        if not capture.isOpened():
            capture.release()
            raise SourceError(
                NO_SOURCE, f"camera {device} does not open: is another program using it, may this user read it?"
            )
        self._capture = capture
        if self._settings.kind == "camera":
            # MJPG first: asked after the size, many drivers answer with the few raw frames that USB 2 carries.
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._settings.width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._settings.height)
            capture.set(cv2.CAP_PROP_FPS, self._settings.fps)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        if self._settings.kind == "camera" and 0 < fps < _MIN_FPS:
            self.close()
            raise SourceError(
                REFUSED, f"camera {device} gives {fps:g} frames a second at {width}x{height}; 15 are needed"
            )
        return SourceFacts(f"{'v4l2' if self._settings.kind == 'camera' else 'url'}:{device}", (width, height), fps)

    def read(self) -> Item | None:
        capture = self._capture
        if capture is None:
            raise SourceError(UNPLUGGED, f"camera {self._settings.device} is closed")
        grabbed = capture.grab()
        captured = self._captured(capture)
        ok, image = capture.retrieve() if grabbed else (False, None)
        if not ok or image is None:
            self._failures += 1
            gone = self._settings.kind == "camera" and not os.path.exists(self._settings.device)
            if gone:
                raise SourceError(UNPLUGGED, f"camera {self._settings.device} was unplugged")
            if self._failures >= _READ_FAILURES:
                # A picture that came and cannot be decoded is another trouble than none at all.
                name = BROKEN_FRAMES if grabbed else UNPLUGGED
                raise SourceError(name, f"camera {self._settings.device} gives no frames")
            return None
        self._failures = 0
        self._seq += 1
        return Frame(np.asarray(image), captured, self._seq)

    def control(self, name: str, value: float) -> bool:
        """Set `exposure` in ms (0 = automatic) or `focus` in the driver's units (below 0 = automatic).

        Returns: whether the driver took it.
        """
        if self._capture is None or name not in ("exposure", "focus") or self._settings.kind != "camera":
            return False
        if name == "focus":
            taken = self._capture.set(cv2.CAP_PROP_AUTOFOCUS, float(value < 0))
            return taken if value < 0 else self._capture.set(cv2.CAP_PROP_FOCUS, value) and taken
        if value <= 0:
            return self._capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, 3)
        # V4L2: 1 = manual, exposure_time_absolute in units of 100 microseconds.
        manual = self._capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, 1)
        return self._capture.set(cv2.CAP_PROP_EXPOSURE, round(value * 10)) and manual

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _captured(self, capture: Capture) -> int:
        now = time.monotonic_ns() // 1_000_000
        if self._settings.kind == "camera":
            # UVC drivers stamp buffers with CLOCK_MONOTONIC; believe it only when it can be true.
            stamp = int(capture.get(cv2.CAP_PROP_POS_MSEC))
            if now - 1000 < stamp <= now:
                return stamp
        return now
