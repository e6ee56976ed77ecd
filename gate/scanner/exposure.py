"""Which exposure when: short for bright screens and hands in motion, normal for paper. Pure; the caller has the clock.

Illumination is the lane's: the child only asks for light by its `light` and `warnings` figures.
"""

from __future__ import annotations

from dataclasses import dataclass

from gate.scanner.profile import Exposure

STEPS_MS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Exposures that calibration tries. Above 8 ms a hand at 0.15 m/s blurs by more than a module."""

_SETTLE = 5
"""Frames until a new exposure shows: drivers pipeline two or three, and some more."""
_LOOK = 6
"""Frames judged at each step."""
_TURN_MS = 300
"""Time with one exposure while something is unread: longer than every retry needs."""
_CONTRAST = 90.0
"""Gray levels between paper and print that leave a margin for noise and shade."""
_CLIPPED = 0.10
"""Share of saturated pixels in the code from which a screen has bled out."""


class Alternation:
    """Asks for the other exposure while something is seen and not read."""

    def __init__(self, exposure: Exposure) -> None:
        self._exposure = exposure
        self._short = False
        self._at: int | None = None

    @property
    def active(self) -> bool:
        return 0 < self._exposure.short_ms < self._exposure.normal_ms

    def start(self) -> list[tuple[str, float]]:
        """What to set when the source has opened: (control, value)."""
        wanted: list[tuple[str, float]] = []
        if self._exposure.focus >= 0:
            wanted.append(("focus", float(self._exposure.focus)))
        if self._exposure.normal_ms > 0:
            wanted.append(("exposure", self._exposure.normal_ms))
        return wanted

    def frame(self, at: int, *, seen: bool, read: bool) -> float | None:
        """Take what a frame gave. Returns: an exposure in ms to set now, or None.

        What was read keeps its exposure: the next ticket is probably of the same kind.
        """
        if not self.active or read or not seen:
            self._at = None
            return None
        if self._at is None:
            self._at = at
        if at - self._at < _TURN_MS:
            return None
        self._at = at
        self._short = not self._short
        return self._exposure.short_ms if self._short else self._exposure.normal_ms


@dataclass(frozen=True, slots=True)
class Step:
    """What one exposure showed of the printed target."""

    ms: float
    contrast: float
    """Gray levels between dark and light modules, median."""
    clipped: float
    """Share of saturated pixels in the code."""
    read: float
    """Share of frames in which it was read."""


def choose(steps: list[Step], focus: int = -1) -> Exposure | None:
    """The profile from the steps tried; None when the target was read at none.

    Normal: the shortest that reads it always with enough contrast, else the one with most contrast. Short: the shortest
    that still reads it, so that a screen brighter than paper is not bled out; the same as normal where there is no other.
    """
    read = [step for step in steps if step.read >= 0.5]
    if not read:
        return None
    good = [s for s in read if s.read >= 0.99 and s.contrast >= _CONTRAST and s.clipped < _CLIPPED]
    normal = min(good, key=lambda s: s.ms) if good else max(read, key=lambda s: (s.read, s.contrast))
    short = min((s for s in read if s.ms < normal.ms), key=lambda s: s.ms, default=normal)
    return Exposure(short_ms=short.ms, normal_ms=normal.ms, focus=focus)


class Calibration:
    """Walks through the exposures with the target held still. Feed frames, set what it asks for."""

    def __init__(self, steps_ms: tuple[float, ...] = STEPS_MS) -> None:
        self._steps_ms = steps_ms
        self._index = -1
        self._frames = 0
        self._seen: list[tuple[float, float, bool]] = []
        self.steps: list[Step] = []

    @property
    def done(self) -> bool:
        return self._index >= len(self._steps_ms)

    def frame(self, *, contrast: float, clipped: float, read: bool) -> float | None:
        """Take a frame's figures. Returns: the exposure in ms to set now, or None."""
        if self.done:
            return None
        if self._index >= 0:
            self._frames += 1
            if self._frames > _SETTLE:
                self._seen.append((contrast, clipped, read))
            if self._frames < _SETTLE + _LOOK:
                return None
            contrasts = sorted(c for c, _, _ in self._seen)
            self.steps.append(
                Step(
                    self._steps_ms[self._index],
                    contrasts[len(contrasts) // 2],
                    sum(c for _, c, _ in self._seen) / len(self._seen),
                    sum(r for _, _, r in self._seen) / len(self._seen),
                )
            )
        self._index += 1
        self._frames, self._seen = 0, []
        return self._steps_ms[self._index] if self._index < len(self._steps_ms) else None
