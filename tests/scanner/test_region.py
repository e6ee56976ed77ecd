"""Where to look harder: texture finds codes that no engine sees, and leaves the room's own textures alone."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gate.scanner.frames import Corners, Picture
from gate.scanner.region import MIN_CROP, Region, cut, neighbourhood, texture, usable
from gate.scanner.simulator.presentation import Presentation
from gate.scanner.simulator.stage import hall
from tests.scanner.conftest import GT1

Draw = Callable[..., Picture]


def _centre(corners: Corners) -> tuple[float, float]:
    return sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4


@pytest.mark.parametrize(
    ("condition", "severity"),
    [("defocus", 2), ("low light", 1), ("bands", 1), ("cracks", 2), ("noise", 1), ("glare", 1)],
)
def test_texture_finds_a_code_that_no_plain_pass_reads(condition: str, severity: int) -> None:
    shown = Presentation(text=GT1, condition=condition, severity=severity, seed=31, seconds=0.4)
    found = 0
    for picture, truth in shown.annotated():
        patch = texture(picture)
        if patch is not None:
            (x, y), (tx, ty) = _centre(patch), _centre(truth)
            found += abs(x - tx) < 40 and abs(y - ty) < 40
    assert found >= 10  # of 12


def test_an_even_view_has_no_texture() -> None:
    assert texture(np.full((480, 640), 120, np.uint8)) is None
    rows = np.tile(np.linspace(0, 255, 640).astype(np.uint8), (480, 1))
    assert texture(rows) is None
    fence = np.tile((np.arange(640) // 6 % 2 * 200).astype(np.uint8), (480, 1))
    assert texture(fence) is None  # structure in one direction only


def test_a_poster_is_left_alone_after_a_while_and_a_ticket_beside_it_is_found(qr: Draw, place: Draw) -> None:
    region, wall = Region(), place(qr("POSTER" * 20, scale=4), 60, 60, (640, 480))
    looks = [region.patch(wall) is not None for _ in range(120)]
    assert looks[0]
    assert not any(looks[70:])
    ticket = qr("TICKET", scale=3)
    wall[300 : 300 + ticket.shape[0], 400 : 400 + ticket.shape[1]] = ticket
    patch = region.patch(wall)
    assert patch is not None
    assert abs(_centre(patch)[0] - 400 - ticket.shape[1] / 2) < 25


def test_a_ticket_in_a_hand_never_becomes_a_poster(qr: Draw, place: Draw) -> None:
    region, symbol = Region(), qr(GT1, scale=4)
    for n in range(300):
        sway = round(14 * np.sin(n / 5))
        assert region.patch(place(symbol, 200 + sway, 100 + sway // 2, (640, 480))) is not None


def test_a_place_is_remembered_for_half_a_second() -> None:
    region, corners = Region(), ((10, 10), (90, 10), (90, 90), (10, 90))
    region.seen(corners)
    for _ in range(15):
        region.missed()
        assert region.corners == corners
    region.missed()
    assert region.corners is None


def test_boxes_stay_inside_the_picture_and_points_are_no_boxes() -> None:
    wild: Corners = ((-500, -20), (3000, 0), (2800, 2000), (-100, 900))
    left, top, right, bottom = neighbourhood(wild, 640, 480)
    assert (left, top, right, bottom) == (0, 0, 640, 480)
    assert usable(((4, 4), (4, 4), (4, 4), (4, 4))) is None
    assert cut(np.zeros((480, 640), np.uint8), ((1, 1), (3, 1), (3, 3), (1, 3))) is None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(-5000, 5000), st.integers(-5000, 5000)), min_size=4, max_size=4))
def test_any_corners_give_a_crop_or_none(points: list[tuple[int, int]]) -> None:
    corners: Corners = (points[0], points[1], points[2], points[3])
    part = cut(np.zeros((120, 160), np.uint8), corners)
    if part is not None:
        picture, left, top, side = part
        assert min(picture.shape) >= MIN_CROP
        assert 0 <= left <= 160 - picture.shape[1]
        assert 0 <= top <= 120 - picture.shape[0]
        assert side >= 0


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(8, 90), st.integers(8, 90))))
def test_texture_takes_any_picture(picture: Picture) -> None:
    texture(picture, [(0, 0, 20, 20), (-5, -5, 500, 500)])


def test_a_hall_out_of_focus_is_usually_no_texture() -> None:
    halls = [hall((640, 480), np.random.default_rng(seed)) for seed in range(20)]
    assert sum(texture(np.asarray(cv2.cvtColor(h, cv2.COLOR_BGR2GRAY))) is not None for h in halls) <= 5
