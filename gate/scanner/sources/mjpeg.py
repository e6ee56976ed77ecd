"""Network cameras that send JPEG pictures one after another over HTTP. Read here rather than by a video library, so
that a broken picture, a closed line and silence are told apart.
"""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import IO

import cv2
import numpy as np

from gate.scanner.frames import Frame
from gate.scanner.sources import Item, SourceFacts
from gate.scanner.sources.faults import BROKEN_FRAMES, NO_SOURCE, STALLED, UNPLUGGED, SourceError
from gate.settings import InputSettings

_TIMEOUT_S = 3.0
_LONGEST = 8 << 20
"""Bytes of one picture. A longer one is no picture."""
_FAILURES = 10
"""Broken pictures in a row after which the camera counts as broken."""
_LENGTH = re.compile(rb"content-length:\s*(\d{1,9})", re.IGNORECASE)
_START, _END = b"\xff\xd8", b"\xff\xd9"


def is_mjpeg(url: str) -> bool:
    """Whether to try this reader: any HTTP address; what the server says decides when it is opened."""
    return urllib.parse.urlsplit(url).scheme in ("http", "https")


class MjpegSource:
    """One stream. Boundaries are not looked at: cameras disagree on them, a picture's own markers never lie."""

    live = True

    def __init__(self, settings: InputSettings, timeout_s: float = _TIMEOUT_S) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._stream: IO[bytes] | None = None
        self._buffer = bytearray()
        self._first: Frame | None = None
        self._failures = 0
        self._seq = 0

    def open(self) -> SourceFacts:
        url = self._settings.device
        try:
            # The scheme is http or https: `is_mjpeg` decides before this class is made.
            self._stream = urllib.request.urlopen(url, timeout=self._timeout_s)  # noqa: S310
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SourceError(NO_SOURCE, f"camera {url} does not answer: {error}") from error
        while self._first is None:
            item = self.read()
            self._first = item if isinstance(item, Frame) else None
        return SourceFacts(f"mjpeg:{url}", self._first.size, 0.0)

    def read(self) -> Item | None:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        data = self._part()
        # The moment its last byte came: what the network and the camera took before is not known.
        captured = time.monotonic_ns() // 1_000_000
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            self._failures += 1
            if self._failures >= _FAILURES:
                raise SourceError(BROKEN_FRAMES, f"camera {self._settings.device} sends broken pictures")
            return None
        self._failures = 0
        self._seq += 1
        return Frame(np.asarray(image, dtype=np.uint8), captured, self._seq)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _part(self) -> bytes:
        """The next picture's bytes: as long as its part header says, else from start to end marker."""
        while (start := self._buffer.find(_START)) < 0:
            self._buffer += self._more()
            self._limit()
        header = _LENGTH.search(bytes(self._buffer[:start]))
        del self._buffer[:start]
        if header is not None and int(header[1]) <= _LONGEST:
            end = int(header[1])
            while len(self._buffer) < end:
                self._buffer += self._more()
            return self._take(end)
        searched = 2
        while True:
            end = self._buffer.find(_END, searched)
            # A picture that never ends: the next one's start comes first.
            again = self._buffer.find(_START + b"\xff", 3, None if end < 0 else end)
            if again > 0:
                return self._take(again)
            if end >= 0:
                return self._take(end + 2)
            searched = max(2, len(self._buffer) - 1)
            self._buffer += self._more()
            if self._limit():
                return b""

    def _take(self, end: int) -> bytes:
        data = bytes(self._buffer[:end])
        del self._buffer[:end]
        return data

    def _limit(self) -> bool:
        if len(self._buffer) <= _LONGEST:
            return False
        self._buffer.clear()
        return True

    def _more(self) -> bytes:
        url = self._settings.device
        if self._stream is None:
            raise SourceError(UNPLUGGED, f"camera {url} is closed")
        try:
            data: bytes = self._stream.read1(65536)  # type: ignore[attr-defined]
        except TimeoutError as error:
            raise SourceError(STALLED, f"no picture from {url} for {self._timeout_s:g} s") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SourceError(UNPLUGGED, f"camera {url} closed the line: {error}") from error
        if not data:
            raise SourceError(UNPLUGGED, f"camera {url} closed the line")
        return data
