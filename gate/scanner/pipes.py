"""Pipes whose ends a child can be given by number."""

from __future__ import annotations

import fcntl
import os

_HIGH_FD = 10
"""Pipe ends are moved above the numbers that the child's ends get, so that no dup2 can run over another."""


def high_pipe() -> tuple[int, int]:
    """Read end and write end, closed on exec."""
    ends = os.pipe2(os.O_CLOEXEC)
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _HIGH_FD) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
