"""What the cascade reads, what it leaves alone, and that no picture takes it down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gate.errors import FormatError
from gate.scanner import engines
from gate.scanner.decoder import Cascade, scan_image, scan_picture
from gate.scanner.engines import Zbar, read_zxing, side_of
from gate.scanner.frames import Picture, to_gray
from gate.scanner.retries import RETRIES

Draw = Callable[..., Picture]
GT1 = "GT1:/2O5VSHRKDF3K.6F8GWR9572OI2/T2H-2 73+J3100000$JGEM00MPI0R*585ZN/48TDV402%MMXSEYCSHHR"


def test_a_ticket_is_read_with_its_corners_in_frame_coordinates(qr: Draw, place: Draw) -> None:
    symbol = qr(GT1)
    found = Cascade().look(place(symbol, 400, 200))
    (reading,) = found.readings
    assert reading.text == GT1
    assert reading.engine == "zxing"
    inner = symbol.shape[0] - 2 * 4 * 6
    expected = [(424, 224), (424 + inner, 224), (424 + inner, 224 + inner), (424, 224 + inner)]
    assert np.abs(np.array(reading.corners) - np.array(expected)).max() <= 3
    assert side_of(reading.corners) == pytest.approx(inner, abs=3)


@pytest.mark.parametrize("turn", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE])
def test_turned_codes_are_read(qr: Draw, place: Draw, turn: int) -> None:
    assert Cascade().look(cv2.rotate(place(qr(GT1), 300, 100), turn)).readings[0].text == GT1


def test_a_dark_mode_code_is_read(qr: Draw, place: Draw) -> None:
    assert Cascade().look(255 - place(qr(GT1), 300, 100)).readings[0].text == GT1


def test_text_passes_untouched(qr: Draw, place: Draw) -> None:
    text = " Ünïcode\t請進 \n"
    assert Cascade().look(place(qr(text), 300, 100)).readings[0].text == text


def test_a_binary_payload_is_named_and_not_guessed(qr: Draw, place: Draw) -> None:
    found = Cascade().look(place(qr(b"\xff\xfe\x00\x80" * 4), 300, 100))
    assert found.readings == ()
    assert found.binary == 1


def test_micro_qr_is_not_read(place: Draw) -> None:
    code = segno.make_micro("409256")
    modules = np.array([list(row) for row in code.matrix_iter(border=4)], dtype=bool)
    symbol = np.where(modules, 20, 240).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    picture = place(symbol, 300, 100)
    cascade = Cascade(engines.load_zbar())
    assert all(cascade.look(picture).readings == () for _ in range(20))
    assert scan_picture(picture, engines.load_zbar()) == ([], 0)


def test_two_codes_are_two_readings_and_one_code_twice_is_one(qr: Draw, place: Draw) -> None:
    frame = place(qr("ONE"), 100, 100)
    other = qr("TWO")
    frame[100 : 100 + other.shape[0], 700 : 700 + other.shape[1]] = other
    assert {r.text for r in Cascade().look(frame).readings} == {"ONE", "TWO"}
    twice = place(qr("ONE"), 100, 100)
    twice[100 : 100 + other.shape[0], 700 : 700 + other.shape[1]] = qr("ONE")
    assert [r.text for r in Cascade().look(twice).readings] == ["ONE"]


def _hard(qr: Draw, place: Draw) -> Picture:
    """3 px a module behind a lens out of focus by half a module: the plain pass sees the code and cannot read it."""
    return np.asarray(cv2.GaussianBlur(place(qr(GT1, scale=3), 500, 300), (0, 0), 1.6), dtype=np.uint8)


def test_a_held_code_that_the_plain_pass_misses_is_read_by_the_rotating_retries(qr: Draw, place: Draw) -> None:
    frame = _hard(qr, place)
    assert read_zxing(frame).readings == ()
    cascade = Cascade(budget_ms=1e9)
    found = [cascade.look(frame) for _ in range(len(RETRIES))]
    readings = [r for f in found for r in f.readings]
    assert {r.text for r in readings} == {GT1}
    assert all(r.engine.startswith("zxing+") for r in readings)
    corner = np.array(readings[0].corners[0])
    assert np.abs(corner - np.array((512, 312))).max() <= 4


def test_without_motion_and_candidate_only_the_first_pass_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[str] = []

    def counted(gray: Picture, engine: str = "zxing") -> engines.Found:
        passes.append(engine)
        return read_zxing(gray, engine)

    monkeypatch.setattr("gate.scanner.decoder.read_zxing", counted)
    cascade, empty = Cascade(budget_ms=1e9), np.full((720, 1280), 90, np.uint8)
    for _ in range(10):
        cascade.look(empty, moving=False)
    assert passes == ["zxing"] * 10
    for _ in range(9):
        cascade.look(empty, moving=True)
    # People walking by in front of nothing: a retry on the whole frame now and then.
    assert len(passes) == 10 + 9 + 3
    assert {name for name in passes if name != "zxing"} <= {
        "zxing+mean15",
        "zxing+mean25",
        "zxing+soft",
        "zxing+gamma4",
    }


def test_a_code_that_lies_still_unread_is_looked_at_now_and_then(qr: Draw, place: Draw) -> None:
    cascade, frame = Cascade(budget_ms=1e9), _hard(qr, place)
    found = [cascade.look(frame, moving=False).readings for _ in range(300)]
    assert any(r[0].text == GT1 for r in found if r)


def test_a_held_ticket_gets_every_retry_within_a_quarter_of_a_second(
    qr: Draw, place: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[str] = []

    def blind(gray: Picture, engine: str = "zxing") -> engines.Found:
        passes.append(engine)
        return engines.NOTHING

    monkeypatch.setattr("gate.scanner.decoder.read_zxing", blind)
    cascade = Cascade(budget_ms=1e9, fusion=False)
    for _ in range(7):  # 233 ms at 30 frames a second
        cascade.look(place(qr(GT1, scale=5), 300, 100))
    assert {f"zxing+{retry.name}" for retry in RETRIES} <= set(passes)


def test_a_slow_machine_keeps_its_budget(qr: Draw, place: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pass takes 12 ms of a given clock; a frame may take the first pass, and retries that still fit into 25."""
    clock = [0.0]

    def slow(gray: Picture, engine: str = "zxing") -> engines.Found:
        clock[0] += 0.012
        return engines.NOTHING

    monkeypatch.setattr("gate.scanner.decoder.read_zxing", slow)
    monkeypatch.setattr("gate.scanner.decoder.time.perf_counter", lambda: clock[0])
    cascade, frame, spent = Cascade(), place(qr(GT1, scale=5), 300, 100), []
    for _ in range(60):
        began = clock[0]
        cascade.look(frame)
        spent.append(round((clock[0] - began) * 1000))
    settled = spent[len(RETRIES) :]
    assert max(settled) <= 36  # a stage that was forgiven its cost may run over once
    assert sum(settled) / len(settled) <= 25


