"""`gate pins test`: a walk through every configured pin with a technician beside it. The service must be stopped."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from gate.cliargs import Config, Json
from gate.cliout import CONFIG_PATH, print_json
from gate.settings import Settings

pins_app = typer.Typer(help="Try the pins of this gate, one by one.", no_args_is_help=True)
_LOOK_S = 5.0
_STEP_S = 0.05
_LIGHTS = ((True, False, False), (False, True, False), (False, False, True))


@pins_app.callback()
def group() -> None:
    """Without this, typer would take the only command for the group itself."""


@pins_app.command("test")
def pins_test(
    config: Config = CONFIG_PATH,
    yes: Annotated[bool, typer.Option("--yes", help="Do not wait for Enter before each step.")] = False,
    look_s: Annotated[float, typer.Option("--seconds", help="How long each contact is watched, s.", min=0.1)] = _LOOK_S,
    json_: Json = False,
) -> None:
    """Relays click, lamp and buzzer show themselves, each contact is asked for. Exit 1 when a pin does not do as driven."""
    from gate.config import load

    settings = load(config)
    steps = walk(settings, ask=not (yes or json_), look_s=look_s, tell=(lambda _line: None) if json_ else print)
    good = all(step["ok"] for step in steps)
    if json_:
        print_json({"ok": good, "steps": steps})
    raise typer.Exit(0 if good else 1)


def walk(settings: Settings, *, ask: bool, look_s: float, tell: Any) -> list[dict[str, Any]]:
    """Returns: a step each, `{"pin", "what", "ok"}`; a contact that did not move is no failure, it is said.

    Raises: DeviceError: another process has the pins, or they cannot be had.
    """
    from gate.actuator.board import Board
    from gate.actuator.factory import open_factory
    from gate.actuator.profiles import check_profiles

    profiles = check_profiles(settings)
    factory = open_factory(settings.pins.factory, settings.gate.runtime_dir)
    steps: list[dict[str, Any]] = []

    def step(pin: str, what: str, ok: bool) -> None:
        steps.append({"pin": pin, "what": what, "ok": ok})
        tell(f"{'ok  ' if ok else 'FAIL'}  {pin}: {what}")

    try:
        board = Board(settings, factory, profiles)
        try:
            step("all", "every output reads its rest level", True)
            for name, relay in board.relays.items():
                if relay.device is not None:
                    _pause(ask, f"relay of lane.{name}: it clicks for a moment. Nobody in the way?")
                    step(f"lane.{name}.relay_pin", *_click(board, name, settings.lanes[name].pulse_ms / 1000))
            for n, device in enumerate(device for device in board.lamp if device is not None):
                _pause(ask, f"lamp, colour {n + 1}")
                step(f"pins.lamp_pins[{n}]", *_blink(device, 0.1 if not ask else 1.0))
            if board.buzzer is not None:
                _pause(ask, "buzzer")
                step("pins.buzzer_pin", *_blink(board.buzzer, 0.1))
            for contact in board.contacts:
                _pause(ask, f"contact {contact.key}: move it now")
                step(contact.key, _watched(contact, look_s), True)
        finally:
            board.close()
    finally:
        factory.close()
    return steps


def _pause(ask: bool, text: str) -> None:
    if ask:
        print(f"{text} [Enter]", end=" ", flush=True)
        sys.stdin.readline()


def _click(board: Any, name: str, seconds: float) -> tuple[str, bool]:
    began = time.monotonic()
    board.pulse(name, seconds, began)
    on = not board.differences()
    while board.relays[name].level:
        board.step(time.monotonic())
        time.sleep(0.002)
    took = time.monotonic() - began
    return f"on for {took * 1000:.0f} ms, then at rest", on and not board.differences()


def _blink(device: Any, seconds: float) -> tuple[str, bool]:
    device.on()
    lit = bool(device.value)
    time.sleep(seconds)
    device.off()
    return f"on for {seconds:g} s", lit and not device.value


def _watched(contact: Any, seconds: float) -> str:
    first = contact.read()
    end, moved = time.monotonic() + seconds, 0
    last = first
    while time.monotonic() < end:
        level = contact.read()
        moved += level != last
        last = level
        time.sleep(_STEP_S)
    word = "active" if first else "at rest"
    return f"{word}, moved {moved} times in {seconds:g} s" if moved else f"{word}, did not move in {seconds:g} s"
