"""Frames laid over each other read what none of them gives, and two tickets are never mixed."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from gate.scanner.decoder import Cascade
from gate.scanner.engines import NOTHING, read_zxing
from gate.scanner.frames import Corners, Picture
from gate.scanner.fusion import Fusion
from gate.scanner.simulator.presentation import Presentation
from tests.scanner.conftest import GT1

Draw = Callable[..., Picture]
TEXT = "GT1:/2O5VSHRKDF3K.6F8GWR9572OI2/T2H-2 73+J3100000$JGEM00MPI0R*585ZN/48TDV402%MMXSEYCSHHR"


def _noisy(symbol: Picture, n: int, rng: np.random.Generator, sigma: float = 70) -> tuple[Picture, Corners]:
    """A code in a trembling hand under so little light that no single frame reads."""
    x, y = 150 + 9 * np.sin(n), 100 + 7 * np.cos(n * 1.3)
    turn = cv2.getRotationMatrix2D((symbol.shape[1] / 2, symbol.shape[0] / 2), 2 * np.sin(n * 0.7), 1.0)
    turn[:, 2] += (x, y)
    frame = cv2.warpAffine(symbol, turn, (480, 400), borderMode=cv2.BORDER_CONSTANT, borderValue=(110,))
    frame = np.clip(frame * 0.5 + 40 + rng.normal(0, sigma, frame.shape), 0, 255).astype(np.uint8)
    side, left, top = symbol.shape[0], round(x), round(y)
    return frame, ((left, top), (left + side, top), (left + side, top + side), (left, top + side))


def test_noise_that_hides_a_code_in_every_frame_goes_away_in_the_mean(qr: Draw) -> None:
    rng, fusion, symbol = np.random.default_rng(4), Fusion(), qr(TEXT, scale=4)
    read: list[str] = []
    corners: list[Corners] = []
    for n in range(30):
        frame, where = _noisy(symbol, n, rng)
        assert read_zxing(frame).readings == ()
        for reading in fusion.add(frame, where).readings:
            read.append(reading.text)
            corners.append((reading.corners, where))  # type: ignore[arg-type]
    assert read
    assert set(read) == {TEXT}
    for found, where in corners:  # type: ignore[misc]
        inner = np.array(where, float) + np.array([(16, 16), (-16, 16), (-16, -16), (16, -16)])
        assert np.abs(np.array(found) - inner).max() < 14


@pytest.mark.parametrize(("condition", "seed"), [("moire", 40), ("low light", 41)])
def test_the_cascade_uses_it_last_and_only_when_it_is_switched_on(condition: str, seed: int) -> None:
    shown = Presentation(text=GT1, condition=condition, severity=2, seed=seed)
    frames = list(shown.frames())
    with_it, without = Cascade(budget_ms=1e9), Cascade(budget_ms=1000, fusion=False)
    readings = [r for frame in frames for r in with_it.look(frame).readings]
    assert {r.text for r in readings} <= {shown.text}
    assert any(r.engine == "fusion" for r in readings)
    assert not any(r.engine == "fusion" for frame in frames for r in without.look(frame).readings)


def test_a_jump_or_another_size_begins_a_new_buffer(qr: Draw) -> None:
    rng, fusion, symbol = np.random.default_rng(5), Fusion(), qr(TEXT, scale=4)
    for n in range(5):
        fusion.add(*_noisy(symbol, n, rng, sigma=20))
    assert fusion.frames >= 4
    frame, where = _noisy(symbol, 6, rng, sigma=20)
    moved = tuple((x + 200, y) for x, y in where)
    fusion.add(np.asarray(np.roll(frame, 200, axis=1)), moved)  # type: ignore[arg-type]
    assert fusion.frames == 1
    fusion.add(frame, ((0, 0), (60, 0), (60, 60), (0, 60)))
    assert fusion.frames == 1


def test_two_tickets_at_one_place_are_never_mixed_into_a_third_text(qr: Draw) -> None:
    rng, fusion = np.random.default_rng(6), Fusion()
    texts = [TEXT, TEXT[:-6] + "ABCDEF"]
    symbols = [qr(text, scale=4) for text in texts]
    for n in range(60):
        for reading in fusion.add(*_noisy(symbols[n // 5 % 2], n, rng, sigma=40)).readings:
            assert reading.text in texts


def test_a_wandering_reflection_leaves_nothing(qr: Draw) -> None:
    fusion, symbol, read = Fusion(), qr(TEXT, scale=4), []
    rng = np.random.default_rng(7)
    for n in range(14):
        frame, where = _noisy(symbol, 0, rng, sigma=3)
        cv2.circle(frame, (150 + 12 * n, 190), 34, 255, -1)  # over a quarter of the code in every frame
        read += [r.text for r in fusion.add(frame, where).readings]
    assert set(read) == {TEXT}


def test_pictures_without_anything_in_common_are_given_up_quietly() -> None:
    rng, fusion = np.random.default_rng(8), Fusion()
    box: Corners = ((20, 20), (120, 20), (120, 120), (20, 120))
    for _ in range(30):
        assert fusion.add(rng.integers(0, 255, (200, 200), dtype=np.uint8), box) == NOTHING
    assert fusion.add(np.zeros((200, 200), np.uint8), box) == NOTHING
