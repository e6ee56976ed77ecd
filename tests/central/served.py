"""A central server as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
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
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.hello = json.loads(self.process.stdout.readline())
        self.url: str = self.hello["url"]

    def end(self, number: int) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code
