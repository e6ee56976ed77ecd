"""A reader on a serial line, or a USB one that pretends to be: plain termios, raw, no echo."""

from __future__ import annotations

import errno
import os
import select
import termios
import time
from collections import deque

from gate.scanner.profile import load_profile
from gate.scanner.sources import Item, Line, SourceFacts
from gate.scanner.sources.faults import NO_SOURCE, REFUSED, UNPLUGGED, SourceError
from gate.scanner.sources.keymap import clean_wedge
from gate.scanner.sources.lines import Lines
from gate.settings import InputSettings

_BAUD = 9600
"""What readers leave the factory with; USB ones ignore it."""
_IDLE_MS = 100
"""A pause of this length ends a text whose reader sends no line end."""
_WAIT_MS = 50


class SerialSource:
    """`device` = path, or `path@baud`. A path below /dev/serial/by-id stays the same when it is plugged in again."""

    live = False

    def __init__(self, settings: InputSettings) -> None:
        """Raises: ConfigError for a profile that cannot be read."""
        self._settings = settings
        self._path, _, self._baud = settings.device.partition("@")
        self._wedge = load_profile(settings.profile).wedge
        self._fd: int | None = None
        self._lines = Lines()
        self._waiting: deque[Item] = deque()
        self._at = 0

    def open(self) -> SourceFacts:
        speed = getattr(termios, f"B{self._baud or _BAUD}", None)
        if not isinstance(speed, int):
            raise SourceError(REFUSED, f"{self._baud} is no serial speed: write {self._path}@9600, @115200 ...")
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            why = "plug it in" if error.errno == errno.ENOENT else error.strerror
            raise SourceError(NO_SOURCE, f"reader {self._path} does not open: {why}") from error
        try:
            _raw(fd, speed)
        except termios.error as error:
            os.close(fd)
            raise SourceError(REFUSED, f"{self._path} is no serial line: {error.args[-1]}") from error
        self._fd = fd
        return SourceFacts(f"serial:{self._path}", (0, 0), 0.0)

    def read(self) -> Item | None:
        if self._waiting:
            return self._waiting.popleft()
        fd = self._fd
        if fd is None:
            raise SourceError(UNPLUGGED, f"reader {self._path} is closed")
        now = time.monotonic_ns() // 1_000_000
        if not select.select([fd], [], [], _WAIT_MS / 1000)[0]:
            if now - self._at >= _IDLE_MS:
                self._take(self._lines.flush(now))
            return self._waiting.popleft() if self._waiting else None
        try:
            data = os.read(fd, 4096)
        except BlockingIOError:
            return None
        except OSError as error:
            raise SourceError(UNPLUGGED, f"reader {self._path} was unplugged") from error
        if not data:
            raise SourceError(UNPLUGGED, f"reader {self._path} was unplugged")
        self._at = now
        self._take(self._lines.feed(data, now))
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _take(self, items: list[Item]) -> None:
        for item in items:
            if isinstance(item, Line):
                text = clean_wedge(item.text, self._wedge)
                self._waiting += [Line(text, item.at)] if text else []
            else:
                self._waiting.append(item)


def _raw(fd: int, speed: int) -> None:
    """Eight bits, no parity, nothing translated, modem lines ignored; what came before we were there is thrown away."""
    _, _, control, _, _, _, characters = termios.tcgetattr(fd)
    control = (
        (control & ~(termios.CSIZE | termios.PARENB | termios.CSTOPB)) | termios.CS8 | termios.CREAD | termios.CLOCAL
    )
    termios.tcsetattr(fd, termios.TCSANOW, [0, 0, control, 0, speed, speed, characters])
    termios.tcflush(fd, termios.TCIFLUSH)
