"""The other end of `sync.sock`: for the lane, the command line and the demo. Imports nothing that loads slowly."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

from gate.errors import FormatError

_POKE_S = 0.5
_ANSWER_MAX = 64 * 1024


def ask(path: Path, request: dict[str, Any], *, timeout_s: float = 15.0) -> dict[str, Any]:
    """One request, one answer (contracts 6).

    Raises:
        OSError: sync is not there, or said nothing in time. ValueError (FormatError is one): not an answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_s)
        line.connect(str(path))
        line.sendall(json.dumps({"id": 1, **request}).encode() + b"\n")
        with line.makefile("rb") as answers:
            answer = json.loads(answers.readline(_ANSWER_MAX))
    if not isinstance(answer, dict):
        raise FormatError("not an answer of sync")
    return answer


class Poker:
    """The lane's word that there are new rows. Never waited for: sync also looks by itself each second.

    Args:
        path: sync's socket; it may be missing while sync is down.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wanted = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="poke", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """Many calls in a row become one."""
        self._wanted.set()

    def close(self) -> None:
        self._closing = True
        self._wanted.set()
        self._thread.join(2 * _POKE_S)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._closing:
                return
            try:
                ask(self._path, {"do": "poke"}, timeout_s=_POKE_S)
            except (OSError, ValueError):
                continue  # sync is down: it finds the rows itself when it is back
