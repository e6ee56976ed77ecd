"""The owner thread: hand-over, timing, listeners, the ways out. Real threads, so pulses here are short."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from gate.actuator import GpioActuator, gpio
from gate.actuator.factory import open_factory
from gate.config import parse
from gate.errors import ConfigError, DeviceError
from gate.model import Verdict
from gate.ports import Actuator, PinEvent

TEXT = """
[gate]
runtime_dir = "/nowhere"
[lane.entry]
relay_pin = 17
passage_pin = 23
passage = "no"
[lane.exit]
relay_pin = 27
active_low = true
[pins]
factory = "mock"
fire_pin = 25
lamp_pins = [5, 6, 13]
buzzer_pin = 12
"""
WAIT_S = 60.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner that a busy machine lets wait for seconds is neither dead nor late here."""
    monkeypatch.setattr(gpio, "ANSWER_S", WAIT_S)
    monkeypatch.setattr(gpio, "ALIVE_S", WAIT_S)


class WiredPin(MockPin):
    """A mock pin with the fire contact wired and closed, as on a gate that is well."""

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        if self.info.name == "GPIO25" and value == "up":
            self.drive_low()


@pytest.fixture
def factory() -> Iterator[Any]:
    made = MockFactory(revision="c03111", pin_class=WiredPin)
    yield made
    made.close()


@pytest.fixture
def events() -> queue.Queue[PinEvent]:
    return queue.Queue()


@pytest.fixture
def changes() -> queue.Queue[Any]:
    return queue.Queue()


@pytest.fixture
def actuator(factory: Any, events: queue.Queue[PinEvent], changes: queue.Queue[Any]) -> Iterator[GpioActuator]:
    made = GpioActuator(parse(TEXT), factory=factory, on_input=events.put, on_change=changes.put)
    yield made
    made.close()


def until(changes: queue.Queue[Any], wanted: Any) -> Any:
    """The first snapshot that is as wanted; fails after a minute."""
    deadline = time.monotonic() + WAIT_S
    while True:
        snapshot = changes.get(timeout=max(0.0, deadline - time.monotonic()))
        if wanted(snapshot):
            return snapshot


def history(factory: Any, pin: int) -> list[bool]:
    return [bool(state.state) for state in factory.pin(pin).states]


def test_it_is_the_actuator_of_the_ports(actuator: GpioActuator) -> None:
    port: Actuator = actuator
    assert port.alive()
    assert port.snapshot() == {
        "relay": {"entry": False, "exit": False},
        "lamp": [False, False, False],
        "buzzer": False,
        "inputs": {"passage.entry": False, "fire": False},
        "pulses": {"entry": 0, "exit": 0},
    }


class Hands:
    """A clock that moves when the test says so."""

    def __init__(self) -> None:
        self.ns = 1_000_000_000_000

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def timed(factory: Any, changes: queue.Queue[Any], hands: Hands) -> Iterator[GpioActuator]:
    """An actuator for which no time passes by itself, so that no listener is too late for a state."""
    made = GpioActuator(parse(TEXT), factory=factory, on_change=changes.put, monotonic_ns=hands)
    yield made
    made.close()


def test_a_pulse_answers_right_after_the_pin_changed_and_ends_by_itself(
    timed: GpioActuator, factory: Any, changes: queue.Queue[Any], hands: Hands
) -> None:
    assert timed.pulse("entry", 0.1) == hands.ns
    assert factory.pin(17).state
    until(changes, lambda s: s["relay"]["entry"])
    hands.ns += 101_000_000
    snapshot = until(changes, lambda s: not s["relay"]["entry"])
    assert snapshot["pulses"] == {"entry": 1, "exit": 0}
    assert history(factory, 17) == [False, True, False]


def test_pulses_asked_from_many_threads_never_overlap(timed: GpioActuator, factory: Any) -> None:
    begin, done = threading.Barrier(8), queue.Queue[bool]()

    def ask() -> None:
        begin.wait(WAIT_S)
        try:
            done.put(timed.pulse("entry", 0.1) > 0)
        except DeviceError:
            done.put(False)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert [done.get_nowait() for _ in range(8)].count(True) == 1
    assert history(factory, 17).count(True) == 1
    assert timed.snapshot()["pulses"]["entry"] <= 1


