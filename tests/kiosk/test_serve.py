"""The server thread: ports, real sockets, stopping."""

from __future__ import annotations

import json
import socket
from collections import deque

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from gate.errors import DeviceError
from gate.kiosk import KioskServer, create_app, find_ui
from tests.fakes.view import FakeView


def test_a_free_port_is_taken_and_given_back() -> None:
    view = FakeView()
    server = KioskServer(create_app(view, ui_dir=find_ui(), demo=False), port=0)
    port = server.start()
    assert server.alive()
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").json()["ok"] is True
    with connect(f"ws://127.0.0.1:{port}/ws/display") as line:
        assert json.loads(line.recv())["t"] == "state"
        server.stop()
    assert not server.alive()
    server.stop()
    with socket.create_server(("127.0.0.1", port)):
        assert view.listeners == 0


def test_a_taken_port_is_an_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = KioskServer(create_app(FakeView(), ui_dir=find_ui(), demo=False), port=port)
        with pytest.raises(DeviceError, match=str(port)):
            server.start()


def test_an_oversized_message_ends_that_line_only() -> None:
    server = KioskServer(create_app(FakeView(), ui_dir=find_ui(), demo=False), port=0)
    port = server.start()
    try:
        with connect(f"ws://127.0.0.1:{port}/ws/display") as line:
            line.send("x" * 100_000)
            with pytest.raises(ConnectionClosedError, match="1009"):
                deque(line, maxlen=0)
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    finally:
        server.stop()
