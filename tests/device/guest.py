"""Inside the virtual device: the real lane on gpiozero's lgpio factory and a simulated GPIO chip of the kernel, seen from the wire.

`python -m tests.device.guest STATE`, as root. A line a check, `ok` or `FAIL`; the exit code is the number of failures.
The wire side of a line is what the chip's driver shows in sysfs: its level, and a pull that stands for a contact.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from gate.sqlitefile import UMASK
from tests.fakes.issuer import SPRING, Issuer
from tests.fault.process import LaneProcess
from tests.fault.site import check, openings

RELAY, LOW_RELAY, PASSAGE, FIRE, GREEN, HEARTBEAT = 17, 18, 23, 22, 6, 12
LINES, LABEL = 54, "pinctrl-bcm2835"
PULSE_S, LIMIT_S = 0.3, 1.0
TOLERANCE_S = float(os.environ.get("GATE_TOLERANCE_S") or 0.03)
CONFIG = f"""
[gate]
id = "g2"
state_dir = "{{state}}"
runtime_dir = "/run/gate"
[lane.entry]
profile = "tripod"
relay_pin = {RELAY}
pulse_ms = {int(PULSE_S * 1000)}
window_s = 2.0
passage_pin = {PASSAGE}
passage = "no"
[lane.exit]
profile = "tripod"
relay_pin = {LOW_RELAY}
active_low = true
[pins]
factory = "lgpio"
lamp_pins = [5, {GREEN}, 13]
fire_pin = {FIRE}
heartbeat_pin = {HEARTBEAT}
[[input]]
name = "reader"
kind = "stdin"
[sync]
backend = "none"
"""
HOLD = f"""
import lgpio, time
lgpio.gpio_claim_output(lgpio.gpiochip_open(0), {RELAY}, 1)
print(flush=True)
time.sleep(60)
"""

failures = 0


def say(good: object, text: str) -> None:
    global failures
    failures += not good
    print("ok   " if good else "FAIL ", text, flush=True)


def until(condition: Callable[[], Any], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(condition())


class Wire:
    """The other end of every line."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def level(self, line: int) -> int:
        return int((self._folder / f"sim_gpio{line}" / "value").read_text())

    def pull(self, line: int, up: bool) -> None:
        (self._folder / f"sim_gpio{line}" / "pull").write_text("pull-up" if up else "pull-down")


