"""The two engines behind one signature. No choice of what runs when, no change of pictures.

Measurements behind the settings: zxing-cpp with `QRCodeModel2` only (the wider `QRCode` family brings Micro QR, which
has no error correction and gave wrong texts); pyzbar guarded, because one structured-append symbol makes it raise and an
empty picture divides by zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import metadata
from typing import Any, NamedTuple

import zxingcpp

from gate.scanner.frames import Corners, Picture


class Reading(NamedTuple):
    """A text as the symbol holds it: its bytes decoded as strict UTF-8, nothing trimmed or changed."""

    text: str
    engine: str
    corners: Corners


class Found(NamedTuple):
    """What one pass over one picture gave. `binary` symbols are named, never guessed; `candidate` was seen, not read."""

    readings: tuple[Reading, ...]
    binary: int
    candidate: Corners | None


NOTHING = Found((), 0, None)


def side_of(corners: Corners) -> float:
    """Side in pixels of the square with the same area."""
    doubled = sum(
        x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True)
    )  # shoelace
    return math.sqrt(abs(doubled) / 2)


def read_zxing(gray: Picture, engine: str = "zxing") -> Found:
    """One zxing-cpp pass. Its `.bytes` are passed on: `.text` changes NUL and more."""
    readings: list[Reading] = []
    binary = 0
    candidate: Corners | None = None
    for code in zxingcpp.read_barcodes(
        gray,
        formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCodeModel2]),
        try_rotate=True,
        try_downscale=True,
        try_invert=True,
        binarizer=zxingcpp.Binarizer.LocalAverage,
        return_errors=True,
    ):
        where = code.position
        corners: Corners = (
            (where.top_left.x, where.top_left.y),
            (where.top_right.x, where.top_right.y),
            (where.bottom_right.x, where.bottom_right.y),
            (where.bottom_left.x, where.bottom_left.y),
        )
        if not code.valid:
            if candidate is None or side_of(corners) > side_of(candidate):
                candidate = corners
            continue
        try:
            text = code.bytes.decode("utf-8")
        except UnicodeDecodeError:
            binary += 1
            continue
        if text:
            readings.append(Reading(text, engine, corners))
        else:
            binary += 1
    return Found(tuple(readings), binary, candidate)


class Zbar:
    """pyzbar, where the system library is there. Only plain ASCII of it is believed: it re-encodes everything else."""

    def __init__(self) -> None:
        """Raises: ImportError when libzbar is not installed."""
        from pyzbar import pyzbar

        self._decode: Callable[..., list[Any]] = pyzbar.decode
        self._symbols = [pyzbar.ZBarSymbol.QRCODE]
        self.faults = 0
        """Passes that raised and were given up."""

    def __call__(self, gray: Picture) -> Found:
        try:
            found = self._decode(gray, symbols=self._symbols)
        except Exception:  # noqa: BLE001 - whatever it raises (ValueError, ZeroDivisionError seen), the loop goes on
            self.faults += 1
            return NOTHING
        readings: list[Reading] = []
        for code in found:
            data = bytes(code.data)
            points = list(code.polygon)
            if not data or not all(0x20 <= byte < 0x7F for byte in data):
                continue
            if len(points) != 4:
                left, top, width, height = code.rect
                points = [(left, top), (left, top + height), (left + width, top + height), (left + width, top)]
            a, b, c, d = ((int(x), int(y)) for x, y in points)
            readings.append(Reading(data.decode("ascii"), "zbar", (a, d, c, b)))
        return Found(tuple(readings), 0, None)


def load_zbar() -> Zbar | None:
    """The zbar engine, or None where its system library is missing."""
    try:
        return Zbar()
    except ImportError:
        return None


def engine_names(zbar: Zbar | None) -> list[str]:
    """For `hello`: engines with versions, and in plain words what is missing."""
    names = [f"zxing-cpp {metadata.version('zxing-cpp')}"]
    names.append(f"pyzbar {metadata.version('pyzbar')}" if zbar is not None else "without pyzbar: libzbar0 is missing")
    return names
