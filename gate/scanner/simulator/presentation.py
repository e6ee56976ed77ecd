"""Presentations under strain: a held code through a poor camera, frame by frame in memory. Seeded; writes no file.

For benches and tests. A presentation begins when the whole code is in view and still coming to rest.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gate.scanner.frames import Corners, Picture
from gate.scanner.simulator.conditions import CONDITIONS, SEVERITIES, Strain
from gate.scanner.simulator.held import Held, draw_held
from gate.scanner.simulator.motion import Pose, matrix
from gate.scanner.simulator.stage import hall

_Layer = npt.NDArray[np.float32]
_MEDIA = ("phone", "phone", "paper", "badge")
_EXPOSURE = 0.24
"""Share of the frame period that the shutter is open: 8 ms at 30 fps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """One code held up for `seconds`. The same values give the same frames.

    Args:
        severity: 0 mild, 1 medium, 2 hard.
        size: width and height of the frame, pixels.
    """

    text: str
    condition: str
    severity: int
    seed: int
    size: tuple[int, int] = (640, 480)
    fps: float = 30.0
    seconds: float = 1.0

    @property
    def strain(self) -> Strain:
        return CONDITIONS[self.condition][self.severity]

    @property
    def label(self) -> str:
        return f"{self.condition}, {SEVERITIES[self.severity]}"

    def before(self) -> Picture:
        """The view without anybody, as the camera saw it just before."""
        view = _View(self, self._rng())
        return view.sensor(view.light(view.backdrop, None, 0.0))

    def frames(self) -> Iterator[Picture]:
        """The frames in their order, gray, as a decoder takes them."""
        for picture, _ in self.annotated():
            yield picture

    def annotated(self) -> Iterator[tuple[Picture, Corners]]:
        """Frames with the true corners of the code in each."""
        view = _View(self, self._rng())
        for n in range(round(self.seconds * self.fps)):
            yield view.frame(n / self.fps)

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng((self.seed, list(CONDITIONS).index(self.condition), self.severity))


@functools.lru_cache(maxsize=16)
def _backdrop(size: tuple[int, int], seed: int) -> Picture:
    return np.asarray(cv2.cvtColor(hall(size, np.random.default_rng(seed)), cv2.COLOR_BGR2GRAY), dtype=np.uint8)


