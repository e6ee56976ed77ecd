"""What the gate camera sees when nobody is there: an entrance hall out of focus, and the sensor's noise."""

from __future__ import annotations

import cv2
import numpy as np

from gate.scanner.frames import Picture


def hall(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """A blurred hall with warm lights, people in the distance and the counter's edge below. BGR, size in pixels."""
    width, height = size
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    level = 74 + 58 * np.exp(-(((rows - 0.32) / 0.34) ** 2)) - 22 * columns**2
    picture = np.stack([level * 1.02, level * 0.98, level * 0.94], axis=2)
    picture[rows[:, 0] > 0.62] *= np.array((0.86, 0.80, 0.76), np.float32)
    scene = np.clip(picture, 0, 255).astype(np.uint8)
    unit = height / 720
    for n in range(8):  # people waiting
        x, tall = int((n + rng.uniform(0, 1)) * width / 8), int(rng.uniform(250, 350) * unit)
        foot = int(height * rng.uniform(0.72, 0.82))
        coat = tuple(int(v) for v in rng.uniform(34, 84) + rng.uniform(-16, 16, 3))
        legs = tuple(int(v) for v in rng.uniform(26, 52) + rng.uniform(-8, 8, 3))
        waist, neck, half = foot - int(tall * 0.46), foot - int(tall * 0.84), int(tall * 0.14)
        cv2.ellipse(scene, (x, (waist + neck) // 2), (half, (waist - neck) // 2 + half // 2), 0, 0, 360, coat, -1)
        for step in (-1, 1):
            cv2.line(
                scene, (x + step * half // 2, waist), (x + step * half * 2 // 3, foot), legs, max(2, half * 2 // 3)
            )
        cv2.circle(scene, (x, foot - int(tall * 0.92)), int(tall * 0.075), (84, 108, 146), -1)
    scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), 9 * unit), dtype=np.uint8)
    glow = np.zeros_like(scene)
    for _ in range(16):  # lamps out of focus become discs
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0.03, 0.42) * height)
        radius = int(rng.uniform(12, 36) * unit)
        warm = np.array((120, 190, 240)) * rng.uniform(0.25, 0.75)
        disc = np.zeros_like(scene)
        cv2.circle(disc, (x, y), radius, tuple(int(v) for v in warm), -1, cv2.LINE_AA)
        glow = np.asarray(cv2.add(glow, disc), dtype=np.uint8)
    scene = np.asarray(cv2.add(scene, cv2.GaussianBlur(glow, (0, 0), 3 * unit)), dtype=np.uint8)
    edge = int(height * 0.86)
    counter = np.zeros_like(scene)
    shade = np.linspace(0.55, 1.0, height - edge, dtype=np.float32)[:, None, None]
    counter[edge:] = np.array((58, 78, 104), np.float32) * shade
    mask = np.zeros((height, width), np.float32)
    mask[edge:] = 1
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 7 * unit), dtype=np.float32)[:, :, None]
    counter = np.asarray(cv2.GaussianBlur(counter, (0, 0), 7 * unit), dtype=np.uint8)
    mixed = scene * (1 - mask) + counter * mask
    lamp = 1.04 - 0.16 * (columns[:, :, None] + 0.4) ** 2  # the reader's own light, from the left
    return np.clip(mixed * lamp, 0, 255).astype(np.uint8)


class Noise:
    """Sensor noise from two tiles cut at random places: no random numbers are drawn per frame and pixel."""

    def __init__(self, size: tuple[int, int], sigma: float, rng: np.random.Generator) -> None:
        width, height = size
        drawn = rng.normal(0, sigma, (height + 64, width + 64, 3))
        self._plus = np.clip(drawn, 0, 255).astype(np.uint8)
        self._minus = np.clip(-drawn, 0, 255).astype(np.uint8)
        self._size = size
        self._rng = rng

    def add(self, picture: Picture) -> Picture:
        """A noisy copy."""
        width, height = self._size
        x, y = (int(v) for v in self._rng.integers(0, 64, 2))
        noisy = cv2.add(picture, self._plus[y : y + height, x : x + width])
        return np.asarray(cv2.subtract(noisy, self._minus[y : y + height, x : x + width]), dtype=np.uint8)
