"""The network between gates and server, in process: each call may be lost, doubled, delayed or answered wrongly, as told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import zstandard

FAULTS = ("lost_request", "lost_answer", "twice", "late", "busy", "error", "cut")
"""lost_answer: the server did the work. late: the call arrives when the sender has long given up. cut: half an answer."""

Call = tuple[dict[str, Any], bytes]
Reply = tuple[int, list[tuple[bytes, bytes]], bytes]


class _Body(httpx.SyncByteStream):
    def __init__(self, data: bytes, breaks: bool = False) -> None:
        self._data, self._breaks = data, breaks

    def __iter__(self) -> Iterator[bytes]:
        if self._breaks:
            yield self._data[: len(self._data) // 2]
            raise httpx.ReadError("cut")
        yield self._data


class Net(httpx.BaseTransport):
    """`plan`: faults of the next calls, in order; behind its end all is well."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.app: Any = None
        self.plan: list[str] = []
        self.late: list[Call] = []
        self.poison: set[str] = set()
        """Ids of records that the server cannot take: a push with one of them is answered 400."""
        self.down = False
        self.calls = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        call = self._scope(request), request.read()
        fault = self.plan.pop(0) if self.plan else ""
        if self.down or fault == "lost_request":
            raise httpx.ConnectError("no route")
        if fault == "late":
            self.late.append(call)
            raise httpx.ReadTimeout("no answer")
        if fault in ("busy", "error"):
            return httpx.Response(503 if fault == "busy" else 500, stream=_Body(b"trouble"))
        status, headers, body = self.deliver(call)
        if fault == "twice":
            self.deliver(call)
        if fault == "lost_answer":
            raise httpx.ReadTimeout("no answer")
        return httpx.Response(status, headers=headers, stream=_Body(body, breaks=fault == "cut"))

    def deliver(self, call: Call) -> Reply:
        """To the server as it is now."""
        scope, body = call
        if self.poison and scope["method"] == "POST" and scope["path"].endswith("/checkins"):
            packed = (b"content-encoding", b"zstd") in scope["headers"]
            records = json.loads(zstandard.decompress(body) if packed else body)["records"]
            if any(record["id"] in self.poison for record in records):
                return 400, [], b'{"error":{"code":"invalid","message":"poison"}}'
        return self._loop.run_until_complete(self._run(dict(scope), body))

    async def _run(self, scope: dict[str, Any], body: bytes) -> Reply:
        status, headers, parts = 0, list[tuple[bytes, bytes]](), list[bytes]()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", ()))
            else:
                parts.append(message.get("body", b""))

        await self.app(scope, receive, send)
        return status, headers, b"".join(parts)

    @staticmethod
    def _scope(request: httpx.Request) -> dict[str, Any]:
        path, _, query = request.url.raw_path.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": path.decode(),
            "raw_path": path,
            "root_path": "",
            "query_string": query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 1),
            "server": ("central", 80),
        }
