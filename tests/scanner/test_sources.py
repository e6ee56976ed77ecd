"""Each source: what it gives, when it waits, and how it names what is wrong. Real files, pipes and HTTP; fake V4L2."""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gate.errors import DeviceError
from gate.scanner.frames import Frame
from gate.scanner.sources import EndOfSource, FrameSource, Line, Note, camera, files
from gate.scanner.sources.camera import CameraSource
from gate.scanner.sources.files import ImageFolder, VideoFiles, matching
from gate.scanner.sources.lines import LineSource
from gate.settings import InputSettings
from tests.scanner.hands import Hands


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(files, "time", hands)
    monkeypatch.setattr(camera, "time", hands)
    return hands


def _settings(**keys: Any) -> InputSettings:
    return InputSettings(name="cam0", **keys)


def _clip(path: Path, frames: int = 6, gray: int = 100) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 60, (320, 240))
    for n in range(frames):
        writer.write(np.full((240, 320, 3), gray + n, np.uint8))
    writer.release()
    return path


def _drain(source: FrameSource) -> list[Any]:
    items = []
    with contextlib.suppress(EndOfSource):
        while True:
            items.append(source.read())
    return items


def _until(source: FrameSource, kind: type, limit: int = 200) -> Any:
    for _ in range(limit):
        item = source.read()
        if isinstance(item, kind):
            return item
    raise AssertionError(f"no {kind.__name__} in {limit} reads")


class TestVideoFiles:
    def test_frames_come_in_real_time_with_the_moment_they_were_due(self, tmp_path: Path, hands: Hands) -> None:
        source = VideoFiles(_settings(kind="video", device=str(_clip(tmp_path / "a.mp4", frames=12))))
        facts = source.open()
        assert (facts.size, facts.fps) == ((320, 240), 60)
        note = source.read()
        assert isinstance(note, Note)
        start, frames = hands.now_s, [source.read() for _ in range(12)]
        assert hands.now_s - start == pytest.approx(11 / 60)
        captured = [f.captured - note.message["at"] for f in frames if isinstance(f, Frame)]
        assert captured == [int(n * 1000 / 60) for n in range(12)]
        assert source.skipped == 0
        source.close()

    @pytest.mark.usefixtures("hands")
    def test_files_play_in_order_then_the_newest_again_and_parts_are_left_alone(self, tmp_path: Path) -> None:
        for name in ("round-0001.mp4", "round-0002.mp4"):
            _clip(tmp_path / name)
        shutil.copy(tmp_path / "round-0001.mp4", tmp_path / "round-0003.part.mp4")
        source = VideoFiles(_settings(kind="video", device=str(tmp_path / "round-*.mp4")))
        source.open()
        names = [(n.message["file"], n.message["n"]) for n in (_until(source, Note) for _ in range(3))]
        assert names == [("round-0001.mp4", 1), ("round-0002.mp4", 2), ("round-0002.mp4", 3)]
        os.replace(tmp_path / "round-0003.part.mp4", tmp_path / "round-0003.mp4")
        assert _until(source, Note).message["file"] == "round-0003.mp4"
        source.close()

    @pytest.mark.usefixtures("hands")
    def test_it_waits_for_the_first_file(self, tmp_path: Path) -> None:
        source = VideoFiles(_settings(kind="video", device=str(tmp_path)))
        assert source.open().size == (1280, 720)
        assert source.read() is None
        _clip(tmp_path / "a.mp4")
        assert _until(source, Note).message["t"] == "loop"
        assert isinstance(_until(source, Frame), Frame)
        source.close()

    def test_a_reader_that_comes_late_gets_the_newest_frame(self, tmp_path: Path, hands: Hands) -> None:
        source = VideoFiles(_settings(kind="video", device=str(_clip(tmp_path / "a.mp4", frames=60))))
        source.open()
        source.read()
        source.read()
        hands.sleep(0.31)
        frame = source.read()
        assert isinstance(frame, Frame)
        assert 0 <= hands.now_s * 1000 - frame.captured < 1000 / 60
        assert source.skipped == 17  # of the 18 that were due since, all but the last
        source.close()

    @pytest.mark.usefixtures("hands")
    def test_a_broken_file_is_named_and_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").write_bytes(b"no video")
        _clip(tmp_path / "b.mp4")
        source = VideoFiles(_settings(kind="video", device=str(tmp_path)))
        source.open()
        fault = _until(source, Note).message
        assert (fault["t"], fault["name"], fault["file"]) == ("fault", "unreadable_file", "a.mp4")
        assert _until(source, Note).message["file"] == "b.mp4"
        source.close()

    def test_one_file_may_be_named_directly(self, tmp_path: Path) -> None:
        path = _clip(tmp_path / "a.mp4")
        assert matching(str(path), (".mp4",)) == [str(path)]
        assert matching(str(tmp_path / "none.mp4"), (".mp4",)) == []


