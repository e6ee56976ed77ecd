"""What the HTTP layer itself must not forgive: a request whose head never ends, and more connections than there is memory."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 15.0
"""Seconds from the first byte of a request to the end of its head. A gate on a bad mobile link needs two."""
CONNECTIONS = 20_000
"""Open at once: each gate holds one or two."""


class PatientProtocol(HttpToolsProtocol):
    """As uvicorn's, but a head that is not complete in time ends the connection, in silence: nobody reads the answer."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= CONNECTIONS:
            transport.close()
            return
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        if self._timer is None and (getattr(self, "cycle", None) is None or self.cycle.response_complete):
            self._arm()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._disarm()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        if getattr(self, "transport", None) is not None:
            super().connection_lost(exc)

    def _arm(self) -> None:
        self._timer = self.loop.call_later(HEAD_S, self._give_up)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        transport: Any = self.transport
        if transport is not None and not transport.is_closing():
            transport.abort()
