"""Codes that were told to wait because somebody was passing, and are still held in view: asked again once the lane is free.

Without this a visitor who does as the screen says, and waits, would wait for ever: a code that stays in view is read once.
No decisions here; one scan for each input, the newest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gate.model import Decision, Reason, Scan


class Waiting:
    def __init__(self) -> None:
        self._scans: dict[str, Scan] = {}

    def answered(self, scan: Scan, decision: Decision | None) -> None:
        """What a scan was told. Readings without a presentation cannot be seen to leave, so they are not kept. Another code
        that is answered meanwhile, or could not be read, takes nobody's turn: who waits is still in view."""
        if decision is not None and decision.reason is Reason.LANE_BUSY and scan.presentation is not None:
            self._scans[scan.input] = scan
        elif scan.presentation is not None:
            self.left(scan.input, scan.presentation)

    def left(self, name: str, presentation: int | None = None) -> None:
        """The code has left the input's view; None = everything has, for the input itself went away."""
        scan = self._scans.get(name)
        if scan is not None and presentation in (None, scan.presentation):
            del self._scans[name]

    def next(self, readiness: Callable[[str], str], now_ms: float) -> Scan | None:
        """A scan to ask again, as seen now (monotonic ms), whose lane says `ready`. It is taken from here."""
        for name, scan in self._scans.items():
            if readiness(scan.direction) == "ready":
                del self._scans[name]
                return replace(scan, captured=now_ms, decoded=now_ms)
        return None
