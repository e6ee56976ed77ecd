"""A screen for tests: keeps every message of the lane's live line, over as many lives of the lane as there are."""

from __future__ import annotations

import json
import threading
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect


class Screen:
    """Connects again and again until closed.

    Attributes:
        up: the lane's line is up and has said its first words. False after a lane's death: what it had sent is heard.
    """

    def __init__(self, port: int, path: str = "/ws/demo") -> None:
        self._url = f"ws://127.0.0.1:{port}{path}"
        self.up = False
        self._closing = threading.Event()
        self._messages: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join(20)
        self.up = False

    def all(self, word: str) -> list[dict[str, Any]]:
        with self._lock:
            return [message for message in self._messages if message["t"] == word]

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with connect(self._url, open_timeout=20, close_timeout=0.2) as line:
                    while not self._closing.is_set():
                        try:
                            message = json.loads(line.recv(timeout=0.2))
                        except TimeoutError:
                            continue
                        if message["t"] != "preview":
                            with self._lock:
                                self._messages.append(message)
                            self.up = True
            except (OSError, WebSocketException):
                self.up = False
                self._closing.wait(0.05)
