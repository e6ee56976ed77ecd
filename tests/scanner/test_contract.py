"""One contract for every source: what it reads back, items with a believable time, a named end, closing twice.

Each runs on a fake and on the real thing as far as this machine has it: real files, pipes, sockets and pseudo terminals;
the driver's or library's side is a fake for V4L2 and picamera2, and the kernel's for evdev (see also `test_evdev`).
"""

from __future__ import annotations

import os
import pty
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

from gate.scanner.frames import Frame, Picture
from gate.scanner.sources import EndOfSource, FrameSource, Line, Note, open_source, picamera
from gate.scanner.sources.camera import CameraSource
from gate.scanner.sources.evdev import WedgeSource
from gate.scanner.sources.faults import SourceError
from gate.scanner.sources.lines import LineSource
from gate.scanner.sources.mjpeg import MjpegSource
from gate.scanner.sources.picamera import PicameraSource
from gate.settings import InputSettings
from tests.scanner.cameras import SIZE, STAMPED_MS, FakePicamera2, FakeV4l2
from tests.scanner.devices import FakeDevices, keys
from tests.scanner.netcam import NetCam


class Case(NamedTuple):
    source: FrameSource
    kind: type
    feed: Callable[[], None]
    """Called before each read: gives a source that waits something to give."""
    end: Callable[[], None]
    """Takes the device away."""
    words: frozenset[str]
    """How the end is named; empty = the source ends in order, or waits for more."""


def _settings(kind: str, device: str) -> InputSettings:
    return InputSettings(kind=kind, device=device, width=SIZE[0], height=SIZE[1])


def _nothing() -> None:
    """Nothing to do."""


def _camera(folder: Path) -> Case:
    device = folder / "video0"
    device.touch()
    source = CameraSource(_settings("camera", str(device)), lambda settings: FakeV4l2(device))
    return Case(source, Frame, _nothing, device.unlink, frozenset({"unplugged"}))


def _picamera(folder: Path) -> Case:
    def gone() -> None:
        FakePicamera2.gone = True

    FakePicamera2.gone = False
    source = PicameraSource(_settings("picamera", "0"), lambda: FakePicamera2)
    return Case(source, Frame, _nothing, gone, frozenset({"unplugged"}))


def _url(folder: Path) -> Case:
    camera = NetCam(np.full((SIZE[1], SIZE[0]), 90, np.uint8), fps=60)

    def gone() -> None:
        camera.mode = "unplugged"

    source = MjpegSource(_settings("url", camera.url), timeout_s=60)
    return Case(source, Frame, _nothing, gone, frozenset({"unplugged"}))


def _video(folder: Path) -> Case:
    writer = cv2.VideoWriter(str(folder / "a.mp4"), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 60, SIZE)
    for n in range(8):
        writer.write(np.full((SIZE[1], SIZE[0], 3), 90 + n, np.uint8))
    writer.release()
    return Case(open_source(_settings("video", str(folder))), Frame, _nothing, _nothing, frozenset())


def _images(folder: Path) -> Case:
    for n in range(4):
        cv2.imwrite(str(folder / f"{n}.png"), np.full((SIZE[1], SIZE[0]), 90 + n, np.uint8))
    return Case(open_source(_settings("images", str(folder))), Frame, _nothing, _nothing, frozenset())


def _evdev(folder: Path) -> Case:
    fake = FakeDevices(event0="05e0:1200")
    source = WedgeSource(_settings("evdev", "05e0:1200"), fake)
    return Case(
        source,
        Line,
        lambda: fake.type("event0", keys("ABC\n")),
        lambda: fake.unplug("event0"),
        frozenset({"unplugged"}),
    )


def _serial(folder: Path) -> Case:
    master, slave = pty.openpty()
    source = open_source(_settings("serial", os.ttyname(slave)))
    os.close(slave)
    return Case(
        source, Line, lambda: os.write(master, b"ABC\r") and None, lambda: os.close(master), frozenset({"unplugged"})
    )


def _stdin(folder: Path) -> Case:
    read, write = os.pipe()
    source = LineSource(_settings("stdin", "-"), read)
    return Case(source, Line, lambda: os.write(write, b"ABC\n") and None, lambda: os.close(write), frozenset())


MAKERS = {
    "camera": _camera,
    "picamera": _picamera,
    "url": _url,
    "video": _video,
    "images": _images,
    "evdev": _evdev,
    "serial": _serial,
    "stdin": _stdin,
}