class _View:
    """One presentation while it is drawn."""

    def __init__(self, shown: Presentation, rng: np.random.Generator) -> None:
        self._rng = rng
        self._strain = strain = shown.strain
        self._width, self._height = shown.size
        self._period = 1 / shown.fps
        medium = strain.medium or _MEDIA[int(rng.integers(len(_MEDIA)))]
        held = draw_held(shown.text, medium, strain, rng)
        px = rng.uniform(*strain.px)
        # Never larger than the view: a code of many modules comes a little less near.
        px = min(px, 0.8 * self._height / (held.modules + 8))
        self._module = px
        self._held = _shrunk(held, px)
        self._scale = px * held.modules / self._held.side
        self.backdrop = _backdrop(shown.size, int(rng.integers(8))).astype(np.float32)
        turn = math.radians(strain.tilt)
        away = rng.uniform(0.6, 1.0) if strain.tilt > 30 else rng.uniform(0.0, 1.0)
        axis = rng.uniform(0, 2 * math.pi)
        self._tilt = turn * away * math.cos(axis), turn * away * math.sin(axis)
        self._roll = math.radians(rng.uniform(-15, 15))
        slack = (
            max(0.0, self._width / 2 - px * held.modules * 0.62),
            max(0.0, self._height / 2 - px * held.modules * 0.62),
        )
        self._rest = (
            self._width / 2 + rng.uniform(-0.5, 0.5) * slack[0],
            self._height / 2 + rng.uniform(-0.5, 0.5) * slack[1],
        )
        self._enter = rng.uniform(-0.35, 0.35) * slack[0], rng.uniform(0.2, 0.5) * slack[1]
        self._phases = rng.uniform(0, 2 * math.pi, 6)
        self._path = self._sweep(px)
        self._lamp = rng.uniform(-0.3, 0.3, 2) * px * held.modules
        self._beat = rng.uniform(2.6, 7.0), rng.uniform(0, math.pi)
        self._band = rng.uniform(70, 160), rng.uniform(0.15, 0.6)

    def _sweep(self, px: float) -> tuple[float, float, float, float]:
        """Half axes, direction and rate of the hand's ellipse, so that its fastest moment blurs by `blur` modules."""
        speed = self._strain.blur * px / (_EXPOSURE * self._period)
        wide = self._rng.uniform(14, 40) if self._strain.blur > 0.5 else self._rng.uniform(3, 8)
        return wide, wide * self._rng.uniform(0.3, 0.8), self._rng.uniform(0, math.pi), speed / (2 * math.pi * wide)

    def _pose(self, t: float) -> Pose:
        wide, narrow, turn, rate = self._path
        a, b = math.cos(2 * math.pi * rate * t + self._phases[0]), math.sin(2 * math.pi * rate * t + self._phases[0])
        coming = math.exp(-t / 0.1)
        x = self._rest[0] + self._enter[0] * coming + wide * a * math.cos(turn) - narrow * b * math.sin(turn)
        y = self._rest[1] + self._enter[1] * coming + wide * a * math.sin(turn) + narrow * b * math.cos(turn)
        sway = [math.sin(2 * math.pi * 1.1 * t + phase) for phase in self._phases[1:]]
        return Pose(
            x=x,
            y=y,
            scale=self._scale * (1 + 0.01 * sway[0]),
            roll=self._roll + 0.012 * sway[1],
            yaw=self._tilt[0] + 0.02 * sway[2],
            pitch=self._tilt[1] + 0.02 * sway[3],
        )

    def frame(self, t: float) -> tuple[Picture, Corners]:
        """The picture `t` seconds after the beginning, and where the code is in it."""
        strain, pose, before = self._strain, self._pose(t), self._pose(t - self._period * _EXPOSURE)
        held, size = self._held, (self._width, self._height)
        to_frame = matrix(pose, held.centre)
        layer = np.asarray(cv2.warpPerspective(held.picture, to_frame, size), dtype=np.float32)
        alpha = np.asarray(cv2.warpPerspective(held.alpha, to_frame, size), dtype=np.float32) / 255
        layer = self._on_screen(layer, t)
        if strain.shadow:
            layer = layer * self._shadow(pose)
        picture = np.asarray(layer * alpha + self.backdrop * (1 - alpha), dtype=np.float32)
        picture = self._optics(picture, pose.x - before.x, pose.y - before.y)
        return self.sensor(self.light(picture, pose, t)), _corners(held, to_frame)

    def sensor(self, picture: _Layer) -> Picture:
        """What the sensor makes of the light: its own noise, and eight bits."""
        noise = self._rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(self._strain.noise)
        return np.asarray(np.clip(picture + noise, 0, 255), dtype=np.uint8)

    def _on_screen(self, layer: _Layer, t: float) -> _Layer:
        if not self._strain.moire:
            return layer
        period, angle = self._beat
        rows, columns = np.mgrid[0 : self._height, 0 : self._width].astype(np.float32)
        phase = self._phases[4] + 9 * t
        one = np.cos((columns * math.cos(angle) + rows * math.sin(angle)) * (2 * math.pi / period) + phase)
        other = np.cos((columns * math.sin(angle) - rows * math.cos(angle)) * (2 * math.pi / (period * 1.7)) - phase)
        return np.asarray(layer * (1 + self._strain.moire * (0.6 * one + 0.4 * other)), dtype=np.float32)

    def _shadow(self, pose: Pose) -> _Layer:
        rows, columns = np.mgrid[0 : self._height, 0 : self._width].astype(np.float32)
        edge = (columns - pose.x) * math.cos(self._phases[5]) + (rows - pose.y) * math.sin(self._phases[5])
        return np.asarray(1 - self._strain.shadow * (0.5 + 0.5 * np.tanh(edge / 6)), dtype=np.float32)

    def _optics(self, picture: _Layer, dx: float, dy: float) -> _Layer:
        sigma = self._strain.defocus * self._module
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), dtype=np.float32)
        length = math.hypot(dx, dy)
        if length > 0.7:
            picture = np.asarray(cv2.filter2D(picture, -1, _streak(dx, dy)), dtype=np.float32)
        return picture

    def light(self, picture: _Layer, pose: Pose | None, t: float) -> _Layer:
        """Lamps, their pulse, stray light and reflections at `t` seconds; no pose = nobody is there."""
        strain = self._strain
        picture = picture * strain.light
        if strain.bands:
            period, rate = self._band
            rows = np.arange(self._height, dtype=np.float32)[:, None]
            wave = 0.5 + 0.5 * np.tanh(3 * np.sin(2 * math.pi * (rows / period + rate * t * 30) + self._phases[3]))
            picture = picture * (1 - strain.bands * wave)
        if strain.washed:
            picture = picture * (1 - strain.washed) + 262 * strain.washed
        if strain.glare and pose is not None:
            rows, columns = np.mgrid[0 : self._height, 0 : self._width].astype(np.float32)
            x = pose.x + self._lamp[0] + 9 * math.sin(2 * math.pi * 0.7 * t + self._phases[2])
            y = pose.y + self._lamp[1] + 9 * math.cos(2 * math.pi * 0.6 * t + self._phases[2])
            radius = strain.glare * self._module * 41 / 2
            spot = ((columns - x) ** 2 + (rows - y) ** 2) / radius**2
            picture = picture + 330 * np.exp(-(spot**1.5))
        return np.asarray(picture, dtype=np.float32)


def _shrunk(held: Held, px: float) -> Held:
    """Brought near its size in the frame by area averaging: a warp alone would alias."""
    factor = px * 1.5 * held.modules / held.side
    if factor >= 1:
        return held

    def small(picture: Picture) -> Picture:
        return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), dtype=np.uint8)

    centre = held.centre[0] * factor, held.centre[1] * factor
    return Held(small(held.picture), small(held.alpha), centre, held.side * factor, held.modules)


def _streak(dx: float, dy: float) -> _Layer:
    """The kernel of a straight path during the exposure."""
    reach = math.ceil(max(abs(dx), abs(dy)) / 2) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    steps = max(8, 4 * round(math.hypot(dx, dy)))
    for i in range(steps):
        x, y = reach + dx * ((i + 0.5) / steps - 0.5), reach + dy * ((i + 0.5) / steps - 0.5)
        column, row = int(x), int(y)
        fx, fy = x - column, y - row
        kernel[row, column] += (1 - fx) * (1 - fy)
        kernel[row, column + 1] += fx * (1 - fy)
        kernel[row + 1, column] += (1 - fx) * fy
        kernel[row + 1, column + 1] += fx * fy
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _corners(held: Held, to_frame: npt.NDArray[np.float64]) -> Corners:
    half, (x, y) = held.side / 2, held.centre
    square = np.array(
        [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)], np.float64
    )
    a, b, c, d = (
        (round(float(px)), round(float(py))) for px, py in cv2.perspectiveTransform(square[None], to_frame)[0]
    )
    return a, b, c, d
