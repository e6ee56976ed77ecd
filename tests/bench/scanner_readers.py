"""The readers that the scanner bench compares, each as it comes: no tuning for the others, none for us.

`still` reads one photo with everything a reader has; `stream()` makes a function that takes the frames of one
presentation. Both give (texts, whether a symbol was seen whose content is no UTF-8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import zxingcpp
from pyzbar import pyzbar

from gate.scanner.decoder import Cascade, scan_picture
from gate.scanner.engines import load_zbar
from gate.scanner.frames import Picture
from gate.scanner.motion import Motion

Answer = tuple[list[str], bool]
Read = Callable[[Picture], Answer]


@dataclass(frozen=True, slots=True)
class Reader:
    name: str
    still: Read
    stream: Callable[[], Read]


def zxing_alone(gray: Picture) -> Answer:
    """One pass, `QRCodeModel2`, all its own efforts on; `.text` as the library decodes it, whatever the character set."""
    codes = zxingcpp.read_barcodes(gray, formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCodeModel2]))
    return [code.text for code in codes if code.valid], False


def zbar_alone(gray: Picture) -> Answer:
    """One pass. An exception is an empty answer here; a program that uses it plainly would have stopped."""
    try:
        codes = pyzbar.decode(gray, symbols=[pyzbar.ZBarSymbol.QRCODE])
    except Exception:  # noqa: BLE001 - it raises ValueError, ZeroDivisionError and more
        return [], False
    return [bytes(code.data).decode("utf-8", "replace") for code in codes], False


def opencv_alone() -> Read:
    detector = cv2.QRCodeDetector()

    def read(gray: Picture) -> Answer:
        try:
            _, texts, _, _ = detector.detectAndDecodeMulti(gray)
        except (cv2.error, UnicodeDecodeError, SystemError):
            return [], False
        return [text for text in texts if text], False

    return read


def gate_still(gray: Picture) -> Answer:
    readings, binary = scan_picture(gray, _ZBAR)
    return [reading.text for reading in readings], binary > 0


def gate_stream(fusion: bool) -> Callable[[], Read]:
    def start() -> Read:
        cascade, motion, count = Cascade(_ZBAR, fusion=fusion), Motion(), iter(range(1 << 30))

        def read(gray: Picture) -> Answer:
            found = cascade.look(gray, moving=motion.feed(gray, next(count) * 33))
            return [reading.text for reading in found.readings], found.binary > 0

        return read

    return start


_ZBAR = load_zbar()

ZXING = Reader("zxing-cpp", zxing_alone, lambda: zxing_alone)
ZBAR = Reader("pyzbar", zbar_alone, lambda: zbar_alone)
OPENCV = Reader("OpenCV", opencv_alone(), opencv_alone)
GATE = Reader("Gate", gate_still, gate_stream(True))
GATE_PLAIN = Reader("Gate, fusion off", gate_still, gate_stream(False))
ALONE = (ZXING, ZBAR, OPENCV)
