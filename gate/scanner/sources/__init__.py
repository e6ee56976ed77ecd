"""Where frames and texts come from, behind one protocol. Sources know nothing of codes.

`open_source` makes the source of an input; each lives in its own file, so a child imports only what it needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

from gate.errors import DeviceError
from gate.scanner.frames import Frame
from gate.settings import InputSettings


class Line(NamedTuple):
    """A text from a reader that decodes by itself. `at` is CLOCK_MONOTONIC ms."""

    text: str
    at: int


class Note(NamedTuple):
    """Something the source has to say to the lane, JSON-ready with `t`."""

    message: dict[str, Any]


Item: TypeAlias = Frame | Line | Note


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What was read back from the device, not what was asked for. Size in pixels."""

    source: str
    size: tuple[int, int]
    fps: float


TEXT_KINDS = frozenset({"evdev", "serial", "stdin"})
"""Readers that decode by themselves: they give lines, and their silence says nothing."""


class EndOfSource(Exception):
    """Nothing will come any more, and that is in order (end of a file, of standard input)."""


class FrameSource(Protocol):
    """One input. All calls come from one thread.

    `live` says that a sensor is behind it: silence, a frozen or a black picture are faults then.
    """

    live: bool

    def open(self) -> SourceFacts:
        """Raises: SourceError naming the device and what to do."""
        ...

    def read(self) -> Item | None:
        """Wait for the next item; None = nothing yet, ask again.

        Raises: EndOfSource; SourceError when the device is gone.
        """
        ...

    def close(self) -> None:
        """Safe to call twice."""
        ...


def open_source(settings: InputSettings) -> FrameSource:
    """The source of an input, not opened yet. Raises: ConfigError when its profile cannot be read."""
    match settings.kind:
        case "url":
            from gate.scanner.sources.mjpeg import MjpegSource, is_mjpeg

            if is_mjpeg(settings.device):
                return MjpegSource(settings)
            from gate.scanner.sources.camera import CameraSource

            return CameraSource(settings)
        case "camera":
            from gate.scanner.sources.camera import CameraSource

            return CameraSource(settings)
        case "picamera":
            from gate.scanner.sources.picamera import PicameraSource

            return PicameraSource(settings)
        case "video":
            from gate.scanner.sources.files import VideoFiles

            return VideoFiles(settings)
        case "images":
            from gate.scanner.sources.files import ImageFolder

            return ImageFolder(settings)
        case "evdev":
            from gate.scanner.sources.evdev import WedgeSource

            return WedgeSource(settings)
        case "serial":
            from gate.scanner.sources.serialport import SerialSource

            return SerialSource(settings)
        case "stdin":
            from gate.scanner.sources.lines import LineSource

            return LineSource(settings)
    raise DeviceError(f"input {settings.name}: kind {settings.kind} has no adapter in this version")
