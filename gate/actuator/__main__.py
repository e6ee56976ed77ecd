"""`python -m gate.actuator --safe`: every configured relay to rest, lamp and buzzer dark, for `ExecStopPost` after whatever end the gate had.

Kept apart from `gate`, so that it works when the rest of the package does not. Reads the configuration, no other state.
Exit codes: 0 done, 2 usage or configuration, 3 the pins cannot be had.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from gpiozero import OutputDevice

from gate.actuator.factory import open_factory
from gate.config import load
from gate.errors import ConfigError, DeviceError
from gate.settings import Settings


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gate.actuator", description=__doc__.partition("\n")[0])
    parser.add_argument("--safe", action="store_true", required=True, help="drive every relay of the lanes to rest")
    parser.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get("GATE_CONFIG") or "/etc/gate/gate.toml"),
        help="configuration file (default: GATE_CONFIG, else /etc/gate/gate.toml)",
    )
    options = parser.parse_args(argv)
    try:
        settings = load(options.config)
    except ConfigError as error:
        for key, problem, hint in error.problems:
            print(f"{key}: {problem} ({hint})", file=sys.stderr)
        return 2
    try:
        rested = rest(settings)
    except DeviceError as error:
        print(error, file=sys.stderr)
        return 3
    print("at rest:", *(rested or ["no relay is configured"]))
    return 0


def rest(settings: Settings) -> list[str]:
    """Drive the relays of all lanes to rest and let go of them. Tries every one before it raises.

    Lamp, buzzer and heartbeat go dark with them: what they said is over.

    Returns: the keys of the pins.
    Raises: DeviceError when the factory or a pin cannot be had.
    """
    outputs = {f"lane.{name}.relay_pin": (lane.relay_pin, lane.active_low) for name, lane in settings.lanes.items()}
    outputs |= {f"pins.lamp_pins[{i}]": (pin, False) for i, pin in enumerate(settings.pins.lamp_pins)}
    outputs["pins.buzzer_pin"] = settings.pins.buzzer_pin, False
    outputs["pins.heartbeat_pin"] = settings.pins.heartbeat_pin, False
    outputs = {key: output for key, output in outputs.items() if output[0]}
    if not outputs:
        return []
    factory = open_factory(settings.pins.factory, settings.gate.runtime_dir)
    held: list[OutputDevice] = []
    failed: list[str] = []
    try:
        for key, (pin, active_low) in outputs.items():
            try:
                held.append(OutputDevice(pin, active_high=not active_low, initial_value=False, pin_factory=factory))
            except Exception as error:  # noqa: BLE001 - raised below, once all were tried
                failed.append(f"{key}: {error}")
    finally:
        factory.close()  # lets go of every pin; `held` kept them until here
    if failed:
        raise DeviceError("; ".join(failed))
    assert len(held) == len(outputs)
    return list(outputs)


if __name__ == "__main__":
    sys.exit(main())
