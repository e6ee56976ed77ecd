"""`python -m gate.actuator --safe`: every configured relay to rest, for `ExecStopPost` after whatever end the gate had.

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

    Returns: the keys of the pins.
    Raises: DeviceError when the factory or a pin cannot be had.
    """
    lanes = {name: lane for name, lane in settings.lanes.items() if lane.relay_pin}
    if not lanes:
        return []
    factory = open_factory(settings.pins.factory, settings.gate.runtime_dir)
    held: list[OutputDevice] = []
    failed: list[str] = []
    try:
        for name, lane in lanes.items():
            try:
                high = not lane.active_low
                held.append(OutputDevice(lane.relay_pin, active_high=high, initial_value=False, pin_factory=factory))
            except Exception as error:  # noqa: BLE001 - raised below, once all relays were tried
                failed.append(f"lane.{name}.relay_pin: {error}")
    finally:
        factory.close()  # lets go of every pin; `held` kept them until here
    if failed:
        raise DeviceError("; ".join(failed))
    assert len(held) == len(lanes)
    return [f"lane.{name}.relay_pin" for name in lanes]


if __name__ == "__main__":
    sys.exit(main())
