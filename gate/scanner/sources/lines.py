"""Texts by lines from standard input: for readers behind a pipe, tests and trials by hand."""

from __future__ import annotations

import os
import time

from gate.scanner.sources import EndOfSource, Item, Line, Note, SourceFacts
from gate.settings import InputSettings

_MAX_LINE = 4096
"""Bytes. No ticket is longer; what is longer is not a line of text."""


class LineSource:
    """One text a line from a file descriptor; only the line end is taken off."""

    live = False

    def __init__(self, settings: InputSettings, fd: int = 0) -> None:
        self._settings = settings
        self._fd = fd
        self._buffer = b""
        self._overlong = False

    def open(self) -> SourceFacts:
        return SourceFacts("stdin", (0, 0), 0.0)

    def read(self) -> Item | None:
        while b"\n" not in self._buffer:
            if len(self._buffer) > _MAX_LINE:
                self._overlong, self._buffer = True, b""
            data = os.read(self._fd, 4096)
            if not data:
                raise EndOfSource
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        overlong, self._overlong = self._overlong or len(line) > _MAX_LINE, False
        try:
            text = line.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError:
            return Note({"t": "binary"})
        if overlong:
            return Note({"t": "binary"})
        return Line(text, time.monotonic_ns() // 1_000_000) if text else None

    def close(self) -> None:
        """The descriptor belongs to the process."""
