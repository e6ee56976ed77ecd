"""The board on gpiozero's mock pins, with a clock moved by hand: polarity, pulses, patterns, contacts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from gate.actuator.board import HEARTBEAT_S, STABLE_S, Board
from gate.actuator.profiles import check_profiles
from gate.config import parse
from gate.decision.reasons import SIGNALS
from gate.errors import DeviceError
from gate.model import Verdict
from gate.ports import PinEvent

WIRED = """
[lane.entry]
relay_pin = 17
passage_pin = 23
passage = "no"
[lane.exit]
relay_pin = 2
active_low = true
passage_pin = 24
passage = "nc"
[pins]
factory = "mock"
fire_pin = 25
tamper_pin = 8
exit_request_pin = 7
staff_pin = 16
lamp_pins = [5, 6, 13]
buzzer_pin = 12
heartbeat_pin = 26
"""


@pytest.fixture
def factory() -> Iterator[Any]:
    made = MockFactory(revision="c03111", pin_class=MockPin)
    yield made
    made.close()


def open_board(factory: Any, text: str = WIRED) -> Board:
    settings = parse(text)
    board = Board(settings, factory, check_profiles(settings))
    for contact in board.contacts:
        contact.drive(active=False)
    board.step(0.0)
    return board


def level(factory: Any, pin: int) -> bool:
    return bool(factory.pin(pin).state)


def history(factory: Any, pin: int) -> list[bool]:
    return [bool(state.state) for state in factory.pin(pin).states]


def test_every_output_starts_at_rest_whatever_its_polarity(factory: Any) -> None:
    board = open_board(factory)
    assert [level(factory, pin) for pin in (17, 5, 6, 13, 12)] == [False] * 5
    assert level(factory, 2) is True, "an active-low relay rests high"
    # The pull-up of GPIO 2 holds it high from power-on, and it must never have been low since.
    assert False not in history(factory, 2)
    assert board.snapshot()["relay"] == {"entry": False, "exit": False}


def test_a_pulse_lasts_as_long_as_asked_and_is_counted_once(factory: Any) -> None:
    board = open_board(factory)
    assert board.pulse("entry", 0.3, 10.0)
    assert level(factory, 17)
    assert board.next_change(10.0) is not None
    for now in (10.0, 10.1, 10.299):
        board.step(now)
        assert level(factory, 17), now
    board.step(10.3)
    assert not level(factory, 17)
    assert history(factory, 17) == [False, True, False]
    assert board.snapshot()["pulses"] == {"entry": 1, "exit": 0}


def test_an_active_low_relay_is_energised_by_the_low_level(factory: Any) -> None:
    board = open_board(factory)
    board.pulse("exit", 0.3, 0.0)
    assert not level(factory, 2)
    assert board.snapshot()["relay"] == {"entry": False, "exit": True}
    board.step(0.3)
    assert level(factory, 2)


def test_two_pulses_never_overlap_and_a_refused_one_is_not_counted(factory: Any) -> None:
    board = open_board(factory)
    board.pulse("entry", 0.3, 0.0)
    with pytest.raises(ValueError, match="not over"):
        board.pulse("entry", 1.0, 0.2)
    board.step(0.3)
    assert not level(factory, 17), "the refused pulse must not lengthen the first"
    board.pulse("entry", 0.3, 1.0)
    board.step(1.3)
    assert history(factory, 17) == [False, True, False, True, False]
    assert board.snapshot()["pulses"]["entry"] == 2


def test_the_two_lanes_pulse_independently(factory: Any) -> None:
    board = open_board(factory)
    board.pulse("entry", 0.3, 0.0)
    board.pulse("exit", 0.5, 0.1)
    board.step(0.4)
    assert board.snapshot()["relay"] == {"entry": False, "exit": True}
    board.step(0.6)
    assert board.snapshot()["relay"] == {"entry": False, "exit": False}


def test_rest_ends_every_pulse(factory: Any) -> None:
    board = open_board(factory)
    board.pulse("entry", 1.0, 0.0)
    board.pulse("exit", 1.0, 0.0)
    board.rest()
    assert (level(factory, 17), level(factory, 2)) == (False, True)
    board.step(0.1)
    assert (level(factory, 17), level(factory, 2)) == (False, True)


def test_a_lane_without_a_relay_has_nothing_to_pulse(factory: Any) -> None:
    board = open_board(factory, '[lane.entry]\nrelay_pin = 0\n[pins]\nfactory = "mock"')
    assert board.pulse("entry", 0.3, 0.0) is False
    assert board.snapshot()["pulses"] == {"entry": 0}


def test_a_pulse_longer_than_the_profile_allows_is_refused(factory: Any) -> None:
    board = open_board(factory, '[lane.entry]\nprofile = "tripod"\n[pins]\nfactory = "mock"')
    with pytest.raises(ValueError, match="at most"):
        board.pulse("entry", 0.6, 0.0)
    assert history(factory, 17) == [False]


@pytest.mark.parametrize("verdict", Verdict)
def test_lamp_and_buzzer_pins_follow_the_table(factory: Any, verdict: Verdict) -> None:
    board = open_board(factory)
    signal = SIGNALS[verdict]
    board.show(verdict, 10.0)
    board.step(10.0)
    assert tuple(level(factory, pin) for pin in (5, 6, 13)) == signal.rgb
    assert level(factory, 12) == bool(signal.beeps)
    now = 10.0
    while now < 20.0:  # from change to change, as the owner thread does
        now = max(min(board.next_change(now) or 20.0, 20.0), now + 1e-6)
        board.step(now)
    assert history(factory, 12).count(True) == len(signal.beeps)
    lamp = 6 if signal.rgb[1] else 5 if signal.rgb[0] else 13
    times = history(factory, lamp).count(True)
    assert times < 30, "ten seconds at under 3 Hz"
    assert times == 0 if not any(signal.rgb) else times == 1 if signal.blink is None else times > 1
    board.show(None, 20.0)
    board.step(20.0)
    assert [level(factory, pin) for pin in (5, 6, 13, 12)] == [False] * 4


def test_a_lamp_without_one_colour_leaves_that_pin_alone(factory: Any) -> None:
    board = open_board(factory, '[pins]\nfactory = "mock"\nlamp_pins = [5, 6, 0]')
    board.show(Verdict.SEE_STAFF, 0.0)
    board.step(0.0)
    assert board.snapshot()["lamp"] == [False, False, True], "what is meant is still shown"
    assert not level(factory, 5)


def settle(board: Board, name: str, lane: str, active: bool, now: float) -> list[PinEvent]:
    contact = next(c for c in board.contacts if (c.name, c.lane) == (name, lane))
    contact.drive(active)
    return board.poll(now) + board.step(now + STABLE_S[name])


@pytest.mark.parametrize(
    ("name", "lane", "pin", "rest"),
    [
        ("passage", "entry", 23, True),  # no: closes (reads low) when somebody passes
        ("passage", "exit", 24, False),  # nc: opens
        ("fire", "", 25, False),  # nc: opens
        ("tamper", "", 8, False),
        ("exit_request", "", 7, True),
        ("staff", "", 16, True),
    ],
)
def test_every_input_tells_both_its_edges(factory: Any, name: str, lane: str, pin: int, rest: bool) -> None:
    board = open_board(factory)
    assert level(factory, pin) is rest
    assert settle(board, name, lane, True, 5.0) == [PinEvent(name, lane, True, 5000)]
    assert level(factory, pin) is not rest
    key = f"{name}.{lane}" if lane else name
    assert board.snapshot()["inputs"][key] is True
    assert settle(board, name, lane, False, 6.0) == [PinEvent(name, lane, False, 6000)]
    assert board.snapshot()["inputs"][key] is False


def test_a_cut_fire_wire_is_an_alarm_from_the_start(factory: Any) -> None:
    settings = parse(WIRED)
    board = Board(settings, factory, check_profiles(settings))
    # No contact pulls the pin down: as with a cut wire, only the pull-up is there.
    events = board.poll(1.0) + board.step(1.0 + STABLE_S["fire"])
    assert PinEvent("fire", "", True, 1000) in events


def test_a_fire_contact_that_closes_on_alarm_is_read_the_other_way(factory: Any) -> None:
    text = '[pins]\nfactory = "mock"\nfire_pin = 25\nfire_normally_closed = false'
    settings = parse(text)
    board = Board(settings, factory, check_profiles(settings))
    assert board.poll(1.0) + board.step(2.0) == []
    factory.pin(25).drive_low()
    assert board.poll(3.0) + board.step(4.0) == [PinEvent("fire", "", True, 3000)]


def test_a_spike_on_the_passage_sensor_is_nobody(factory: Any) -> None:
    board = open_board(factory)
    contact = board.contacts[0]
    assert board.edge(contact, True, 1.0) == []
    assert board.edge(contact, False, 1.005) == []
    assert board.step(2.0) == []


def test_the_heartbeat_toggles_while_the_board_is_turned(factory: Any) -> None:
    board = open_board(factory)
    for i in range(1, 9):
        board.step(i * HEARTBEAT_S)
    seen = history(factory, 26)
    assert len(seen) >= 9
    assert all(a != b for a, b in pairwise(seen))


def test_closing_puts_relays_to_rest_first(factory: Any) -> None:
    board = open_board(factory)
    board.pulse("entry", 1.0, 0.0)
    board.pulse("exit", 1.0, 0.0)
    board.close()
    board.close()
    assert (level(factory, 17), level(factory, 2)) == (False, True)
    assert factory.pin(17).function == "input"


def test_a_shorted_relay_line_is_noticed(factory: Any) -> None:
    board = open_board(factory)
    assert board.differences() == []
    factory.pin(17)._change_state(True)
    assert board.differences() == ["entry"]


def test_a_pin_that_cannot_be_claimed_is_an_error_and_leaves_no_pin_claimed(factory: Any) -> None:
    from gpiozero import OutputDevice

    other = OutputDevice(6, pin_factory=factory)
    settings = parse(WIRED)
    with pytest.raises(DeviceError, match="in use"):
        Board(settings, factory, check_profiles(settings))
    other.close()
    open_board(factory).close()
