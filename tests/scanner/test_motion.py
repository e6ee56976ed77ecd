"""Motion, darkness and a frozen picture are told apart."""

from __future__ import annotations

import cv2
import numpy as np

from gate.scanner.motion import Motion, focus
from gate.scanner.simulator.stage import Noise, hall


def _hall(sigma: float = 3.0) -> tuple[np.ndarray, Noise]:
    rng = np.random.default_rng(5)
    return hall((1280, 720), rng)[:, :, 1].copy(), Noise((1280, 720), sigma, rng)


def _noisy(still: np.ndarray, noise: Noise) -> np.ndarray:
    return noise.add(np.dstack([still] * 3))[:, :, 1].copy()


def test_sensor_noise_is_no_motion_and_no_frozen_picture() -> None:
    still, noise = _hall()
    motion = Motion()
    moving = [motion.feed(_noisy(still, noise), n * 33) for n in range(120)]
    assert moving[0]  # whatever is there came before we looked
    assert not any(moving[46:])
    assert not motion.frozen
    assert not motion.dark


def test_a_hand_is_motion_and_lingers_for_a_moment() -> None:
    still, noise = _hall()
    motion = Motion()
    motion.feed(_noisy(still, noise), -9000)
    assert not motion.feed(_noisy(still, noise), 0)
    hand = still.copy()
    hand[400:720, 500:620] = 200
    assert motion.feed(_noisy(hand, noise), 33)
    assert motion.feed(_noisy(hand, noise), 1500)
    assert not motion.feed(_noisy(hand, noise), 1600)


def test_a_covered_lens_is_dark_and_a_repeated_picture_is_frozen() -> None:
    motion = Motion()
    motion.feed(np.full((720, 1280), 3, np.uint8), 0)
    assert motion.dark
    still, _ = _hall()
    motion = Motion()
    for n in range(92):
        motion.feed(still, n * 33)
    assert motion.frozen
    assert not motion.dark


def test_focus_falls_with_blur() -> None:
    pattern = (np.indices((720, 1280)).sum(axis=0) // 6 % 2 * 255).astype(np.uint8)
    soft = np.asarray(cv2.GaussianBlur(pattern, (0, 0), 3), dtype=np.uint8)
    assert focus(pattern) > 10 * focus(soft)