class TestImageFolder:
    def test_each_picture_once_and_then_the_end(self, tmp_path: Path) -> None:
        for n in range(3):
            cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((90, 120), 50 * n, np.uint8))
        (tmp_path / "1.png").write_bytes(b"broken")
        source = ImageFolder(_settings(kind="images", device=str(tmp_path), fps=100))
        assert source.open().size == (120, 90)
        items = [source.read() for _ in range(3)]
        assert [type(i) for i in items] == [Frame, Note, Frame]
        with pytest.raises(EndOfSource):
            source.read()
        source.close()

    def test_pictures_keep_their_distance_after_a_pause(self, tmp_path: Path, hands: Hands) -> None:
        for n in range(3):
            cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((90, 120), 50 * n, np.uint8))
        source = ImageFolder(_settings(kind="images", device=str(tmp_path), fps=10))
        source.open()
        first = source.read()
        hands.sleep(2)
        times = [item.captured for item in (first, source.read(), source.read()) if isinstance(item, Frame)]
        assert times == [1_000_000, 1_002_000, 1_002_100]

    def test_an_empty_folder_is_a_device_error(self, tmp_path: Path) -> None:
        with pytest.raises(DeviceError, match="no pictures"):
            ImageFolder(_settings(kind="images", device=str(tmp_path))).open()


class TestLines:
    def test_a_line_is_a_text_and_only_its_end_is_taken_off(self) -> None:
        read, write = os.pipe()
        source = LineSource(_settings(kind="stdin"), read)
        source.open()
        os.write(write, b" GT1:AB \r\n\n\xff\xfe\n" + b"x" * 9000 + b"\nlast\n")
        os.close(write)
        items = _drain(source)
        os.close(read)
        found = [i.text if isinstance(i, Line) else i.message["t"] for i in items if isinstance(i, Line | Note)]
        assert found == [" GT1:AB ", "binary", "binary", "last"]


class _FakeCapture:
    """A V4L2 camera as OpenCV shows it."""

    def __init__(self, fps: float = 30, frames: int = 3, opened: bool = True, stamp_ms: float = 0) -> None:
        self.calls: list[tuple[int, float]] = []
        self.stamp_ms = stamp_ms
        self.fps, self.frames, self.opened, self.released = fps, frames, opened, False

    def isOpened(self) -> bool:
        return self.opened

    def set(self, prop: int, value: float) -> bool:
        self.calls.append((prop, value))
        return True

    def get(self, prop: int) -> float:
        known = {cv2.CAP_PROP_FRAME_WIDTH: 1280.0, cv2.CAP_PROP_FRAME_HEIGHT: 720.0, cv2.CAP_PROP_FPS: self.fps}
        return self.stamp_ms if prop == cv2.CAP_PROP_POS_MSEC else known[prop]

    def grab(self) -> bool:
        self.frames -= 1
        return self.frames >= 0

    def retrieve(self) -> tuple[bool, Any]:
        return True, np.zeros((720, 1280, 3), np.uint8)

    def release(self) -> None:
        self.released = True


