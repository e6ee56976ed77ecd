"""Devices as every request needs them, kept for a second: a signature is checked without a question to the database.

A change by this process, or a hint from another one, drops a device at once; a second is what a lost hint may cost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from gate.central import devices
from gate.central.devices import Device
from gate.central.hints import Hints, Topic

_KEEP_S = 1.0
_MOST = 20_000


class Directory:
    """May be used from any thread.

    Args:
        read: runs a job on a reading connection, in the calling thread.
    """

    def __init__(self, read: Callable[[Callable[[Any], Device | None]], Device | None], hints: Hints) -> None:
        self._read = read
        self._guard = threading.Lock()
        self._known: dict[str, tuple[float, Device]] = {}
        self._changes = 0
        hints.on_wake = self._changed

    def known(self, name: str) -> Device | None:
        """From memory; None = ask `look_up`."""
        found = self._known.get(name)
        return found[1] if found is not None and found[0] > time.monotonic() else None

    def look_up(self, name: str) -> Device | None:
        """From the database. Raises: StorageError."""
        before = self._changes
        found = self._read(lambda connection: devices.get(connection, name))
        with self._guard:
            if found is not None and before == self._changes:  # else it may be older than the change
                if len(self._known) >= _MOST:
                    self._known.clear()
                self._known[name] = (time.monotonic() + _KEEP_S, found)
        return found

    def _changed(self, topic: Topic) -> None:
        kind, name = topic
        if kind not in ("device", ""):
            return
        with self._guard:
            self._changes += 1
            if kind:
                self._known.pop(name, None)
            else:
                self._known.clear()
