"""How a source names what is wrong with its device, so that people and the lane need not read messages."""

from __future__ import annotations

from gate.errors import DeviceError

NO_SOURCE = "no_source"
UNPLUGGED = "unplugged"
BROKEN_FRAMES = "broken_frames"
STALLED = "stalled"
FROZEN = "frozen"
REFUSED = "refused"


class SourceError(DeviceError):
    """A device that cannot go on. `name` is the fault word that the lane gets."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def name_of(error: Exception, otherwise: str) -> str:
    """The fault word of an error."""
    return error.name if isinstance(error, SourceError) else otherwise
