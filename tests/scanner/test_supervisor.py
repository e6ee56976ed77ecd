"""Real children over real pipes: what they say, and that they live and die as the lane wants."""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from gate.errors import ConfigError
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


def test_a_video_is_played_read_and_reported(lane: Lane, started: Callable[..., ScannerProcess], video: Video) -> None:
    scanner = started(lane, {"kind": "video", "device": str(video.path)})
    scanner.preview(True)
    lane.wait(lambda: len(lane.of("left")) >= len(SCENES), 25)
    first = lane.messages[0][0]
    assert first["t"] == "hello"
    assert (first["input"], first["size"], first["fps"]) == ("cam0", [1280, 720], 30)
    assert first["engines"][0].startswith("zxing-cpp")
    loop = lane.of("loop")[0]
    assert (loop["file"], loop["n"]) == (video.path.name, 1)

    appeared = lane.of("appeared")[: len(SCENES)]
    assert [m["text"] for m in appeared] == [scene.text for scene in SCENES]
    assert [m["p"] for m in appeared] == [1, 2, 3, 4]
    assert [m["p"] for m in lane.of("left")[: len(SCENES)]] == [1, 2, 3, 4]
    for message, shown in zip(appeared, video.shown, strict=True):
        assert shown.start_s * 1000 < message["captured"] - loop["at"] < shown.held_s * 1000 + 200
        assert 0 <= message["decoded"] - message["captured"] <= 150 + 250  # the frame's age and its reading
        assert np.array(message["corners"]).shape == (4, 2)
        assert message["size"] == [1280, 720]

    health = lane.of("health")
    assert len(health) >= 5
    assert {"fps", "age_ms", "dropped", "decode_ms", "focus", "light", "state"} <= set(health[1])
    assert health[2]["state"] == "ok"
    assert health[2]["fps"] > 5
    previews = [(m, j) for m, j in lane.messages if j is not None]
    assert 2 <= len(previews) <= 5 * (previews[-1][0]["at"] - previews[0][0]["at"]) / 1000 + 2
    picture = cv2.imdecode(np.frombuffer(previews[0][1] or b"", np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert any(code["read"] for m, _ in previews for code in m["codes"])

    pid = scanner.pid
    assert pid is not None
    assert scanner.alive
    scanner.stop()
    assert _gone(pid)
    assert scanner.pid is None
    assert not scanner.alive


def test_a_killed_child_is_started_again_and_its_presentations_are_closed(
    lane: Lane, started: Callable[..., ScannerProcess], video: Video
) -> None:
    scanner = started(lane, {"kind": "video", "device": str(video.path)})
    lane.wait(lambda: bool(lane.of("appeared")))
    pid = scanner.pid
    assert pid is not None
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
    lane: Lane, started: Callable[..., ScannerProcess], video: Video
) -> None:
    scanner = started(lane, {"kind": "video", "device": str(video.path)}, stall_s=1.5)
    lane.wait(lambda: bool(lane.of("health")))
    pid = scanner.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    lane.wait(lambda: len(lane.of("hello")) == 2)
    assert _gone(pid)
    assert [m["name"] for m in lane.of("fault")] == ["silent"]


def test_the_child_dies_with_its_lane(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from gate.scanner.supervisor import ScannerProcess\n"
        f"s = ScannerProcess({{'name': 'cam0', 'kind': 'video', 'device': {str(tmp_path)!r}}},"
        " lambda m, j: m['t'] == 'hello' and print(s.pid, flush=True))\n"
        "s.start()\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        watch = os.pidfd_open(pid)
    finally:
        parent.kill()
        parent.wait()
    assert select.select([watch], [], [], 5)[0], "the child outlives its lane"
    os.close(watch)
    if parent.stdout is not None:
        parent.stdout.close()


def test_a_missing_camera_is_named_and_asked_for_again_with_growing_pauses(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path
) -> None:
    started(lane, {"kind": "camera", "device": str(tmp_path / "video9")}, backoff_s=(0.01, 0.04))
    lane.wait(lambda: len(lane.of("fault")) >= 8)
    own = [m for m in lane.of("fault") if "by" not in m]
    assert own[0]["name"] == "no_source"
    assert "video9 is not there" in own[0]["message"]
    restarts = [(m["name"], m["restart_s"]) for m in lane.of("fault") if m.get("by") == "supervisor"]
    assert restarts[:4] == [("no_source", 0.01), ("no_source", 0.02), ("no_source", 0.04), ("no_source", 0.04)]


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
    scanner = started(lane, {"kind": "images", "device": str(tmp_path), "fps": 2})
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
        timeout=30,
        check=True,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [m["t"] for m in said] == ["hello", "appeared", "left", "appeared", "left", "fault"]
    assert [(m["p"], m["text"]) for m in said if m["t"] == "appeared"] == [(1, "GT1:ABC"), (2, "GT1:ABC")]


def test_settings_the_child_cannot_use_end_it_with_a_reason() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gate.scanner", "--input", "cam0", "--config-json", '{"kind":"orb"}', "--print"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "orb" in done.stderr


def test_a_child_that_never_speaks_is_given_up(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path
) -> None:
    python = _program(tmp_path / "mute", "exec sleep 60")
    started(lane, {"kind": "video"}, python=python, start_s=0.3, backoff_s=(0.01, 0.02))
    lane.wait(lambda: len(lane.of("fault")) >= 2)
    assert {m["name"] for m in lane.of("fault")} == {"silent"}


def test_a_child_that_talks_rubbish_is_given_up(
    lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path
) -> None:
    python = _program(tmp_path / "drunk", "echo rubbish >&3; exec sleep 60")
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
    python = _program(tmp_path / "deaf", 'trap "" TERM INT; exec sleep 60')
    scanner = started(lane, {"kind": "video"}, python=python)
    for _ in range(200):
        if scanner.pid is not None:
            break
        threading.Event().wait(0.01)
    pid = scanner.pid
    assert pid is not None
    start = time.monotonic()
    scanner.stop(timeout_s=0.2)
    assert time.monotonic() - start < 2
    assert _gone(pid)


def test_no_descriptors_leak_over_restarts(lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    scanner = started(lane, {"kind": "video"}, python=_program(tmp_path / "brief", "exit 1"), backoff_s=(0.001, 0.002))
    lane.wait(lambda: len(lane.of("fault")) >= 50)
    scanner.stop()
    assert len(os.listdir("/proc/self/fd")) <= before
