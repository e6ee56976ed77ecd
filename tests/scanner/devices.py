"""Input devices for the tests: a fake that speaks the kernel's 24-byte events, and a real one where /dev/uinput is."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path

_EVENT = struct.Struct("llHHi")
US = {
    **{c: (2 + n, False) for n, c in enumerate("1234567890-=")},
    **{c: (2 + n, True) for n, c in enumerate("!@#$%^&*()_+")},
    **{c: (first + n, upper) for first, row in ((16, "qwertyuiop[]"), (30, "asdfghjkl;'`"), (44, "zxcvbnm,./"))
       for n, low in enumerate(row) for c, upper in ((low, False), (low.upper(), True)) if upper is False or low.isalpha()},
    ":": (39, True), '"': (40, True), "{": (26, True), "}": (27, True), "<": (51, True), ">": (52, True), "?": (53, True),
    " ": (57, False), "\n": (28, False), "\t": (15, False),
}  # fmt: skip
"""Character -> key code and shift, of a US keyboard."""

Event = tuple[int, int, int]


def keys(text: str) -> list[Event]:
    """(type, code, value) of typing a text, as a reader does: a SYN after each key."""
    events: list[Event] = []
    for char in text:
        code, shift = US[char]
        if shift:
            events += [(1, 42, 1), (0, 0, 0)]
        events += [(4, 4, 0x70000 + code), (1, code, 1), (0, 0, 0), (1, code, 0), (0, 0, 0)]
        if shift:
            events += [(1, 42, 0), (0, 0, 0)]
    return events


def packed(event: Event, at_ms: int) -> bytes:
    return _EVENT.pack(at_ms // 1000, at_ms % 1000 * 1000, *event)


class FakeDevices:
    """`found`: identity by path. Types into a pipe; unplugging closes its end."""

    def __init__(self, **found: str) -> None:
        self._found = found
        self._ends: dict[str, int] = {}
        self.grabbed: list[str] = []
        self._paths: dict[int, str] = {}

    def paths(self) -> Sequence[str]:
        return sorted(self._found)

    def open(self, path: str) -> int:
        read, write = os.pipe2(os.O_NONBLOCK)
        self._ends[path] = write
        self._paths[read] = path
        return read

    def identity(self, fd: int) -> str:
        return self._found[self._paths[fd]]

    def grab(self, fd: int) -> None:
        self.grabbed.append(self._paths[fd])

    def type(self, path: str, events: Sequence[Event], *, at_ms: int | None = None, step_ms: int = 0) -> None:
        at = time.monotonic_ns() // 1_000_000 if at_ms is None else at_ms
        for n, event in enumerate(events):
            os.write(self._ends[path], packed(event, at + n * step_ms))

    def unplug(self, path: str) -> None:
        os.close(self._ends.pop(path))


class Uinput:
    """A reader that the kernel believes in. Raises OSError where uinput is not allowed."""

    def __init__(self, vendor: int, product: int) -> None:
        self._fd = os.open("/dev/uinput", os.O_WRONLY | os.O_NONBLOCK)
        fcntl.ioctl(self._fd, 0x40045564, 1)  # UI_SET_EVBIT EV_KEY
        for code in range(1, 128):
            fcntl.ioctl(self._fd, 0x40045565, code)  # UI_SET_KEYBIT
        setup = struct.pack("4H80sI", 3, vendor, product, 1, b"gate test reader", 0)
        fcntl.ioctl(self._fd, 0x405C5503, setup)  # UI_DEV_SETUP
        fcntl.ioctl(self._fd, 0x5501)  # UI_DEV_CREATE
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline and not any(Path("/dev/input").glob("event*")):
            time.sleep(0.05)

    def type(self, text: str) -> None:
        for event in keys(text):
            if event[0] != 4:
                os.write(self._fd, packed(event, 0))

    def close(self) -> None:
        fcntl.ioctl(self._fd, 0x5502)  # UI_DEV_DESTROY
        os.close(self._fd)
