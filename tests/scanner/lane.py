"""The lane's end of a scanner: collects what it says and waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]


class Lane:
    def __init__(self) -> None:
        self.messages: list[tuple[Message, bytes | None]] = []
        self._news = threading.Condition()

    def __call__(self, message: Message, jpeg: bytes | None) -> None:
        with self._news:
            self.messages.append((message, jpeg))
            self._news.notify_all()

    def of(self, word: str) -> list[Message]:
        return [m for m, _ in self.messages if m["t"] == word]

    def wait(self, enough: Callable[[], bool], seconds: float = 60) -> None:
        with self._news:
            assert self._news.wait_for(enough, seconds), [m for m, _ in self.messages]
