"""`python -m gate.scanner --input NAME --config-json '{...}'`: one scanner child, messages on fd 3, commands on fd 4."""

from __future__ import annotations

import argparse
import ctypes
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

OUT_FD, IN_FD = 3, 4
_PR_SET_PDEATHSIG = 1


def _follow_parent() -> None:
    """Die with the lane, even when it is killed: the kernel tells us, and the closed pipe is the second witness."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the lane ends us in its own order
    os.closerange(IN_FD + 1, 65536)  # what the lane had open without close-on-exec is none of our business


def _sender() -> Callable[..., None]:
    from gate import steps
    from gate.scanner.wirepipe import pack

    lock = threading.Lock()

    def send(message: dict[str, Any], jpeg: bytes | None = None) -> None:
        data = memoryview(pack(message, jpeg))
        with lock:
            try:
                while data := data[os.write(OUT_FD, data) :]:
                    steps.reach("pipe.part")
            except OSError:
                os._exit(0)  # nobody listens any more

    return send


def _printer() -> Callable[..., None]:
    def show(message: dict[str, Any], jpeg: bytes | None = None) -> None:
        print(json.dumps(message, ensure_ascii=False), flush=True)

    return show


def _listen(command: Callable[[dict[str, Any]], None]) -> None:
    from gate.errors import FormatError
    from gate.scanner.wirepipe import Unpacker

    unpacker = Unpacker()
    try:
        while data := os.read(IN_FD, 65536):
            for record in unpacker.feed(data):
                command(record.message)
    except (OSError, FormatError) as error:
        logging.getLogger(__name__).error("lane pipe: %s", error)
    os._exit(0)  # the lane is gone


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gate.scanner", description=__doc__)
    parser.add_argument("--input", required=True, help="name of the input")
    parser.add_argument("--config-json", default="{}", help="the keys of this [[input]] as a JSON object")
    parser.add_argument("--first-presentation", type=int, default=1, help="number of the first presentation")
    parser.add_argument(
        "--print", action="store_true", help="messages as lines on standard output, for a trial by hand"
    )
    arguments = parser.parse_args(argv)
    if not arguments.print:
        _follow_parent()
    logging.basicConfig(level=logging.INFO, format=f"scanner {arguments.input}: %(message)s")

    from gate.config import read_table
    from gate.errors import ConfigError, GateError
    from gate.settings import InputSettings

    try:
        settings = read_table(InputSettings, {**json.loads(arguments.config_json), "name": arguments.input}, "input")
    except (GateError, ValueError) as error:
        print(f"scanner {arguments.input}: {error}", file=sys.stderr)
        return 2

    import cv2

    from gate.scanner.child import EXIT_CONFIG, Child
    from gate.scanner.decoder import Cascade
    from gate.scanner.engines import load_zbar
    from gate.scanner.sources import open_source

    cv2.setNumThreads(1)
    send = _printer() if arguments.print else _sender()
    try:
        source = open_source(settings)
        cascade = Cascade(load_zbar(), fusion=settings.fusion)
        child = Child(settings, source, cascade, send, first_presentation=arguments.first_presentation)
    except GateError as error:
        name = "bad_profile" if isinstance(error, ConfigError) else "no_adapter"
        send({"t": "fault", "name": name, "message": str(error)})
        return EXIT_CONFIG
    if not arguments.print:
        threading.Thread(target=_listen, args=(child.command,), name="control", daemon=True).start()
    code = child.run()
    sys.stderr.flush()
    os._exit(code)  # a capture thread stuck in a driver must not hold the process


if __name__ == "__main__":
    sys.exit(main())
