"""A thread that does one thing again and again, and waits longer each time it fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from gate.errors import GateError, StorageError, UplinkError
from gate.sync.protocol import Backoff

_log = logging.getLogger(__name__)


class Loop:
    """Calls `step` until stopped. `step` returns the seconds to wait until the next call; what it raises is reported.

    A poke ends an ordinary wait, never the pause after a failure: many pokes must not become many tries.

    Args:
        failed: gets each exception; ok: is called after each step that raised none.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float],
        backoff: Backoff,
        *,
        ok: Callable[[str], None],
        failed: Callable[[str, Exception], None],
    ) -> None:
        self.name = name
        self._step = step
        self._backoff = backoff
        self._ok = ok
        self._failed = failed
        self._stopped = threading.Event()
        self._poked = threading.Event()
        self._urgent = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sync-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def poke(self) -> None:
        self._poked.set()

    def retry(self) -> None:
        """Now, whatever the pause: a person asked."""
        self._urgent.set()
        self._poked.set()

    def stop(self) -> None:
        """Ends after the present step; a call that waits for the server is left to end by itself."""
        self._stopped.set()
        self.retry()

    def join(self, timeout_s: float) -> bool:
        """Returns: whether the thread has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._poked.clear()
            self._urgent.clear()
            waiting = self._poked
            try:
                pause = self._step()
                self._backoff.reset()
                if not self._stopped.is_set():
                    self._ok(self.name)
            except Exception as error:  # noqa: BLE001 - a fault in one loop must stop neither it nor the others
                if self._stopped.is_set():
                    return
                pause, waiting = self._pause(error), self._urgent
            if self._stopped.is_set():
                return
            if pause > 0:
                waiting.wait(pause)

    def _pause(self, error: Exception) -> float:
        if isinstance(error, GateError):
            level = logging.ERROR if isinstance(error, StorageError) else logging.INFO
            _log.log(level, "%s: %s", self.name, error)
        else:
            _log.exception("%s: unexpected", self.name)
        self._failed(self.name, error)
        return self._backoff.next(error.retry_after_s if isinstance(error, UplinkError) else None)
