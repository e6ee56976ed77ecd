"""Teach-in of a reader that types: from the keys it pressed for a known code to how it is set. Pure.

What it looks for: prefix, suffix key, AIM identifier, swapped case (caps lock), and the keyboard it believes to be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from gate.scanner.profile import LAYOUTS, Wedge
from gate.scanner.sources.keymap import layout

TEACH = "GATE-TEACH:0123456789 AMQWYZ amqwyz $%*+-./:"
"""The text of the printed code: every character of base45, and the letters by which keyboards differ."""

_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]\Z")
_SHIFTS, _CAPS = (42, 54), 58
_SUFFIX = {28: "enter", 96: "enter", 15: "tab"}


class Press(NamedTuple):
    """One key event: kernel key code, 1 pressed or 0 released, CLOCK_MONOTONIC ms."""

    code: int
    value: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What was learnt; `wedge` None = the code could not be recognised in what came."""

    wedge: Wedge | None
    tail: str = ""
    """Characters after the text and before the suffix: switch them off in the reader, they cannot be told from a text."""
    slowest_ms: int = 0
    """Longest pause between two keys; above 100 a text may be torn apart."""
    as_us: str = ""
    """What came, as a US keyboard shows it: for a person to look at."""

    @property
    def problems(self) -> list[str]:
        if self.wedge is None:
            return ["the code was not recognised: scan the teach-in sheet, and nothing else"]
        found = []
        if self.tail:
            found.append(f"the reader adds {self.tail!r} after the text: switch its suffix characters off")
        if self.wedge.suffix == "none":
            found.append("no key ends a text: set the reader's suffix to Enter, it is faster and safer")
        if self.slowest_ms > 100:
            found.append(f"{self.slowest_ms} ms between two keys: set the reader's inter-character delay to 0")
        if self.wedge.caps_swapped:
            found.append("upper and lower case are swapped: caps lock is on in the reader")
        return found


def learn(presses: Sequence[Press]) -> Lesson:
    """From the key events of one scan of the sheet."""
    times = [p.at for p in presses if p.value == 1]
    slowest = max((b - a for a, b in pairwise(times)), default=0)
    as_us, suffix = _typed(presses, "us")
    for name in LAYOUTS:
        text, suffix = _typed(presses, name)
        for swapped in (False, True):
            wanted = TEACH.swapcase() if swapped else TEACH
            before, found, tail = text.partition(wanted)
            if not found:
                continue
            before = before.swapcase() if swapped else before
            aim = _AIM.search(before) is not None
            wedge = Wedge(
                prefix=before[:-3] if aim else before, suffix=suffix, aim=aim, caps_swapped=swapped, layout=name
            )
            return Lesson(wedge=wedge, tail=tail, slowest_ms=slowest, as_us=as_us)
    return Lesson(wedge=None, slowest_ms=slowest, as_us=as_us)


def presses_of(text: str) -> list[Press]:
    """The keys of a text as a US keyboard would have typed it: for what was scanned into an editor, or came by serial."""
    keys = {
        char: (code, n) for code, pair in layout("us").items() for n, char in enumerate(pair) if code < 55 or code == 57
    }
    presses: list[Press] = []
    for char in text.removesuffix("\n").removesuffix("\r"):
        code, shifted = (15, 0) if char == "\t" else keys.get(char, (0, 0))
        if shifted:
            presses.append(Press(_SHIFTS[0], 1, 0))
        presses += [Press(code, 1, 0), Press(code, 0, 0)]
        if shifted:
            presses.append(Press(_SHIFTS[0], 0, 0))
    return presses + ([Press(28, 1, 0)] if text.endswith(("\n", "\r")) else [])


def _typed(presses: Sequence[Press], name: str) -> tuple[str, str]:
    """Text and suffix key as a keyboard of this layout understands the keys."""
    keys, held, caps, suffix = layout(name), set[int](), False, "none"
    text: list[str] = []
    for code, value, _ in presses:
        if code in _SHIFTS:
            (held.add if value else held.discard)(code)
        elif value != 1:
            continue
        elif code == _CAPS:
            caps = not caps
        elif code in _SUFFIX:
            suffix = _SUFFIX[code]
            break
        elif (pair := keys.get(code)) is not None:
            text.append(pair[bool(held) != (caps and pair[0].isalpha())])
    return "".join(text), suffix
