"""Looks after the gate's own parts once a second: which faults stand, and whether systemd's watchdog may be fed.

Joins pins, scanners, disk, journal, clock and manifest; the words are `gate.lane.faults`. Opens nothing itself.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gate.errors import DamagedError, StorageError
from gate.lane.faults import Fault
from gate.lane.world import World
from gate.model import ClockTrust, Moment

PROBE_S = 1.0
INPUT_GRACE_S = 5.0
"""A scanner child that is started again is back in about two seconds: no fault yet."""
_ALWAYS = "journal.pub"
# A small file of the state folder that every lane has.
ROOM_BACK = 1.1
"""The disk is well again with so much more than the limit, so that the state does not flap."""


class Disk(NamedTuple):
    free_bytes: int
    readonly: bool


def disk_of(state_dir: Path) -> Disk:
    """Room for this user, and whether the file system takes writes at all. Writes nothing. Raises: OSError."""
    found = os.statvfs(state_dir)
    return Disk(found.f_bavail * found.f_frsize, bool(found.f_flag & os.ST_RDONLY) or _refused(state_dir / _ALWAYS))


def _refused(path: Path) -> bool:
    """Linux 6.15 and newer leave the flag alone when ext4 goes read-only after an error. Not asked of a database: closing one
    would drop SQLite's locks."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno == errno.EROFS
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is asked. Every one is cheap, but for `write`, which costs a commit and is called after trouble only."""

    pins: Callable[[], bool]
    inputs: Callable[[], Mapping[str, bool]]
    """Name -> its child runs and reports a source that gives."""
    disk: Callable[[], Disk]
    write: Callable[[], None]
    """Put something small on record. Raises: StorageError."""


class Health:
    """
    Args:
        min_free_mib: `journal.min_free_mib`. set_aside: the journal of the lives before was broken.
        now_s: monotonic seconds.
    """

    def __init__(self, parts: Parts, *, min_free_mib: int, set_aside: bool, now_s: float) -> None:
        self._parts = parts
        self._min_free = min_free_mib << 20
        self._set_aside = set_aside
        self._well_at = {name: now_s for name in parts.inputs()}
        self._full = False
        self._unwritten = ""
        """What the disk said to the last row that it did not take."""
        self.damaged = False
        """The journal is broken: only a start, which moves it aside, helps."""
        self.free_bytes = 0

    def not_written(self, error: StorageError) -> None:
        """A row was refused; the journal is tried until it takes one."""
        self._unwritten = str(error) or "?"
        self.damaged = self.damaged or isinstance(error, DamagedError)

    def written(self) -> None:
        """A row is on disk."""
        self._unwritten = ""

    def look(self, now_s: float, moment: Moment, world: World) -> tuple[Fault, ...]:
        """Every fault that stands now, worst first. Called each `PROBE_S`."""
        if self._unwritten and not self.damaged:
            try:
                self._parts.write()
                self._unwritten = ""
            except StorageError as error:
                self.not_written(error)
        found = {
            Fault.PINS: not self._parts.pins(),
            Fault.SET_ASIDE: self._set_aside,
            Fault.CLOCK: moment.trust is ClockTrust.UNTRUSTED,
            Fault.NOT_IN_POLICY: world.missing == Fault.NOT_IN_POLICY,
            Fault.STALE: _stale(world, moment.at),
            **self._disk(),
            **self._inputs(now_s),
        }
        return tuple(fault for fault in Fault if found.get(fault))

    def _disk(self) -> dict[Fault, bool]:
        try:
            disk = self._parts.disk()
        except OSError as error:  # the medium is gone
            self._unwritten = self._unwritten or str(error)
            return {Fault.JOURNAL: True}
        self.free_bytes = disk.free_bytes
        self._full = disk.free_bytes < self._min_free * (ROOM_BACK if self._full else 1)
        full = self._full or "full" in self._unwritten
        return {
            Fault.DISK_READONLY: disk.readonly,
            Fault.DISK_FULL: full and not disk.readonly,
            Fault.JOURNAL: bool(self._unwritten) and not full and not disk.readonly,
        }

    def _inputs(self, now_s: float) -> dict[Fault, bool]:
        states = self._parts.inputs()
        for name, well in states.items():
            if well:
                self._well_at[name] = now_s
        gone = [name for name in states if now_s - self._well_at.setdefault(name, now_s) > INPUT_GRACE_S]
        every = bool(states) and len(gone) == len(states)
        return {Fault.CAMERA: every, Fault.INPUT: bool(gone) and not every}


def _stale(world: World, at_ms: int) -> bool:
    """Older than the organiser's warning age; an event without one never warns."""
    for event in world.events:
        age = event.data_age_s(at_ms)
        if age is None or 0 < event.mode.warn_s < age:
            return True
    return False


def status_line(gate: str, world: World, faults: tuple[Fault, ...], counts: Mapping[str, int]) -> str:
    """For `systemctl status`: what a technician needs first."""
    state = f"not ready: {world.missing}" if world.missing else "ready"
    if faults:
        state += ", " + " ".join(faults)
    told = " ".join(f"{name}={n}" for name, n in counts.items())
    return f"{gate}: {state}" + (f"; {told}" if told else "")