@pytest.fixture(params=MAKERS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    case = MAKERS[request.param](tmp_path)
    yield case
    case.source.close()


def _items(case: Case, count: int) -> list[Any]:
    found: list[Any] = []
    end = time.monotonic() + 60
    while len(found) < count and time.monotonic() < end:
        case.feed()
        for _ in range(40):
            item = case.source.read()
            assert item is None or isinstance(item, case.kind | Note)
            if isinstance(item, case.kind):
                found.append(item)
                break
    return found


def test_every_source_keeps_the_contract(case: Case) -> None:
    begun = time.monotonic_ns() // 1_000_000
    facts = case.source.open()
    assert ":" in facts.source or facts.source == "stdin"
    if case.kind is Frame:
        assert facts.size == SIZE
    items = _items(case, 3)
    now = time.monotonic_ns() // 1_000_000
    times = [item.captured if isinstance(item, Frame) else item.at for item in items]
    assert times == sorted(times)
    assert begun - STAMPED_MS <= times[0]
    assert times[-1] <= now
    for item in items:
        if isinstance(item, Frame):
            assert item.size == SIZE
            assert item.image.dtype == np.uint8
        else:
            assert item.text == "ABC"
    numbers = [item.seq for item in items if isinstance(item, Frame)]
    assert numbers == sorted(set(numbers))

    case.end()
    if case.words:
        with pytest.raises(SourceError) as caught:
            _until_it_fails(case.source)
        assert caught.value.name in case.words
        assert str(caught.value)
    case.source.close()
    case.source.close()


def _until_it_fails(source: FrameSource) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        source.read()


def test_a_source_that_ends_in_order_says_so(tmp_path: Path) -> None:
    for make in (_images, _stdin):
        case = make(tmp_path)
        case.source.open()
        case.end()
        with pytest.raises(EndOfSource):
            _until_it_fails(case.source)


def test_the_pi_camera_flushes_after_a_start_and_a_change_only(tmp_path: Path) -> None:
    FakePicamera2.flushes, FakePicamera2.controls = [], []
    source = _picamera(tmp_path).source
    assert isinstance(source, PicameraSource)
    source.open()
    frames = [source.read() for _ in range(3)]
    assert isinstance(frames[0], Frame)
    assert int(frames[0].image.max()) == int(frames[0].image.min()) == 77
    assert source.control("exposure", 4.0)
    assert source.control("focus", 5.5)
    assert not source.control("zoom", 1)
    source.read()
    assert FakePicamera2.flushes == [True, False, False, True]
    assert FakePicamera2.controls == [{"AeEnable": False, "ExposureTime": 4000}, {"AfMode": 0, "LensPosition": 5.5}]
    source.close()


@pytest.mark.parametrize(
    ("stamp_s", "taken_s"), [(999.99, 999.99), (1499.99, 999.99), (1000.01, 1000), (998, 1000), (0, 1000)]
)
def test_the_pi_sensors_time_counts_with_or_without_sleep_and_only_when_it_can_be_true(
    monkeypatch: pytest.MonkeyPatch, stamp_s: float, taken_s: float
) -> None:
    awake = SimpleNamespace(
        monotonic_ns=lambda: 10**12, CLOCK_BOOTTIME=7, clock_gettime_ns={7: 1_500_000_000_000}.__getitem__
    )
    monkeypatch.setattr(picamera, "time", awake)
    assert picamera._monotonic_ms(round(stamp_s * 1e9)) == round(taken_s * 1000)


def test_a_missing_pi_camera_and_a_missing_library_are_named() -> None:
    with pytest.raises(SourceError, match="ribbon cable"):
        PicameraSource(_settings("picamera", "1"), lambda: FakePicamera2).open()
    try:
        import picamera2  # noqa: F401
    except ImportError:
        with pytest.raises(SourceError, match="apt install python3-picamera2"):
            open_source(_settings("picamera", "0")).open()


def test_pictures_with_a_thumbnail_inside_and_without_a_length_are_whole(qr: Callable[..., Picture]) -> None:
    """The markers of a thumbnail in the header must not cut a picture in two."""
    data = cv2.imencode(".jpg", qr("GT1:A"))[1].tobytes()
    thumbnail = b"\xff\xe1\x00\x0a" + b"\xff\xd8\xff\xd9" + b"\x00" * 4
    with_thumbnail = data[:2] + thumbnail + data[2:]

    class Stream:
        def __init__(self, *parts: bytes) -> None:
            self._parts = list(parts)

        def read1(self, size: int) -> bytes:
            return self._parts.pop(0) if self._parts else b""

        def close(self) -> None:
            """Nothing is held."""

    source = MjpegSource(_settings("url", "http://camera/"))
    head = b"--x\r\nContent-Length: %d\r\n\r\n" % len(with_thumbnail)
    source._stream = Stream(head + with_thumbnail[:100], with_thumbnail[100:] + b"\r\n--x\r\n\r\n" + data)  # type: ignore[assignment]
    assert isinstance(source.read(), Frame)
    assert isinstance(source.read(), Frame)
    with pytest.raises(SourceError, match="closed the line"):
        source.read()
