"""The gate as it runs at a door, for tests of the pages: `gate run` in a process of its own, staff pages over TLS.

Pins are those of the mock factory, the reader is the test (line by line), everything else is real: journal, kiosk.db,
certificate, both listeners. What is looked at is what the process wrote down or says on its lines.
"""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import urllib.request
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from gate.staffcli import put_staff
from tests.e2e.screen import Screen
from tests.e2e.site import free_port, until
from tests.fakes.issuer import POLICY
from tests.fakes.state import GATE, StateFolder
from tests.kiosk.staff.house import NAMES, PINS, ROLES, Phone

LOCKED, LEAVING = "lina", "tono"
"""People who are locked out, or hand their shift over: nobody else's test needs them afterwards."""
_PEOPLE = {
    **{name: (NAMES[name], ROLES[name], pin) for name, pin in PINS.items()},
    LOCKED: ("Lina S.", "attendant", "640182"),
    LEAVING: ("Tono P.", "attendant", "753019"),
}
PIN_OF = {name: pin for name, (_, _, pin) in _PEOPLE.items()}
FILMED = (0, 1)
"""Tickets in the film of the fake camera."""
_FIRST, _GROUPS, _ALL = 10, 100, 112
_CONFIG = """
[gate]
id = "{gate}"
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
[kiosk]
display_port = {port}
local_staff = true
lan = true
lan_port = {lan}
"""


class RunningGate:
    """Attributes: `state` its folder, `screen` everything its display was told over all lives of the process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = StateFolder(folder / "state")
        groups = [self.state.row(n, uses=4) for n in range(_GROUPS, _ALL)]
        named = {**POLICY["gates"][0], "name": {"en": "North entrance", "id": "Pintu utara", "zh-Hant": "北側入口"}}
        self.state.ready([*(self.state.row(n) for n in range(_GROUPS)), *groups], gates=[named])
        self.port, self.lan_port = free_port(), free_port()
        self.config = folder / "gate.toml"
        self.config.write_text(
            _CONFIG.format(gate=GATE, state=self.state.path, run=folder / "run", port=self.port, lan=self.lan_port)
        )
        for name, (said, role, pin) in _PEOPLE.items():
            put_staff(self.state.path, name, said, role, pin)
        self._single, self._groups = count(_FIRST), count(_GROUPS)
        self._places = count(2)
        self._phones: dict[str, Phone] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self.screen = Screen(self.port, "/ws/display")

    # ---- its life

    def start(self) -> None:
        with (self.folder / "lane.log").open("ab") as log:
            command = [sys.executable, "-m", "gate", "run", "--config", str(self.config)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self.ready()
        until(lambda: self.screen.up, "the lane's line")

    def ready(self) -> None:
        """Wait until the lane takes the next person."""
        until(lambda: self.health().get("lane") == "idle", "a lane that is ready")

    def kill(self, number: int = signal.SIGKILL) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(number)
        process.wait(60)
        assert process.stdin is not None
        process.stdin.close()
        until(lambda: not self.screen.up, "what it had said is heard")

    def close(self) -> None:
        self.screen.close()
        for phone in self._phones.values():
            phone.client.close()
        if self._process is not None:
            self.kill(signal.SIGTERM)

    def health(self) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=20) as answer:
                value: dict[str, Any] = json.load(answer)
                return value
        except OSError:
            return {}

    # ---- tickets

    def number(self, *, group: bool = False) -> int:
        """Of a ticket that no other test has."""
        return next(self._groups if group else self._single)

    def ticket(self, *, group: bool = False) -> str:
        return self.state.text(self.number(group=group))

    def show(self, text: str) -> None:
        """Present a code to the gate's own reader."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()

    # ---- people and phones

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def lan_url(self) -> str:
        return f"https://127.0.0.1:{self.lan_port}"

    def _client(self, base: str) -> httpx.Client:
        """From an address of its own, as each phone has one: they do not use up one another's tries."""
        ca = self.state.path / "kiosk-tls" / "ca.crt"
        trust = ssl.create_default_context(cafile=str(ca))
        transport = httpx.HTTPTransport(verify=trust, local_address=f"127.0.0.{next(self._places)}")
        return httpx.Client(base_url=base, transport=transport, timeout=60)

    def code(self) -> str:
        """Ask for a code to pair, and read it from the gate's screen."""
        if "desk" not in self._phones:
            desk = Phone(self._client(self.url))
            assert desk.login("budi").status_code == 200
            self._phones["desk"] = desk
        before = len(self.screen.all("state"))
        assert self._phones["desk"].command("pair").status_code == 200
        return until(lambda: self._code_since(before), "the code on the gate's screen")  # type: ignore[no-any-return]

    def _code_since(self, n: int) -> str:
        states = self.screen.all("state")[n:]
        return str(states[-1]["pair"]["code"]) if states and states[-1].get("pair") else ""

    def paired(self, name: str, *, login: bool = True) -> Phone:
        """The phone of that person, paired by the screen's code; the same each time."""
        if name not in self._phones:
            phone = Phone(self._client(self.lan_url))
            assert phone.post("pair", code=self.code()).status_code == 200
            if login:
                assert phone.login(name, PIN_OF[name]).status_code == 200
            self._phones[name] = phone
        return self._phones[name]

    # ---- looking

    def rows(self, *kinds: str) -> list[dict[str, Any]]:
        """Bodies of the journal's rows, oldest first."""
        return self.state.journal(*kinds)

    def rows_of(self, n: int, *kinds: str) -> list[dict[str, Any]]:
        """Rows about one ticket."""
        return [row for row in self.rows(*kinds) if row["ticket"] == self.state.key(n).hex()]

    def said(self, what: str) -> list[dict[str, Any]]:
        """Rows about access, by their word."""
        return [row for row in self.rows("config") if row["data"]["what"] == what]

    def pulses(self) -> int:
        """Of the entry relay, in this life of the process."""
        told = self.screen.all("pins")
        return int(told[-1]["pulses"]["entry"]) if told else 0
