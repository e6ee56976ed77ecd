"""Key codes of the kernel (linux/input-event-codes.h) to characters, by keyboard layout. Data and one class, no device.

Only the characters that tickets use and their neighbours: printable ASCII that needs no third level.
"""

from __future__ import annotations

from gate.scanner.profile import Wedge

_ROWS = ((2, 13), (16, 27), (30, 41), (44, 53))
"""First and last key code of the digit row and the three letter rows; code 43 ends the third row, 86 begins the fourth."""

_LAYOUTS: dict[str, tuple[tuple[str, str], ...]] = {
    "us": (
        ("1234567890-=", "!@#$%^&*()_+"),
        ("qwertyuiop[]", "QWERTYUIOP{}"),
        ("asdfghjkl;'`", 'ASDFGHJKL:"~'),
        ("zxcvbnm,./", "ZXCVBNM<>?"),
    ),
    "de": (
        ("1234567890ß´", '!"§$%&/()=?`'),
        ("qwertzuiopü+", "QWERTZUIOPÜ*"),
        ("asdfghjklöä^", "ASDFGHJKLÖÄ°"),
        ("yxcvbnm,.-", "YXCVBNM;:_"),
    ),
    "fr": (
        ("&é\"'(-è_çà)=", "1234567890°+"),
        ("azertyuiop^$", "AZERTYUIOP¨£"),
        ("qsdfghjklmù²", "QSDFGHJKLM%~"),
        ("wxcvbn,;:!", "WXCVBN?./§"),
    ),
}
_MORE = {
    "us": {43: ("\\", "|"), 86: ("<", ">")},
    "de": {43: ("#", "'"), 86: ("<", ">")},
    "fr": {43: ("*", "µ"), 86: ("<", ">")},
}
_PAD = {55: "*", 74: "-", 78: "+", 83: ".", 98: "/", **{code: c for code, c in zip((71, 72, 73, 75, 76, 77, 79, 80, 81, 82), "7894561230", strict=True)}}  # fmt: skip

_ENTER, _TAB = (28, 96), (15,)
_SHIFTS, _CONTROLS, _CAPS = (42, 54), (29, 97, 56, 100, 125, 126), 58


def layout(name: str) -> dict[int, tuple[str, str]]:
    """Key code -> (plain, with shift)."""
    keys: dict[int, tuple[str, str]] = {57: (" ", " "), **_MORE[name], **{c: (t, t) for c, t in _PAD.items()}}
    for (first, _), (plain, shifted) in zip(_ROWS, _LAYOUTS[name], strict=True):
        keys |= {first + n: pair for n, pair in enumerate(zip(plain, shifted, strict=True))}
    return keys


class Keys:
    """Key presses to texts.

    A reader types a whole code within a few milliseconds a key. A longer pause ends what was begun: it is given out when
    the reader sends no suffix, else dropped (a person at a keyboard, or a cable torn off in the middle).
    """

    def __init__(self, wedge: Wedge, *, gap_ms: int = 150, longest: int = 4096) -> None:
        self._wedge = wedge
        self._keys = layout(wedge.layout)
        self._gap_ms = gap_ms
        self._longest = longest
        self._text: list[str] = []
        self._held: set[int] = set()
        self._caps = False
        self._at = 0
        self.dropped = 0
        """Keys that are no text: control keys, combinations, and begun codes that never ended."""

    def key(self, code: int, value: int, at: int) -> str | None:
        """One EV_KEY event. Returns: a text when it is complete.

        Args:
            value: 0 released, 1 pressed, 2 repeated (a reader never repeats: left out).
            at: CLOCK_MONOTONIC ms.
        """
        if code in _SHIFTS or code in _CONTROLS:
            (self._held.add if value else self._held.discard)(code)
            return None
        if value != 1:
            return None
        if code == _CAPS:
            self._caps = not self._caps
            return None
        done = self.idle(at)
        self._at = at
        suffix = {"enter": _ENTER, "tab": _TAB, "none": ()}[self._wedge.suffix]
        if code in suffix or code in _ENTER:
            return self._take() or done
        pair = self._keys.get(code)
        if pair is None or self._held.intersection(_CONTROLS):
            self.dropped += 1
            return done
        if len(self._text) < self._longest:
            shifted = bool(self._held.intersection(_SHIFTS))
            letter = pair[0].isalpha()
            self._text.append(pair[shifted != (self._caps and letter)])
        return done

    def idle(self, at: int) -> str | None:
        """Ask when no key comes: the end of a text of a reader without suffix."""
        if not self._text or at - self._at < self._gap_ms:
            return None
        if self._wedge.suffix == "none":
            return self._take()
        self.dropped += len(self._text)
        self._text.clear()
        return None

    def _take(self) -> str | None:
        text = "".join(self._text)
        self._text.clear()
        return clean_wedge(text, self._wedge) or None


def clean_wedge(text: str, wedge: Wedge) -> str:
    """What the symbol holds: prefix and AIM identifier off, case as printed."""
    text = text.swapcase() if wedge.caps_swapped else text
    text = text.removeprefix(wedge.prefix)
    if wedge.aim and len(text) >= 3 and text[0] == "]":
        text = text[3:]
    return text
