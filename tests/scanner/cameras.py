"""Cameras as their libraries show them: a V4L2 device through OpenCV, the Pi's own through picamera2."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import cv2
import numpy as np

SIZE = (320, 240)
STAMPED_MS = 9
"""How long before a frame is read its driver says it was taken."""


class FakeV4l2:
    """What OpenCV shows of a driver that stamps its buffers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._set: dict[int, float] = {cv2.CAP_PROP_FPS: 30.0}

    def isOpened(self) -> bool:
        return True

    def set(self, prop: int, value: float) -> bool:
        self._set[prop] = value
        return True

    def get(self, prop: int) -> float:
        return time.monotonic() * 1000 - STAMPED_MS if prop == cv2.CAP_PROP_POS_MSEC else self._set.get(prop, 0.0)

    def grab(self) -> bool:
        return self._path.exists()

    def retrieve(self) -> tuple[bool, Any]:
        return True, np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)

    def release(self) -> None:
        """Nothing is held."""


class FakePicamera2:
    """The part of picamera2 that is used, after its manual: requests with metadata, YUV420 buffers, controls."""

    gone = False
    flushes: ClassVar[list[bool]] = []
    controls: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, number: int) -> None:
        if number != 0:
            raise IndexError("list index out of range")
        self.camera_controls = {"FrameDurationLimits": (33_333, 120_000, None), "LensPosition": (0.0, 10.0, 1.0)}
        self._configured: dict[str, Any] = {}
        self._running = False

    def create_video_configuration(self, **keys: Any) -> dict[str, Any]:
        return keys

    def configure(self, config: dict[str, Any]) -> None:
        assert config["queue"] is False
        self._configured = config

    def camera_configuration(self) -> dict[str, Any]:
        return self._configured

    def start(self) -> None:
        self._running = True

    def capture_request(self, flush: bool) -> Any:
        if not self._running or FakePicamera2.gone:
            raise RuntimeError("camera is not running")
        FakePicamera2.flushes.append(flush)
        width, height = self._configured["main"]["size"]
        buffer = np.full((height * 3 // 2, width + 64), 128, np.uint8)  # rows are longer than the picture
        buffer[:height, :width] = 77
        stamp = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - STAMPED_MS * 1_000_000
        return SimpleNamespace(
            get_metadata=lambda: {"SensorTimestamp": stamp}, make_array=lambda name: buffer, release=lambda: None
        )

    def set_controls(self, controls: dict[str, Any]) -> None:
        FakePicamera2.controls.append(controls)

    def stop(self) -> None:
        self._running = False

    def close(self) -> None:
        self._running = False
