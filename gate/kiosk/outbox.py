"""Messages waiting for one browser: bounded, filled from any thread, emptied by the event loop.

A browser that cannot keep up loses messages and is told the whole state afresh; whoever publishes never waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque

from gate.ports import Message

CAPACITY = 64
"""A lane makes a few messages a scan: this is several seconds of the busiest lane."""


class Outbox:
    """One browser's queue. `put` may be called from any thread, everything else from the event loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, kinds: frozenset[str], capacity: int = CAPACITY) -> None:
        self._loop = loop
        self._kinds = kinds
        self._capacity = capacity
        self._lock = threading.Lock()
        self._waiting: deque[Message] = deque()
        self._picture: Message | None = None
        self._overflowed = False
        self._woken = False
        self._closed = False
        self._event = asyncio.Event()
        self.lost = 0

    def put(self, message: Message) -> None:
        """Queue a message, or drop it when it is not for this browser or the queue is full. Never blocks."""
        kind = message.get("t")
        if kind not in self._kinds:
            return
        with self._lock:
            if self._closed:
                return
            if kind == "preview":
                self._picture = message  # only the newest picture is worth sending
            elif len(self._waiting) >= self._capacity:
                self.lost += len(self._waiting) + 1
                self._waiting.clear()
                self._overflowed = True
            else:
                self._waiting.append(message)
            # One wake-up at a time: a stalled event loop must not pile up callbacks either.
            wake = not self._woken
            self._woken = True
        if wake:
            self._loop.call_soon_threadsafe(self._event.set)

    def take(self) -> tuple[list[Message], bool]:
        """What is waiting, and whether messages were lost so that the whole state is due."""
        with self._lock:
            batch = list(self._waiting)
            self._waiting.clear()
            if self._picture is not None:
                batch.append(self._picture)
                self._picture = None
            overflowed, self._overflowed = self._overflowed, False
            self._woken = False
            self._event.clear()
        return batch, overflowed

    async def wait(self, seconds: float) -> None:
        """Until something is waiting, at most `seconds`."""
        try:
            # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the event.
            async with asyncio.timeout(max(0.0, seconds)):
                await self._event.wait()
        except TimeoutError:
            return

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._picture = None
