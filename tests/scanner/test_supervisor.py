"""Real children over real pipes: what they say, and that they live and die as the lane wants."""

from __future__ import annotations

import itertools
import json
import os
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from gate.errors import ConfigError
from gate.scanner import supervisor
from gate.scanner.supervisor import ScannerProcess
from tests.scanner.conftest import SCENES, Video
from tests.scanner.lane import Lane, Message


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _program(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def _pid(scanner: ScannerProcess) -> int:
    """Of the child that runs, or of the next one between two."""
    until = time.monotonic() + 60
    while (pid := scanner.pid) is None:
        assert time.monotonic() < until, "no child"
        time.sleep(0.01)
    return pid


def test_a_video_is_played_read_and_reported(lane: Lane, started: Callable[..., ScannerProcess], video: Video) -> None:
    scanner = started(lane, {"kind": "video", "device": str(video.path), "max_age_ms": 5000})
    scanner.preview(True)

    def pictures() -> list[tuple[Message, bytes]]:
        return [(m, j) for m, j in lane.messages if j is not None]

    def all_was_told() -> bool:
        texts = {m["text"] for m in lane.of("appeared")}
        well = any(m["state"] == "ok" and m["fps"] > 5 for m in lane.of("health"))
        shown = any(code["read"] for m, _ in pictures() for code in m["codes"])
        return texts == {scene.text for scene in SCENES} and len(lane.of("left")) >= len(SCENES) and well and shown

    lane.wait(all_was_told)
    first = lane.messages[0][0]
    assert first["t"] == "hello"
    assert (first["input"], first["size"], first["fps"]) == ("cam0", [1280, 720], 30)
    assert first["engines"][0].startswith("zxing-cpp")
    loops = lane.of("loop")
    assert (loops[0]["file"], loops[0]["n"]) == (video.path.name, 1)

    # The video begins anew at its end, and a machine that is late passes scenes over: what is told must be true.
    appeared = lane.of("appeared")
    for message in appeared:
        played_ms = message["captured"] - max(loop["at"] for loop in loops if loop["at"] <= message["captured"])
        scenes = [(scene.text, shown) for scene, shown in zip(SCENES, video.shown, strict=True)]
        assert any(t == message["text"] and s.start_s * 1000 < played_ms < s.end_s * 1000 for t, s in scenes)
        assert message["decoded"] >= message["captured"]
        assert np.array(message["corners"]).shape == (4, 2)
        assert message["size"] == [1280, 720]
    assert [m["p"] for m in appeared] == list(range(1, len(appeared) + 1))
    assert [m["p"] for m in lane.of("left")] == [n + 1 for n in range(len(lane.of("left")))]

    assert {"fps", "age_ms", "dropped", "decode_ms", "focus", "light", "state"} <= set(lane.of("health")[0])
    picture = cv2.imdecode(np.frombuffer(pictures()[0][1], np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None

    pid = _pid(scanner)
    scanner.stop()
    assert _gone(pid)
    assert scanner.pid is None
    assert not scanner.alive


def test_a_killed_child_is_started_again_and_its_presentations_are_closed(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path, qr: Callable[..., np.ndarray]
) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "a.mp4"), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 30, (640, 480))
    held = np.full((480, 640, 3), 110, np.uint8)
    symbol = qr("GT1:A")
    held[100 : 100 + symbol.shape[0], 200 : 200 + symbol.shape[1]] = symbol[:, :, None]
    for _ in range(30):
        writer.write(held)
    writer.release()
    scanner = started(lane, {"kind": "video", "device": str(tmp_path), "max_age_ms": 5000})
    lane.wait(lambda: bool(lane.of("appeared") and lane.of("health")) and scanner.alive)
    pid = _pid(scanner)
    os.kill(pid, signal.SIGKILL)
    lane.wait(lambda: len(lane.of("appeared")) >= 2)
    assert scanner.restarts == 1
    assert scanner.pid != pid
    assert _gone(pid)
    words = [(m["t"], m.get("by")) for m, _ in lane.messages if m["t"] != "health"]
    assert words.index(("left", "supervisor")) < words.index(("fault", "supervisor"))
    fault = next(m for m in lane.of("fault") if m.get("by") == "supervisor")
    assert (fault["name"], fault["exit"]) == ("died", -signal.SIGKILL)
    assert [m["p"] for m in lane.of("appeared")[:2]] == [1, 2]


def test_a_silent_child_is_killed_and_started_again(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path
) -> None:
    scanner = started(lane, {"kind": "video", "device": str(tmp_path)}, stall_s=2)
    lane.wait(lambda: bool(lane.of("health")))
    pid, before = _pid(scanner), len(lane.of("hello"))
    os.kill(pid, signal.SIGSTOP)
    lane.wait(lambda: len(lane.of("hello")) > before)
    assert _gone(pid)
    assert {m["name"] for m in lane.of("fault")} == {"silent"}


def test_only_silence_that_was_heard_counts(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole machine stood still: the child has had no time to speak, and is not killed for it."""
    jumps = iter(n * 1000.0 for n in itertools.count())
    monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=jumps.__next__, monotonic_ns=time.monotonic_ns))
    started(lane, {"kind": "video", "device": str(tmp_path)})
    lane.wait(lambda: len(lane.of("health")) >= 2)
    assert lane.of("fault") == []


def test_the_child_dies_with_its_lane(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from gate.scanner.supervisor import ScannerProcess\n"
        f"s = ScannerProcess({{'name': 'cam0', 'kind': 'video', 'device': {str(tmp_path)!r}}},"
        " lambda m, j: m['t'] == 'hello' and print(s.pid, flush=True))\n"
        "s.start()\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        watch = os.pidfd_open(pid)
    finally:
        parent.kill()
        parent.wait()
    assert select.select([watch], [], [], 60)[0], "the child outlives its lane"
    os.close(watch)
    if parent.stdout is not None:
        parent.stdout.close()


def test_a_missing_camera_is_named_and_asked_for_again_with_growing_pauses(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path
) -> None:
    began = time.monotonic()
    started(lane, {"kind": "camera", "device": str(tmp_path / "video9")}, backoff_s=(0.05, 0.2))
    lane.wait(lambda: len(lane.of("fault")) >= 8)
    own = [m for m in lane.of("fault") if "by" not in m]
    assert own[0]["name"] == "no_source"
    assert "video9 is not there" in own[0]["message"]
    restarts = [(m["name"], m["restart_s"]) for m in lane.of("fault") if m.get("by") == "supervisor"]
    assert restarts[:4] == [("no_source", 0.05), ("no_source", 0.1), ("no_source", 0.2), ("no_source", 0.2)]
    assert time.monotonic() - began >= 0.05 + 0.1 + 0.2


def test_a_profile_that_cannot_be_read_is_not_tried_again(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path
) -> None:
    (tmp_path / "cam0.json").write_text("{}")
    started(lane, {"kind": "serial", "profile": str(tmp_path / "cam0.json")})
    lane.wait(lambda: any(m.get("by") == "supervisor" for m in lane.of("fault")))
    assert [(m["name"], m.get("restart_s")) for m in lane.of("fault")] == [("bad_profile", None), ("ended", None)]


def test_pictures_of_a_folder_end_in_order(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path, qr: Callable[..., np.ndarray]
) -> None:
    for n, content in enumerate(("FIRST", b"\xff\xfe\x00\x80", "SECOND")):
        cv2.imwrite(str(tmp_path / f"{n}.png"), qr(content, error="q"))
    scanner = started(lane, {"kind": "images", "device": str(tmp_path), "fps": 2, "max_age_ms": 5000})
    lane.wait(lambda: any(m.get("by") == "supervisor" for m in lane.of("fault")))
    assert [m["text"] for m in lane.of("appeared")] == ["FIRST", "SECOND"]
    assert [m["p"] for m in lane.of("left")] == [1, 2]
    assert lane.of("binary") == [{"t": "binary"}]
    assert [m["name"] for m in lane.of("fault")] == ["end", "ended"]
    assert scanner.restarts == 0


def test_texts_by_lines_from_standard_input_without_a_lane() -> None:
    """`--print` is the trial by hand; the messages are those of the pipe."""
    done = subprocess.run(
        [sys.executable, "-m", "gate.scanner", "--input", "reader0", "--config-json", '{"kind":"stdin"}', "--print"],
        input="GT1:ABC\nGT1:ABC\n",
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    words = [m["t"] for m in said if m["t"] != "health"]
    assert words == ["hello", "appeared", "left", "appeared", "left", "fault"]
    assert [(m["p"], m["text"]) for m in said if m["t"] == "appeared"] == [(1, "GT1:ABC"), (2, "GT1:ABC")]


def test_settings_the_child_cannot_use_end_it_with_a_reason() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gate.scanner", "--input", "cam0", "--config-json", '{"kind":"orb"}', "--print"],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 2
    assert "orb" in done.stderr


def test_a_child_that_never_speaks_is_given_up(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path
) -> None:
    python = _program(tmp_path / "mute", "exec sleep 600")
    started(lane, {"kind": "video"}, python=python, start_s=0.3, backoff_s=(0.01, 0.02))
    lane.wait(lambda: len(lane.of("fault")) >= 2)
    assert {m["name"] for m in lane.of("fault")} == {"silent"}


def test_a_child_that_talks_rubbish_is_given_up(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path
) -> None:
    python = _program(tmp_path / "drunk", "echo rubbish >&3; exec sleep 600")
    started(lane, {"kind": "video"}, python=python, backoff_s=(0.01, 0.02))
    lane.wait(lambda: bool(lane.of("fault")))
    assert lane.of("fault")[0]["name"] == "broken_pipe"


def test_a_lane_that_fails_on_a_message_still_gets_the_next(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path
) -> None:
    def careless(message: Message, jpeg: bytes | None) -> None:
        lane(message, jpeg)
        raise RuntimeError("lane trouble")

    started(careless, {"kind": "video", "device": str(tmp_path)})  # type: ignore[arg-type]
    lane.wait(lambda: len(lane.of("health")) >= 2)
    assert lane.of("health")[0]["state"] == "waiting"


def test_settings_that_cannot_work_are_refused_before_anything_starts(lane: Lane) -> None:
    with pytest.raises(ConfigError, match="kind"):
        ScannerProcess({"name": "cam0", "kind": "telepathy"}, lane)


def test_stopping_ends_a_child_that_does_not_listen(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path
) -> None:
    python = _program(tmp_path / "deaf", 'trap "" TERM INT; exec sleep 600')
    scanner = started(lane, {"kind": "video"}, python=python)
    pid = _pid(scanner)
    scanner.stop(timeout_s=0.2)  # waiting for its end would take ten minutes
    assert _gone(pid)


def test_no_descriptors_leak_over_restarts(lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    scanner = started(lane, {"kind": "video"}, python=_program(tmp_path / "brief", "exit 1"), backoff_s=(0.001, 0.002))
    lane.wait(lambda: len(lane.of("fault")) >= 50)
    scanner.stop()
    assert len(os.listdir("/proc/self/fd")) <= before
