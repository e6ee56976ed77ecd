"""Limits before anything is read: requests a second from one place, and the size of a body. Plain ASGI."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gate.kiosk.headers import refuse

BODY_MAX = 64 * 1024
_PLACES_MAX = 1_000


class Bucket:
    """Tokens by name: `rate` a second, at most `burst` saved. Memory is bounded; the longest unseen name is forgotten."""

    def __init__(self, rate: float, burst: float, now_s: Callable[[], float]) -> None:
        self._rate, self._burst, self._now = rate, burst, now_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> bool:
        now = self._now()
        left, at = self._left.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        allowed = left >= 1.0
        self._left[name] = (left - 1.0 if allowed else left, now)
        while len(self._left) > _PLACES_MAX:
            self._left.popitem(last=False)
        return allowed

    def forget(self) -> None:
        """Everybody begins anew."""
        self._left.clear()


class Allowance:
    """What one place may ask for: everything together, and the few requests where secrets are tried.

    Args:
        now_s: monotonic seconds.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.all = Bucket(40, 120, now_s)
        self.tries = Bucket(0.5, 12, now_s)


class Limits:
    """
    Args:
        doors: paths where secrets are tried.
    """

    def __init__(self, app: ASGIApp, *, allowance: Allowance, doors: frozenset[str]) -> None:
        self._app = app
        self._doors = doors
        self._all = allowance.all
        self._tries = allowance.tries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        place = str(client[0]) if client else ""
        allowed = self._all.take(place)
        if allowed and scope["path"] in self._doors and scope["method"] == "POST":
            allowed = self._tries.take(place)
        if not allowed:
            answer = refuse(429, "too_many", "too many requests: wait a moment", **{"retry-after": "2"})
            await answer(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdigit() or int(length) > BODY_MAX:
            await refuse(413, "too_large", f"at most {BODY_MAX} bytes")(scope, receive, send)
            return
        await self._app(scope, _capped(receive), send)


def _capped(receive: Receive) -> Receive:
    """A body without a length is cut off when it grows too large: the reader then sees the end of the connection."""
    seen = 0

    async def capped() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return message if seen <= BODY_MAX else {"type": "http.disconnect"}

    return capped
