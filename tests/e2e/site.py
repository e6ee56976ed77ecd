"""A whole site of real processes for tests: central, sync and a lane whose reader is the test, line by line."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gate.central.service import Central
from gate.central.tickets import IssuedTicket, NewTicket
from gate.sync.ask import ask
from tests.e2e.screen import Screen

EVENT = "spring"
PASSAGE_PIN = 27


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Wait for a condition, with patience for a busy machine. Returns: its first true value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds:g} s for {what}")


@dataclass
class Site:
    """Processes by name: `central`, `sync`, `lane`."""

    folder: Path
    tickets: list[IssuedTicket] = field(default_factory=list)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    code: str = ""

    def __post_init__(self) -> None:
        self.central_port, self.port = free_port(), free_port()
        self.state = self.folder / "gate"
        self.central_state = self.folder / "central"
        self.config = self.folder / "gate.toml"

    # ---- making it

    def make(self, count: int) -> None:
        """An event with `count` plain tickets, a device, a configuration."""
        with Central.open(self.central_state) as central:
            central.set_url(self.central_url)
            central.create_event({"event": EVENT, "name": {"en": "Spring"}, "tz": "Europe/Berlin", **POLICY})
            exp = int(time.time()) + 86_400
            self.tickets = central.issue_many(EVENT, [NewTicket(product=1, zones=1, exp=exp)] * count)
            self.code = central.add_device("g1", short="G1", events=[EVENT], gate="g1").text()
            central.publish(EVENT)
        self.config.write_text(_CONFIG.format(state=self.state, run=self.folder / "run", port=self.port))

    @property
    def central_url(self) -> str:
        return f"http://127.0.0.1:{self.central_port}"

    # ---- processes

    def start(self, name: str) -> None:
        arguments = {
            "central": ["central", "serve", "--state", str(self.central_state), "--port", str(self.central_port)],
            "sync": ["sync", "run", "--config", str(self.config)],
            "lane": ["run", "--demo", "--config", str(self.config)],
        }[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "gate", *arguments], stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    def start_all(self) -> None:
        for name in ("central", "sync", "lane"):
            self.start(name)
        self.enrol()
        self.wait_ready()

    def enrol(self) -> None:
        path = self.folder / "run" / "sync.sock"

        def enrolled() -> bool:
            try:
                return bool(ask(path, {"do": "enrol", "text": self.code, "by": "test"}).get("ok"))
            except (OSError, ValueError):
                return False

        until(enrolled, "enrolment")

    def wait_ready(self) -> None:
        until(lambda: self.health().get("lane") == "idle", "a lane that is ready")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        process = self.running.pop(name)
        process.send_signal(number)
        process.wait(60)
        if process.stdin is not None:
            process.stdin.close()

    def close(self) -> None:
        for name in reversed(list(self.running)):
            self.kill(name, signal.SIGTERM)

    # ---- using it

    def show(self, text: str) -> None:
        """Present a code to the lane's reader."""
        pipe = self.running["lane"].stdin
        assert pipe is not None
        pipe.write(text.encode() + b"\n")
        pipe.flush()

    def scan(self, screen: Screen, text: str) -> dict[str, Any]:
        """Present a code until it is answered: a lane lets go of one that it could not look at for two seconds.

        Returns: the decision.
        """
        before = len(screen.all("decision"))
        again = 0.0

        def answered() -> list[dict[str, Any]]:
            nonlocal again
            if time.monotonic() >= again:
                self.show(text)
                again = time.monotonic() + 5
            return screen.all("decision")[before:]

        decision: dict[str, Any] = until(answered, "a decision")[0]
        return decision

    def revoke(self, *tickets: IssuedTicket) -> None:
        """At the server. Returns when sync has written it down for the lane."""
        for ticket in tickets:
            self.gate(
                "central", "ticket", "set-state", EVENT, ticket.number, "revoked", "--state", str(self.central_state)
            )
        newest = self._one(self.central_state / "central.db", "SELECT cursor FROM event_head WHERE event_id=?", EVENT)
        until(
            lambda: self._one(self.state / "sync.db", "SELECT cursor FROM event") == newest,
            "the revocation at the gate",
        )

    @staticmethod
    def _one(path: Path, statement: str, *values: str) -> Any:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return (connection.execute(statement, values).fetchone() or [None])[0]
        finally:
            connection.close()

    def health(self) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=20) as answer:
                value: dict[str, Any] = json.load(answer)
                return value
        except OSError:
            return {}

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def gate(self, *arguments: str, code: int = 0) -> str:
        """Run a command. Returns: its standard output."""
        done = subprocess.run([sys.executable, "-m", "gate", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    # ---- looking

    def journal(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Bodies of the event's rows, in order."""
        from gate.wire import cbor

        connection = sqlite3.connect(f"file:{self.state / 'journal.db'}?mode=ro", uri=True)
        try:
            rows = connection.execute("SELECT body FROM journal WHERE event=? ORDER BY id", (EVENT,)).fetchall()
        finally:
            connection.close()
        bodies = [cbor.loads(body) for (body,) in rows]
        return [body for body in bodies if kind is None or body["kind"] == kind]

    def central_rows(self) -> set[tuple[str, int, str, str | None]]:
        """(epoch, seq, kind, ticket) of the event's check-ins in the server's database."""
        connection = sqlite3.connect(f"file:{self.central_state / 'central.db'}?mode=ro", uri=True)
        try:
            rows = connection.execute(_CENTRAL_ROWS, (EVENT,)).fetchall()
            assert len(rows) == len(set(rows))
            return {(epoch, seq, kind, ticket or None) for epoch, seq, kind, ticket in rows}
        finally:
            connection.close()

    def journal_rows(self) -> set[tuple[str, int, str, str | None]]:
        return {(row["epoch"], row["seq"], row["kind"], row["ticket"]) for row in self.journal()}


_CENTRAL_ROWS = "SELECT lower(hex(epoch)), seq, kind, lower(hex(ticket)) FROM checkin WHERE event_id=?"
POLICY: dict[str, Any] = {
    "products": [{"n": 1, "name": {"en": "Day"}}],
    "lists": [{"id": "main"}],
    "gates": [{"id": "g1", "short": "G1", "name": {"en": "North"}, "zones": 1, "lists": ["main"]}],
}
_CONFIG = """
[gate]
id = "g1"
state_dir = "{state}"
runtime_dir = "{run}"
[lane.entry]
relay_pin = 17
pulse_ms = 200
window_s = 1.0
[pins]
factory = "mock"
lamp_pins = [5, 6, 13]
fire_pin = 22
staff_pin = 24
[[input]]
name = "reader"
kind = "stdin"
device = "-"
[sync]
poll_ms = 200
[kiosk]
display_port = {port}
"""
