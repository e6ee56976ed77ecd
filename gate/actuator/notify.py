"""Tells listeners of the pins, in a thread of its own: a listener that hangs or raises must not touch the relay's timing."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from gate.ports import Message, PinEvent

logger = logging.getLogger(__name__)

MAX_EVENTS = 1000
"""Waiting events; a lane that is so far behind has other troubles, and memory stays bounded."""


class Notifier:
    """Events are told in order and one by one; of snapshots only the newest."""

    def __init__(
        self, on_input: Callable[[PinEvent], None] | None, on_change: Callable[[Message], None] | None
    ) -> None:
        self._on_input, self._on_change = on_input, on_change
        self._ready = threading.Condition()
        self._events: deque[PinEvent] = deque()
        self._snapshot: Message | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="actuator-notify", daemon=True)
        self._thread.start()

    def event(self, event: PinEvent) -> None:
        with self._ready:
            if len(self._events) >= MAX_EVENTS:
                logger.error("nobody takes the events of the pins: %s is lost", event.name)
                return
            self._events.append(event)
            self._ready.notify()

    def snapshot(self, snapshot: Message) -> None:
        with self._ready:
            self._snapshot = snapshot
            self._ready.notify()

    def close(self) -> None:
        """Tell what is waiting, then end. Does not wait for a listener that hangs, and may be called from one."""
        with self._ready:
            self._closing = True
            self._ready.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(1.0)

    def _run(self) -> None:
        while True:
            with self._ready:
                while not (self._events or self._snapshot is not None or self._closing):
                    self._ready.wait()
                event = self._events.popleft() if self._events else None
                snapshot, self._snapshot = self._snapshot, None
                if event is None and snapshot is None:
                    return
            try:
                if event is not None and self._on_input is not None:
                    self._on_input(event)
                if snapshot is not None and self._on_change is not None:
                    self._on_change(snapshot)
            except Exception:
                logger.exception("a listener of the pins failed")
