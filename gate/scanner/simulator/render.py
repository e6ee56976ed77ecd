"""Scenes to a video file that looks as a gate camera would have taken it. Written aside and renamed when complete."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gate.errors import DeviceError
from gate.scanner.frames import Picture
from gate.scanner.simulator.cards import CANVAS, Card, draw_card
from gate.scanner.simulator.motion import Gesture, Matrix, matrix
from gate.scanner.simulator.stage import Noise, hall

MEDIA = ("phone", "paper", "phone_dark")
_SHUTTER = 0.16
"""Exposure as a share of the frame period (5 ms at 30 fps): what blurs a moving card."""
_NOISE = 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One presentation: a text on a medium (phone, paper, phone_dark). Times in seconds; `gap_s` follows it."""

    text: str
    medium: str = "phone"
    title: str = "Harbour Lights"
    hold_s: float = 1.4
    gap_s: float = 1.0
    enter_s: float = 0.55
    leave_s: float = 0.45

    @property
    def length_s(self) -> float:
        return self.enter_s + self.hold_s + self.leave_s + self.gap_s


@dataclass(frozen=True, slots=True)
class Shown:
    """When a scene is to be seen, seconds from the start of the video: coming in, held, leaving, gone."""

    text: str
    start_s: float
    held_s: float
    leaving_s: float
    end_s: float


def render_video(
    scenes: Sequence[Scene],
    path: Path,
    *,
    fps: float = 30,
    size: tuple[int, int] = (1280, 720),
    seed: int = 1,
    lead_s: float = 0.8,
    progress: Callable[[int, int], None] | None = None,
) -> list[Shown]:
    """Draw the scenes one after another into an MP4 file; the same seed gives the same frames.

    Args:
        lead_s: empty seconds before the first scene.
        progress: called with frames written and frames in all, about once a second of video.

    Returns: when each scene is visible.
    Raises: DeviceError when OpenCV cannot write this file; ValueError for an unknown medium.
    """
    for scene in scenes:
        if scene.medium not in MEDIA:
            raise ValueError(f"medium {scene.medium!r} is none of {', '.join(MEDIA)}")
    shown = timetable(scenes, lead_s)
    total = round((lead_s + sum(scene.length_s for scene in scenes)) * fps)
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    part.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(part), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    if not writer.isOpened():
        raise DeviceError(f"{part}: OpenCV cannot write this video (folder writable? ffmpeg in the wheel?)")
    try:
        for n, picture in enumerate(_frames(scenes, shown, total, fps, size, seed), 1):
            writer.write(picture)
            if progress is not None and (n % max(1, round(fps)) == 0 or n == total):
                progress(n, total)
    finally:
        writer.release()
    os.replace(part, path)
    return shown


def timetable(scenes: Sequence[Scene], lead_s: float) -> list[Shown]:
    """When each scene is visible, without drawing anything."""
    shown: list[Shown] = []
    at = lead_s
    for scene in scenes:
        held = at + scene.enter_s
        leaving = held + scene.hold_s
        end = leaving + scene.leave_s
        shown.append(Shown(scene.text, at, held, leaving, end))
        at = end + scene.gap_s
    return shown


def _frames(
    scenes: Sequence[Scene], shown: Sequence[Shown], total: int, fps: float, size: tuple[int, int], seed: int
) -> Iterator[Picture]:
    rng = np.random.default_rng(seed)
    empty = hall(size, rng)
    noise = Noise(size, _NOISE, np.random.default_rng((seed, 1)))
    current = -1
    held: tuple[Card, Gesture] | None = None
    for n in range(total):
        t = n / fps
        index = next((i for i, s in enumerate(shown) if s.start_s <= t < s.end_s), None)
        picture = empty
        if index is not None:
            scene = scenes[index]
            if index != current:
                own = np.random.default_rng((seed, 2, index))
                card = draw_card(scene.text, scene.medium, scene.title, own)
                held = card, Gesture(size, scene.enter_s, scene.hold_s, scene.leave_s, own)
                current = index
            if held is not None:
                picture = empty.copy()
                _place(picture, *held, t - shown[index].start_s, 1 / fps)
        yield noise.add(picture)


def _place(picture: Picture, card: Card, gesture: Gesture, t: float, period_s: float) -> None:
    """Lay the card over the picture, only where it is, blurred as far as it moves while the shutter is open."""
    pose, before = gesture.pose(t), gesture.pose(t - period_s * _SHUTTER)
    to_frame = matrix(pose, card.code)
    box = _bounds(to_frame, picture.shape[1], picture.shape[0])
    if box is None:
        return
    left, top, right, bottom = box
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
    layer = np.asarray(
        cv2.warpPerspective(card.picture, shift @ to_frame, (right - left, bottom - top), flags=cv2.INTER_LINEAR),
        dtype=np.uint8,
    )
    blur = (max(1, round(abs(pose.x - before.x))), max(1, round(abs(pose.y - before.y))))
    if max(blur) > 1:
        layer = np.asarray(cv2.blur(layer, blur), dtype=np.uint8)
    alpha = cv2.cvtColor(cv2.bitwise_not(layer[:, :, 3]), cv2.COLOR_GRAY2BGR)
    behind = cv2.multiply(picture[top:bottom, left:right], alpha, scale=1 / 255)
    picture[top:bottom, left:right] = cv2.add(behind, cv2.cvtColor(layer, cv2.COLOR_BGRA2BGR))


def _bounds(to_frame: Matrix, width: int, height: int) -> tuple[int, int, int, int] | None:
    corners = np.array([(0, 0), (CANVAS[0], 0), (CANVAS[0], CANVAS[1]), (0, CANVAS[1])], np.float64)
    placed = cv2.perspectiveTransform(corners[None], to_frame)[0]
    left, top = np.floor(placed.min(axis=0) - 2).astype(int)
    right, bottom = np.ceil(placed.max(axis=0) + 2).astype(int)
    left, top, right, bottom = max(0, int(left)), max(0, int(top)), min(width, int(right)), min(height, int(bottom))
    return (left, top, right, bottom) if right > left and bottom > top else None