@pytest.mark.parametrize("corners", [((5, 5), (5, 5), (5, 5), (5, 5)), ((0, 0), (900, 0), (900, 1), (0, 0))])
def test_a_candidate_without_area_is_no_region(
    corners: Any, qr: Draw, place: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gate.scanner.decoder.read_zxing", lambda gray, engine="zxing": engines.Found((), 0, corners))
    cascade = Cascade(budget_ms=1e9)
    texts = {r.text for _ in range(30) for r in cascade.look(place(qr(GT1), 300, 100)).readings}
    assert texts <= {GT1}


def test_retries_stop_at_the_budget(qr: Draw, place: Draw) -> None:
    cascade, frame = Cascade(budget_ms=0.0), _hard(qr, place)
    assert all(cascade.look(frame).readings == () for _ in range(20))


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((0, 0), np.uint8),
        np.zeros((1, 500), np.uint8),
        np.zeros((500, 1), np.uint8),
        np.zeros((100, 100), np.float32),
        np.zeros((100, 100, 4), np.uint8),
        np.zeros((100, 100, 2), np.uint8),
        np.zeros((2, 100, 100, 3), np.uint8),
        np.zeros((100, 100), bool),
        np.broadcast_to(np.uint8(7), (20_000, 20_000)),
    ],
    ids=["0x0", "row", "column", "float", "four channels", "two channels", "4-d", "bool", "huge"],
)
def test_what_is_no_picture_reads_as_nothing(picture: np.ndarray) -> None:
    cascade = Cascade(engines.load_zbar())
    assert all(cascade.look(picture) == engines.NOTHING for _ in range(10))
    assert scan_picture(picture, engines.load_zbar()) == ([], 0)


