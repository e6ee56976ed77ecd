"""Every error family of Gate. A refused ticket is a result, not an error, outside `gate.verify`."""

from __future__ import annotations

from gate.model import Reason


class GateError(Exception):
    """Base of all. `code` is a stable word for logs, `--json` and the status line; `exit_code` a command's (contracts 8)."""

    code = "error"
    exit_code = 1


class TicketError(GateError):
    """The code's fault: it becomes a reason on the screen.

    Args:
        reason: the word that is journaled.
        detail: which check failed, a short stable word.
    """

    code = "ticket"

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class TrustError(GateError):
    """A signed object is refused; the trusted state is as it was. `code` names the check."""

    exit_code = 5

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TrustAlarm(TrustError):
    """Not only refused but suspicious (two different objects under one number): people must be told."""


class FormatError(GateError, ValueError):
    """Bytes or a message that are not what the contract says. Caught at the edge that read them."""

    code = "format"
    exit_code = 2


class DeviceError(GateError):
    """Camera, reader, pins. The message names the device and what to do."""

    code = "device"
    exit_code = 3


class StorageError(GateError):
    """A database or file could not be written or read back."""

    code = "storage"
    exit_code = 3


class DamagedError(StorageError):
    """Stored data fails its own check (hash chain, integrity)."""

    code = "damaged"
    exit_code = 5


class MovedError(StorageError):
    """A new manifest has just come and is not open yet: what sync says of its changes does not fit the old one."""

    code = "moved"


class UplinkError(GateError):
    """The server could not be reached or refused us. `retry_after_s` is what it asked for, if it did."""

    code = "uplink"
    exit_code = 4

    def __init__(
        self, code: str, message: str, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after_s = retry_after_s


class ConfigError(GateError):
    """All problems of a configuration file at once.

    Args:
        problems: (key, problem, hint) for each.
    """

    code = "config"
    exit_code = 2

    def __init__(self, problems: list[tuple[str, str, str]]) -> None:
        super().__init__("; ".join(f"{key}: {problem}" for key, problem, _ in problems))
        self.problems = problems
