"""Starts the lane of `tests.fault.lane` and hears it. Times in seconds."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from socket import socket
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LaneProcess:
    """One life of a lane. Leaving the block kills it."""

    def __init__(self, config: Path, *more: str, environment: dict[str, str] | None = None) -> None:
        self.heard: list[dict[str, Any]] = []
        self.started = time.monotonic()
        self.errors = config.with_name("lane.log").open("ab")
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fault.lane", "--config", str(config), *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # what nobody read any more
            self.process.stdin.close()
        self.errors.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self._lines.put(line.decode().strip())
        self._lines.put(None)

    def present(self, text: str) -> None:
        """Hold a code before the reader; without effect when nobody reads any more."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(text.encode() + b"\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            return

    def told(self, text: str, within: float = 60.0) -> dict[str, Any] | None:
        """Present a code until it has its own answer, as people do: not while somebody else is in the lane, and again when
        the lane let go of it because it could not look at it for two seconds. None when the lane ended or is silent."""
        end = time.monotonic() + within
        while self.process.poll() is None and (left := end - time.monotonic()) > 0:
            self.present(text)
            answer = self.decision(min(left, 5.0))
            if answer is not None and answer["reason"] != "lane_busy":
                return answer
            time.sleep(0.2)
        return None

    def ready(self, within: float = 60.0) -> bool:
        """False when it ended before that."""
        return self.until(lambda message: message["t"] == "READY", within) is not None

    def decision(self, within: float = 60.0) -> dict[str, Any] | None:
        """The next one; None when the lane ended or is silent."""
        return self.until(lambda message: message["t"] == "decision", within)

    def until(self, wanted: Callable[[dict[str, Any]], bool], within: float) -> dict[str, Any] | None:
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except queue.Empty:
                return None
            if line is None:
                self._lines.put(None)  # and so it stays
                return None
            message = {"t": "READY"} if line == "READY" else json.loads(line)
            self.heard.append(message)
            if wanted(message):
                return message
        return None

    def stop(self, within: float = 60.0) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(within)
        self.drain()
        return code

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)

    def drain(self) -> None:
        """Hear the rest of a life that is over."""
        self.until(lambda _message: False, 20.0)

    @property
    def pulses(self) -> int:
        return sum(message["t"] == "relay" and message["level"] for message in self.heard)

    @property
    def answered(self) -> list[dict[str, Any]]:
        return [message for message in self.heard if message["t"] == "decision" and message["kind"] == "admitted"]
