"""Runs the screen's application in a thread of the lane process, on a port of this machine only."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from gate.errors import DeviceError

logger = logging.getLogger(__name__)

_MAX_MESSAGE_BYTES = 4096
"""Browsers have nothing to say here; this only bounds what is read before it is thrown away."""
_MAX_CONNECTIONS = 64
_STOP_S = 5.0


class _Server(uvicorn.Server):
    """Tells when it listens, so that nobody has to poll."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set()


class KioskServer:
    """One HTTP server in one thread.

    Args:
        app: what `create_app` made.
        host: an address of this machine.
        port: 0 takes a free one; `port` tells which after `start`.
        tls: certificate and key, both PEM; None = plain HTTP.
    """

    def __init__(
        self, app: ASGIApp, *, host: str = "127.0.0.1", port: int = 8080, tls: tuple[Path, Path] | None = None
    ) -> None:
        self.host = host
        self.port = port
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                ws_max_size=_MAX_MESSAGE_BYTES,
                ws_max_queue=4,
                ws_per_message_deflate=False,  # loopback: compression only costs time
                limit_concurrency=_MAX_CONNECTIONS,
                timeout_graceful_shutdown=1,
                ssl_certfile=tls[0] if tls else None,
                ssl_keyfile=tls[1] if tls else None,
            )
        )
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Listen and serve.

        Returns: the port.
        Raises: DeviceError when the port is taken or the server does not come up.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            self._socket = socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            raise DeviceError(
                f"the screen's port {self.host}:{self.port} cannot be opened: {error.strerror}"
            ) from error
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._run, name=f"kiosk-{self.port}", daemon=True)
        self._thread.start()
        if not self._server.up.wait(_STOP_S):
            self.stop()
            raise DeviceError(f"the screen's server did not come up on port {self.port}")
        return self.port

    def _run(self) -> None:
        assert self._socket is not None
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def alive(self) -> bool:
        """True while the server's thread turns."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Close every line and the port. Safe to call twice."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_S)
            if self._thread.is_alive():
                logger.warning("the screen's server did not stop within %.0f s", _STOP_S)
        if self._socket is not None:
            self._socket.close()
            self._socket = None
