"""A film of a real ticket for Chromium's fake camera: raw YUV frames, a QR code held still, then an empty picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import segno

WIDTH, HEIGHT, FPS = 640, 480, 10


def film(path: Path, texts: Sequence[str], *, shown_s: float = 1.5, gap_s: float = 1.6) -> Path:
    """Each text held before the camera in turn, with a pause between."""
    with path.open("wb") as out:
        out.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for text in texts:
            _write(out, _frame(text), int(shown_s * FPS))
            _write(out, np.full((HEIGHT, WIDTH, 3), 70, np.uint8), int(gap_s * FPS))
    return path


def _frame(text: str) -> np.ndarray:
    rows = np.array(
        [[0 if cell else 255 for cell in row] for row in segno.make(text, error="m").matrix_iter(border=4)], np.uint8
    )
    side = HEIGHT - 120
    code = cv2.resize(rows, (side, side), interpolation=cv2.INTER_NEAREST)
    picture = np.full((HEIGHT, WIDTH), 90, np.uint8)
    top, left = (HEIGHT - side) // 2, (WIDTH - side) // 2
    picture[top : top + side, left : left + side] = code
    turned = cv2.warpAffine(
        picture, cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 7, 1.0), (WIDTH, HEIGHT), borderValue=90
    )
    return cv2.cvtColor(cv2.GaussianBlur(turned, (3, 3), 0), cv2.COLOR_GRAY2BGR)


def _write(out: object, frame: np.ndarray, times: int) -> None:
    raw = b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes()
    for _ in range(times):
        out.write(raw)  # type: ignore[attr-defined]
