"""What reaches lgpio, on a pretended lgpio: the level of an output at its first moment and at its last."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from gate.actuator.board import Board
from gate.actuator.factory import open_factory
from gate.actuator.profiles import check_profiles
from gate.config import parse
from gate.errors import DeviceError

TEXT = """
[lane.entry]
relay_pin = 17
[lane.exit]
relay_pin = 5
active_low = true
"""


class Calls(list[tuple[str, int, int]]):
    """(what, pin, level or pull) in order."""

    def of(self, pin: int) -> list[tuple[str, int]]:
        return [(what, value) for what, number, value in self if number == pin]


DOWN, UP, NONE = 32, 64, 128


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Puts a module in lgpio's place that records; gpiozero's adapter of it is the real one."""
    seen = Calls()
    fake: Any = types.ModuleType("lgpio")
    fake.SET_PULL_NONE, fake.SET_PULL_UP, fake.SET_PULL_DOWN = NONE, UP, DOWN
    fake.BOTH_EDGES, fake.RISING_EDGE, fake.FALLING_EDGE = 3, 1, 2
    fake.error = type("error", (Exception,), {})
    outputs: dict[int, int] = {}

    def claim_output(_handle: int, pin: int, level: int = 0, flags: int = 0) -> int:
        seen.append(("out", pin, level))
        outputs[pin] = level
        return 0

    def claim_input(_handle: int, pin: int, flags: int = 0) -> int:
        seen.append(("in", pin, flags))
        outputs.pop(pin, None)
        return 0

    def write(_handle: int, pin: int, level: int) -> int:
        seen.append(("write", pin, int(level)))
        outputs[pin] = int(level)
        return 0

    fake.gpio_claim_output, fake.gpio_claim_input, fake.gpio_write = claim_output, claim_input, write
    fake.gpio_read = lambda _handle, pin: outputs[pin]
    fake.gpio_get_mode = lambda _handle, pin: 2 if pin in outputs else 0
    fake.gpiochip_open = lambda _chip: 7
    fake.gpiochip_close = lambda _handle: seen.append(("closed", -1, 0))
    monkeypatch.setitem(sys.modules, "lgpio", fake)
    monkeypatch.delitem(sys.modules, "gpiozero.pins.lgpio", raising=False)
    adapter = importlib.import_module("gpiozero.pins.lgpio")
    monkeypatch.setattr(adapter.LGPIOFactory, "_get_revision", lambda _self: 0xC03111)
    return seen


def test_no_relay_moves_at_start_or_end_whatever_its_polarity(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LG_WD", "")
    factory = open_factory("lgpio", tmp_path)
    settings = parse(TEXT)
    board = Board(settings, factory, check_profiles(settings))
    board.pulse("exit", 0.3, 0.0)
    board.step(0.3)
    board.close()
    factory.close()
    assert calls.of(17)[:2] == [("in", NONE), ("out", 0)]
    assert ("write", 1) not in calls.of(17)
    assert calls.of(17)[-1] == ("in", DOWN)
    assert calls.of(5)[:2] == [("in", NONE), ("out", 1)], "claimed with its level, never low first"
    assert [value for what, value in calls.of(5) if what == "write"][:2] == [0, 1]
    assert calls.of(5)[-1] == ("in", UP)
    assert calls[-1][0] == "closed"


def test_lgpio_works_in_the_folder_it_is_given(calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("LG_WD", "")
    open_factory("lgpio", tmp_path).close()
    assert os.environ["LG_WD"] == str(tmp_path)


def test_a_chip_that_does_not_open_is_told_as_such(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_chip: int) -> int:
        raise sys.modules["lgpio"].error("permission denied")  # type: ignore[attr-defined]

    monkeypatch.setenv("LG_WD", "")
    monkeypatch.setattr(sys.modules["lgpio"], "gpiochip_open", refuse)
    with pytest.raises(DeviceError, match=r"permission denied.*group gpio"):
        open_factory("lgpio", tmp_path)
