"""What the lane and the profile want of a camera, brought to it on the one thread that may touch it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gate.scanner.engines import Found, Reading
from gate.scanner.exposure import Alternation, Calibration, choose
from gate.scanner.figures import code_figures
from gate.scanner.frames import Picture
from gate.scanner.profile import load_profile, save_profile
from gate.scanner.quality import modules_of
from gate.scanner.sources import FrameSource


class Control:
    """Exposure, focus and calibration of one input.

    Args:
        profile: path of its profile, empty = none.
        send: answers `{"t":"control","do","ok"}` to what was asked.
    """

    def __init__(self, profile: str, send: Callable[..., None]) -> None:
        """Raises: ConfigError for a profile that cannot be read."""
        self._profile = profile
        self._send = send
        exposure = load_profile(profile).exposure
        self._alternation = Alternation(exposure)
        self._calibration: Calibration | None = None
        self._focus = exposure.focus
        # (control, value, whether somebody waits for the answer); append and popleft are atomic.
        self._wanted: deque[tuple[str, float, bool]] = deque((n, v, False) for n, v in self._alternation.start())

    def ask(self, word: str, value: object) -> None:
        """A command of the lane: `exposure` (ms, 0 = automatic), `focus`, `calibrate`. Others are ignored."""
        if word == "calibrate":
            self._calibration = Calibration()
        elif word in ("exposure", "focus"):
            number = float(value) if isinstance(value, (int, float)) else 0.0
            self._wanted.append((word, number, True))

    def apply(self, source: FrameSource) -> None:
        """On the capture thread, between two frames."""
        while self._wanted:
            name, value, asked = self._wanted.popleft()
            set_control = getattr(source, "control", None)
            done = set_control is not None and bool(set_control(name, value))
            if asked or not done:
                self._send({"t": "control", "do": name, "ok": done})
            if not done and self._calibration is not None:
                self._calibration = None
                self._send(
                    {"t": "control", "do": "calibrate", "ok": False, "why": "this camera has no exposure to set"}
                )

    def frame(self, at: int, gray: Picture, found: Found, *, seen: bool) -> None:
        """On the decoding thread, with what a frame gave."""
        calibration = self._calibration
        if calibration is None:
            wanted = self._alternation.frame(at, seen=seen, read=bool(found.readings))
        else:
            wanted = calibration.frame(**target_figures(gray, found.readings))
            if calibration.done:
                self._finish(calibration)
        if wanted is not None:
            self._wanted.append(("exposure", wanted, False))

    def _finish(self, calibration: Calibration) -> None:
        self._calibration = None
        exposure = choose(calibration.steps, self._focus)
        answer: dict[str, Any] = {"t": "control", "do": "calibrate", "ok": exposure is not None}
        if exposure is None:
            answer["why"] = "the target was not read at any exposure"
            self._wanted.append(("exposure", 0.0, False))
        else:
            answer |= {"short_ms": exposure.short_ms, "normal_ms": exposure.normal_ms}
            self._alternation = Alternation(exposure)
            self._wanted += [(n, v, False) for n, v in self._alternation.start()]
            if self._profile:
                save_profile(Path(self._profile), exposure=exposure)
        self._send(answer)


def target_figures(gray: Picture, readings: tuple[Reading, ...]) -> dict[str, Any]:
    """What calibration wants to know of a frame."""
    if not readings:
        return {"contrast": 0.0, "clipped": 0.0, "read": False}
    figures = code_figures(gray, readings[0].corners, modules_of(len(readings[0].text)))
    return {"contrast": figures["contrast"], "clipped": figures["clipped"], "read": True}
