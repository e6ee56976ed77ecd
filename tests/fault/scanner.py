"""The real scanner child, killed at a named step: `python -m tests.fault.scanner STEP NTH` and the child's own arguments."""

from __future__ import annotations

import os
import sys
from typing import Any

from gate.scanner.__main__ import OUT_FD, main
from tests.fault.halt import stop_at

_WHOLE = 64
"""Bytes that go in one piece: a record is halved a few times, not to its last byte."""


def halve_records() -> None:
    """As a pipe that is nearly full: each write takes half of what it is given."""
    write = os.write

    def some(handle: int, data: Any) -> int:
        return write(handle, data[: len(data) // 2] if handle == OUT_FD and len(data) > _WHOLE else data)

    os.write = some


if __name__ == "__main__":
    step, nth = sys.argv[1], int(sys.argv[2])
    if step == "pipe.part":
        halve_records()
    stop_at(step, nth)
    sys.exit(main(sys.argv[3:]))
