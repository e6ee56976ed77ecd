"""The lane's side of a scanner child: start it, hear it, restart it when it is silent, end it. No decoding here.

One thread per input does everything; callbacks run on it and must return soon.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gate.config import read_table
from gate.errors import FormatError
from gate.scanner.pipes import high_pipe
from gate.scanner.wirepipe import Unpacker, pack
from gate.settings import InputSettings

OnMessage = Callable[[dict[str, Any], bytes | None], None]

_OUT_FD, _IN_FD = 3, 4
_PIPE_BYTES = 1 << 20
_EXIT_END, _EXIT_CONFIG = 0, 2
_LISTEN_S = 0.25
"""Silence is counted in pieces of this length: a machine that stood still for seconds has not heard the child be silent."""
_STEADY_S = 10.0
"""A child that was well for this long starts the backoff anew."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    pid: int
    out: int
    into: int
    health: float | None = None
    well_since: float | None = None
    fault: str | None = None


class ScannerProcess:
    """One scanner child under watch.

    Every message of the child reaches `on_message(message, jpeg or None)`. The supervisor adds its own, marked
    `"by": "supervisor"`: `{"t":"fault","name","restart_s","exit"}` when it ended (`name` is the child's own last fault, else
    `died`, `silent`, `broken_pipe`, `ended`, `no_start`; `restart_s` null = for good), and `{"t":"left","p","at"}` for each
    presentation a dead child left open.

    Args:
        config: the keys of one `[[input]]`.
        stall_s: no health message for this long = killed and started again.
        start_s: the same before the first one (imports, a slow camera).
        backoff_s: first and longest pause before a restart.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        on_message: OnMessage,
        *,
        stall_s: float = 3.0,
        start_s: float = 10.0,
        backoff_s: tuple[float, float] = (0.2, 5.0),
        python: str = sys.executable,
    ) -> None:
        """Raises: ConfigError when the settings cannot be used."""
        self._settings = read_table(InputSettings, dict(config), "input")
        self._config = json.dumps(dict(config), ensure_ascii=False)
        self._on_message = on_message
        self._stall_s = stall_s
        self._start_s = start_s
        self._backoff_s = backoff_s
        self._python = python
        self._stop = threading.Event()
        self._wake_r, self._wake_w = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._closed = False
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._thread: threading.Thread | None = None
        self._preview = False
        self._open: set[int] = set()
        self._last_p = 0
        self.restarts = 0
        """How often the child was started again."""

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def pid(self) -> int | None:
        """Process id of the child, None between two."""
        running = self._running
        return None if running is None else running.pid

    @property
    def alive(self) -> bool:
        """True while a child runs and its health messages come."""
        running = self._running
        return running is not None and running.health is not None and time.monotonic() - running.health < self._stall_s

    @property
    def watched(self) -> bool:
        """True while its thread lives: a child that died is started again, whatever state the camera is in."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start child and thread; returns at once. Not again after `stop`: make a new one."""
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name=f"scanner-{self.name}", daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Ask the child to end, kill it after `timeout_s`, join the thread. Safe to call twice, not from a callback."""
        self._stop.set()
        self.send({"t": "stop"})
        thread = self._thread
        if thread is not None and thread.is_alive():
            thread.join(timeout_s)
            if thread.is_alive():
                with self._lock:
                    if self._running is not None:
                        os.kill(self._running.pid, signal.SIGKILL)
                os.write(self._wake_w, b"x")
                thread.join()
        self._thread = None
        with self._lock:
            for end in (self._wake_r, self._wake_w) if not self._closed else ():
                os.close(end)
            self._closed = True

    def send(self, message: Mapping[str, Any]) -> bool:
        """One message to the child. Returns: False when there is none or its pipe is full (nothing waits for it)."""
        with self._lock:
            if self._running is None:
                return False
            try:
                os.write(self._running.into, pack(message))
            except OSError:
                return False
            return True

    def preview(self, wanted: bool) -> None:
        """Ask for pictures, or no more; remembered across restarts of the child."""
        self._preview = wanted
        self.send({"t": "preview", "on": wanted})

    def _run(self) -> None:
        pause, longest = self._backoff_s
        wait = pause
        while not self._stop.is_set():
            try:
                running = self._spawn()
            except OSError as error:
                log.error("scanner %s does not start: %s", self.name, error)
                why, code, steady = "no_start", None, False
            else:
                why, code = self._watch(running)
                why = running.fault or why
                steady = running.well_since is not None and time.monotonic() - running.well_since >= _STEADY_S
            self._close_open()
            if self._stop.is_set():
                return
            final = code in (_EXIT_END, _EXIT_CONFIG)
            wait = pause if steady else wait
            self._fault("ended" if final else why, None if final else wait, code)
            if final:
                return
            self._stop.wait(wait)
            wait = min(longest, wait * 2)
            self.restarts += 1

    def _spawn(self) -> _Running:
        out_r, out_w = high_pipe()
        in_r, in_w = high_pipe()
        # Room for a picture, so that a busy lane does not hold up the child. A kernel may refuse; the default works too.
        try:
            fcntl.fcntl(out_w, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError as error:
            log.info("scanner %s keeps the default pipe size: %s", self.name, error)
        os.set_blocking(out_r, False)
        os.set_blocking(in_w, False)
        actions: list[tuple[Any, ...]] = [
            (os.POSIX_SPAWN_DUP2, out_w, _OUT_FD),
            (os.POSIX_SPAWN_DUP2, in_r, _IN_FD),
        ]
        if self._settings.kind != "stdin":
            actions.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))
        arguments = [self._python, "-m", "gate.scanner", "--input", self.name, "--config-json", self._config]
        arguments += ["--first-presentation", str(self._last_p + 1)]
        # A pool of linear-algebra threads would cost start-up time and memory and is never used.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        try:
            pid = os.posix_spawn(self._python, arguments, environment, file_actions=actions)
        except OSError:
            os.close(out_r)
            os.close(in_w)
            raise
        finally:
            os.close(out_w)
            os.close(in_r)
        running = _Running(pid, out_r, in_w)
        with self._lock:
            self._running = running
        if self._stop.is_set():
            self.send({"t": "stop"})
        return running

    def _watch(self, running: _Running) -> tuple[str, int | None]:
        """Hear the child to its end. Returns: why it ended and its exit code (negative: the signal)."""
        why = "died"
        unpacker = Unpacker()
        poller = select.poll()
        poller.register(running.out, select.POLLIN)
        poller.register(self._wake_r, select.POLLIN)
        heard, silent_s = running.health, 0.0
        try:
            while True:
                limit = self._stall_s if heard is not None else self._start_s
                if silent_s >= limit:
                    why = "silent"
                    break
                began = time.monotonic()
                ready = [fd for fd, _ in poller.poll(min(_LISTEN_S, limit - silent_s) * 1000)]
                silent_s += min(_LISTEN_S, time.monotonic() - began)
                if self._wake_r in ready:
                    break
                if running.out in ready:
                    data = os.read(running.out, 1 << 18)
                    if not data:
                        break
                    for record in unpacker.feed(data):
                        self._hear(running, record.message, record.jpeg)
                    if running.health != heard:
                        heard, silent_s = running.health, 0.0
        except FormatError as error:
            log.error("scanner %s: %s", self.name, error)
            why = "broken_pipe"
        finally:
            poller.unregister(running.out)
            code = self._reap(running, kill=why != "died")
        return why, code

    def _hear(self, running: _Running, message: dict[str, Any], jpeg: bytes | None) -> None:
        word = message["t"]
        if word == "health":
            running.health = time.monotonic()
            running.well_since = running.well_since or running.health
        elif word == "fault":
            running.fault = str(message.get("name"))
        elif word == "hello" and self._preview:
            self.send({"t": "preview", "on": True})
        elif word == "appeared":
            self._last_p = max(self._last_p, int(message["p"]))
            self._open.add(int(message["p"]))
        elif word == "left":
            self._open.discard(int(message["p"]))
        self._deliver(message, jpeg)

    def _deliver(self, message: dict[str, Any], jpeg: bytes | None = None) -> None:
        try:
            self._on_message(message, jpeg)
        except Exception:
            log.exception("scanner %s: the lane failed on a %s message", self.name, message.get("t"))

    def _close_open(self) -> None:
        at = time.monotonic_ns() // 1_000_000
        for p in sorted(self._open):
            self._deliver({"t": "left", "p": p, "at": at, "by": "supervisor"})
        self._open.clear()

    def _fault(self, name: str, restart_s: float | None, code: int | None) -> None:
        again = "no restart" if restart_s is None else f"restart in {restart_s} s"
        log.warning("scanner %s: %s (exit %s), %s", self.name, name, code, again)
        self._deliver({"t": "fault", "name": name, "restart_s": restart_s, "exit": code, "by": "supervisor"})

    def _reap(self, running: _Running, *, kill: bool) -> int:
        """End and collect the child. One that closed its pipe gets half a second to finish dying."""
        with self._lock:
            self._running = None
            os.close(running.into)
        os.close(running.out)
        deadline = time.monotonic() + (0.0 if kill else 0.5)
        while True:
            pid, status = os.waitpid(running.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= deadline:
                os.kill(running.pid, signal.SIGKILL)
                _, status = os.waitpid(running.pid, 0)
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