class Watch:
    """Every change of one line while the block lasts, about 2,000 looks a second."""

    def __init__(self, wire: Wire, line: int) -> None:
        self._wire, self._line = wire, line
        self.changes: list[tuple[float, int]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self.before = self._wire.level(self._line)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        last = self.before
        while not self._done.is_set():
            if (level := self._wire.level(self._line)) != last:
                last = level
                self.changes.append((time.monotonic(), level))
            time.sleep(0.0005)

    def pulses(self, active: int) -> list[float]:
        """Lengths in seconds of the whole pulses."""
        begun: float | None = None
        found = []
        for at, level in self.changes:
            if level == active:
                begun = at
            elif begun is not None:
                found.append(at - begun)
                begun = None
        return found


def make_chip() -> Wire:
    """The chip of a Pi 4, as gpiozero looks for it."""
    subprocess.run(["modprobe", "gate-gpio-sim"], check=True)
    configfs = Path("/sys/kernel/config")
    if not (configfs / "gpio-sim").is_dir():
        subprocess.run(["mount", "-t", "configfs", "none", configfs], check=True)
    chip = configfs / "gpio-sim/gate"
    (chip / "bank").mkdir(parents=True)
    (chip / "bank/num_lines").write_text(str(LINES))
    (chip / "bank/label").write_text(LABEL)
    (chip / "live").write_text("1")
    device, name = (chip / "dev_name").read_text().strip(), (chip / "bank/chip_name").read_text().strip()
    return Wire(Path("/sys/devices/platform") / device / name)


def be_a_pi() -> None:
    told = Path("/run/cpuinfo")
    told.write_text(Path("/proc/cpuinfo").read_text() + "Hardware\t: BCM2835\nRevision\t: a03111\n")
    subprocess.run(["mount", "--bind", told, "/proc/cpuinfo"], check=True)


def text(n: int) -> str:
    return Issuer().ticket(SPRING, cti=n.to_bytes(12, "big"))


def safe(config: Path) -> subprocess.CompletedProcess[str]:
    """As the unit's ExecStopPost."""
    command = [sys.executable, "-m", "gate.actuator", "--safe", "--config", str(config)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def at_rest(wire: Wire) -> bool:
    return wire.level(RELAY) == 0 and wire.level(LOW_RELAY) == 1


def no_chip(config: Path) -> None:
    with LaneProcess(config) as lane:
        say(not lane.ready(120), "without a chip the lane does not start, and takes no other factory")
        say(lane.process.wait(60) != 0, "and ends with an error")


def begin(wire: Wire, lane: LaneProcess) -> bool:
    """Ready, the fire contact closed as its panel holds it, the reader at work. The chip forgets a pull when a line is claimed."""
    if not lane.ready(120):
        return False
    wire.pull(FIRE, up=False)
    well = lane.until(lambda m: m["t"] == "faults" and m["verdict"] != "EMERGENCY" and "camera" not in m["faults"], 60)
    return well is not None


def show(lane: LaneProcess, n: int) -> str:
    """A ticket, again and again while the one before is still passing. Returns: the reason."""
    reason = "lane_busy"
    for _ in range(20):
        lane.present(text(n))
        decision = lane.decision(60)
        reason = decision["reason"] if decision else "silent"
        if reason != "lane_busy":
            break
        time.sleep(0.5)
    return reason


def walk(wire: Wire, config: Path) -> None:
    """Start, two entries, a passage, an alarm, the heartbeat, SIGTERM in the middle of a pulse."""
    with Watch(wire, RELAY) as relay, Watch(wire, LOW_RELAY) as low, LaneProcess(config) as lane:
        say(begin(wire, lane), "the lane starts on gpiozero's lgpio factory")
        say(not relay.changes and at_rest(wire), "no relay moved while it started, one active at low level included")
        for n in (1, 2):
            seen = len(relay.changes)
            reason = show(lane, n)
            say(reason == "ok", f"ticket {n} is let in ({reason})")
            say(until(lambda: wire.level(GREEN) == 1, 15), "the lamp is green on the wire")
            say(until(lambda seen=seen: len(relay.changes) == seen + 2, 15), "one pulse, and back to rest")
            wire.pull(PASSAGE, up=False)
            time.sleep(0.1)
            wire.pull(PASSAGE, up=True)
            say(lane.until(lambda m: m["t"] == "passage", 20), "the passage contact is heard")
        lengths = relay.pulses(1)
        told = ", ".join(f"{length * 1000:.0f} ms" for length in lengths)
        say(
            all(abs(length - PULSE_S) < TOLERANCE_S for length in lengths),
            f"pulses on the wire: {told} (asked: 300 ms)",
        )
        with Watch(wire, HEARTBEAT) as heart:
            time.sleep(2.2)
        say(3 <= len(heart.changes) <= 10, f"heartbeat: {len(heart.changes)} changes in 2.2 s")
        wire.pull(FIRE, up=True)  # the closed contact opens, or its wire is cut
        say(lane.until(lambda m: m.get("verdict") == "EMERGENCY", 20), "a fire contact that opens is an emergency")
        wire.pull(FIRE, up=False)
        say(lane.until(lambda m: m["t"] == "faults" and m["verdict"] != "EMERGENCY", 20), "and one that closes ends it")
        lane.present(text(3))
        say(until(lambda: wire.level(RELAY) == 1, 60), "a third pulse begins")
        began = time.monotonic()
        say(lane.stop(30) == 0, "SIGTERM in the middle of it: the lane ends with exit code 0")
        say(
            until(lambda: wire.level(RELAY) == 0, 10),
            f"and the relay is at rest after {time.monotonic() - began:.1f} s",
        )
    say(not low.changes and at_rest(wire), "the relay that is active at low level never moved")
    say(max(relay.pulses(1), default=LIMIT_S) <= LIMIT_S, "no pulse was longer than the profile allows")


def killed(wire: Wire, config: Path) -> None:
    """kill -9 with the relay energised, then the unit's next step."""
    with Watch(wire, LOW_RELAY) as low:
        with LaneProcess(config) as lane:
            begin(wire, lane)
            lane.present(text(4))
            say(until(lambda: wire.level(RELAY) == 1, 60), "a pulse begins")
            lane.kill()
        print(
            "      after kill -9 the line reads", wire.level(RELAY), "(this chip lets go of it; a Pi's keeps it driven)"
        )
        began = time.monotonic()
        done = safe(config)
        say(done.returncode == 0, f"the pins' program ends with 0: {(done.stdout + done.stderr).strip()}")
        say(at_rest(wire), f"every relay is at rest {time.monotonic() - began:.1f} s after its start")
    say(not low.changes, "the relay that is active at low level never moved")


def stuck(wire: Wire, config: Path) -> None:
    """As a chip that keeps the line driven after its owner died: somebody still holds it high."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        say(safe(config).returncode == 3, "a line that another program holds is said, with exit code 3")
        say(wire.level(LOW_RELAY) == 1, "and the other relays are at rest all the same")
        with LaneProcess(config) as lane:
            say(not lane.ready(120), "a lane does not start beside it")
    finally:
        holder.kill()
        holder.wait()
    say(safe(config).returncode == 0 and at_rest(wire), "once it is gone, all are at rest")


def main() -> None:
    os.umask(UMASK)
    state = Path(sys.argv[1])
    Path("/run/gate").mkdir(exist_ok=True)
    config = Path("/run/gate.toml")
    config.write_text(CONFIG.format(state=state))
    be_a_pi()
    no_chip(config)
    wire = make_chip()
    wire.pull(LOW_RELAY, up=True)  # the relay board's own resistor
    walk(wire, config)
    killed(wire, config)
    stuck(wire, config)
    say(check(state).ok, "the journal of all lives is whole")
    say(openings(state) >= 4, "and holds every entry")
    if failures:
        print(Path("/run/lane.log").read_text()[-4000:])
    sys.exit(min(failures, 90))


if __name__ == "__main__":
    main()
