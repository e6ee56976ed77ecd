"""Wake-up hints for long polls: "look again", never data. A lost hint costs a wait, not a record."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

Topic = tuple[str, str]
"""(kind, name): ("changes", event), ("checkins", event), ("device", device)."""


class Hints:
    """Waiters by topic. `wake` may come from any thread; waiting is the event loop's.

    `relay` takes what happened here to the other processes of the same database, `on_wake` is told of every hint.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiters: dict[Topic, set[asyncio.Future[None]]] = {}
        self._closed = False
        self.relay: Callable[[Topic], None] | None = None
        self.on_wake: Callable[[Topic], None] | None = None

    def listen(self, topic: Topic) -> asyncio.Future[None]:
        """A future that is done at the next `wake`. Listen first, then read: no change falls between."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._guard:
            if self._closed:
                waiter.set_result(None)
            else:
                self._waiters.setdefault(topic, set()).add(waiter)
        return waiter

    def forget(self, topic: Topic, waiter: asyncio.Future[None]) -> None:
        with self._guard:
            waiters = self._waiters.get(topic)
            if waiters is not None:
                waiters.discard(waiter)
                if not waiters:
                    del self._waiters[topic]
        waiter.cancel()

    def wake(self, topic: Topic) -> None:
        """Something happened here: wake who waits here, and tell the other processes."""
        self.heard(topic)
        if self.relay is not None:
            self.relay(topic)

    def heard(self, topic: Topic) -> None:
        """Something happened somewhere. ("", ""): anything may have."""
        if self.on_wake is not None:
            self.on_wake(topic)
        with self._guard:
            if topic == ("", ""):
                waiters = {waiter for group in self._waiters.values() for waiter in group}
                self._waiters.clear()
            else:
                waiters = self._waiters.pop(topic, set())
        for waiter in waiters:
            _finish(waiter)

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """The server stops: everybody who waits is answered now."""
        with self._guard:
            self._closed = True
            waiters = [waiter for group in self._waiters.values() for waiter in group]
            self._waiters.clear()
        for waiter in waiters:
            _finish(waiter)


def _finish(waiter: asyncio.Future[None]) -> None:
    loop = waiter.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: None if waiter.done() else waiter.set_result(None))
