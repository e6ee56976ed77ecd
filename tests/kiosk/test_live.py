"""The live line: order, numbering, slow browsers, the demo's extras."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocket, WebSocketDisconnect

from gate.kiosk import create_app, find_ui, live
from gate.kiosk.live import MAX_BROWSERS, Live
from gate.kiosk.outbox import Outbox
from tests.fakes.view import FakeView, decision_of, state_of

T = TypeVar("T")

HERE = "http://127.0.0.1:8080"
WS = "ws://127.0.0.1:8080"
NOW = 1_798_000_030_000


@pytest.fixture
def view() -> FakeView:
    return FakeView()


@pytest.fixture
def client(view: FakeView, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Nothing is told because time has passed, but the first word of each line: a test's words come in one order."""
    monkeypatch.setattr(live, "STATE_S", 3600)
    with TestClient(create_app(view, ui_dir=find_ui(), demo=True, now_ms=lambda: NOW), base_url=HERE) as client:
        client.app.state.live.alive_s = 3600  # type: ignore[attr-defined]
        yield client


def take(line: WebSocketTestSession, kind: str) -> dict[str, Any]:
    """The next message of a kind, others let by."""
    while True:
        message: dict[str, Any] = line.receive_json()
        if message["t"] == kind:
            return message


def test_a_line_begins_with_the_whole_state_and_a_sign_of_life(client: TestClient, view: FakeView) -> None:
    with client.websocket_connect(f"{WS}/ws/display") as line:
        first, second = line.receive_json(), line.receive_json()
    assert first == {**view.current, "n": 1}
    assert second == {"t": "alive", "at": NOW, "n": 2}


def test_numbers_rise_by_one_whatever_is_sent(client: TestClient, view: FakeView) -> None:
    with client.websocket_connect(f"{WS}/ws/display") as line:
        numbers = [line.receive_json()["n"]]
        for n in range(20):
            view.publish(decision_of(n))
            view.show("GO" if n % 2 else None)
        numbers += [line.receive_json()["n"] for _ in range(41)]
    assert numbers == list(range(1, 43))


def test_messages_keep_their_order(client: TestClient, view: FakeView) -> None:
    with client.websocket_connect(f"{WS}/ws/display") as line:
        take(line, "alive")
        view.publish(decision_of(1))
        view.publish({"t": "pins", "relay": {"entry": True}})
        view.show("GO", "id")
        view.publish({"t": "passage", "what": "passed"})
        kinds = [line.receive_json()["t"] for _ in range(4)]
    assert kinds == ["decision", "pins", "state", "passage"]


def test_a_quiet_lane_gives_signs_of_life(client: TestClient) -> None:
    assert live.ALIVE_S == 1
    client.app.state.live.alive_s = 0.05  # type: ignore[attr-defined]
    with client.websocket_connect(f"{WS}/ws/display") as line:
        assert [line.receive_json()["t"] for _ in range(3)] == ["state", "alive", "alive"]


def test_the_public_line_carries_no_ticket_numbers_and_no_pictures(client: TestClient, view: FakeView) -> None:
    with client.websocket_connect(f"{WS}/ws/display") as line:
        take(line, "alive")
        view.publish({"t": "preview", "jpeg": "AAAA", "corners": None, "size": [1, 1]})
        view.publish({"t": "denial", "case": "G2-0147-L"})
        view.publish(decision_of(1))
        message = line.receive_json()
    assert message["t"] == "decision"
    assert "ticket_number" not in message


def test_the_demo_line_has_pictures_and_figures(client: TestClient, view: FakeView) -> None:
    view.demo_data["journal"] = [{"seq": 7}]
    with client.websocket_connect(f"{WS}/ws/demo") as line:
        assert take(line, "demo")["journal"] == [{"seq": 7}]
        view.publish({"t": "preview", "jpeg": "AAAA", "corners": None, "size": [1, 1]})
        assert take(line, "preview")["jpeg"] == "AAAA"
        view.publish(decision_of(1))
        assert take(line, "decision")["ticket_number"] == "ZDK4-SE1E-0"


def test_camera_pictures_are_asked_for_only_while_somebody_looks(client: TestClient, view: FakeView) -> None:
    with client.websocket_connect(f"{WS}/ws/demo") as first:
        take(first, "alive")
        with client.websocket_connect(f"{WS}/ws/demo") as second:
            take(second, "alive")
        take(first, "demo")
        assert view.preview_calls == [True]
    assert view.preview_calls == [True, False]


