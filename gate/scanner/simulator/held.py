"""What is held up for a trial: a phone, a paper or a badge with its code, drawn in gray in a few milliseconds.

Plainer than `cards`, whose hands are for people to look at; here a decoder looks, hundreds of times.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import segno

from gate.scanner.frames import Picture
from gate.scanner.simulator.conditions import Strain

_MODULE = 6
_SHAPES = {"phone": (1.24, 2.3, 24), "phone_dark": (1.24, 2.3, 24), "paper": (1.6, 2.2, 2), "badge": (1.35, 1.7, 14)}


@dataclass(frozen=True, slots=True)
class Held:
    """`picture` gray and `alpha` 0-255, of one size; `centre` and `side` of the code in its pixels, without quiet zone."""

    picture: Picture
    alpha: Picture
    centre: tuple[float, float]
    side: float
    modules: int


def draw_held(text: str, medium: str, strain: Strain, rng: np.random.Generator) -> Held:
    """Draw it once; cracks and a finger are part of it."""
    code = segno.make(text, error="m", micro=False, boost_error=False)
    grid = np.array([list(row) for row in code.matrix_iter(border=4)], dtype=bool)
    modules = grid.shape[0] - 8
    dark, light = (18, 232) if medium.startswith("phone") else (int(rng.integers(25, 60)), int(rng.integers(205, 240)))
    if medium == "phone_dark":
        dark, light = 225, 20
    symbol = np.where(grid, dark, light).astype(np.uint8).repeat(_MODULE, axis=0).repeat(_MODULE, axis=1)
    wide, tall, radius = _SHAPES[medium]
    quiet = symbol.shape[0]
    width, height = round(quiet * wide), round(quiet * tall)
    page = light
    picture = np.full((height, width), page, np.uint8)
    left, top = (width - quiet) // 2, round((height - quiet) * (0.4 if medium != "paper" else 0.25))
    ink = 150 if medium != "phone_dark" else 70
    for y in list(range(24, top - 20, 34)) + list(range(top + quiet + 20, height - 30, 30)):
        cv2.rectangle(picture, (30, y), (30 + int(rng.integers(width // 4, width - 60)), y + 10), ink, -1)
    picture[top : top + quiet, left : left + quiet] = symbol
    if medium.startswith("phone"):
        cv2.rectangle(picture, (0, 0), (width - 1, height - 1), 20, 16)
    alpha = np.zeros((height, width), np.uint8)
    cv2.rectangle(alpha, (radius, 0), (width - radius, height), 255, -1)
    cv2.rectangle(alpha, (0, radius), (width, height - radius), 255, -1)
    for x in (radius, width - radius):
        for y in (radius, height - radius):
            cv2.circle(alpha, (x, y), radius, 255, -1, cv2.LINE_AA)
    side = modules * _MODULE
    box = (left + 4 * _MODULE, top + 4 * _MODULE, side)
    _crack(picture, box, strain.cracks, rng)
    _finger(picture, box, strain.finger, rng)
    return Held(picture, alpha, (left + quiet / 2, top + quiet / 2), float(side), modules)


def _crack(picture: Picture, box: tuple[int, int, int], count: int, rng: np.random.Generator) -> None:
    """Cracks run out from one point of impact, dark with a bright rim, and bend."""
    left, top, side = box
    if not count:
        return
    hit = np.array((left, top)) + rng.uniform(0.1, 0.9, 2) * side
    for angle in rng.uniform(0, 2 * np.pi, count):
        points = [hit]
        for _ in range(6):
            angle += rng.normal(0, 0.35)
            points.append(points[-1] + side * rng.uniform(0.08, 0.22) * np.array((np.cos(angle), np.sin(angle))))
        line = np.array(points, np.int32)
        cv2.polylines(picture, [line + 2], False, 235, 2, cv2.LINE_AA)
        cv2.polylines(picture, [line], False, 25, int(rng.integers(2, 5)), cv2.LINE_AA)


def _finger(picture: Picture, box: tuple[int, int, int], reach: float, rng: np.random.Generator) -> None:
    """A finger tip over the lower or a side edge of the code, sometimes over a corner."""
    if not reach:
        return
    left, top, side = box
    along, wide = rng.uniform(0.1, 0.9), round(side * 0.11)
    tone = int(rng.integers(70, 170))
    tips = {
        "below": ((along, 1 - reach), (along + rng.normal(0, 0.15), 1.6)),
        "left": ((reach, along), (-0.6, along + 0.3)),
        "right": ((1 - reach, along), (1.6, along + 0.3)),
    }
    (x0, y0), (x1, y1) = list(tips.values())[int(rng.integers(3))]
    tip, root = (round(left + x0 * side), round(top + y0 * side)), (round(left + x1 * side), round(top + y1 * side))
    cv2.line(picture, tip, root, tone, 2 * wide, cv2.LINE_AA)
    cv2.ellipse(picture, tip, (wide // 2, wide // 2), 0, 0, 360, min(255, tone + 35), -1, cv2.LINE_AA)
