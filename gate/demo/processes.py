"""Child processes of the demo: started in order, restarted when they die, ended in reverse order, never orphaned."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_GRACE_S = 4.0
_RESTART_S = 0.5


def gate_command(*arguments: str) -> list[str]:
    """The command line of this very installation."""
    return [sys.executable, "-m", "gate", *arguments]


def _follow_parent() -> None:
    """A child must not outlive the demo, even when that is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One process under watch. `log`: where its output goes."""

    name: str
    command: Sequence[str]
    log: Path
    nice: int = 0
    restart: bool = True
    process: subprocess.Popen[bytes] | None = field(default=None)
    died_at: float | None = field(default=None)
    restarts: int = field(default=0)

    def start(self) -> None:
        with self.log.open("ab") as log:
            # Its own session: Ctrl-C reaches the demo alone, which then ends the others in order.
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_follow_parent,  # noqa: PLW1509 - the demo starts children from its only thread
            )
        if self.nice:
            os.setpriority(os.PRIO_PROCESS, self.process.pid, self.nice)
        self.died_at = None

    def watch(self, tell: Callable[[str], None]) -> None:
        """Restart it when it died; called every now and then."""
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        if self.died_at is None:
            self.died_at = now
            if self.restart:
                tell(f"{self.name} ended (exit {self.process.returncode}); starting it again, see {self.log}")
        if self.restart and now - self.died_at >= _RESTART_S:
            self.restarts += 1
            self.start()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.process = None
