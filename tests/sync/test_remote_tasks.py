"""From an operator at the real server to the pin: server, sync and lane together, sync.sock and HTTP between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gate import config
from gate.app import GateApp
from gate.central import commands, schema
from gate.storage.check import verify_journal
from gate.sync.ask import ask
from gate.sync.worker import Worker
from gate.wire import cbor
from tests.e2e.site import free_port
from tests.fakes.server import LiveCentral, wait_for

_CONFIG = """
input = []
[gate]
id = "g2"
state_dir = "{state}"
runtime_dir = "{state}/run"
[pins]
factory = "mock"
[lane.entry]
relay_pin = 17
[sync]
poll_ms = 100
remote = {remote}
[kiosk]
display_port = {port}
"""


class Site:
    """An enrolled gate that is ready: lane and sync on threads of this process."""

    def __init__(self, live: LiveCentral, state: Path, remote: str) -> None:
        self.live, self.state = live, state
        settings = config.parse(_CONFIG.format(state=state, remote=remote, port=free_port()))
        self.app = GateApp(settings)
        self._ready = threading.Event()
        self._threads = [
            threading.Thread(target=self.app.run, args=(lambda _app, _port: self._ready.set(),), daemon=True)
        ]
        self._threads[0].start()
        assert self._ready.wait(60)
        self.worker = Worker(settings)
        self._threads.append(threading.Thread(target=self.worker.run, daemon=True))
        self._threads[1].start()
        wait_for((state / "run" / "sync.sock").exists, "sync's socket")
        assert self.ask("enrol", text=live.enrolment_text(), by="test")["ok"]
        self.wait_lane("idle")

    def close(self) -> None:
        self.worker.stop()
        self.app.stop()
        for thread in self._threads:
            thread.join(60)

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        return ask(self.state / "run" / "sync.sock", {"do": do, **more})

    def put(self, word: str) -> None:
        """An operator puts a task; the next heartbeat comes now."""
        commands.run(self.live.central, "task_put", {"device": "g2", "do": word}, who="operator:ana")
        self.ask("retry")

    def pulses(self) -> int:
        return int(self.app.actuator.snapshot()["pulses"]["entry"])

    def wait_lane(self, state: str) -> None:
        wait_for(lambda: self.app.view.state().get("lane") == state, f"a lane that is {state}")

    def came(self) -> list[tuple[str, str]]:
        """(what, what became of it) as the operator is told."""
        listed = commands.run(self.live.central, "task_list", {"device": "g2"})
        return [(item["do"], ": ".join(filter(None, (item["state"], item["why"])))) for item in reversed(listed)]

    def told(self) -> list[tuple[str, str]]:
        """(what, why) of the operator's rows as the server has them."""
        table = schema.checkin
        bodies = self.live.central.db.read(
            lambda connection: connection.execute(
                select(table.c.body).where(table.c.event_id == "").order_by(table.c.n)
            ).scalars()
            .all()
        )  # fmt: skip
        rows = [cbor.loads(bytes(body)) for body in bodies]
        return [
            (row["data"].get("do") or row["data"]["what"], row["data"].get("why", ""))
            for row in rows
            if row["actor"] == "central:operator:ana"
        ]


@pytest.fixture
def make(live: LiveCentral, tmp_path: Path) -> Iterator[Callable[[str], Site]]:
    made: list[Site] = []

    def build(remote: str) -> Site:
        made.append(Site(live, tmp_path / "gate", remote))
        return made[-1]

    yield build
    for site in made:
        site.close()


def test_an_operator_opens_stops_and_starts_a_gate_that_allows_it(make: Callable[[str], Site]) -> None:
    site = make('["pull", "disable", "enable", "open_once"]')
    site.put("open_once")
    wait_for(lambda: site.pulses() == 1, "one pulse")
    wait_for(lambda: site.told() == [("open_once", "")], "the operator's row at the server")
    for word in ("disable", "open_once", "enable"):
        site.put(word)
    done = [("open_once", ""), ("disable", ""), ("open_once", "lane"), ("enable", "")]
    wait_for(lambda: site.told() == done, "all rows at the server, the refusal too")
    came = [("open_once", "done"), ("disable", "done"), ("open_once", "refused: lane"), ("enable", "done")]
    wait_for(lambda: site.came() == came, "what became of them")
    assert site.pulses() == 1
    assert site.ask("status")["tasks_ignored"] == 0
    check = verify_journal(site.state / "journal.db", (site.state / "journal.pub").read_bytes())
    assert check.ok, check


def test_a_gate_that_allows_only_pull_does_not_move(make: Callable[[str], Site]) -> None:
    site = make('["pull"]')
    for word in ("open_once", "disable"):
        site.put(word)
    wait_for(lambda: site.ask("status")["tasks_ignored"] == 2, "two tasks that were ignored")
    site.put("pull")
    wait_for(lambda: site.told() == [("pull", "")], "the row of what was allowed")
    came = [("open_once", "given"), ("disable", "given"), ("pull", "done")]
    wait_for(lambda: site.came() == came, "what became of them")
    assert site.pulses() == 0
    assert site.app.view.state()["lane"] == "idle"
