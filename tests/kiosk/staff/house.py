"""A whole gate in this process for tests of the staff pages: the real admission loop, journal, pins of the mock factory."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from gate.app import GateApp
from gate.model import GateId
from gate.settings import GateSettings, KioskSettings, LaneSettings, PinSettings, Settings
from gate.staffroom import StaffRoom
from gate.wire.pins import make_verifier
from tests.e2e.site import free_port
from tests.fakes.state import GATE, StateFolder

PINS = {"sari": "193746", "dewi": "820517", "budi": "471093"}
ROLES = {"sari": "attendant", "dewi": "supervisor", "budi": "technician"}
NAMES = {"sari": "Sari D.", "dewi": "Dewi K.", "budi": "Budi R."}
_VERIFIERS = {name: make_verifier(pin, bytes(16)) for name, pin in PINS.items()}


class House:
    """Attributes: `app` the gate, `state` its folder, `url` of the loopback listener."""

    def __init__(self, folder: Path, *, tickets: list[Any] | None = None, **kiosk: Any) -> None:
        self.state = StateFolder(folder / "state")
        rows = tickets or [self.state.row(n) for n in range(20)]
        self.state.ready(rows)
        settings = Settings(
            gate=GateSettings(id=GateId(GATE), state_dir=folder / "state", runtime_dir=folder / "run"),
            lanes={"entry": LaneSettings(window_s=1.0, pulse_ms=200)},
            pins=PinSettings(factory="mock", lamp_pins=(5, 6, 13), staff_pin=24, fire_pin=22),
            inputs=(),
            kiosk=replace(
                KioskSettings(display_port=free_port(), local_staff=True, lan=True, lan_port=free_port()), **kiosk
            ),
        )
        self.settings = settings
        self.app = GateApp(settings)
        self._ready = threading.Event()
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.app.run(lambda _app, _port: self._ready.set())
        except BaseException as error:  # noqa: BLE001 - shown by start
            self._failed.append(error)
            self._ready.set()

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(60)
        if self._failed:
            raise self._failed[0]
        for name in PINS:
            self.add_staff(name)

    def stop(self) -> None:
        self.app.stop()
        self._thread.join(60)

    def restart(self) -> None:
        """The lane ends and comes back on the same files, as after a crash of the process."""
        self.stop()
        self.app = GateApp(self.settings)
        self._ready.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(60)
        if self._failed:
            raise self._failed[0]

    # ---- people and phones

    def add_staff(self, name: str) -> None:
        self.room._store.put("staff", id=name, name=NAMES[name], role=ROLES[name], pin=_VERIFIERS[name], at=0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.app.port}"

    @property
    def lan_url(self) -> str:
        return f"https://127.0.0.1:{self.settings.kiosk.lan_port}"

    @property
    def room(self) -> StaffRoom:
        assert self.app.staff is not None
        return self.app.staff

    def tls(self) -> ssl.SSLContext:
        """Trusts the gate's own authority and nobody else, as a phone does after pairing."""
        return ssl.create_default_context(cafile=str(self.state.path / "kiosk-tls" / "ca.crt"))

    def phone(self) -> Phone:
        """A phone that is not paired yet."""
        return Phone(httpx.Client(base_url=self.lan_url, verify=self.tls(), timeout=60))

    def paired(self, name: str) -> Phone:
        """A phone of its own for somebody who is logged in."""
        self.room.allowance.tries.forget()
        phone = self.phone()
        code, _ = self.room.access.offer("test")
        assert phone.post("pair", code=code).status_code == 200
        assert phone.login(name).status_code == 200
        return phone

    def desk(self, task: Any) -> Any:
        """Do something at the lane."""
        return self.room._lane.run(task)

    # ---- looking

    def rows(self, *kinds: str) -> list[dict[str, Any]]:
        return self.state.journal(*kinds)

    def said(self, what: str) -> list[dict[str, Any]]:
        """Rows about access, by their word."""
        self.desk(lambda _desk: None)  # what was asked for before is done now
        return [row for row in self.rows("config") if row["data"]["what"] == what]


class Phone:
    """A client with cookies and the CSRF token of its session."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.csrf = ""
        self.n = 0

    def key(self) -> str:
        self.n += 1
        return f"key-{id(self)}-{self.n}"

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(f"/api/v1/{path}", json=body, headers={"x-gate-csrf": self.csrf})

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1/{path}")

    def login(self, name: str, pin: str | None = None) -> Any:
        answer = self.post("login", staff=name, pin=pin or PINS[name])
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf"]
        return answer

    def scan(self, text: str | None = None, **more: Any) -> Any:
        body = {"key": self.key(), **more}
        if text is not None:
            body["text"] = text
        return self.post("scans", **body)

    def command(self, do: str, **more: Any) -> Any:
        return self.post("commands", **{"do": do, "key": self.key(), **more})


@contextmanager
def opened(folder: Path, **more: Any) -> Iterator[House]:
    house = House(folder, **more)
    house.start()
    try:
        yield house
    finally:
        house.stop()


__all__ = ["PINS", "House", "Phone", "opened"]
