"""A reader that types, taken from the kernel's input devices: allow-listed by vendor and product, grabbed for us alone.

No package is needed: events are 24 bytes, and three ioctls say who it is, grab it and set its clock.
"""

from __future__ import annotations

import fcntl
import glob
import os
import re
import select
import struct
import time
from collections.abc import Sequence
from typing import Protocol

from gate.scanner.profile import load_profile
from gate.scanner.sources import Item, Line, SourceFacts
from gate.scanner.sources.faults import NO_SOURCE, REFUSED, UNPLUGGED, SourceError
from gate.scanner.sources.keymap import Keys
from gate.settings import InputSettings

_EVENT = struct.Struct("llHHi")
_ID = struct.Struct("4H")
_EV_SYN, _EV_KEY, _SYN_DROPPED = 0, 1, 3
# linux/input.h: _IOR('E', 0x02, 8), _IOW('E', 0x90, int), _IOW('E', 0xa0, int)
_EVIOCGID, _EVIOCGRAB, _EVIOCSCLOCKID = 0x80084502, 0x40044590, 0x400445A0
_WAIT_MS = 100
_ALLOWED = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}(,[0-9a-f]{4}:[0-9a-f]{4})*", re.IGNORECASE)


class InputDevices(Protocol):
    """The kernel's side, for a fake in tests."""

    def paths(self) -> Sequence[str]: ...
    def open(self, path: str) -> int: ...
    def identity(self, fd: int) -> str: ...
    def grab(self, fd: int) -> None: ...


class KernelDevices:
    """Real devices below /dev/input."""

    def paths(self) -> Sequence[str]:
        return sorted(glob.glob("/dev/input/event*"))

    def open(self, path: str) -> int:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def identity(self, fd: int) -> str:
        """`vendor:product` in hex."""
        _, vendor, product, _ = _ID.unpack(fcntl.ioctl(fd, _EVIOCGID, bytes(_ID.size)))
        return f"{vendor:04x}:{product:04x}"

    def grab(self, fd: int) -> None:
        """Nobody else gets its keys (a login prompt must not be typed a ticket); event times are CLOCK_MONOTONIC."""
        fcntl.ioctl(fd, _EVIOCGRAB, 1)
        fcntl.ioctl(fd, _EVIOCSCLOCKID, struct.pack("i", time.CLOCK_MONOTONIC))


class WedgeSource:
    """`device` = `vendor:product` in hex, several by comma: the allow-list. The first that is there is taken."""

    live = False

    def __init__(self, settings: InputSettings, devices: InputDevices | None = None) -> None:
        """Raises: ConfigError for a profile that cannot be read."""
        self._settings = settings
        self._devices = devices or KernelDevices()
        self._keys = Keys(load_profile(settings.profile).wedge)
        self._fd: int | None = None
        self._lost = False

    @property
    def skipped(self) -> int:
        """Keys that were no text."""
        return self._keys.dropped

    def open(self) -> SourceFacts:
        wanted = self._settings.device.lower()
        if not _ALLOWED.fullmatch(wanted):
            raise SourceError(
                REFUSED, f"input {self._settings.name}: device is no vendor:product like 05e0:1200 (lsusb)"
            )
        denied = ""
        for path in self._devices.paths():
            try:
                fd = self._devices.open(path)
            except OSError as error:
                denied = f"; {path}: {error.strerror}"
                continue
            try:
                if self._devices.identity(fd) in wanted.split(","):
                    self._devices.grab(fd)
                    self._fd = fd
                    return SourceFacts(f"evdev:{wanted}", (0, 0), 0.0)
            except OSError as error:
                denied = f"; {path}: {error.strerror} (does another program hold it?)"
            os.close(fd)
        raise SourceError(NO_SOURCE, f"reader {wanted} is not there{denied}")

    def press(self, wait_ms: int = _WAIT_MS) -> tuple[int, int, int] | None:
        """The next key event as (code, value, CLOCK_MONOTONIC ms), None when none came. Raises: SourceError."""
        fd = self._fd
        if fd is None:
            raise SourceError(UNPLUGGED, f"reader {self._settings.device} is closed")
        if not select.select([fd], [], [], wait_ms / 1000)[0]:
            return None
        try:
            # One event at a time: what follows a complete text stays with the kernel until the next call.
            data = os.read(fd, _EVENT.size)
        except BlockingIOError:
            return None
        except OSError as error:
            raise SourceError(UNPLUGGED, f"reader {self._settings.device} was unplugged") from error
        if len(data) < _EVENT.size:
            raise SourceError(UNPLUGGED, f"reader {self._settings.device} was unplugged")
        seconds, micros, kind, code, value = _EVENT.unpack(data)
        if kind == _EV_SYN:
            # The kernel lost events: what is begun cannot be trusted, nor the next text's beginning.
            self._lost = self._lost or code == _SYN_DROPPED
        return (code, value, seconds * 1000 + micros // 1000) if kind == _EV_KEY else None

    def read(self) -> Item | None:
        event = self.press()
        if event is None:
            now = time.monotonic_ns() // 1_000_000
            text, at = self._keys.idle(now), now
        else:
            text, at = self._keys.key(*event), event[2]
        if text is None:
            return None
        lost, self._lost = self._lost, False
        return None if lost else Line(text, at)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