class TestCamera:
    def _open(self, fake: _FakeCapture, device: Path) -> CameraSource:
        return CameraSource(_settings(device=str(device)), lambda settings: fake)

    @pytest.fixture
    def device(self, tmp_path: Path) -> Path:
        path = tmp_path / "video0"
        path.touch()
        return path

    def test_mjpg_is_asked_before_size_and_rate_and_all_is_read_back(self, device: Path) -> None:
        fake = _FakeCapture(fps=25)
        facts = self._open(fake, device).open()
        asked = [prop for prop, _ in fake.calls]
        assert asked[:4] == [
            cv2.CAP_PROP_FOURCC,
            cv2.CAP_PROP_FRAME_WIDTH,
            cv2.CAP_PROP_FRAME_HEIGHT,
            cv2.CAP_PROP_FPS,
        ]
        assert (facts.size, facts.fps) == ((1280, 720), 25)

    @pytest.mark.parametrize(("age_ms", "believed"), [(7, True), (999, True), (1000, False), (-1, False)])
    def test_the_drivers_own_time_stamp_is_the_capture_time(
        self, device: Path, hands: Hands, age_ms: int, believed: bool
    ) -> None:
        now = round(hands.now_s * 1000)
        source = self._open(_FakeCapture(stamp_ms=now - age_ms), device)
        source.open()
        frame = source.read()
        assert isinstance(frame, Frame)
        assert frame.captured == now - (age_ms if believed else 0)

    def test_a_slow_camera_is_refused(self, device: Path) -> None:
        fake = _FakeCapture(fps=5)
        with pytest.raises(DeviceError, match="5 frames a second"):
            self._open(fake, device).open()
        assert fake.released

    def test_a_missing_and_a_busy_device_are_told_apart(self, device: Path) -> None:
        with pytest.raises(DeviceError, match="does not open"):
            self._open(_FakeCapture(opened=False), device).open()
        with pytest.raises(DeviceError, match="is not there"):
            self._open(_FakeCapture(), device.with_name("video9")).open()

    def test_unplugging_is_named(self, device: Path) -> None:
        source = self._open(_FakeCapture(frames=1), device)
        source.open()
        assert isinstance(source.read(), Frame)
        device.unlink()
        with pytest.raises(DeviceError, match="was unplugged"):
            source.read()

    def test_one_broken_frame_is_no_fault_but_ten_are(self, device: Path) -> None:
        source = self._open(_FakeCapture(frames=0), device)
        source.open()
        assert [source.read() for _ in range(9)] == [None] * 9
        with pytest.raises(DeviceError, match="no frames"):
            source.read()

    def test_exposure_is_set_in_milliseconds(self, device: Path) -> None:
        fake = _FakeCapture()
        source = self._open(fake, device)
        source.open()
        assert source.control("exposure", 4.0)
        assert fake.calls[-2:] == [(cv2.CAP_PROP_AUTO_EXPOSURE, 1), (cv2.CAP_PROP_EXPOSURE, 40)]
        assert not source.control("calibrate", 0)


class _Mjpeg(http.server.BaseHTTPRequestHandler):
    """A network camera: an endless multipart stream of JPEG pictures."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        _, jpeg = cv2.imencode(".jpg", np.full((240, 320, 3), 120, np.uint8))
        part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % jpeg.size
        try:
            for _ in range(100):
                self.wfile.write(part + jpeg.tobytes() + b"\r\n")
        except OSError:
            return

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test output is for failures."""


@pytest.fixture
def network_camera() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Mjpeg)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/stream"
    server.shutdown()
    server.server_close()


def test_a_network_camera_gives_frames_and_its_end_is_a_fault(network_camera: str, hands: Hands) -> None:
    source = CameraSource(_settings(kind="url", device=network_camera))
    assert source.open().size == (320, 240)
    assert _until(source, Frame).captured == hands.now_s * 1000
    with pytest.raises(DeviceError, match="no frames"):
        _until(source, Note, limit=300)
    source.close()
