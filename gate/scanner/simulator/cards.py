"""What is held up to the camera: a hand with a phone or a paper, drawn once a scene as a picture with transparency."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gate.scanner.frames import Picture
from gate.scanner.simulator.drawing import Color, Point, body, limb, paint, rounded, soft_shadow, symbol, write

CANVAS = (620, 1180)
"""Width and height in pixels of every card; the held thing is in its upper part, the arm reaches below the view."""

_SKIN: tuple[Color, ...] = ((150, 182, 226), (126, 160, 208), (98, 132, 184), (64, 90, 134), (50, 68, 104))
_SLEEVE: tuple[Color, ...] = ((92, 70, 52), (66, 62, 60), (60, 74, 126), (86, 104, 72), (150, 146, 140))
_ACCENT: tuple[Color, ...] = ((142, 90, 28), (70, 120, 40), (120, 52, 112), (48, 72, 168), (110, 104, 20))
_PHONE = (150, 30, 470, 700)
_PAPER = (140, 40, 480, 620)


@dataclass(frozen=True, slots=True)
class Card:
    """`picture` is BGRA with colours already multiplied by alpha; `code` is the symbol's centre on it."""

    picture: Picture
    code: Point


def draw_card(text: str, medium: str, title: str, rng: np.random.Generator) -> Card:
    """A hand holding the ticket `text`. `medium`: phone, phone_dark or paper."""
    canvas = np.zeros((CANVAS[1], CANVAS[0], 4), np.uint8)
    skin = _SKIN[int(rng.integers(len(_SKIN)))]
    sleeve = _SLEEVE[int(rng.integers(len(_SLEEVE)))]
    accent = _ACCENT[int(rng.integers(len(_ACCENT)))]
    paper, left_hand = medium == "paper", rng.random() < 0.5
    _arm(canvas, skin, sleeve, 560 if paper else 600)
    (_fingers_behind_paper if paper else _fingers)(canvas, skin)
    # The ticket stands in the canvas's middle: a left hand is a right hand in the mirror, the ticket itself never is.
    if left_hand:
        canvas = np.ascontiguousarray(canvas[:, ::-1])
    if paper:
        centre = _paper(canvas, text, title, accent)
    else:
        centre = _phone(canvas, text, title, accent, dark=medium == "phone_dark")
    if left_hand:
        canvas = np.ascontiguousarray(canvas[:, ::-1])
    (_thumb_on_paper if paper else _thumb)(canvas, skin)
    if left_hand:
        canvas = np.ascontiguousarray(canvas[:, ::-1])
    alpha = canvas[:, :, 3:].astype(np.float32) / 255
    canvas[:, :, :3] = (canvas[:, :, :3] * alpha).astype(np.uint8)
    # A lens is never perfect: this much softness is what a fixed focus leaves.
    return Card(np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.7), dtype=np.uint8), centre)


def _arm(canvas: Picture, skin: Color, sleeve: Color, top: int) -> None:
    wrist = limb(CANVAS, [(330, top + 40), (372, top + 330), (400, top + 640)], [250, 172, 180])
    body(canvas, wrist, skin, 70)
    cuff = limb(CANVAS, [(380, top + 400), (410, top + 700)], [222, 250])
    body(canvas, cuff, sleeve, 80)


def _fingers(canvas: Picture, skin: Color) -> None:
    for i, reach in enumerate((22, 30, 27, 16)):
        y = 392 + 62 * i
        finger = limb(CANVAS, [(210, y + 26), (_PHONE[0] - reach + 24, y)], [58, 50])
        body(canvas, finger, skin, 22)


def _thumb(canvas: Picture, skin: Color) -> None:
    points: list[Point] = [(505, 770), (500, 660), (474, 560), (446, 500)]
    thumb = limb(CANVAS, points, [120, 88, 64, 50])
    soft_shadow(canvas, thumb, (-8, 6), 9, 0.35)
    body(canvas, thumb, skin, 28)
    nail = limb(CANVAS, [(447, 506), (455, 528)], [27, 30])
    paint(canvas, (nail * 0.55).astype(np.uint8), tuple(min(255, c + 38) for c in skin))  # type: ignore[arg-type]


