"""The control socket of a running server: JSON lines from the command line on this machine.

While a server runs it is the only writer of its database, so every command that would write is asked of it here. The
socket is 0600 in the state folder: who may write there owns the server.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gate.central import commands
from gate.central.service import Central
from gate.errors import ConfigError, GateError, StorageError

SOCKET = "central.sock"
_LINE_MAX = 16 * 1024 * 1024
_TIMEOUT_S = 600.0
# An import of a million rows may take minutes; a server that died closes the connection.


class ControlSocket:
    def __init__(self, central: Central) -> None:
        self._central = central
        self._path = central.state / SOCKET
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        # Listens before it has its name: whoever finds the socket is answered.
        made = self._path.with_name(f".{self._path.name}")
        made.unlink(missing_ok=True)
        with _short(made) as name:
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listening.bind(name)
        made.chmod(0o600)
        listening.listen()
        made.replace(self._path)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=_LINE_MAX)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            loop = asyncio.get_running_loop()

            def progress(how_far: dict[str, Any]) -> None:
                text = json.dumps({"progress": how_far}).encode() + b"\n"
                loop.call_soon_threadsafe(lambda: None if writer.is_closing() else writer.write(text))

            while line := await reader.readline():
                answer = await asyncio.to_thread(_answer, self._central, line, progress)
                writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError) as error:
            writer.write(json.dumps(_failed(None, StorageError(f"control: {error}"))).encode() + b"\n")
        finally:
            writer.close()


def _answer(central: Central, line: bytes, progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    number = None
    try:
        request = json.loads(line)
        number = request.get("id")
        return {
            "id": number,
            "ok": True,
            "result": commands.run(central, request["do"], request.get("args", {}), progress),
        }
    except GateError as error:
        return _failed(number, error)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return _failed(
            number, ConfigError([("command", f"not understood: {error!r}", "is the server of this version?")])
        )


def _failed(number: Any, error: GateError) -> dict[str, Any]:
    problems = error.problems if isinstance(error, ConfigError) else []
    return {"id": number, "ok": False, "error": {"code": error.code, "message": str(error), "problems": problems}}


def ask(state: Path, name: str, args: dict[str, Any], progress: Callable[[dict[str, Any]], None] | None = None) -> Any:
    """Have the running server do a command.

    Raises: ConfigError, StorageError: its answer; or nobody answers.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, _short(state / SOCKET) as path:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(path)
            connection.sendall(json.dumps({"id": 1, "do": name, "args": args}).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline()
                while line.startswith(b'{"progress"'):
                    if progress is not None:
                        progress(json.loads(line)["progress"])
                    line = lines.readline()
    except OSError as error:
        raise StorageError(f"the server that uses {state} does not answer: {error.strerror or error}") from error
    if not line:
        raise StorageError(f"the server that uses {state} stopped before it answered")
    answer = json.loads(line)
    if answer["ok"]:
        return answer["result"]
    failure = answer["error"]
    if failure["problems"]:
        raised: GateError = ConfigError([(key, problem, hint) for key, problem, hint in failure["problems"]])
    else:
        raised = StorageError(failure["message"])
    raised.code = failure["code"]
    raise raised


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of the socket of under 108 bytes, which is all that the kernel takes, however deep the folder lies."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
