"""Who owns a state folder: one process at a time, because its SQLite files have one writing process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gate.errors import StorageError


class InUseError(StorageError):
    """A running server owns the state folder; ask it (`control`)."""


def lock(state: Path) -> int:
    """Own the folder until the returned descriptor is closed, or this process ends.

    Raises: InUseError, OSError.
    """
    handle = os.open(state / "central.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise InUseError(f"{state} is in use by a running server") from None
    return handle
