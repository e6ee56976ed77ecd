"""Lamp and buzzer as functions of time. Pure: the table of signals is `gate.decision.reasons.SIGNALS`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from gate.decision.reasons import SIGNALS, Signal
from gate.model import Verdict

Steps = tuple[tuple[float, float], ...]
"""(on_s, off_s) one after another."""


class Levels(NamedTuple):
    """What is lit and whether the buzzer sounds."""

    red: bool
    green: bool
    blue: bool
    buzzer: bool


DARK = Levels(False, False, False, False)


def level_at(steps: Steps, t: float) -> bool:
    """On or off `t` seconds after the beginning; off when the steps are over."""
    edge = 0.0  # summed as in `change_after`: a level must be over in the very moment that is announced as its end
    for on_s, off_s in steps:
        edge += on_s
        if t < edge:
            return True
        edge += off_s
        if t < edge:
            return False
    return False


def change_after(steps: Steps, t: float) -> float | None:
    """The first end of an on or off part later than `t`; None when the steps are over."""
    edge = 0.0
    for step in steps:
        for part in step:
            edge += part
            if part and edge > t:
                return edge
    return None


def fastest_hz(signal: Signal) -> float:
    """The highest rate of flashes in the signal, judged by its shortest on-off pair; 0 = steady."""
    return max((1 / (on + off) for on, off in signal.blink), default=0.0) if signal.blink else 0.0


@dataclass(slots=True)
class SignalPlayer:
    """Plays the signal of one verdict: the lamp repeats its pattern, the beeps sound once. Times: monotonic seconds."""

    _signal: Signal | None = None
    _since: float = 0.0

    def show(self, verdict: Verdict | None, now: float) -> None:
        """Begin a verdict, also the same one again: a second scan beeps a second time. None = dark and silent."""
        self._signal = None if verdict is None else SIGNALS[verdict]
        self._since = now

    def levels(self, now: float) -> Levels:
        if self._signal is None:
            return DARK
        t = now - self._since
        blink = self._signal.blink
        lit = blink is None or level_at(blink, t % _period(blink))
        red, green, blue = self._signal.rgb
        return Levels(lit and red, lit and green, lit and blue, level_at(self._signal.beeps, t))

    def next_change(self, now: float) -> float | None:
        """When `levels` may change by itself; None = it stays as it is."""
        if self._signal is None:
            return None
        t = now - self._since
        changes = []
        beep = change_after(self._signal.beeps, t)
        if beep is not None:
            changes.append(self._since + beep)
        if self._signal.blink is not None:
            period = _period(self._signal.blink)
            into = t % period
            changes.append(now - into + (change_after(self._signal.blink, into) or period))
        return min(changes, default=None)


def _period(steps: Steps) -> float:
    return sum(on + off for on, off in steps)
