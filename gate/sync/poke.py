"""The lane's word to sync that there are new rows. Never waited for: sync also looks by itself each second."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

_TIMEOUT_S = 0.5


class Poker:
    """Sends `poke` on its own thread; many calls in a row become one.

    Args:
        path: sync's socket (contracts 6); it may be missing while sync is down.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wanted = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="poke", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        self._wanted.set()

    def close(self) -> None:
        self._closing = True
        self._wanted.set()
        self._thread.join(2 * _TIMEOUT_S)

    def _run(self) -> None:
        number = 0
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._closing:
                return
            number += 1
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(_TIMEOUT_S)
                try:
                    line.connect(str(self._path))
                    line.sendall(b'{"id":%d,"do":"poke"}\n' % number)
                    line.recv(256)
                except OSError:
                    continue  # sync is down: it finds the rows itself when it is back