def test_views_and_single_channels_are_pictures(qr: Draw, place: Draw) -> None:
    frame = place(qr(GT1), 300, 100)
    for view in (frame[:, :, None], np.dstack([frame] * 3), np.asfortranarray(frame), frame[::1, ::1]):
        assert Cascade().look(view).readings[0].text == GT1
    assert to_gray(frame[:, ::-1]) is not None


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=90)), st.booleans())
def test_no_picture_takes_the_cascade_down(picture: np.ndarray, moving: bool) -> None:
    cascade = Cascade(engines.load_zbar(), budget_ms=1e9)
    for _ in range(len(RETRIES) + 1):
        assert cascade.look(picture, moving=moving).readings == ()


@pytest.mark.usefixtures("zbar")
class TestZbar:
    def test_it_reads_plain_ascii(self, qr: Draw, place: Draw) -> None:
        zbar = Zbar()
        (reading,) = zbar(place(qr(GT1), 300, 100)).readings
        assert (reading.text, reading.engine) == (GT1, "zbar")
        ours = read_zxing(place(qr(GT1), 300, 100)).readings[0]
        assert np.abs(np.array(reading.corners) - np.array(ours.corners)).max() <= 6

    def test_structured_append_makes_it_raise_and_the_cascade_goes_on(self) -> None:
        part = segno.make_sequence("A" * 60 + "B" * 60, symbol_count=2, error="m")[0]
        modules = np.array([list(row) for row in part.matrix_iter(border=4)], dtype=bool)
        picture = np.where(modules, 0, 255).astype(np.uint8).repeat(6, axis=0).repeat(6, axis=1)
        zbar = Zbar()
        assert zbar(picture) == engines.NOTHING
        assert zbar.faults == 1
        assert Cascade(zbar).look(picture).readings[0].text == "A" * 60

    def test_an_empty_picture_is_nothing(self) -> None:
        assert Zbar()(np.zeros((0, 0), np.uint8)) == engines.NOTHING

    def test_what_it_would_re_encode_is_not_believed(self, qr: Draw, place: Draw) -> None:
        assert Zbar()(place(qr(b"\xff\xfe\x00\x80" * 4), 300, 100)).readings == ()
        assert Zbar()(place(qr("Ünïcode"), 300, 100)).readings == ()


def test_without_the_library_the_cascade_runs_and_says_so(
    qr: Draw, place: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(self: Zbar) -> None:
        raise ImportError("Unable to find zbar shared library")

    monkeypatch.setattr(Zbar, "__init__", missing)
    zbar = engines.load_zbar()
    assert zbar is None
    cascade = Cascade(zbar)
    assert cascade.look(place(qr(GT1), 300, 100)).readings[0].text == GT1
    assert any("without pyzbar" in name for name in cascade.engines)


def test_scan_image_reads_files_and_transparent_ones_lie_on_white(tmp_path: Path, qr: Draw) -> None:
    symbol = qr(GT1)
    clear = np.zeros((*symbol.shape, 4), np.uint8)
    clear[:, :, 3] = np.where(symbol < 128, 255, 0)
    path = tmp_path / "ticket.png"
    cv2.imwrite(str(path), clear)
    readings, ms = scan_image(path)
    assert [r.text for r in readings] == [GT1]
    assert ms > 0


def test_scan_image_names_what_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "note.png"
    path.write_text("no picture")
    with pytest.raises(FormatError, match=r"note\.png"):
        scan_image(path)
    path.write_bytes(b"")
    with pytest.raises(FormatError):
        scan_image(path)
    with pytest.raises(FileNotFoundError):
        scan_image(tmp_path / "none.png")


def test_scan_picture_runs_every_stage_on_one_still(qr: Draw, place: Draw) -> None:
    readings, _ = scan_picture(_hard(qr, place))
    assert [r.text for r in readings] == [GT1]
