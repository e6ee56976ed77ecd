"""The machine's clocks, read: wall, monotonic, boot id, and whether the kernel says that the wall clock is disciplined."""

from __future__ import annotations

import ctypes
import threading
import time

from gate.clock import Reading, TrustedClock
from gate.model import Moment
from gate.sync.clocks import read_boot

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized
_STA_UNSYNC = 0x40


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), Linux 64 and 32 bit: only the head is read, the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 256),
    )


def kernel_sync() -> int | None:
    """Largest error of the wall clock in ms by the kernel; None when it is not disciplined."""
    timex = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    if state < 0 or state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return None
    return int(timex.maxerror) // 1000


class SystemClock:
    """See `clock.Clock`. Shared by threads; the trusted floor only rises.

    Args:
        floor_ms: last persisted floor or the build time, Unix ms.
    """

    def __init__(self, floor_ms: int) -> None:
        self.boot = read_boot()
        self._trusted = TrustedClock(self.boot, floor_ms, int(self.mono_ms()))
        self._kernel_error_ms: int | None = None
        self._kernel_asked_ms = float("-inf")
        self._offset: tuple[int, int, int] | None = None
        self._lock = threading.Lock()

    def mono_ms(self) -> float:
        return time.monotonic_ns() / 1e6

    def now(self) -> Moment:
        with self._lock:
            return self._now()

    def _now(self) -> Moment:
        mono = int(self.mono_ms())
        if mono - self._kernel_asked_ms > 1_000:  # the kernel's answer changes in minutes
            self._kernel_error_ms, self._kernel_asked_ms = kernel_sync(), mono
        base, error, seen = self._offset or (None, 0, 0)
        return self._trusted.read(
            Reading(
                wall_ms=time.time_ns() // 1_000_000,
                mono_ms=mono,
                kernel_synced=self._kernel_error_ms is not None,
                kernel_error_ms=self._kernel_error_ms or 0,
                offset_base_ms=base,
                offset_error_ms=error,
                offset_age_ms=mono - seen,
            )
        )

    def raise_floor(self, at_ms: int) -> None:
        """To a verified time of issue."""
        with self._lock:
            self._trusted.raise_floor(at_ms, int(self.mono_ms()))

    def set_offset(self, base_ms: int, error_ms: int, taken_mono_ms: int | None = None) -> None:
        """A server's signed time in this boot (Unix ms at monotonic 0), as sync has stored it.

        Args:
            taken_mono_ms: when it was taken; None = when it is first seen here.
        """
        now = int(self.mono_ms())
        if taken_mono_ms is not None and taken_mono_ms <= now:
            self._offset = (base_ms, error_ms, taken_mono_ms)
        elif self._offset is None or self._offset[:2] != (base_ms, error_ms):
            self._offset = (base_ms, error_ms, now)
