"""How a hand brings something into view, holds it not quite still, and takes it away. Pure, seconds and pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

_FOCAL = 1150.0


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a card is: its code's centre in the frame, size factor, and turns in radians."""

    x: float
    y: float
    scale: float
    roll: float
    yaw: float
    pitch: float


def matrix(pose: Pose, centre: tuple[float, float]) -> Matrix:
    """Homography from card pixels to frame pixels; `centre` is the point of the card that lands on (x, y)."""
    cr, sr = math.cos(pose.roll), math.sin(pose.roll)
    cy, sy = math.cos(pose.yaw), math.sin(pose.yaw)
    cp, sp = math.cos(pose.pitch), math.sin(pose.pitch)
    rz = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1.0]])
    ry = np.array([[cy, 0, sy], [0, 1.0, 0], [-sy, 0, cy]])
    rx = np.array([[1.0, 0, 0], [0, cp, -sp], [0, sp, cp]])
    turn = rz @ ry @ rx
    to_plane = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1.0]])
    distance = _FOCAL / pose.scale
    spread = np.column_stack([turn[:, 0], turn[:, 1], np.array([0, 0, distance])])
    lens = np.array([[_FOCAL, 0, pose.x], [0, _FOCAL, pose.y], [0, 0, 1.0]])
    return np.asarray(lens @ spread @ to_plane, dtype=np.float64)


class Gesture:
    """One presentation: `enter_s` in, `hold_s` held, `leave_s` out, in a frame of `size` pixels."""

    def __init__(
        self, size: tuple[int, int], enter_s: float, hold_s: float, leave_s: float, rng: np.random.Generator
    ) -> None:
        width, height = size
        unit = height / 720
        self._enter_s, self._hold_s, self._leave_s = enter_s, hold_s, leave_s
        self._rest = Pose(
            x=width / 2 + float(rng.uniform(-170, 170)) * unit,
            y=height * 0.47 + float(rng.uniform(-34, 26)) * unit,
            scale=float(rng.uniform(0.92, 1.04)) * unit,
            roll=math.radians(float(rng.uniform(-7, 7))),
            yaw=math.radians(float(rng.uniform(-14, 14))),
            pitch=math.radians(float(rng.uniform(-9, 12))),
        )
        side = float(rng.uniform(-260, 260)) * unit
        self._from = (side, 820 * unit, math.radians(float(rng.uniform(-24, 24))))
        self._to = (
            side * 0.6 + float(rng.uniform(-90, 90)) * unit,
            860 * unit,
            math.radians(float(rng.uniform(-20, 20))),
        )
        self._waves = [(float(rng.uniform(0.5, 1.9)), float(rng.uniform(0, 2 * math.pi))) for _ in range(5)]
        self._unit = unit

    @property
    def length_s(self) -> float:
        return self._enter_s + self._hold_s + self._leave_s

    def pose(self, t: float) -> Pose:
        """Where the card is, `t` seconds after it began to come in."""
        if t < self._enter_s:
            away = (1 - t / self._enter_s) ** 2.4
            dx, dy, turn = self._from
        elif t <= self._enter_s + self._hold_s:
            away, dx, dy, turn = 0.0, 0.0, 0.0, 0.0
        else:
            away = min(1.0, (t - self._enter_s - self._hold_s) / self._leave_s) ** 2.0
            dx, dy, turn = self._to
        wave = [math.sin(2 * math.pi * f * t + phase) for f, phase in self._waves]
        rest = self._rest
        return Pose(
            x=rest.x + dx * away + 3.5 * self._unit * wave[0],
            y=rest.y + dy * away + 4.0 * self._unit * wave[1],
            scale=rest.scale * (1 + 0.012 * wave[2]) * (1 - 0.10 * away),
            roll=rest.roll + turn * away + 0.012 * wave[3],
            yaw=rest.yaw + 0.02 * wave[4],
            pitch=rest.pitch + 0.25 * away,
        )
