"""Trusted time with no clock battery (design 6): a floor that never falls, and how far a reading may be believed.

Pure: readings are passed in. The one place that asks the kernel is `app.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from gate.model import ClockTrust, Moment

MAX_JUMP_MS = 24 * 3600 * 1000
"""A wall clock further ahead of floor + elapsed needs signed time or a person: one bad answer must not expire tickets."""
OFFSET_MAX_ERROR_MS = 2_000
OFFSET_MAX_AGE_MS = 3_600_000
_DRIFT_PPM = 100  # a Pi's crystal is specified for 50 ppm; twice that covers a hot box


class Clock(Protocol):
    def now(self) -> Moment: ...

    def mono_ms(self) -> float:
        """CLOCK_MONOTONIC in ms, with its fraction."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """What the machine says. `offset_*` of a server's signed time in this boot (None = none), `kernel_*` of adjtimex."""

    wall_ms: int
    mono_ms: int
    kernel_synced: bool = False
    kernel_error_ms: int = 0
    offset_base_ms: int | None = None
    """Unix ms at monotonic 0, by the server."""
    offset_error_ms: int = 0
    offset_age_ms: int = 0


@dataclass(slots=True)
class TrustedClock:
    """State: the floor (Unix ms, with the monotonic ms at which it was set) and the last time it was synced."""

    boot: str
    floor_ms: int
    floor_mono_ms: int
    _synced: tuple[int, int, int] | None = field(default=None)
    """The last synced reading of this boot: (monotonic ms, Unix ms, error ms)."""
    _last_at_ms: int = field(default=0)

    def raise_floor(self, at_ms: int, mono_ms: int) -> bool:
        """From a verified `issued`, signed time, or a technician. Returns: whether it rose."""
        if at_ms <= self.at_least(mono_ms):
            return False
        self.floor_ms, self.floor_mono_ms = at_ms, mono_ms
        return True

    def at_least(self, mono_ms: int) -> int:
        """The floor plus the monotonic time since it was set: it is later than this for sure."""
        return self.floor_ms + max(0, mono_ms - self.floor_mono_ms)

    def read(self, reading: Reading) -> Moment:
        """The trusted moment.

        Holdover: the monotonic clock carries the last synced time, so a step of the wall clock changes nothing.
        Untrusted: the wall clock does not count at all, so a wrong one can neither expire nor revive.
        """
        wall = _best_wall(reading)
        error_ms = _synced_error(reading)
        if error_ms is not None and self._plausible(wall, reading.mono_ms):
            trust, at = ClockTrust.SYNCED, wall
            self._synced = (reading.mono_ms, wall, error_ms)
        elif self._synced is not None:
            mono_ms, synced_ms, synced_error_ms = self._synced
            elapsed_ms = max(0, reading.mono_ms - mono_ms)
            trust, at = ClockTrust.HOLDOVER, synced_ms + elapsed_ms
            error_ms = synced_error_ms + elapsed_ms * _DRIFT_PPM // 1_000_000
        else:
            trust, at, error_ms = ClockTrust.UNTRUSTED, self.at_least(reading.mono_ms), None
        at = self._last_at_ms = max(at, self.floor_ms, self._last_at_ms)
        if trust is ClockTrust.SYNCED:
            self.raise_floor(at, reading.mono_ms)
        return Moment(at=at, mono=reading.mono_ms, boot=self.boot, trust=trust, error_ms=error_ms)

    def _plausible(self, wall_ms: int, mono_ms: int) -> bool:
        """Not before the floor and within 24 h of floor + elapsed.

        Not before floor + elapsed would be too strict: a floor from a server whose clock is a second ahead of ours would
        never be reached again.
        """
        return wall_ms >= self.floor_ms and abs(wall_ms - self.at_least(mono_ms)) <= MAX_JUMP_MS


def _synced_error(reading: Reading) -> int | None:
    """Error bound in ms of a reading that a server or the kernel stands for; None = nobody does."""
    error = reading.kernel_error_ms if reading.kernel_synced else None
    if _offset_usable(reading):
        error = reading.offset_error_ms if error is None else min(error, reading.offset_error_ms)
    return error


def _offset_usable(reading: Reading) -> bool:
    return (
        reading.offset_base_ms is not None
        and reading.offset_error_ms <= OFFSET_MAX_ERROR_MS
        and reading.offset_age_ms <= OFFSET_MAX_AGE_MS
    )


def _best_wall(reading: Reading) -> int:
    """The kernel's wall clock when it is disciplined; else the server's time carried by the monotonic clock."""
    if reading.kernel_synced or reading.offset_base_ms is None:
        return reading.wall_ms
    return reading.offset_base_ms + reading.mono_ms
