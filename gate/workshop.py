"""What the technician's page shows and does, from this gate's own parts. A part of the application layer.

No secret and no ticket text goes in here, so none can come out: the support bundle is made of the same answers.
"""

from __future__ import annotations

import io
import json
import logging
import platform
import queue
import shutil
import sqlite3
import threading
import time
import zipfile
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from gate import __version__
from gate.actuator.gpio import GpioActuator
from gate.clock import Clock
from gate.config import describe, load
from gate.errors import ConfigError, DeviceError, GateError, StorageError
from gate.lane.commands import Desk
from gate.lane.orders import By
from gate.laneview import LaneView
from gate.model import ClockTrust, Verdict
from gate.settings import Settings, pins_of
from gate.sqlitefile import open_reader
from gate.staffroom import InboxDesk
from gate.storage.tally import Tally
from gate.sync.ask import ask

logger = logging.getLogger(__name__)

_LOG_LINES = 500
_LAMP_S = 1.2
_MIB = 1024 * 1024
_FRESH_S = 900
"""A ticket list older than this is worth a warning before doors, whatever the staleness policy allows."""

_ASK_S = 4
_ASKING_MAX = 6
# At once, of a server that perhaps does not answer: each holds one of the 40 threads by which handhelds also admit.


class LogTail(logging.Handler):
    """The newest lines of the log, for a person beside the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=_LOG_LINES)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record)[:1_000])


class GateWorkshop:
    """See `gate.kiosk.staff.ports.Workshop`. Any thread.

    Args:
        inbox: of the admission thread.
        config_path: the file that the settings came from.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        view: LaneView,
        desk: Desk,
        actuator: GpioActuator,
        clock: Clock,
        tail: LogTail,
        inbox: queue.SimpleQueue[Callable[[], None]],
        config_path: Path | None,
    ) -> None:
        self._settings = settings
        self._view = view
        self._lane = desk.lane
        self._desk = InboxDesk(desk, inbox)
        self._actuator = actuator
        self._clock = clock
        self._tail = tail
        self._config_path = config_path
        self._asking = threading.BoundedSemaphore(_ASKING_MAX)
        self._started = time.monotonic()
        self._tally = Tally(settings.gate.state_dir / "journal.db")
        self.lan: Callable[[], dict[str, Any]] = dict

    def close(self) -> None:
        self._tally.close()

    # ---- looking

    def status(self) -> dict[str, Any]:
        state, demo, moment = dict(self._view.state()), self._view.demo(), self._clock.now()
        folder = self._settings.gate.state_dir
        disk = shutil.disk_usage(folder)
        return {
            "gate": state.get("gate"),
            "id": self._settings.gate.id,
            "version": __version__,
            "profile": {name: lane.profile for name, lane in self._settings.lanes.items()},
            "uptime_s": int(time.monotonic() - self._started),
            "lane": state.get("lane"),
            "input": demo["input"],
            "pins": {"now": demo["pins"], "wired": {key: pin for key, pin in pins_of(self._settings) if pin}},
            "network": self.lan(),
            "sync": self._sync()
            | {"mode": state.get("mode"), "data_age_s": state.get("data_age_s")}
            | dict(state.get("sync") or {}),
            "storage": {
                "free_mib": disk.free // _MIB,
                "total_mib": disk.total // _MIB,
                "journal_kib": _size(folder) // 1024,
            },
            "clock": {
                "trust": moment.trust.value,
                "error_ms": moment.error_ms,
                "now": moment.at,
                "boot": moment.boot[:8],
            },
            "trust": self._trust(),
            "temperature_c": _temperature(),
        }

    def _sync(self) -> dict[str, Any]:
        try:
            answer = ask(self._settings.gate.runtime_dir / "sync.sock", {"do": "status"}, timeout_s=1.0)
        except (OSError, ValueError):
            return {"reachable": False}
        kept = ("peer", "mode", "last_ok_s", "server", "events", "version", "tasks_ignored")
        return {"reachable": True} | {key: answer[key] for key in kept if key in answer}

    def _trust(self) -> dict[str, Any]:
        world = self._lane.world
        found: dict[str, Any] = {"missing": world.missing, "version": None}
        try:
            with closing(open_reader(self._settings.gate.state_dir / "sync.db")) as sync:
                row = sync.execute("SELECT max(version) FROM trust").fetchone()
                found["version"] = row[0] if row else None
        except (StorageError, sqlite3.Error):
            logger.debug("sync.db does not say which trust file there is")
        now = self._clock.now().at
        found["events"] = [
            {
                "event": event.id,
                "mode": event.mode.mode,
                "age_s": max(0, now - event.issued_ms) // 1000,
                "base": event.base_sha256.hex()[:12] if event.base_sha256 else None,
                "lists": list(event.gate.lists),
            }
            for event in world.events
        ]
        return found

    def counts(self) -> dict[str, Any]:
        state = self._view.state()
        live = {"mode": state.get("mode"), "data_age_s": state.get("data_age_s"), "clock": state.get("clock")}
        return self._tally.counts(self._clock.now().at) | live | {"queue": (state.get("sync") or {}).get("queue", 0)}

    def recent(self, input_: str) -> dict[str, Any]:
        return self._tally.recent(input_)

    def config(self) -> dict[str, Any]:
        """Settings in force; and what is wrong with the file as it lies there now, for who has just edited it."""
        values = json.loads(json.dumps(asdict(self._settings), default=str))
        meaning = {f"{section}.{key}": rule.what for section, key, _, rule in describe()}
        problems: list[dict[str, str]] = []
        if self._config_path is not None:
            try:
                load(self._config_path)
            except ConfigError as error:
                problems = [{"key": key, "problem": what, "hint": hint} for key, what, hint in error.problems]
        return {"file": str(self._config_path or ""), "values": values, "meaning": meaning, "problems": problems}

    def logs(self, last: int) -> list[str]:
        return list(self._tail.lines)[-last:]

    def preview(self, wanted: bool) -> None:
        self._view.preview(wanted)

    # ---- doing

    def enrol(self, text: str, by: str) -> dict[str, Any]:
        try:
            answer = ask(
                self._settings.gate.runtime_dir / "sync.sock", {"do": "enrol", "text": text, "by": by}, timeout_s=30
            )
        except (OSError, ValueError):
            return {"ok": False, "code": "sync_away"}
        return {key: value for key, value in answer.items() if key != "id"}

    def search(self, name: str) -> dict[str, Any]:
        answer = self._ask_server({"do": "search", "name": name})
        if not answer["ok"]:
            return answer | {"people": [], "more": False}
        people = answer.get("people")
        return {"ok": True, "people": people if isinstance(people, list) else [], "more": answer.get("more") is True}

    def reveal(self, event: str, number: str, reason: str, by: By) -> dict[str, Any]:
        """The row is on disk before the name is shown. Raises: LaneAway, StorageError."""
        request = {"do": "reveal", "event": event, "number": number, "reason": reason, "by": by.actor or ""}
        answer = self._ask_server(request)
        if not answer["ok"]:
            return answer
        ticket, product = bytes.fromhex(str(answer["ticket"])), answer.get("product")
        record = self._desk.run(
            lambda desk: desk.look(event, ticket, product if isinstance(product, int) else None, reason, by)
        )
        shown = {name: str(answer[name]) for name in ("name", "event", "number")}
        return {"ok": True, **shown, "ref": record.own_ref}

    def _ask_server(self, request: dict[str, Any]) -> dict[str, Any]:
        """By way of sync, for a person who waits."""
        if not self._asking.acquire(blocking=False):
            return {"ok": False, "code": "busy", "wait_s": _ASK_S}
        try:
            answer = ask(self._settings.gate.runtime_dir / "sync.sock", request, timeout_s=_ASK_S)
        except (OSError, ValueError):
            return {"ok": False, "code": "sync_away"}
        finally:
            self._asking.release()
        if answer.get("ok"):
            return answer
        wait = {"wait_s": answer["wait_s"]} if isinstance(answer.get("wait_s"), int) else {}
        return {"ok": False, "code": str(answer.get("code") or "unreachable")} | wait

    def pin_test(self, what: str) -> dict[str, Any]:
        """Click a relay or show the lamp. The relay only while the lane is stopped: nobody may walk into a test."""
        if what.startswith("relay_"):
            lane = what.removeprefix("relay_")
            if self._lane.readiness(lane) != "out" or lane not in self._settings.lanes:
                return {"done": "pin_test", "ok": False, "why": "stop_first"}
            try:
                at = self._actuator.pulse(lane, self._settings.lanes[lane].pulse_ms / 1000)
            except DeviceError as error:
                return {"done": "pin_test", "ok": False, "why": str(error)[:200]}
            return {"done": "pin_test", "ok": at > 0, "why": "" if at else "not_wired"}
        for verdict in (Verdict.GO, Verdict.STOP, Verdict.SEE_STAFF):
            self._actuator.signal(verdict)
            time.sleep(_LAMP_S / 2)
        self._desk.run(lambda desk: desk.lane.show_again())
        wired = bool(self._settings.pins.lamp_pins if what == "lamp" else self._settings.pins.buzzer_pin)
        return {"done": "pin_test", "ok": wired, "why": "" if wired else "not_wired"}

    def self_test(self) -> list[dict[str, Any]]:
        """In the order in which they are mended."""
        status = self.status()
        return [
            *self._tested_input(status["input"]),
            *self._tested_relays(),
            self._tested_lamp(),
            *self._tested_contacts(status["pins"]["now"].get("inputs") or {}),
            self._tested_journal(status["storage"]["free_mib"]),
            self._tested_list(status["trust"]),
            self._tested_clock(status["clock"]),
            _test("trust", "ok" if status["trust"]["version"] else "bad", {"version": status["trust"]["version"]}),
            _test(
                "sync",
                "ok" if status["sync"].get("mode") in ("online", "hub") else "warn",
                {"queue": status["sync"].get("queue")},
            ),
        ]

    def _tested_input(self, heard: Any) -> list[dict[str, Any]]:
        state = str(heard.get("state", "silent"))
        if heard.get("source") in ("evdev", "serial", "stdin", "images"):
            return [_test("reader", "ok" if state == "ok" else "bad", {"state": state})]
        fps = heard.get("fps") or 0
        verdict = "bad" if state not in ("ok", "dark", "glare", "blurred", "dirty") or not fps else "ok"
        figure = {"fps": fps, "decode_ms": heard.get("decode_ms"), "state": state}
        tests = [_test("camera", verdict if state == "ok" or verdict == "bad" else "warn", figure)]
        if isinstance(heard.get("focus"), (int, float)):
            tests.append(_test("focus", "ok" if state != "blurred" else "warn", {"value": heard["focus"]}))
        return tests

    def _tested_relays(self) -> list[dict[str, Any]]:
        tests = []
        for name, lane in self._settings.lanes.items():
            if not lane.relay_pin:
                tests.append(_test(f"relay_{name}", "none", {}))
                continue
            if self._lane.readiness(name) == "busy":
                tests.append(_test(f"relay_{name}", "warn", {"why": "busy"}))
                continue
            try:
                at = self._actuator.pulse(name, lane.pulse_ms / 1000)
                tests.append(_test(f"relay_{name}", "ok" if at else "bad", {"pulse_ms": lane.pulse_ms}))
            except DeviceError as error:
                tests.append(_test(f"relay_{name}", "bad", {"why": str(error)[:120]}))
        return tests

    def _tested_lamp(self) -> dict[str, Any]:
        """Nobody but a person can see whether it lights."""
        if not self._settings.pins.lamp_pins:
            return _test("lamp", "none", {})
        self.pin_test("lamp")
        return _test("lamp", "ok" if self._actuator.alive() else "bad", {"look": True})

    def _tested_contacts(self, inputs: Any) -> list[dict[str, Any]]:
        """Contacts that rest while all is well."""
        return [
            _test(str(name).partition(".")[0], "ok" if not active else "bad", {"active": bool(active)})
            for name, active in sorted(inputs.items())
        ]

    def _tested_journal(self, free_mib: int) -> dict[str, Any]:
        try:
            before = time.monotonic()
            self._desk.run(lambda desk: desk.note("config", {"what": "write_test"}, By(actor=None, input="kiosk")))
            took_ms = (time.monotonic() - before) * 1000
        except GateError as error:
            return _test("journal", "bad", {"why": error.code})
        low = free_mib < self._settings.journal.min_free_mib
        return _test("journal", "bad" if low else "ok", {"ms": round(took_ms, 1), "free_mib": free_mib})

    def _tested_list(self, trust: Any) -> dict[str, Any]:
        if trust["missing"] or not trust["events"]:
            return _test("list", "bad", {"missing": trust["missing"] or "manifest"})
        age = max(event["age_s"] for event in trust["events"])
        return _test("list", "ok" if age <= _FRESH_S else "warn", {"age_s": age})

    def _tested_clock(self, clock: Any) -> dict[str, Any]:
        states = {ClockTrust.SYNCED.value: "ok", ClockTrust.HOLDOVER.value: "warn"}
        return _test(
            "clock", states.get(clock["trust"], "bad"), {"trust": clock["trust"], "error_ms": clock["error_ms"]}
        )

    def bundle(self) -> bytes:
        """What support needs: figures, settings, log, versions. No key, no PIN, no ticket, no name of staff."""
        packages = sorted(f"{item.metadata['Name']} {item.version}" for item in distributions())
        parts = {
            "status.json": self.status(),
            "counts.json": self.counts(),
            "config.json": self.config(),
            "machine.json": {
                "platform": platform.platform(),
                "python": platform.python_version(),
                "packages": packages,
            },
        }
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
            for name, part in parts.items():
                file.writestr(name, json.dumps(part, indent=1, ensure_ascii=False, default=str))
            file.writestr("log.txt", "\n".join(self._tail.lines))
        return out.getvalue()


def _test(name: str, state: str, figure: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "state": state, "figure": figure}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("journal.db*"))


def _temperature() -> float | None:
    try:
        return int(Path("/sys/class/thermal/thermal_zone0/temp").read_text()) / 1000
    except (OSError, ValueError):
        return None
