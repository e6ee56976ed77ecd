"""`gate demo`: make the event, draw the first video, start central, sync and lane, keep the rounds coming.

The processes are those of a real site, with their real configuration; only the video, the simulated pins and the people
(`actor`) are the demo's.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path

from gate.central.service import Central
from gate.demo import event, script, seed
from gate.demo.processes import Child, gate_command
from gate.errors import DeviceError
from gate.staffcli import fresh_pin, put_staff
from gate.sync.ask import ask

_READY_S = 60.0
_POLL_S = 0.25


class Demo:
    """
    Args:
        folder: where everything of the demo lies; `seed/` is kept, `run/` is made anew at each start.
        camera: a real camera (`0`, `/dev/video0`, an address) instead of the video.
        port: of the gate display; the next free one is taken when it is in use.
    """

    def __init__(self, folder: Path, *, camera: str | None = None, port: int = 8080) -> None:
        self.folder = folder
        self.seed = folder / "seed"
        self.run_dir = folder / "run"
        self.camera = camera
        self._wanted_port = port
        self.children: list[Child] = []
        self._renderer: Child | None = None
        self.stopping = threading.Event()
        self.url = ""
        self.central_url = ""

    # ---- life

    def run(self) -> None:
        """Until `stopping` is set. Raises: GateError when it cannot start."""
        self._prepare_seed()
        while not self.stopping.is_set():
            try:
                self._start()
                self._watch()
            finally:
                self._stop()

    def _prepare_seed(self) -> None:
        if not seed.usable(self.seed):
            _say("making the sample event: 1,000 tickets, keys, signed manifest")
            seed.make_event(self.seed)
        first = seed.video_path(self.seed, 0)
        if self.camera is None and not first.exists():
            _say("drawing the first minute of camera picture (only at the first start)")
            seed.render_round(seed.tickets_of(self.seed), 0, first, _say)

    def _start(self) -> None:
        started = time.monotonic()
        seed.lay_out(self.seed, self.run_dir)
        central_port, port = _free_port(8090), _free_port(self._wanted_port)
        self.central_url = f"http://127.0.0.1:{central_port}"
        self.url = f"http://127.0.0.1:{port}/demo"
        with Central.open(self.run_dir / "central") as central:
            central.set_url(self.central_url)
            code = central.add_device(event.DEVICE, short=event.GATE_SHORT, events=[event.EVENT], gate=event.GATE)
            central.publish(event.EVENT, rebuild=False)
        config = self.run_dir / "gate.toml"
        config.write_text(self._config(port))
        pins = {role: fresh_pin() for role in ("attendant", "technician")}
        (self.run_dir / "gate").mkdir(exist_ok=True)
        for role, pin in pins.items():
            put_staff(self.run_dir / "gate", role, f"Demo {role}", role, pin)
        self.children = [
            self._child("central", "central", "serve", "--state", str(self.run_dir / "central"), "--port", str(central_port)),
            self._child("sync", "sync", "run", "--config", str(config)),
            self._child("lane", "run", "--demo", "--config", str(config)),
        ]  # fmt: skip
        for child in self.children:
            child.start()
        self._enrol(code.text())
        self._wait_ready(port)
        source = f"camera {self.camera}" if self.camera is not None else "a demo video"
        _say(f"camera: {source}; pins: simulated; everything lies in {self.run_dir}")
        _say(f"central's live page: {self.central_url}/")
        for role, pin in pins.items():
            page = "tech" if role == "technician" else "staff"
            _say(f"{role}'s page: http://127.0.0.1:{port}/{page}, staff id {role}, PIN {pin}")
        _say(f"started in {time.monotonic() - started:.1f} s. Ctrl-C ends it.")
        _say(f"open {self.url}")

    def _child(self, name: str, *arguments: str) -> Child:
        return Child(name, gate_command(*arguments), self.run_dir / f"{name}.log")

    def _stop(self) -> None:
        for child in [*([self._renderer] if self._renderer else []), *reversed(self.children)]:
            child.stop()
        self.children, self._renderer = [], None

    def _watch(self) -> None:
        """Until the end, or until the tickets are used up (then the caller begins anew)."""
        while not self.stopping.wait(_POLL_S):
            for child in self.children:
                child.watch(_say)
            if self.camera is None and self._next_round() >= script.ROUNDS:
                _say("every ticket has been used: the demo begins anew")
                return

    # ---- parts

    def _enrol(self, text: str) -> None:
        """As a technician would: the code that central shows is read at the gate."""
        deadline = time.monotonic() + _READY_S
        answer: dict[str, object] = {}
        while time.monotonic() < deadline and not self.stopping.is_set():
            try:
                answer = ask(self.run_dir / "sockets" / "sync.sock", {"do": "enrol", "text": text, "by": "demo"})
            except (OSError, ValueError):
                answer = {}
            if answer.get("ok"):
                return
            self.stopping.wait(0.1)
        if not self.stopping.is_set():
            raise DeviceError(f"the gate could not be enrolled: {answer or 'no answer'}; see {self.run_dir}/sync.log")

    def _wait_ready(self, port: int) -> None:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline and not self.stopping.is_set():
            if _lane_state(port) == "idle":
                return
            self.stopping.wait(0.1)
        if not self.stopping.is_set():
            raise DeviceError(f"the gate did not come up; see {self.run_dir}/lane.log and sync.log")

    def _next_round(self) -> int:
        """Draw the round after the one that plays, in the background. Returns: the number of the round that plays."""
        rounds = self.run_dir / "rounds"
        try:
            playing = json.loads((rounds / "playing.json").read_text())["file"]
            number = int(playing.removeprefix("round-").removesuffix(".mp4"))
        except (OSError, ValueError, KeyError):
            return 0
        for old in rounds.glob("round-*.*"):
            if old.name < f"round-{number:03d}":
                old.unlink(missing_ok=True)
        following = seed.video_path(rounds, number + 1)
        if not following.exists() and (self._renderer is None or not self._renderer.running):
            command = [sys.executable, "-m", "gate.demo", str(self.seed), str(number + 1), str(following)]
            self._renderer = Child("renderer", command, self.run_dir / "renderer.log", nice=19, restart=False)
            self._renderer.start()
        return number

    def _config(self, port: int) -> str:
        run = self.run_dir
        if self.camera is None:
            kind, device = "video", str(run / "rounds")
        elif "://" in self.camera:
            kind, device = "url", self.camera
        else:
            kind, device = "camera", f"/dev/video{self.camera}" if self.camera.isdigit() else self.camera
        return f"""# written by `gate demo`
[gate]
id = "{event.GATE}"
state_dir = "{run / "gate"}"
runtime_dir = "{run / "sockets"}"
[lane.entry]
profile = "tripod"
relay_pin = 17
window_s = {script.WINDOW_S}
passage_pin = 27
passage = "no"
[pins]
factory = "mock"
fire_pin = 22
tamper_pin = 23
staff_pin = 24
lamp_pins = [5, 6, 13]
buzzer_pin = 19
[[input]]
name = "cam0"
kind = "{kind}"
device = "{device}"
[kiosk]
display_port = {port}
local_staff = true
"""


def _lane_state(port: int) -> str | None:
    """What the lane says of itself; None while it is not up."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return str(json.loads(answer.read()).get("lane"))
    except (OSError, ValueError):
        return None


def _say(text: str) -> None:
    print(f"demo: {text}", flush=True)


def _free_port(wanted: int) -> int:
    """`wanted`, or the next free one of the following hundred on loopback."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise DeviceError(f"no free port from {wanted} on")
