"""The HTTP edge: one error shape, bodies with a cap, long polls. No route is here."""

from __future__ import annotations

import asyncio
import io
import ipaddress
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import zstandard
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from gate.central.hints import Hints, Topic
from gate.errors import FormatError, StorageError

log = logging.getLogger("gate.central")
T = TypeVar("T")

WAIT_MAX_S = 25
"""Longest long poll: shorter than the 30 s after which many middle boxes cut a silent connection."""
BODY_S = 30.0
"""Longest time for a body, at most 1 MiB: 35 KB a second, half of what the slowest mobile networks give."""
_ZSTD_WINDOW = 8 * 1024 * 1024
_RETRY_S = 5


class ApiError(Exception):
    """An answer in the one error shape of contracts 5.

    Args:
        code: the stable word; a client decides by it.
        message: for people.
        retry_after_s: sent as `Retry-After`.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        detail: dict[str, Any] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail or {}
        self.retry_after_s = retry_after_s

    def response(self) -> Response:
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        if self.status in (408, 413):
            headers["Connection"] = "close"  # what is still coming is not read
        content = {"error": {"code": self.code, "message": self.message, "detail": self.detail}}
        return JSONResponse(content, self.status, headers)


def install_errors(app: FastAPI) -> None:
    """Every failure of every route leaves in the one shape."""

    @app.exception_handler(ApiError)
    async def _api(_request: Request, error: ApiError) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def _validation(_request: Request, error: RequestValidationError) -> Response:
        fields = [".".join(str(part) for part in item["loc"]) for item in error.errors()]
        return ApiError(400, "invalid", "a parameter is wrong", detail={"fields": fields}).response()

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        code = "not_found" if error.status_code == 404 else "invalid"
        response = ApiError(error.status_code, code, str(error.detail)).response()
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(StorageError)
    async def _storage(_request: Request, error: StorageError) -> Response:
        log.error("storage: %s", error)
        return ApiError(503, "busy", "the server cannot write now", retry_after_s=_RETRY_S).response()

    @app.exception_handler(ClientDisconnect)
    async def _gone(_request: Request, _error: ClientDisconnect) -> Response:
        return ApiError(400, "invalid", "the body ended early").response()

    @app.exception_handler(Exception)
    async def _any(_request: Request, _error: Exception) -> Response:
        # Starlette raises it again after this answer, and the server logs it with its trace.
        return ApiError(500, "internal", "the server made an error; nothing was stored").response()


class FileAnswer(FileResponse):
    """As the base class, but a range that cannot be had is refused in the one shape, too."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused: Message | None = None

        async def watched(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] in (400, 416):
                refused = message
            if refused is None:
                await send(message)

        await super().__call__(scope, receive, watched)
        if refused is not None:
            answer = ApiError(refused["status"], "invalid", "this range of the file cannot be had").response()
            length = dict(refused["headers"]).get(b"content-range")  # of a 416: how long the file is
            if length is not None:
                answer.headers["content-range"] = length.decode("ascii")
            await answer(scope, receive, send)


def from_this_machine(request: Request) -> bool:
    """Whether the other end, as far as it is known, is on this machine."""
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


async def read_body(request: Request, cap: int) -> bytes:
    """The body as sent. Raises: ApiError 413, before anything over `cap` bytes is read; 408 when it comes too slowly."""
    announced = request.headers.get("content-length")
    if announced is not None and (not announced.isdecimal() or int(announced) > cap):
        raise too_large(cap)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                if len(body) + len(chunk) > cap:
                    raise too_large(cap)
                body += chunk
    except TimeoutError:
        raise ApiError(408, "invalid", f"the body did not come within {BODY_S:.0f} s") from None
    return bytes(body)


def unpack(body: bytes, encoding: str | None, cap: int) -> bytes:
    """Undo `Content-Encoding`, never to more than `cap` bytes. Raises: ApiError."""
    if encoding is None or encoding.lower() == "identity":
        return body
    if encoding.lower() != "zstd":
        raise ApiError(415, "invalid", "a body is sent plain or as zstd")
    try:
        with zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(io.BytesIO(body)) as reader:
            plain = reader.read(cap + 1)
    except zstandard.ZstdError as error:
        raise ApiError(400, "invalid", "the body is not zstd") from error
    if len(plain) > cap:
        raise too_large(cap)
    return plain


def too_large(cap: int) -> ApiError:
    """The answer to a body over `cap` bytes."""
    return ApiError(413, "too_large", f"at most {cap} bytes", detail={"max_bytes": cap})


def json_object(body: bytes) -> dict[str, Any]:
    """Raises: FormatError."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FormatError("the body is not JSON") from error
    if not isinstance(value, dict):
        raise FormatError("the body is not a JSON object")
    return value


def _no_constant(name: str) -> Any:
    raise FormatError(f"{name} is no JSON number")


async def long_poll(
    hints: Hints, topic: Topic, wait_s: float, read: Callable[[], Awaitable[T]], ready: Callable[[T], bool]
) -> T:
    """Read until it is `ready`, the wait is over, or the server stops; always an answer that was read afterwards."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while True:
        waiter = hints.listen(topic)
        try:
            found = await read()
            left = until - loop.time()
            if ready(found) or left <= 0 or hints.closed:
                return found
            await asyncio.wait((waiter,), timeout=left)
        finally:
            hints.forget(topic, waiter)
