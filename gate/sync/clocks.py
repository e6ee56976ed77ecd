"""The times that sync goes by: when to sign a request, and what time it is for a signature's validity.

The machine's own clock is never moved. A server's signed time gives an offset to the monotonic clock of this boot.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gate.clock import Reading, TrustedClock
from gate.model import Moment

_DRIFT_PPM = 100
# As in gate.clock: an old offset grows worse with time, so that a new one of equal quality wins.


def read_boot() -> str:
    """The kernel's id of this boot, 32 hex."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip().replace("-", "")


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Offset:
    """`base_ms`: Unix ms at monotonic 0, by the server; `error_ms`: half the round trip; `mono_ms`: when it was taken."""

    base_ms: int
    error_ms: int
    mono_ms: int


class SyncClock:
    """Safe to use from every thread.

    Args:
        wall, mono: readings in ms, Unix and CLOCK_MONOTONIC.
    """

    def __init__(self, boot: str, wall: Callable[[], int] = wall_ms, mono: Callable[[], int] = mono_ms) -> None:
        self.boot = boot
        self.mono_ms = mono
        self._wall = wall
        self._lock = threading.Lock()
        self._offset: Offset | None = None
        self._trusted = TrustedClock(boot, 0, mono())

    @property
    def offset(self) -> Offset | None:
        return self._offset

    def signing_ms(self) -> int:
        """Time to sign a request by: the server's, as far as we know it."""
        offset = self._offset
        return self._wall() if offset is None else offset.base_ms + self.mono_ms()

    def now(self) -> Moment:
        """The trusted moment."""
        with self._lock:
            mono, offset = self.mono_ms(), self._offset
            if offset is None:
                return self._trusted.read(Reading(self._wall(), mono))
            return self._trusted.read(
                Reading(
                    self._wall(),
                    mono,
                    offset_base_ms=offset.base_ms,
                    offset_error_ms=offset.error_ms,
                    offset_age_ms=mono - offset.mono_ms,
                )
            )

    def raise_floor(self, at_ms: int) -> None:
        """By the `issued` of a verified object."""
        with self._lock:
            self._trusted.raise_floor(at_ms, self.mono_ms())

    def take(self, server_ms: int, sent_mono: int, received_mono: int) -> Offset | None:
        """Note a signed time. Returns: the new offset, or None when the one we have is better."""
        error = (received_mono - sent_mono + 1) // 2
        new = Offset(server_ms - (sent_mono + received_mono) // 2, error, received_mono)
        with self._lock:
            self._trusted.raise_floor(server_ms, received_mono)
            old = self._offset
            if old is not None:
                worn = old.error_ms + (received_mono - old.mono_ms) * _DRIFT_PPM // 1_000_000
                if new.error_ms > worn and abs(new.base_ms - old.base_ms) <= new.error_ms + worn:
                    return None
            self._offset = new
        return new
