"""`gate pins test`, and the heartbeat that stands still when nobody vouches for the lane; each profile's own pulse."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from gate.actuator.board import HEARTBEAT_S, Board
from gate.actuator.factory import open_factory
from gate.actuator.gpio import GpioActuator
from gate.actuator.profiles import OWN, check_profiles, load_profile
from gate.clipins import walk
from gate.config import parse
from gate.errors import DeviceError

TEXT = """
[lane.entry]
profile = "{profile}"
relay_pin = 17
pulse_ms = {pulse_ms}
passage_pin = 23
passage = "no"
[pins]
factory = "mock"
lamp_pins = [5, 6, 13]
buzzer_pin = 12
heartbeat_pin = 26
"""


def text(profile: str = "strike", pulse_ms: int = 200) -> str:
    return TEXT.format(profile=profile, pulse_ms=pulse_ms)


def test_walk_tries_every_pin_and_leaves_all_at_rest(tmp_path: Path) -> None:
    steps = walk(
        parse(text() + f'[gate]\nruntime_dir = "{tmp_path}"\n'), ask=False, look_s=0.1, tell=lambda _line: None
    )
    assert all(step["ok"] for step in steps)
    pins = [step["pin"] for step in steps]
    lamps = [f"pins.lamp_pins[{n}]" for n in range(3)]
    assert pins == ["all", "lane.entry.relay_pin", *lamps, "pins.buzzer_pin", "passage.entry"]


@pytest.mark.parametrize("profile", sorted(path.stem for path in OWN.glob("*.toml")))
def test_every_profile_pulses_within_its_bounds_and_rests_before_the_next(profile: str) -> None:
    found = load_profile(profile, (OWN,))
    for pulse_ms in (found.pulse_min_ms, found.pulse_max_ms):
        settings = parse(text(profile, pulse_ms))
        board = Board(settings, open_factory("mock", Path("/tmp")), check_profiles(settings, (OWN,)))
        relay = board.relays["entry"]
        board.pulse("entry", pulse_ms / 1000, 10.0)
        end = 10 + pulse_ms / 1000
        board.step(end - 0.001)
        assert relay.device.value
        board.step(end + 0.001)
        assert not relay.device.value
        with pytest.raises(ValueError, match="not over"):
            board.pulse("entry", pulse_ms / 1000, end + found.rest_ms / 1000 - 0.001)
        board.pulse("entry", pulse_ms / 1000, end + found.rest_ms / 1000 + 0.001)
        board.close()
        with pytest.raises(ValueError, match="longer"):
            relay.pulse.request(100.0, found.max_s + 0.01)


def test_output_that_does_not_read_its_rest_level_stops_the_start() -> None:
    factory = MockFactory(revision="c03111")
    pin = factory.pin(17)
    pin._get_state = lambda: True  # the line is tied to 3.3 V
    settings = parse(text())
    with pytest.raises(DeviceError, match="rest level"):
        Board(settings, factory, check_profiles(settings, (OWN,)))


def test_heartbeat_beats_only_while_somebody_vouches_for_the_lane(tmp_path: Path) -> None:
    factory, offset_s = MockFactory(revision="c03111"), [0.0]
    actuator = GpioActuator(
        parse(text()), factory=factory, monotonic_ns=lambda: time.monotonic_ns() + round(offset_s[0] * 1e9)
    )
    states = factory.pin(26).states

    def until(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.01)

    def turns(count: int) -> None:
        """Of the owner, each half a beat later than the one before."""
        for _ in range(count):
            turned = actuator._turned_at
            offset_s[0] += HEARTBEAT_S
            actuator._post(lambda _now: None)
            until(lambda turned=turned: actuator._turned_at > turned)

    try:
        actuator.vouch(3600)
        beats = len(states)
        turns(4)
        assert len(states) >= beats + 4
        offset_s[0] += 3600
        turns(1)
        beats = len(states)
        turns(4)
        assert len(states) == beats, "nobody vouches any more"
        until(actuator.alive)
        actuator.vouch(3600)
        turns(1)
        assert len(states) > beats
    finally:
        actuator.close()
        factory.close()
