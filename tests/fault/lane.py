"""The real lane process with a window: it says on stdout what it answered, and can be stopped at a named step.

`python -m tests.fault.lane --config FILE`. Codes come by standard input, a line each (input kind `stdin`). On standard
output: `READY`, then one JSON line for every change of a relay, of the faults and the verdict, of the screen's hint and of the lamp, and every
`decision` and `passage`.
"""

from __future__ import annotations

import argparse
import functools
import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from gate import steps
from gate.actuator import board
from gate.app import GateApp
from gate.config import load
from gate.storage import journal
from tests.fault.halt import say, stop_at

_TOLD = ("decision", "passage")


def tell_pins() -> None:
    """Every level that a relay is given, in the moment it is given."""
    write = board.Relay.write

    def told(relay: board.Relay, level: bool) -> None:
        changed = level != relay.level
        write(relay, level)
        if changed:
            say(t="relay", level=level, ms=time.monotonic_ns() // 1_000_000)

    board.Relay.write = told  # type: ignore[method-assign]


def stop_scanner_at(step: str, nth: int, lives: int) -> None:
    """The first `lives` scanner children are killed there, the next ones work."""
    spawn, left = os.posix_spawn, [lives]

    def halted(path: str, arguments: list[str], environment: Any, **more: Any) -> int:
        if "gate.scanner" in arguments and left[0]:
            left[0] -= 1
            place = arguments.index("gate.scanner")
            arguments = [*arguments[:place], "tests.fault.scanner", step, str(nth), *arguments[place + 1 :]]
        return spawn(path, arguments, environment, **more)

    os.posix_spawn = halted


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--at", choices=steps.LANE + steps.SCANNER)
    parser.add_argument("--nth", type=int, default=1)
    parser.add_argument("--do", choices=("kill", "hang", "exit"), default="kill")
    parser.add_argument("--lives", type=int, default=1, help="so many scanner children end at a step of theirs")
    parser.add_argument("--walk", action="store_true", help="everybody who is let in walks through")
    parser.add_argument("--synchronous", choices=("FULL", "NORMAL"), default="FULL", help="NORMAL: the control")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    tell_pins()
    if options.at in steps.SCANNER:
        stop_scanner_at(options.at, options.nth, options.lives)
    elif options.at:
        stop_at(options.at, options.nth, options.do)
    if options.synchronous != "FULL":
        weak = functools.partial(journal.open_writer)

        def open_weak(*values: Any, **more: Any) -> Any:
            return weak(*values, **(more | {"synchronous": options.synchronous}))

        journal.open_writer = open_weak  # type: ignore[assignment]
    app = GateApp(load(options.config))
    states: list[tuple[list[str], str | None]] = [([], None)]
    hints: list[str | None] = [None]
    lamps: list[list[float]] = [[]]

    def hear(message: Any) -> None:
        if message["t"] in _TOLD:
            say(**message)
        elif message["t"] == "state" and (message["faults"], message["verdict"]) != states[-1]:
            states.append((message["faults"], message["verdict"]))
            say(t="faults", faults=message["faults"], verdict=message["verdict"], detail=message["detail"])
        if message["t"] == "state" and message["hint"] != hints[-1]:
            hints.append(message["hint"])
            say(t="hint", hint=message["hint"])
        if message["t"] == "pins" and message["lamp"] != lamps[-1]:
            lamps.append(message["lamp"])
            say(t="lamp", levels=message["lamp"])
        if options.walk and message["t"] == "decision" and message["kind"] == "admitted":
            threading.Thread(target=_walk, args=(app,), daemon=True).start()

    def ready(started: GateApp, port: int) -> None:
        started.at_end(started.view.subscribe(hear))
        os.write(1, b"READY\n")

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: app.stop())
    app.run(ready)


def _walk(app: GateApp) -> None:
    app.actuator.drive("passage", active=True, lane="entry")
    time.sleep(0.06)
    app.actuator.drive("passage", active=False, lane="entry")


if __name__ == "__main__":
    main()
