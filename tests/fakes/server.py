"""The real central server on a loopback port, with a wire that can be made to fail: answers replaced, cut or lost."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
import zstandard
from sqlalchemy import select

from gate.central import schema
from gate.central.api import create_app
from gate.central.service import Central
from gate.central.tickets import NewTicket

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

EVENT = "spring"
DEADLINE_S = 60.0
"""What a test waits for at most; a busy machine may stand still for seconds, and more than once."""


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = DEADLINE_S) -> Any:
    """Poll until the condition holds. Returns: its value."""
    until = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < until, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)


class Lost(Exception):
    """Breaks the connection in the middle of an answer."""


@dataclass
class Fault:
    """What happens to calls that match: `status`, `body`, `headers` replace the answer; `cut` lets so many bytes of the real
    body through; `lost` lets the server do its work and loses the answer. `times`: how often, None = always.
    """

    method: str
    path: str
    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    lost: bool = False
    poison: frozenset[int] = frozenset()
    """Refuse a push with one of these numbers as a server does that cannot read a record."""
    poison_status: int = 400
    times: int | None = None
    hits: int = 0
    skip: int = 0
    """Let so many calls through first."""
    hold: threading.Event | None = None
    """Wait for it before the answer goes out."""
    worked: threading.Event = field(default_factory=threading.Event)
    """Set when the server has done the work of a call whose answer is lost."""


class FaultyWire:
    """ASGI application around the real one. `seen` has (method, path with query, headers) of every call."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, str, dict[str, str]]] = []

    def count(self, method: str, path: str) -> int:
        return sum(m == method and re.search(path, p) is not None for m, p, _ in self.seen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        query = scope["query_string"].decode()
        path = scope["path"] + (f"?{query}" if query else "")
        self.seen.append((scope["method"], path, {k.decode(): v.decode() for k, v in scope["headers"]}))
        fault = self._match(scope["method"], path)
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.status is not None:
            headers = {"content-length": str(len(fault.body)), **fault.headers}
            pairs = [(k.encode(), v.encode()) for k, v in headers.items()]
            await send({"type": "http.response.start", "status": fault.status, "headers": pairs})
            await send({"type": "http.response.body", "body": fault.body})
        elif fault.poison:
            await self._refuse(scope, receive, send, fault)
        elif fault.lost:
            await self._lose(scope, receive, send, fault)
        else:
            await self._cut(scope, receive, send, fault.cut or 0)

    def _match(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method and re.search(fault.path, path) and fault.times != fault.hits:
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                return fault
        return None

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, fault: Fault) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        packed = (b"content-encoding", b"zstd") in scope["headers"]
        content = json.loads(zstandard.decompress(body) if packed else body)
        if fault.poison & {record["seq"] for record in content["records"]}:
            answer = b'{"error":{"code":"invalid","message":"there is poison in it","detail":{}}}'
            length = (b"content-length", str(len(answer)).encode())
            await send({"type": "http.response.start", "status": fault.poison_status, "headers": [length]})
            await send({"type": "http.response.body", "body": answer})
            return

        async def again() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)

    async def _lose(self, scope: Scope, receive: Receive, send: Send, fault: Fault) -> None:
        async def swallow(_message: MutableMapping[str, Any]) -> None:
            return

        await self._app(scope, receive, swallow)
        fault.worked.set()
        if fault.hold is not None:
            await asyncio.to_thread(fault.hold.wait, DEADLINE_S)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        raise Lost

    async def _cut(self, scope: Scope, receive: Receive, send: Send, size: int) -> None:
        left = size

        async def some(message: MutableMapping[str, Any]) -> None:
            nonlocal left
            if message["type"] != "http.response.body":
                await send(message)
                return
            body = message.get("body", b"")[:left]
            left -= len(body)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            if left == 0:
                raise Lost

        await self._app(scope, receive, some)


class Host:
    """A listening port. `app` may be put in later and replaced: starting a server takes longer than most tests."""

    def __init__(self, app: Any = None, port: int = 0, *, lifespan: bool = False) -> None:
        self.app = app
        self.port = port or _free_port()
        config = uvicorn.Config(
            self, host="127.0.0.1", port=self.port, log_level="critical", timeout_graceful_shutdown=0,
            lifespan="on" if lifespan else "off",
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_for(lambda: self._server.started, "the server listens")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def close(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(DEADLINE_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LiveCentral:
    """Start, stop and start again on the same port with the same data.

    Args:
        host: a shared port; None = a port of its own, which is closed while the server is stopped.
    """

    def __init__(self, state: Path, host: Host | None = None) -> None:
        self.state = state
        self._shared = host
        self._host: Host | None = None
        self.port = host.port if host else _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.faults: list[Fault] = []
        self.central: Central
        self.wire: FaultyWire
        self.start()

    def start(self) -> None:
        self.central = Central.open(self.state)
        self.wire = FaultyWire(create_app(self.central, live=False))
        self.wire.faults = self.faults
        self._host = self._shared or Host(self.wire, self.port, lifespan=True)
        self._host.app = self.wire

    def stop(self) -> None:
        if self._host is None:
            return
        self.central.hints.close()
        if self._host is not self._shared:
            self._host.close()
        self._host = None
        self.central.close()

    # ---- content

    def make_event(self, tickets: int = 10, event: str = EVENT) -> list[Any]:
        """An event with one gate, published. Returns: the issued tickets."""
        now_s = self.central.clock() // 1000
        self.central.create_event(
            {
                "event": event,
                "name": {"en": "Spring"},
                "tz": "Asia/Taipei",
                "products": [{"n": 1, "name": {"en": "Admission"}}],
                "lists": [{"id": "main"}],
                "gates": [{"id": "g2", "short": "G2", "name": {"en": "Gate 2"}, "lists": ["main"]}],
                "reconnect_spread_s": 1,
            }
        )
        wanted = [NewTicket(product=1, zones=1, exp=now_s + 86400)] * tickets
        issued = self.central.issue_many(event, wanted)
        self.central.publish(event)
        return issued

    def enrolment_text(self, device: str = "g2", events: tuple[str, ...] = (EVENT,)) -> str:
        return self.central.add_device(device, short="G2", events=events, gate="g2", url=self.url).text()

    def checkins(self, event: str = EVENT) -> list[tuple[str, str, int, str]]:
        """(gate, epoch hex, seq, kind) in order of arrival."""
        table = schema.checkin
        rows = self.central.db.read(
            lambda connection: connection.execute(
                select(table.c.gate, table.c.epoch, table.c.seq, table.c.kind)
                .where(table.c.event_id == event)
                .order_by(table.c.n)
            ).all()
        )
        return [(row.gate, row.epoch.hex(), row.seq, row.kind) for row in rows]


@contextmanager
def live_central(state: Path, host: Host | None = None) -> Iterator[LiveCentral]:
    live = LiveCentral(state, host)
    try:
        yield live
    finally:
        live.stop()
