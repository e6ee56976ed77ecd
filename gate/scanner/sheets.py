"""The printed sheets of the doctors, drawn as pictures for A4 at 300 dots an inch."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import segno

from gate.errors import DeviceError
from gate.scanner.frames import Picture
from gate.scanner.teach import TEACH

TARGET = "GATE-TARGET:"
"""What the target's codes begin with; their module size in mm follows."""
MODULES_MM = (2.0, 1.5, 1.0, 0.75, 0.5, 0.35, 0.25)
_DPI = 300
_A4 = (2480, 3508)


def target_mm(text: str) -> float | None:
    """Module size of a code of the target sheet, None for any other text."""
    size = text.removeprefix(TARGET)
    if size == text:
        return None
    try:
        return float(size)
    except ValueError:
        return None


def target_sheet() -> Picture:
    """Codes of falling module size: the smallest that is read says what this camera sees at this distance."""
    page = _page("Camera target: hold it where tickets are held. Print at 100 %.")
    top = 330
    column = 0
    for size in MODULES_MM:
        code = _symbol(f"{TARGET}{size:.2f}", max(1, round(size * _DPI / 25.4)))
        x = 300 + 1150 * column
        if top + code.shape[0] > _A4[1] - 80:
            break
        page[top : top + code.shape[0], x : x + code.shape[1]] = code
        _write(page, f"{size:g} mm", (x, top - 16), 1.4)
        if column or size > 1.0:
            top += code.shape[0] + 110
            column = 0
        else:
            column = 1
    return page


def wedge_sheet() -> Picture:
    """The teach-in code for readers that type."""
    page = _page("Reader teach-in: start `gate doctor wedge`, then scan this code once.")
    code = _symbol(TEACH, 14)
    page[600 : 600 + code.shape[0], 700 : 700 + code.shape[1]] = code
    return page


def save_sheet(picture: Picture, path: Path) -> None:
    """Write a PNG with its resolution inside. Raises: DeviceError when the file cannot be written."""
    done, data = cv2.imencode(".png", picture)
    if not done:
        raise DeviceError(f"{path}: the picture could not be encoded")
    # pHYs: pixels a metre, so that "actual size" is what the printer dialog offers.
    metre = round(_DPI / 0.0254)
    body = b"pHYs" + struct.pack(">IIB", metre, metre, 1)
    chunk = struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body))
    raw = data.tobytes()
    try:
        path.write_bytes(raw[:33] + chunk + raw[33:])
    except OSError as error:
        raise DeviceError(f"{path} cannot be written: {error.strerror}") from error


def _page(title: str) -> Picture:
    page = np.full((_A4[1], _A4[0]), 255, np.uint8)
    _write(page, title, (200, 170), 1.7)
    return page


def _write(page: Picture, text: str, at: tuple[int, int], size: float) -> None:
    cv2.putText(page, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 0, 3, cv2.LINE_AA)


def _symbol(text: str, scale: int) -> Picture:
    code = segno.make(text, error="m", micro=False, boost_error=False)
    grid = np.array([list(row) for row in code.matrix_iter(border=4)], dtype=bool)
    return np.where(grid, 0, 255).astype(np.uint8).repeat(scale, axis=0).repeat(scale, axis=1)
