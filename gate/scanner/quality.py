"""The child's figures for people: what `health` says beyond counters, once a second, and the warnings they deserve."""

from __future__ import annotations

from typing import Any

from gate.scanner.engines import Reading
from gate.scanner.figures import Dirt, code_figures, glare, warnings
from gate.scanner.frames import Picture
from gate.scanner.motion import focus

_LEAST_MODULES = 21


class Quality:
    """One input's picture quality. Dear figures are taken from one frame a second and from one reading a second."""

    def __init__(self) -> None:
        self._dirt = Dirt()
        self._view: dict[str, float] = {}
        self._code: dict[str, float] = {}

    def look(self, gray: Picture) -> None:
        """Once a second, any frame."""
        self._view = {
            "focus": round(focus(gray), 1),
            "glare": round(glare(gray), 4),
            "dirt": round(self._dirt.feed(gray), 4),
        }

    def code(self, gray: Picture, reading: Reading) -> None:
        """A reading; only the first after each message is measured."""
        if not self._code:
            figures = code_figures(gray, reading.corners, modules_of(len(reading.text.encode())))
            self._code = {name: round(value, 2) for name, value in figures.items()}

    def figures(self, counters: dict[str, Any], wanted_fps: float) -> dict[str, Any]:
        """JSON-ready: `focus`, `glare`, `dirt`, of a code in view `module_px`, `contrast`, `clipped`, `edge`, and `warnings`."""
        known = self._view | self._code
        self._code = {}
        numbers = {k: float(v) for k, v in (counters | known).items() if isinstance(v, (int, float))}
        if "focus" not in known:
            known["focus"] = 0.0
        return known | {"warnings": warnings(numbers, wanted_fps)}


def modules_of(length: int) -> int:
    """Modules a side of the smallest symbol at level M that holds `length` base45 or longer characters (ISO 18004, table 7).

    An estimate: the reader does not tell the version. Ticket codes are of level M and alphanumeric.
    """
    capacity = (20, 38, 61, 90, 122, 154, 178, 221, 262, 311, 366, 419, 483, 528, 600)
    version = next((n for n, most in enumerate(capacity, 1) if length <= most), 20)
    return _LEAST_MODULES + 4 * (version - 1)
