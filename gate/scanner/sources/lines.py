"""Texts by lines from a byte stream: standard input here, serial readers beside it."""

from __future__ import annotations

import os
import time
from collections import deque

from gate.scanner.sources import EndOfSource, Item, Line, Note, SourceFacts
from gate.settings import InputSettings

MAX_LINE = 4096
"""Bytes. No ticket is longer; what is longer is not a line of text."""


class Lines:
    """Bytes to texts: CR, LF or both end one; nothing else is taken off."""

    def __init__(self) -> None:
        self._buffer = b""
        self._overlong = False

    def feed(self, data: bytes, at: int) -> list[Item]:
        """Texts that `data` completes. `at` is CLOCK_MONOTONIC ms of their arrival."""
        *whole, self._buffer = (self._buffer + data).replace(b"\r", b"\n").split(b"\n")
        items = [item for line in whole if (item := self._item(line, at)) is not None]
        if len(self._buffer) > MAX_LINE:
            self._overlong, self._buffer = True, b""
        return items

    def flush(self, at: int) -> list[Item]:
        """The end of a text whose reader sends no line end."""
        return self.feed(b"\n", at) if self._buffer else []

    def _item(self, line: bytes, at: int) -> Item | None:
        overlong, self._overlong = self._overlong or len(line) > MAX_LINE, False
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            return Note({"t": "binary"})
        if overlong:
            return Note({"t": "binary"})
        return Line(text, at) if text else None


class LineSource:
    """One text a line from a file descriptor."""

    live = False

    def __init__(self, settings: InputSettings, fd: int = 0) -> None:
        self._settings = settings
        self._fd = fd
        self._lines = Lines()
        self._waiting: deque[Item] = deque()

    def open(self) -> SourceFacts:
        return SourceFacts("stdin", (0, 0), 0.0)

    def read(self) -> Item | None:
        if self._waiting:
            return self._waiting.popleft()
        data = os.read(self._fd, 4096)
        if not data:
            raise EndOfSource
        self._waiting += self._lines.feed(data, time.monotonic_ns() // 1_000_000)
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """The descriptor belongs to the process."""
