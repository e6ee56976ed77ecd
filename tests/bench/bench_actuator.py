"""How long the hand-over to the owner of the pins takes: from the call of `pulse` to the changed pin, on simulated pins."""

from __future__ import annotations

import time
from statistics import quantiles
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin

from gate.actuator import GpioActuator, Profile
from gate.config import parse

ROUNDS = 500
PULSE_S = 0.002


def main() -> list[dict[str, Any]]:
    factory = MockFactory(revision="c03111", pin_class=MockPin)
    settings = parse('[pins]\nfactory = "mock"\nlamp_pins = [5, 6, 13]')
    actuator = GpioActuator(settings, factory=factory, profiles={"entry": Profile(rest_ms=0)})
    bare = factory.pin(4)
    bare.function = "output"
    handed, direct = [], []
    try:
        for _ in range(ROUNDS):
            began = time.monotonic_ns()
            handed.append((actuator.pulse("entry", PULSE_S) - began) / 1000)
            began = time.monotonic_ns()
            bare.state = not bare.state
            direct.append((time.monotonic_ns() - began) / 1000)
            while actuator.snapshot()["relay"]["entry"]:
                time.sleep(PULSE_S / 4)
    finally:
        actuator.close()
        factory.close()
    cuts, base = quantiles(handed, n=100), quantiles(direct, n=100)
    return [
        {
            "what": "pulse: call to changed pin, simulated pins",
            "unit": "us",
            "median": cuts[49],
            "p95": cuts[94],
            "p99": cuts[98],
            "beside": f"bare pin write, median {base[49]:.1f} us",
        }
    ]
