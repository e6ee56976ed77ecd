"""The Pi's own camera through picamera2, where that is installed (a distribution package, no dependency of ours).

The lower two thirds of a YUV420 buffer's rows are colour; the upper part is the gray picture, ready and for free.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from gate.scanner.frames import Frame
from gate.scanner.sources import Item, SourceFacts
from gate.scanner.sources.faults import NO_SOURCE, REFUSED, UNPLUGGED, SourceError
from gate.settings import InputSettings

_MIN_FPS = 15.0
_PLAUSIBLE_MS = 1000


def _load() -> Any:
    try:
        return importlib.import_module("picamera2").Picamera2
    except ImportError as error:
        raise SourceError(NO_SOURCE, "picamera2 is not installed: apt install python3-picamera2") from error


class PicameraSource:
    """`device` = number of the camera (a path such as the default `/dev/video0` means the first)."""

    live = True

    def __init__(self, settings: InputSettings, load: Callable[[], Any] = _load) -> None:
        self._settings = settings
        self._load = load
        self._camera: Any = None
        self._size = (settings.width, settings.height)
        self._seq = 0
        self._flush = True

    def open(self) -> SourceFacts:
        make = self._load()
        number = int(self._settings.device) if self._settings.device.isdigit() else 0
        try:
            camera = make(number)
        except (IndexError, RuntimeError) as error:
            raise SourceError(NO_SOURCE, f"Pi camera {number} is not there: check its ribbon cable") from error
        self._camera = camera
        # No queue: a request that waited is an old picture.
        config = camera.create_video_configuration(
            main={"size": self._size, "format": "YUV420"},
            controls={"FrameRate": float(self._settings.fps)},
            buffer_count=3,
            queue=False,
        )
        camera.configure(config)
        self._size = tuple(camera.camera_configuration()["main"]["size"])
        camera.start()
        self._flush = True
        fps = float(self._settings.fps)
        limits = camera.camera_controls.get("FrameDurationLimits")
        if limits is not None:
            fps = min(fps, 1e6 / max(1, limits[0]))
        if fps < _MIN_FPS:
            self.close()
            raise SourceError(REFUSED, f"Pi camera {number} gives {fps:g} frames a second; 15 are needed")
        return SourceFacts(f"picamera:{number}", (self._size[0], self._size[1]), fps)

    def read(self) -> Item | None:
        if self._camera is None:
            raise SourceError(UNPLUGGED, "Pi camera is closed")
        try:
            # Flush once after a start or a change: what was exposed before must not be taken for now.
            request = self._camera.capture_request(flush=self._flush)
        except RuntimeError as error:
            raise SourceError(UNPLUGGED, f"Pi camera stopped: {error}") from error
        self._flush = False
        try:
            stamp = int(request.get_metadata().get("SensorTimestamp", 0))
            buffer = request.make_array("main")
            width, height = self._size
            picture = np.array(buffer[:height, :width], dtype=np.uint8)
        finally:
            request.release()
        self._seq += 1
        return Frame(picture, _monotonic_ms(stamp), self._seq)

    def control(self, name: str, value: float) -> bool:
        """Set `exposure` in ms (0 = automatic) or `focus` in dioptres (below 0 = automatic)."""
        if self._camera is None or name not in ("exposure", "focus"):
            return False
        if name == "focus" and "LensPosition" not in self._camera.camera_controls:
            return False
        if name == "focus":
            self._camera.set_controls({"AfMode": 0, "LensPosition": value} if value >= 0 else {"AfMode": 2})
        elif value > 0:
            self._camera.set_controls({"AeEnable": False, "ExposureTime": round(value * 1000)})
        else:
            self._camera.set_controls({"AeEnable": True})
        self._flush = True
        return True

    def close(self) -> None:
        if self._camera is not None:
            self._camera.stop()
            self._camera.close()
            self._camera = None


def _monotonic_ms(stamp_ns: int) -> int:
    """The sensor's stamp as CLOCK_MONOTONIC ms. It counts with or without time asleep, by kernel; one of them fits."""
    now = time.monotonic_ns()
    asleep = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - now
    for stamp in (stamp_ns, stamp_ns - asleep):
        if now - _PLAUSIBLE_MS * 1_000_000 < stamp <= now:
            return stamp // 1_000_000
    return now // 1_000_000
