"""How many pushes are taken in at once, and when the others shall come back (design 11). Before a byte of a body is read.

After an outage thousands of gates return in the same second. A push that finds no room is given a place in time: the next
free one at the pace at which pushes are being finished. So the crowd comes back as a row, not as a wave, and nobody is
turned away twice for long.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from gate.central.http import ApiError

AT_ONCE = 32
"""Pushes whose bodies are being read, checked or committed: enough to fill a group commit, at most 32 MiB."""
WAITING = 128
"""Pushes that wait for room with their bodies unread; the kernel and the HTTP layer hold some 128 KiB for each."""
WAIT_S = 10.0
POLLS = 20_000
"""Requests without a body, nearly all of them long polls, that may be open at once."""
_PACE_WINDOW_S = 5.0
_PACE_MIN = 10.0
# Pushes a second that are assumed before any was finished: a small machine's.
_AFTER_MAX_S = 60.0
_JITTER = 0.2


class Admission:
    """One per process, used by the event loop's thread only. `clock`: monotonic seconds."""

    def __init__(
        self,
        *,
        at_once: int = AT_ONCE,
        waiting: int = WAITING,
        wait_s: float = WAIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._free = at_once
        self._most_waiting = waiting
        self._wait_s = wait_s
        self._clock = clock
        self._queue: deque[asyncio.Future[None]] = deque()
        self._finished: deque[float] = deque()
        self._next_place = 0.0
        self.polls = 0
        self.refused = 0
        """Pushes that were told to come back later, since the start."""

    async def enter(self) -> None:
        """Wait for room. Raises: ApiError 503 with the seconds after which there will be some."""
        if self._free > 0 and not self._queue:
            self._free -= 1
            return
        if len(self._queue) >= self._most_waiting:
            raise self._later()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await asyncio.wait_for(asyncio.shield(turn), self._wait_s)
        except TimeoutError:
            if not turn.done():
                self._queue.remove(turn)
                raise self._later() from None
        except asyncio.CancelledError:
            if turn.done():
                self.leave()
            else:
                self._queue.remove(turn)
            raise

    def leave(self) -> None:
        """Give the room to whoever has waited longest."""
        self._finished.append(self._clock())
        if self._queue:
            self._queue.popleft().set_result(None)
        else:
            self._free += 1

    def pace(self) -> float:
        """Pushes a second that were finished lately."""
        now = self._clock()
        while self._finished and self._finished[0] < now - _PACE_WINDOW_S:
            self._finished.popleft()
        if len(self._finished) < 2:
            return _PACE_MIN
        return max(_PACE_MIN, len(self._finished) / max(1.0, now - self._finished[0]))

    def _later(self) -> ApiError:
        self.refused += 1
        now, pace = self._clock(), self.pace()
        # Behind everybody who waits here, and everybody who was given a place before.
        self._next_place = min(max(self._next_place, now + len(self._queue) / pace) + 1 / pace, now + _AFTER_MAX_S)
        after = (self._next_place - now) * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
        return ApiError(503, "busy", "the server is busy; come back later", retry_after_s=max(1, math.ceil(after)))


class AdmissionMiddleware:
    """Applies an `Admission` to every request with a body, and a plain limit to those without.

    Args:
        beside: what begins with this path does not stand in line: while thousands of gates come back, an operator must be
            able to act. It has limits of its own.
    """

    def __init__(self, app: ASGIApp, admission: Admission, *, polls: int = POLLS, beside: str = "/-") -> None:
        self._app = app
        self._admission = admission
        self._polls = polls
        self._beside = beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        admission = self._admission
        try:
            if scope["method"] in ("GET", "HEAD") or scope["path"].startswith(self._beside):
                if admission.polls >= self._polls:
                    raise ApiError(503, "busy", "too many requests are waiting", retry_after_s=random.randint(5, 30))  # noqa: S311
                admission.polls += 1
                try:
                    await self._app(scope, receive, send)
                finally:
                    admission.polls -= 1
                return
            await admission.enter()
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            admission.leave()
