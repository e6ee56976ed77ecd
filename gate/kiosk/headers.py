"""What every answer carries and which requests are answered at all: security headers, Host and Origin checks.

Plain ASGI, so that WebSockets pass through the same door as pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_POLICY = (
    "default-src 'self'",
    "img-src 'self' data:",  # camera pictures of the demo page
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",  # the demo page embeds the gate display
)
CONTENT_POLICY = "; ".join(_POLICY)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


def host_name(value: str) -> str | None:
    """The name in a Host header or an origin's authority, without port; None when it is no valid one."""
    try:
        parts = urlsplit(f"//{value}")
        _ = parts.port  # raises on a port that is no number
    except ValueError:
        return None
    plain = parts.path == "" and parts.query == "" and parts.fragment == "" and parts.username is None
    return parts.hostname if plain else None


class LocalOnly:
    """Answers only requests that name this machine, and WebSockets only from its own pages.

    Without the Host check a foreign page could reach the gate by DNS rebinding; without the Origin check any page
    open in the gate's browser could listen to the lane.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = LOOPBACK_NAMES) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        allowed = host_name(host) in self._names
        if scope["type"] == "websocket":
            origin = headers.get("origin")
            if not allowed or (origin is not None and urlsplit(origin).netloc != host):
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": "host or origin"})
                return
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    out[name] = value
            await send(message)

        if not allowed:
            body = {"error": {"code": "forbidden", "message": "this page is served to this machine only", "detail": {}}}
            await JSONResponse(body, status_code=421)(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)
