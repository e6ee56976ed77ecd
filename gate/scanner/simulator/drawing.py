"""Brushes: rounded shapes, soft bodies, text and QR modules on numpy pictures. Knows nothing of tickets or hands."""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import segno

from gate.scanner.frames import Picture

Color: TypeAlias = tuple[int, int, int]
"""BGR, 0-255."""
Point: TypeAlias = tuple[float, float]

_SUB = 4
"""Bits of sub-pixel precision of OpenCV's drawing calls."""

# OpenCV 5 brings a real typeface; before it there is only the stroked one.
_FACE: Any = cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None


def rounded(size: tuple[int, int], box: tuple[int, int, int, int], radius: int) -> Picture:
    """Mask (0-255) of a rounded rectangle; size and box (left, top, right, bottom) in pixels."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    left, top, right, bottom = box
    cv2.rectangle(mask, (left + radius, top), (right - radius, bottom), 255, -1)
    cv2.rectangle(mask, (left, top + radius), (right, bottom - radius), 255, -1)
    for x in (left + radius, right - radius):
        for y in (top + radius, bottom - radius):
            cv2.circle(mask, (x, y), radius, 255, -1, cv2.LINE_AA)
    return mask


def limb(size: tuple[int, int], points: list[Point], widths: list[float]) -> Picture:
    """Mask of a limb along `points`, `widths` pixels thick at each, with round ends."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    unit = 1 << _SUB
    for (x0, y0), (x1, y1), w0, w1 in zip(points, points[1:], widths, widths[1:], strict=False):
        steps = max(2, int(np.hypot(x1 - x0, y1 - y0) / 3))
        for i in range(steps + 1):
            t = i / steps
            centre = (int((x0 + (x1 - x0) * t) * unit), int((y0 + (y1 - y0) * t) * unit))
            cv2.circle(mask, centre, int((w0 + (w1 - w0) * t) / 2 * unit), 255, -1, cv2.LINE_AA, _SUB)
    return mask


def paint(canvas: Picture, mask: Picture, color: Color | Picture) -> None:
    """Lay a colour or a picture over a BGRA canvas where the mask is."""
    alpha = mask.astype(np.float32)[:, :, None] / 255
    layer = np.empty((*mask.shape, 4), np.float32)
    layer[:, :, :3] = np.asarray(color, dtype=np.float32)
    layer[:, :, 3] = 255
    canvas[:] = (canvas * (1 - alpha) + layer * alpha + 0.5).astype(np.uint8)


def body(canvas: Picture, mask: Picture, color: Color, depth: float) -> None:
    """Lay a rounded body over the canvas: lit from the upper left, darker towards its rim over `depth` pixels."""
    distance = cv2.distanceTransform(cv2.threshold(mask, 127, 255, cv2.THRESH_BINARY)[1], cv2.DIST_L2, 5)
    height = np.sqrt(np.clip(distance / depth, 0, 1)) * depth
    height = np.asarray(cv2.GaussianBlur(height, (0, 0), max(1.0, depth / 6)), dtype=np.float32)
    light = 0.86 + 0.10 * np.asarray(cv2.Sobel(height, cv2.CV_32F, 1, 1, ksize=5), dtype=np.float32) / 60
    shade = np.clip(light * (0.62 + 0.38 * np.clip(distance / depth, 0, 1) ** 0.5), 0.35, 1.08)
    picture = np.clip(np.asarray(color, np.float32)[None, None, :] * shade[:, :, None], 0, 255).astype(np.uint8)
    paint(canvas, mask, picture)


def soft_shadow(canvas: Picture, mask: Picture, offset: tuple[int, int], sigma: float, strength: float) -> None:
    """Darken what is already on the canvas where the thing of `mask` will throw its shadow."""
    moved = cv2.warpAffine(mask, np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32), mask.shape[::-1])
    shadow = np.asarray(cv2.GaussianBlur(moved, (0, 0), sigma), dtype=np.float32)[:, :, None] / 255
    canvas[:, :, :3] = (canvas[:, :, :3] * (1 - strength * shadow)).astype(np.uint8)


def write(canvas: npt.NDArray[Any], text: str, at: tuple[int, int], size: int, color: Color, weight: int = 400) -> None:
    """Text with its base line's left end at `at`, `size` pixels high, on a BGR or BGRA picture."""
    layer = np.ascontiguousarray(canvas[:, :, :3])
    if _FACE is not None:
        cv2.putText(layer, text, at, color, _FACE, size, weight)
    else:
        thickness = 1 if weight < 600 else 2
        cv2.putText(layer, text, at, cv2.FONT_HERSHEY_DUPLEX, size / 30, color, thickness, cv2.LINE_AA)
    canvas[:, :, :3] = layer


def symbol(text: str, scale: int, dark: Color, light: Color) -> npt.NDArray[np.uint8]:
    """The QR symbol of a text at error level M with its quiet zone of 4, `scale` pixels a module, BGR."""
    code = segno.make(text, error="m", micro=False, boost_error=False)
    modules = np.array([list(row) for row in code.matrix_iter(border=4)], dtype=bool)
    picture = np.where(modules[:, :, None], np.asarray(dark, np.uint8), np.asarray(light, np.uint8))
    return np.ascontiguousarray(picture.repeat(scale, axis=0).repeat(scale, axis=1).astype(np.uint8))
