"""What every answer carries and which requests are answered at all: security headers, Host and Origin checks.

Plain ASGI, so that WebSockets pass through the same door as pages.
"""

from __future__ import annotations

import ipaddress
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
STAFF_POLICY = "; ".join((*_POLICY[:-1], "frame-ancestors 'none'", "script-src 'self' 'wasm-unsafe-eval'"))
"""For pages that read codes with a phone's camera: the decoder is WebAssembly. Nothing else is loosened."""
STAFF_PAGES = ("/staff", "/tech")

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
STAFF_HEADERS = {
    **SECURITY_HEADERS,
    "Content-Security-Policy": STAFF_POLICY,
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
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
    """Answers only requests that name this machine; WebSockets, and requests that change something, only from its own
    pages.

    Without the Host check a foreign page could reach the gate by DNS rebinding; without the Origin check any page
    open in the gate's browser could listen to the lane or speak for whoever is logged in.

    Args:
        addresses: any address literal will do as well: a foreign page can have none of this machine's as its origin.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = LOOPBACK_NAMES, *, addresses: bool = False) -> None:
        self._app = app
        self._names = frozenset(names)
        self._addresses = addresses

    def _ours(self, host: str) -> bool:
        name = host_name(host)
        return name is not None and (name in self._names or (self._addresses and _is_address(name)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        allowed = self._ours(host)
        if scope["type"] == "websocket":
            origin = headers.get("origin")
            if not allowed or (origin is not None and urlsplit(origin).netloc != host):
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": "host or origin"})
                return
            await self._app(scope, receive, send)
            return

        values = STAFF_HEADERS if str(scope.get("path", "")).startswith(STAFF_PAGES) else SECURITY_HEADERS

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in values.items():
                    out[name] = value
            await send(message)

        if not allowed:
            await refuse(421, "forbidden", "this page is served to this machine only")(scope, receive, with_headers)
            return
        if scope["method"] not in _SAFE and _foreign(headers, host):
            await refuse(403, "forbidden", "this request comes from another page")(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)


_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def _foreign(headers: Headers, host: str) -> bool:
    """A browser says where a request comes from; programs that are no browser say nothing."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return True
    return headers.get("sec-fetch-site", "none") not in ("same-origin", "none")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def refuse(status: int, code: str, message: str, **headers: str) -> JSONResponse:
    """An error in the one shape of this API (contracts 5)."""
    body = {"error": {"code": code, "message": message, "detail": {}}}
    return JSONResponse(body, status_code=status, headers=headers)
