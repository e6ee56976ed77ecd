"""The real lane process with a window: it says on stdout what it answered, and can be stopped at a named step.

`python -m tests.fault.lane --config FILE`. Codes come by standard input, a line each (input kind `stdin`). On standard
output: `READY`, then one JSON line for every change of a relay and of the faults, and every `decision` and `passage`.
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from gate import steps
from gate.actuator import board
from gate.app import GateApp
from gate.config import load
from gate.storage import journal

_TOLD = ("decision", "passage")
_lock = threading.Lock()


def say(**message: Any) -> None:
    """One line in one write: a process that is killed in the middle leaves whole lines."""
    with _lock:
        os.write(1, (json.dumps(message) + "\n").encode())


def stop_at(step: str, nth: int, how: str) -> None:
    """At the nth time of a step: `kill` = SIGKILL, `hang` = never go on, `exit` = the interpreter ends by an exception."""
    seen: Counter[str] = Counter()

    def reach(name: str) -> None:
        seen[name] += 1
        if name != step or seen[name] != nth:
            return
        say(t="reached", step=name)
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif how == "exit":
            raise SystemExit(9)
        while True:
            time.sleep(60)

    steps.reach = reach


def tell_pins() -> None:
    """Every level that a relay is given, in the moment it is given."""
    write = board.Relay.write

    def told(relay: board.Relay, level: bool) -> None:
        changed = level != relay.level
        write(relay, level)
        if changed:
            say(t="relay", level=level, ms=time.monotonic_ns() // 1_000_000)

    board.Relay.write = told  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--at", choices=steps.STEPS)
    parser.add_argument("--nth", type=int, default=1)
    parser.add_argument("--do", choices=("kill", "hang", "exit"), default="kill")
    parser.add_argument("--walk", action="store_true", help="everybody who is let in walks through")
    parser.add_argument("--synchronous", choices=("FULL", "NORMAL"), default="FULL", help="NORMAL: the control")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    tell_pins()
    if options.at:
        stop_at(options.at, options.nth, options.do)
    if options.synchronous != "FULL":
        weak = functools.partial(journal.open_writer)

        def open_weak(*values: Any, **more: Any) -> Any:
            return weak(*values, **(more | {"synchronous": options.synchronous}))

        journal.open_writer = open_weak  # type: ignore[assignment]
    app = GateApp(load(options.config))
    faults: list[list[str]] = [[]]

    def hear(message: Any) -> None:
        if message["t"] in _TOLD:
            say(**message)
        elif message["t"] == "state" and message["faults"] != faults[-1]:
            faults.append(message["faults"])
            say(t="faults", faults=message["faults"], verdict=message["verdict"], detail=message["detail"])
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
