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


class EndOfSource(Exception):
    """Nothing will come any more, and that is in order (end of a file, of standard input)."""


class FrameSource(Protocol):
    """One input. All calls come from one thread.

    `live` says that a sensor is behind it: silence, a frozen or a black picture are faults then.
    """

    live: bool

    def open(self) -> SourceFacts:
        """Raises: DeviceError naming the device and what to do."""
        ...

    def read(self) -> Item | None:
        """Wait for the next item; None = nothing yet, ask again.

        Raises: EndOfSource; DeviceError when the device is gone.
        """
        ...

    def close(self) -> None:
        """Safe to call twice."""
        ...


def open_source(settings: InputSettings) -> FrameSource:
    """The source of an input, not opened yet. Raises: DeviceError for a kind that has no adapter here."""
    if settings.kind in ("camera", "url"):
        from gate.scanner.sources.camera import CameraSource

        return CameraSource(settings)
    if settings.kind == "video":
        from gate.scanner.sources.files import VideoFiles

        return VideoFiles(settings)
    if settings.kind == "images":
        from gate.scanner.sources.files import ImageFolder

        return ImageFolder(settings)
    if settings.kind == "stdin":
        from gate.scanner.sources.lines import LineSource

        return LineSource(settings)
    raise DeviceError(f"input {settings.name}: kind {settings.kind} has no adapter in this version")
