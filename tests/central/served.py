"""A central server as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path


class Served:
    def __init__(self, state: Path, port: int = 0, *more: str) -> None:
        self.state = state
        command = [
            sys.executable,
            "-m",
            "gate.central",
            "serve",
            "--json",
            "--port",
            str(port),
            "--state",
            str(state),
            *more,
        ]
        begun = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.hello = json.loads(self.process.stdout.readline())
        self.started_s = time.monotonic() - begun
        self.url: str = self.hello["url"]

    def end(self, number: int) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(15)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code