def test_a_line_that_ends_leaves_nothing_behind(client: TestClient, view: FakeView) -> None:
    for _ in range(3):
        with client.websocket_connect(f"{WS}/ws/display") as line:
            line.receive_json()
            assert view.listeners == 1
    assert view.listeners == 0
    assert client.app.state.live.browsers == 0  # type: ignore[attr-defined]


def test_what_a_browser_says_is_thrown_away(client: TestClient, view: FakeView) -> None:
    with client.websocket_connect(f"{WS}/ws/display") as line:
        take(line, "alive")
        line.send_text('{"t":"state","verdict":"GO"}')
        line.send_bytes(b"\x00\xff")
        view.show("STOP")
        assert take(line, "state")["verdict"] == "STOP"


def test_a_view_that_fails_ends_the_line_so_that_the_screen_goes_stale(client: TestClient, view: FakeView) -> None:
    view.failing = ValueError("no state")
    with client.websocket_connect(f"{WS}/ws/display") as line, pytest.raises(WebSocketDisconnect) as ended:
        line.receive_json()
    assert ended.value.code == 1011


def test_screens_are_limited(client: TestClient) -> None:
    client.app.state.live.browsers = MAX_BROWSERS  # type: ignore[attr-defined]
    with client.websocket_connect(f"{WS}/ws/display") as line, pytest.raises(WebSocketDisconnect) as ended:
        line.receive_json()
    assert ended.value.code == 1013


def in_a_loop(story: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own, whatever loop this thread may have."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, story).result(90)


class StuckSocket(WebSocket):
    """A browser that takes its messages only while `open_` is set."""

    def __init__(self) -> None:
        self.open_ = asyncio.Event()
        self.sent: list[str] = []
        self.leave = asyncio.Event()
        self.accepted = asyncio.Event()
        self._more = asyncio.Event()

    async def accept(self, *_: object, **__: object) -> None:
        self.accepted.set()

    async def send_text(self, data: str) -> None:
        await self.open_.wait()
        self.sent.append(data)
        self._more.set()

    async def heard(self, word: str) -> None:
        while not any(word in text for text in self.sent):
            self._more.clear()
            await asyncio.wait_for(self._more.wait(), 30)

    async def receive(self) -> dict[str, str]:  # type: ignore[override]
        await self.leave.wait()
        return {"type": "websocket.disconnect"}

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        return


def test_a_slow_browser_loses_messages_and_then_hears_the_whole_state_while_the_lane_never_waits() -> None:
    async def story() -> tuple[list[str], int]:
        view = FakeView()
        every = Live(view, lambda: NOW)
        socket = StuckSocket()
        serving = asyncio.create_task(every.serve(socket, demo=False))
        await socket.accepted.wait()
        await asyncio.sleep(0)
        # The lane's thread, with an event loop that is stuck in a send: all of these return at once.
        lane = threading.Thread(target=lambda: [view.publish(decision_of(n)) for n in range(10_000)])
        lane.start()
        lane.join(30)
        assert not lane.is_alive()
        view.current = state_of("STOP", mark="newest")
        socket.open_.set()
        await socket.heard("newest")
        socket.leave.set()
        await serving
        return socket.sent, every.lost

    sent, lost = in_a_loop(story())
    assert len(sent) < 200
    assert lost > 9_000


def test_waiting_messages_are_bounded_and_only_the_newest_picture_is_kept() -> None:
    async def story() -> None:
        box = Outbox(asyncio.get_running_loop(), frozenset({"decision", "preview"}), capacity=4)
        for n in range(3):
            box.put({"t": "preview", "n": n})
            box.put({"t": "decision", "n": n})
        assert box.take() == ([{"t": "decision", "n": n} for n in range(3)] + [{"t": "preview", "n": 2}], False)
        for n in range(5):
            box.put({"t": "decision", "n": n})
        assert box.take() == ([], True)
        box.put({"t": "decision", "n": 9})
        await box.wait(1)
        assert box.take() == ([{"t": "decision", "n": 9}], False)
        box.close()
        box.put({"t": "decision", "n": 10})
        assert box.take() == ([], False)

    in_a_loop(story())