def _phone(canvas: Picture, text: str, title: str, accent: Color, *, dark: bool) -> Point:
    left, top, right, bottom = _PHONE
    shell = rounded(CANVAS, _PHONE, 46)
    soft_shadow(canvas, shell, (10, 16), 16, 0.5)
    paint(canvas, shell, (92, 88, 86))
    paint(canvas, rounded(CANVAS, (left + 3, top + 3, right - 3, bottom - 3), 44), (22, 20, 20))
    screen = (left + 12, top + 12, right - 12, bottom - 12)
    page, ink, faint = (
        ((20, 18, 18), (228, 228, 228), (70, 66, 66)) if dark else ((246, 244, 242), (38, 34, 32), (206, 202, 198))
    )
    face = np.full((CANVAS[1], CANVAS[0], 3), page, np.uint8)
    head = accent if not dark else tuple(c // 3 for c in accent)
    face[: top + 150] = head
    code = symbol(text, 5, (232, 232, 232) if dark else (14, 12, 12), (20, 18, 18) if dark else (250, 250, 250))
    side = code.shape[0]
    cx, cy = (left + right) // 2, top + 292
    if not dark:
        box = (left + 24, top + 112, right - 24, top + 488)
        card = rounded(CANVAS, box, 20)
        face[:] = np.where(card[:, :, None] > 127, np.uint8(250), face)
    write(face, "19:42", (left + 40, top + 46), 17, (240, 240, 240), 600)
    cv2.rectangle(face, (right - 66, top + 34), (right - 44, top + 45), (230, 230, 230), -1)
    write(face, title, (left + 36, top + 92), 23, (250, 250, 250), 700)
    x, y = cx - side // 2, cy - side // 2
    face[y : y + side, x : x + side] = code
    for i, width in enumerate((170, 120, 190)):
        y = top + 520 + 30 * i
        cv2.rectangle(face, (left + 40, y), (left + 40 + width, y + 11), faint, -1)
    write(face, "Hold to the reader", (left + 60, top + 468), 19, ink, 500)
    paint(canvas, rounded(CANVAS, screen, 36), face)
    paint(canvas, rounded(CANVAS, (cx - 46, top + 24, cx + 46, top + 48), 12), (8, 8, 8))
    _gloss(canvas, screen)
    return float(cx), float(cy)


def _gloss(canvas: Picture, screen: tuple[int, int, int, int]) -> None:
    """A faint diagonal reflection of the hall in the glass."""
    band = np.zeros((CANVAS[1], CANVAS[0]), np.uint8)
    left, top, _, _ = screen
    points = np.array([(left, top + 250), (left + 150, top), (left + 245, top), (left, top + 420)], np.int32)
    cv2.fillPoly(band, [points], 26)
    band = np.asarray(cv2.GaussianBlur(band, (0, 0), 14), dtype=np.uint8)
    paint(canvas, np.minimum(band, rounded(CANVAS, screen, 36)), (255, 250, 244))


def _fingers_behind_paper(canvas: Picture, skin: Color) -> None:
    for x, y, tip in ((250, 640, 0), (306, 652, 0), (362, 646, 0)):
        body(canvas, limb(CANVAS, [(x + 40, y + 90), (x + tip, y - 20)], [62, 56]), skin, 24)


def _thumb_on_paper(canvas: Picture, skin: Color) -> None:
    thumb = limb(CANVAS, [(440, 800), (420, 690), (372, 610), (344, 572)], [130, 96, 68, 54])
    soft_shadow(canvas, thumb, (-7, 6), 8, 0.35)
    body(canvas, thumb, skin, 30)
    nail = limb(CANVAS, [(346, 578), (356, 596)], [29, 32])
    paint(canvas, (nail * 0.55).astype(np.uint8), tuple(min(255, c + 38) for c in skin))  # type: ignore[arg-type]


def _paper(canvas: Picture, text: str, title: str, accent: Color) -> Point:
    left, top, right, bottom = _PAPER
    sheet = rounded(CANVAS, _PAPER, 3)
    soft_shadow(canvas, sheet, (8, 14), 14, 0.45)
    face = np.full((CANVAS[1], CANVAS[0], 3), (236, 242, 246), np.uint8)
    face[top : top + 74] = accent
    write(face, title, (left + 24, top + 47), 24, (250, 250, 250), 700)
    code = symbol(text, 6, (30, 28, 26), (236, 242, 246))
    side = code.shape[0]
    cx, cy = (left + right) // 2, top + 88 + side // 2
    face[cy - side // 2 : cy - side // 2 + side, cx - side // 2 : cx - side // 2 + side] = code
    foot = top + 88 + side
    for i, width in enumerate((270, 230, 250, 140, 200)):
        y = foot + 8 + 22 * i
        cv2.rectangle(face, (left + 30, y), (left + 30 + width, y + 8), (150, 152, 154), -1)
    cv2.line(face, (left + 12, bottom - 52), (right - 12, bottom - 52), (176, 180, 184), 1, cv2.LINE_AA)
    # Paper bends: a slow wave of light from left to right.
    wave = 0.93 + 0.07 * np.cos((np.arange(CANVAS[0]) - left) / (right - left) * np.pi * 1.3)
    paint(canvas, sheet, (face * wave[None, :, None]).astype(np.uint8))
    return float(cx), float(cy)
