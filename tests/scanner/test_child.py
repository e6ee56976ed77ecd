"""The loop inside the child with a source made of a list: late frames, dead sources, binary symbols, commands."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import DeviceError
from gate.scanner import child as child_module
from gate.scanner.child import EXIT_END, EXIT_SOURCE, Child, mono_ms
from gate.scanner.decoder import Cascade
from gate.scanner.engines import Found
from gate.scanner.frames import AnyPicture, Frame, Picture
from gate.scanner.preview import Preview
from gate.scanner.simulator.presentation import Presentation
from gate.scanner.sources import EndOfSource, Item, SourceFacts
from gate.settings import InputSettings

Make = Callable[[], Item | None]


class ListSource:
    """Gives what each call of `items` makes, each when the child has taken the one before, then the end (or silence).

    So a thread that is late makes the test longer and loses no frame.
    """

    def __init__(self, items: Iterable[Make], *, live: bool = False, silent_end: bool = False) -> None:
        self.live = live
        self._items: Iterator[Make] = iter(items)
        self._silent_end = silent_end
        self.closed = False
        self.child: Child | None = None
        self._pause = threading.Event()

    def open(self) -> SourceFacts:
        return SourceFacts("list", (1280, 720), 30.0)

    def read(self) -> Item | None:
        self._pause.wait(0.01)
        while self.child is not None and self.child._latest is not None and not self.child._stopping:
            self._pause.wait(0.002)
        make = next(self._items, None)
        if make is not None:
            return make()
        if self._silent_end:
            self._pause.wait(120)
        raise EndOfSource

    def close(self) -> None:
        self.closed = True


def _frames(picture: Picture, count: int, late_ms: int = 0) -> list[Make]:
    return [lambda n=n: Frame(picture, mono_ms() - late_ms, n) for n in range(count)]


def _run(source: ListSource, cascade: Cascade | None = None, **keys: Any) -> tuple[int, list[dict[str, Any]]]:
    said: list[dict[str, Any]] = []
    settings = InputSettings(**{"max_age_ms": 60_000, **keys})
    source.child = child = Child(settings, source, cascade or Cascade(), lambda m, j=None: said.append(m))
    return child.run(), said


def _of(said: list[dict[str, Any]], word: str) -> list[dict[str, Any]]:
    return [m for m in said if m["t"] == word]


def test_late_frames_are_dropped_counted_and_never_read(
    qr: Callable[..., Picture], place: Callable[..., Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "_HEALTH_MS", 100)
    code, said = _run(ListSource(_frames(place(qr("GT1:A"), 300, 100), 30, late_ms=200)), max_age_ms=150)
    assert code == EXIT_END
    assert _of(said, "appeared") == []
    assert _of(said, "health")[-1]["dropped"] + _of(said, "health")[-1]["skipped"] > 5


def test_a_ticket_appears_and_leaves_at_the_end_of_the_source(
    qr: Callable[..., Picture], place: Callable[..., Picture]
) -> None:
    code, said = _run(ListSource(_frames(place(qr("GT1:A"), 300, 100), 10)))
    assert code == EXIT_END
    said = [m for m in said if m["t"] != "health"]
    assert [m["t"] for m in said] == ["hello", "appeared", "fault", "left"]
    assert (said[1]["text"], said[1]["p"], said[3]["p"], said[2]["name"]) == ("GT1:A", 1, 1, "end")


def test_a_held_binary_symbol_is_named_once_in_a_while(
    qr: Callable[..., Picture], place: Callable[..., Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "_BINARY_MS", 600_000)
    _, said = _run(ListSource(_frames(place(qr(b"\xff\xfe\x00\x80" * 3), 300, 100), 20)))
    assert _of(said, "binary") == [{"t": "binary"}]


def test_frames_that_are_no_pictures_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "_HEALTH_MS", 50)
    shapes = [(0, 0), (1, 500, 3), (20, 20, 2), (3,)]
    items = [lambda s=s: Frame(np.zeros(s, np.uint8), mono_ms(), 1) for s in itertools.chain(*[shapes] * 5)]
    code, said = _run(ListSource(items))
    assert code == EXIT_END
    assert _of(said, "health")[-1]["dropped"] > 0


def test_a_camera_that_stops_giving_frames_is_given_back_for_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "_STALL_MS", 200)
    monkeypatch.setattr(child_module, "_HEALTH_MS", 50)
    picture = np.full((720, 1280), 90, np.uint8)
    code, said = _run(ListSource(_frames(picture, 3), live=True, silent_end=True))
    assert code == EXIT_SOURCE
    assert [m["name"] for m in _of(said, "fault")] == ["stalled"]
    assert _of(said, "health")[-1]["state"] == "gone"


def test_a_covered_lens_is_black(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "_HEALTH_MS", 50)
    monkeypatch.setattr(child_module, "_STALL_MS", 600_000)
    _, said = _run(ListSource(_frames(np.full((720, 1280), 2, np.uint8), 20), live=True))
    states = [m["state"] for m in _of(said, "health")]
    assert states[-1] == "black"
    assert set(states) <= {"gone", "black"}  # gone: before the first picture came


@pytest.mark.parametrize("error", [DeviceError("camera was unplugged"), ValueError("driver trouble")])
def test_a_source_that_fails_is_a_named_fault(error: Exception) -> None:
    def fail() -> Item:
        raise error

    code, said = _run(ListSource([fail]))
    assert code == EXIT_SOURCE
    (fault,) = _of(said, "fault")
    assert fault["name"] == "unplugged"
    assert str(error) in fault["message"]


def test_commands_stop_preview_and_exposure(qr: Callable[..., Picture], place: Callable[..., Picture]) -> None:
    said: list[tuple[dict[str, Any], bytes | None]] = []
    source = ListSource(_frames(place(qr("GT1:A"), 300, 100), 100_000))
    source.child = child = Child(
        InputSettings(max_age_ms=60_000), source, Cascade(), lambda m, j=None: said.append((m, j))
    )
    worker = threading.Thread(target=child.run)
    worker.start()
    child.command({"t": "exposure", "ms": 4})
    child.command({"t": "unheard of"})
    child.command({"t": "preview", "on": True})
    deadline = time.monotonic() + 60
    while sum(j is not None for _, j in said) < 2 and time.monotonic() < deadline:
        worker.join(0.02)
    child.command({"t": "stop"})
    worker.join(60)
    assert not worker.is_alive()
    pictures = [m for m, j in said if j is not None and j[:2] == b"\xff\xd8"]
    assert len(pictures) >= 2
    assert pictures[0]["size"] == (1280, 720)
    assert {"t": "control", "do": "exposure", "ok": False} in [m for m, _ in said]


def test_pictures_for_people_come_while_they_are_wanted_and_five_times_a_second_at_most() -> None:
    preview = Preview()
    assert not preview.due(0)
    preview.wanted = True
    assert [at for at in range(0, 1000, 33) if preview.due(at)] == [0, 231, 462, 693, 924]
    preview.wanted = False
    assert not preview.due(5000)


def test_a_picture_that_a_library_chokes_on_is_dropped_and_the_next_is_read(
    qr: Callable[..., Picture], place: Callable[..., Picture]
) -> None:
    class Choking(Cascade):
        def look(self, image: AnyPicture, *, moving: bool = True) -> Found:
            if image[0, 0] == 1:
                raise ValueError("what a library makes of it")
            return super().look(image, moving=moving)

    bad = np.ones((480, 640), np.uint8)
    code, said = _run(ListSource([*_frames(bad, 5), *_frames(place(qr("GT1:A"), 300, 100), 5)]), Choking())
    assert code == EXIT_END
    assert [m["text"] for m in _of(said, "appeared")] == ["GT1:A"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_spoiled_pictures_of_a_ticket_never_take_the_cascade_down_nor_give_another_text(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shown = Presentation(text="GT1:SPOILED", condition="noise", severity=0, seed=seed % 5, seconds=0.1)
    cascade = Cascade(budget_ms=1e9)
    for picture in shown.frames():
        spoiled = picture.copy()
        for _ in range(int(rng.integers(0, 12))):
            y, x = rng.integers(0, 480), rng.integers(0, 640)
            high, wide = rng.integers(1, 200, 2)
            block = spoiled[y : y + high, x : x + wide]
            block[:] = rng.choice([0, 255, int(rng.integers(256))]) if rng.random() < 0.5 else block[::-1, ::-1]
        if rng.random() < 0.3:
            spoiled = spoiled[: int(rng.integers(1, 480)), : int(rng.integers(1, 640))]
        assert {r.text for r in cascade.look(spoiled).readings} <= {"GT1:SPOILED"}