def test_release_ends_a_pulse_at_once(actuator: GpioActuator, factory: Any) -> None:
    actuator.pulse("entry", 1.0)
    actuator.pulse("exit", 1.0)
    actuator.release()
    assert (factory.pin(17).state, factory.pin(27).state) == (False, True)


def test_a_pulse_that_is_refused_says_why(actuator: GpioActuator) -> None:
    with pytest.raises(DeviceError, match="at most"):
        actuator.pulse("entry", 5.0)
    with pytest.raises(DeviceError, match="no lane"):
        actuator.pulse("side", 0.1)
    assert actuator.alive()


def test_lamp_and_buzzer_play_and_stop(timed: GpioActuator, changes: queue.Queue[Any], hands: Hands) -> None:
    timed.signal(Verdict.GO)
    assert until(changes, lambda s: s["buzzer"])["lamp"] == [False, True, False]
    hands.ns += 1_000_000_000
    assert until(changes, lambda s: not s["buzzer"])["lamp"] == [False, True, False]
    timed.signal(None)
    until(changes, lambda s: s["lamp"] == [False, False, False])


def test_a_driven_contact_becomes_an_event(actuator: GpioActuator, events: queue.Queue[PinEvent]) -> None:
    actuator.drive("passage", True, "entry")
    first = events.get(timeout=WAIT_S)
    actuator.drive("passage", False, "entry")
    second = events.get(timeout=WAIT_S)
    assert (first.name, first.lane, first.active) == ("passage", "entry", True)
    assert (second.name, second.active) == ("passage", False)
    assert second.mono_ms > first.mono_ms
    actuator.drive("fire", True)
    assert events.get(timeout=WAIT_S)[:3] == ("fire", "", True)


def test_an_edge_that_the_library_lost_is_found_by_the_poll(
    actuator: GpioActuator, factory: Any, events: queue.Queue[PinEvent]
) -> None:
    factory.pin(23)._change_state(False)  # moves the level without telling anybody
    assert events.get(timeout=WAIT_S)[:3] == ("passage", "entry", True)


def test_there_is_no_input_of_that_name(actuator: GpioActuator) -> None:
    with pytest.raises(DeviceError, match="no input 'staff'"):
        actuator.drive("staff", True)


def test_a_listener_that_hangs_does_not_hold_the_relay(factory: Any) -> None:
    stuck, rested = threading.Event(), threading.Event()

    def hang(_snapshot: Any) -> None:
        stuck.wait(WAIT_S)

    actuator = GpioActuator(parse(TEXT), factory=factory, on_change=hang)
    try:
        pin = factory.pin(17)
        actuator.pulse("entry", 0.1)
        deadline = time.monotonic() + WAIT_S / 2
        while pin.state and time.monotonic() < deadline:
            rested.wait(0.01)
        assert not pin.state
        assert history(factory, 17) == [False, True, False]
        assert actuator.alive()
    finally:
        stuck.set()
        actuator.close()


def test_a_listener_that_raises_does_not_stop_the_next_event(factory: Any, events: queue.Queue[PinEvent]) -> None:
    def fail_once(event: PinEvent) -> None:
        events.put(event)
        raise RuntimeError("listener")

    actuator = GpioActuator(parse(TEXT), factory=factory, on_input=fail_once)
    try:
        for active in (True, False):
            actuator.drive("passage", active, "entry")
            assert events.get(timeout=WAIT_S).active is active
    finally:
        actuator.close()


def test_close_in_mid_pulse_leaves_the_relay_at_rest(actuator: GpioActuator, factory: Any) -> None:
    actuator.pulse("entry", 1.0)
    actuator.pulse("exit", 1.0)
    actuator.close()
    actuator.close()
    assert history(factory, 17) == [False, True, False]
    assert history(factory, 27)[-1] is True, "active low: rest is high"
    assert not actuator.alive()
    with pytest.raises(DeviceError, match="closed"):
        actuator.pulse("entry", 0.1)
    actuator.signal(Verdict.GO)


