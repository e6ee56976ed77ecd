"""`sync.sock`: one JSON request a line in, one JSON answer a line out (contracts 6)."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gate.errors import FormatError, GateError

Handler = Callable[[dict[str, Any]], dict[str, Any]]

_LINE_MAX = 16 * 1024
# An enrolment code is at most 404 characters.
_IDLE_S = 120.0


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    handler: Handler


class _Connection(socketserver.StreamRequestHandler):
    timeout = _IDLE_S
    server: _Server

    def handle(self) -> None:
        try:
            while line := self.rfile.readline(_LINE_MAX):
                self.wfile.write(json.dumps(_answer(line, self.server.handler)).encode() + b"\n")
        except OSError:
            return  # the other side has gone, or said nothing for two minutes: it may connect again


class CommandSocket:
    """Serves until `stop`, each connection in a thread of its own. `handler` raises GateError for a refusal."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self._path = path
        # Listens before it has its name: whoever finds the socket is answered.
        made = path.with_name(f".{path.name}")
        made.unlink(missing_ok=True)
        self._server = _Server(str(made), _Connection)
        self._server.handler = handler
        made.chmod(0o660)
        made.replace(path)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="sync-socket", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


def _answer(line: bytes, handler: Handler) -> dict[str, Any]:
    number: Any = None
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise FormatError("a request is an object")
        number = request.get("id")
        return {"id": number, "ok": True} | handler(request)
    except GateError as error:
        return {"id": number, "ok": False, "code": error.code, "message": str(error)}
    except (ValueError, RecursionError):
        return {"id": number, "ok": False, "code": "format", "message": "not a JSON object in one line"}
