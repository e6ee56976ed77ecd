"""Live messages to browsers (contracts 6): whole state first, then changes, a sign of life each second.

A connection is output only: what a browser sends is read, to notice that it left, and thrown away.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from gate.kiosk.outbox import Outbox
from gate.ports import GateView

logger = logging.getLogger(__name__)

DISPLAY_KINDS = frozenset({"state", "decision", "passage", "pins"})
DEMO_KINDS = DISPLAY_KINDS | {"preview"}

ALIVE_S = 1.0
STATE_S = 5.0
"""Ages and the clock on the screen move although nothing happens in the lane."""
DEMO_S = 0.5
SEND_S = 5.0
"""A browser that takes nothing for this long is gone in all but name."""
MAX_BROWSERS = 16
_FOR_STAFF = frozenset({"ticket_number"})
"""Never on the public screen's line: a ticket's number is for staff (contracts 0). The demo page shows invented ones."""


@dataclass(slots=True)
class Live:
    """All open browsers of one gate.

    Attributes:
        now_ms: Unix ms for messages that carry no time of their own.
    """

    view: GateView
    now_ms: Callable[[], int]
    alive_s: float = ALIVE_S
    browsers: int = 0
    viewers: int = 0
    lost: int = 0
    """Messages that slow browsers did not get, since start."""
    _told: set[str] = field(default_factory=set)

    async def serve(
        self,
        socket: WebSocket,
        *,
        demo: bool,
        kinds: frozenset[str] | None = None,
        allowed: Callable[[], bool] = lambda: True,
    ) -> None:
        """Speak to one browser until it leaves or takes nothing any more.

        Args:
            kinds: another choice of messages, for people who are logged in; `preview` among them asks for the camera.
            allowed: asked every few seconds; the line ends (4401) when it says no.
        """
        await socket.accept()
        if self.browsers >= MAX_BROWSERS:
            await socket.close(1013, "too many screens")
            return
        self.browsers += 1
        wanted = kinds or (DEMO_KINDS if demo else DISPLAY_KINDS)
        watching = "preview" in wanted
        outbox = Outbox(asyncio.get_running_loop(), wanted)
        unsubscribe = self.view.subscribe(outbox.put)
        hidden = _FOR_STAFF if not demo and kinds is None else frozenset()
        speaking = asyncio.create_task(self._speak(socket, outbox, hidden, allowed, demo=demo))
        listening = asyncio.create_task(_until_left(socket))
        try:
            if watching:
                self._watch(1)
            await asyncio.wait({speaking, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            unsubscribe()
            outbox.close()
            self.lost += outbox.lost
            self.browsers -= 1
            if watching:
                self._watch(-1)
            for task in (speaking, listening):
                task.cancel()
            await asyncio.wait({speaking, listening})
        if not listening.done() or listening.cancelled():
            await _hang_up(socket)

    def _watch(self, change: int) -> None:
        before, self.viewers = self.viewers, self.viewers + change
        if (before == 0) != (self.viewers == 0):
            self.view.preview(self.viewers > 0)

    async def _speak(
        self, socket: WebSocket, outbox: Outbox, hidden: frozenset[str], allowed: Callable[[], bool], *, demo: bool
    ) -> None:
        line = _Line(socket, self.now_ms, hidden)
        clock = asyncio.get_running_loop().time
        alive_at = state_at = demo_at = clock()
        try:
            while True:
                batch, overflowed = outbox.take()
                now = clock()
                if overflowed or now >= state_at:
                    if not await run_in_threadpool(allowed):
                        await socket.close(4401)
                        return
                    state = await run_in_threadpool(self.view.state)
                    await line.send({**state, "t": "state"})
                    state_at = clock() + STATE_S
                for message in batch:
                    if message["t"] == "state":
                        state_at = clock() + STATE_S
                    await line.send(message)
                if demo and now >= demo_at:
                    await line.send({**await run_in_threadpool(self.view.demo), "t": "demo"})
                    demo_at = clock() + DEMO_S
                if now >= alive_at:
                    await line.send({"t": "alive"})
                    alive_at = now + self.alive_s
                due = min(alive_at, state_at, demo_at if demo else alive_at)
                await outbox.wait(due - clock())
        except (WebSocketDisconnect, TimeoutError, OSError, RuntimeError) as gone:
            # RuntimeError is what the server says of a send after the browser closed.
            self._once("browser", "a screen's line ended: %s", type(gone).__name__)
        except Exception:  # a broken view must end as a lost screen, never as a frozen verdict
            logger.exception("the lane's view failed; the screen is told nothing more")

    def _once(self, key: str, text: str, *args: object) -> None:
        if key not in self._told:
            self._told.add(key)
            logger.info(text, *args)


class _Line:
    """Numbers and sends the messages of one connection."""

    def __init__(self, socket: WebSocket, now_ms: Callable[[], int], hidden: frozenset[str]) -> None:
        self._socket = socket
        self._now_ms = now_ms
        self._hidden = hidden
        self._n = 0

    async def send(self, message: Mapping[str, Any]) -> None:
        self._n += 1
        body = {key: value for key, value in message.items() if key not in self._hidden}
        body["at"] = message.get("at") or self._now_ms()
        body["n"] = self._n
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)
        # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the end of the send.
        async with asyncio.timeout(SEND_S):
            await self._socket.send_text(text)


async def _until_left(socket: WebSocket) -> None:
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            continue
    except RuntimeError:
        return  # the server's word for a line that is closed already


async def _hang_up(socket: WebSocket) -> None:
    try:
        async with asyncio.timeout(SEND_S):
            await socket.close(1011)
    except (TimeoutError, OSError, RuntimeError):
        logger.debug("the browser left before it was told so")