class BrokenPin(WiredPin):
    """Works until `broken` is set, then every write fails, as when the chip goes away."""

    broken = False

    def _set_state(self, value: float) -> None:
        if type(self).broken:
            raise OSError("the chip is gone")
        super()._set_state(value)


def test_pins_that_fail_make_the_actuator_dead_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = MockFactory(revision="c03111", pin_class=BrokenPin)
    actuator = GpioActuator(parse(TEXT), factory=factory)
    monkeypatch.setattr(BrokenPin, "broken", True)
    with pytest.raises(DeviceError, match="chip is gone"):
        actuator.pulse("entry", 0.1)
    assert actuator.snapshot()["pulses"]["entry"] == 0
    actuator.signal(Verdict.STOP)
    actuator._owner.join(WAIT_S)
    assert not actuator.alive()
    monkeypatch.setattr(BrokenPin, "broken", False)
    actuator.close()


def test_a_relay_that_reads_wrong_stops_the_gate_with_relays_at_rest(actuator: GpioActuator, factory: Any) -> None:
    factory.pin(17)._change_state(True)
    actuator._owner.join(WAIT_S)
    assert not actuator.alive()
    assert not factory.pin(17).state


def test_an_owner_that_hangs_gives_no_late_pulse(factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpio, "ANSWER_S", 0.2)
    actuator = GpioActuator(parse(TEXT), factory=factory)
    go_on = threading.Event()
    try:
        actuator._post(lambda _now: go_on.wait(WAIT_S))
        with pytest.raises(DeviceError, match="did not answer"):
            actuator.pulse("entry", 0.1)
        assert actuator._owner.is_alive(), "it was not the owner's end that answered"
    finally:
        go_on.set()
        actuator.close()
    assert True not in history(factory, 17)


def test_the_configured_factory_or_none() -> None:
    with pytest.raises(DeviceError, match="no pin factory 'rpigpio'"):
        open_factory("rpigpio", Path("/tmp"))
    with pytest.raises(DeviceError, match="writable folder"):
        open_factory("lgpio", Path("/nowhere"))


def test_without_a_gpio_chip_lgpio_refuses_and_nothing_takes_its_place(tmp_path: Path) -> None:
    if Path("/dev/gpiochip0").exists():
        pytest.skip("this machine has a GPIO chip")
    text = TEXT.replace('"mock"', '"lgpio"').replace("/nowhere", str(tmp_path))
    with pytest.raises(DeviceError, match="pins: "):
        GpioActuator(parse(text))


def test_mock_pins_by_name_have_all_contacts_at_rest(events: queue.Queue[PinEvent]) -> None:
    actuator = GpioActuator(parse(TEXT), on_input=events.put)
    try:
        actuator.drive("fire", True)
        assert events.get(timeout=WAIT_S)[:3] == ("fire", "", True), "the first event is ours, no alarm at the start"
    finally:
        actuator.close()


def test_a_profile_that_is_missing_stops_the_start() -> None:
    with pytest.raises(ConfigError):
        GpioActuator(parse(TEXT.replace("[lane.exit]", '[lane.exit]\nprofile = "none-such"')))


def safe(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gate.actuator", "--safe", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_the_safe_command_drives_every_configured_output_to_rest(tmp_path: Path) -> None:
    config = tmp_path / "gate.toml"
    config.write_text(TEXT, encoding="utf-8")
    done = safe(config)
    assert (done.returncode, done.stderr) == (0, "")
    lamp = [f"pins.lamp_pins[{i}]" for i in range(3)]
    rested = ["lane.entry.relay_pin", "lane.exit.relay_pin", *lamp, "pins.buzzer_pin"]
    assert [word for word in done.stdout.split()[2:] if word != "pins.heartbeat_pin"] == rested


def test_the_safe_command_says_what_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "gate.toml"
    config.write_text("[lane.entry]\npulse_ms = 1\n", encoding="utf-8")
    assert safe(config).returncode == 2
    config.write_text(TEXT.replace('"mock"', '"lgpio"'), encoding="utf-8")
    done = safe(config)
    assert done.returncode == 3
    assert "lgpio" in done.stderr
