"""The scanner child: one source in, messages out (contracts: scanner child). Runs until its lane is gone.

A capture thread keeps only the newest frame, the main thread decodes, a control thread listens to the lane. What a text
means is not known here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from gate import steps
from gate.errors import DeviceError
from gate.scanner.control import Control
from gate.scanner.decoder import Cascade
from gate.scanner.engines import side_of
from gate.scanner.frames import Frame, to_gray
from gate.scanner.gauges import Gauges
from gate.scanner.holdoff import Appeared, Crowd, Event, HoldOff, Left, Sighting
from gate.scanner.motion import Motion
from gate.scanner.preview import Preview
from gate.scanner.quality import Quality
from gate.scanner.sources import TEXT_KINDS, EndOfSource, FrameSource, Line, Note, SourceFacts
from gate.scanner.sources.faults import FROZEN, NO_SOURCE, STALLED, UNPLUGGED, name_of
from gate.settings import InputSettings

EXIT_END, EXIT_CONFIG, EXIT_SOURCE = 0, 2, 3
"""0: the source or the lane ended in order. 2: these settings can never work. 3: the source failed, start me again."""

_STALL_MS = 2000
_FROZEN_MS = 10_000
"""A picture that stands still for so long is given back for a restart: a driver that hangs often comes back with it."""
_START_MS = 5000
_HEALTH_MS = 1000
_BINARY_MS = 2000

log = logging.getLogger(__name__)


def mono_ms() -> int:
    """CLOCK_MONOTONIC in ms, the clock of every time in these messages."""
    return time.monotonic_ns() // 1_000_000


class Child:
    """One input at work.

    Args:
        send: writes one message (and a picture) to the lane; may be called from any thread.
    """

    def __init__(
        self,
        settings: InputSettings,
        source: FrameSource,
        cascade: Cascade,
        send: Callable[..., None],
        *,
        first_presentation: int = 1,
    ) -> None:
        self._settings = settings
        self._source = source
        self._cascade = cascade
        self._send = send
        self._holdoff = HoldOff(gone_ms=settings.gone_ms, first=first_presentation)
        self._next_line = first_presentation
        self._motion = Motion()
        self._gauges = Gauges()
        self._preview = Preview()
        self._wake = threading.Condition()
        self._latest: Frame | None = None
        self._lines: list[Line] = []
        self._failure: Exception | None = None
        self._stopping = False
        self._binary_at: int | None = None
        self._quality = Quality()
        self._control = Control(settings.profile, self._send)
        self._wanted_fps = float(settings.fps)

    def run(self) -> int:
        """Open the source and work. Returns: the exit code of the process."""
        try:
            facts = self._source.open()
        except DeviceError as error:
            self._send({"t": "fault", "name": name_of(error, NO_SOURCE), "message": str(error)})
            return EXIT_SOURCE
        self._wanted_fps = facts.fps or self._wanted_fps
        steps.reach("source.open")
        self._hello(facts)
        steps.reach("child.hello")
        threading.Thread(target=self._capture, name="capture", daemon=True).start()
        code = self._loop()
        for event in self._holdoff.clear(mono_ms()):
            self._tell(event, None)
        return code

    def command(self, message: Mapping[str, Any]) -> None:
        """One message of the lane: preview, exposure, calibrate, stop. Unknown ones are ignored."""
        word = message.get("t")
        if word == "stop":
            with self._wake:
                self._stopping = True
                self._wake.notify()
        elif word == "preview":
            self._preview.wanted = bool(message.get("on", True))
        elif isinstance(word, str):
            self._control.ask(word, message.get("ms", 0))

    def _hello(self, facts: SourceFacts) -> None:
        engines = ["lines"] if self._settings.kind in TEXT_KINDS else self._cascade.engines
        self._send(
            {
                "t": "hello",
                "input": self._settings.name,
                "source": facts.source,
                "engines": engines,
                "size": list(facts.size),
                "fps": facts.fps,
            }
        )

    def _capture(self) -> None:
        failure: Exception
        try:
            while not self._stopping:
                self._control.apply(self._source)
                item = self._source.read()
                if isinstance(item, Note):
                    self._send(item.message)
                elif item is not None:
                    with self._wake:
                        if isinstance(item, Line):
                            self._lines.append(item)
                        else:
                            # Newest frame wins: one that was not looked at in time is gone.
                            self._gauges.skipped += self._latest is not None
                            self._latest = item
                        self._wake.notify()
            self._source.close()
            return
        except (EndOfSource, DeviceError) as error:
            failure = error
        except Exception as error:  # whatever a driver raises must reach the lane as a named fault
            log.exception("source %s failed", self._settings.name)
            failure = DeviceError(f"source {self._settings.name}: {error!r}")
        with self._wake:
            self._failure = failure
            self._wake.notify()

    def _loop(self) -> int:
        started = health_at = mono_ms()
        while True:
            with self._wake:
                if not (self._latest or self._lines or self._failure or self._stopping):
                    self._wake.wait(max(0.0, (health_at + _HEALTH_MS - mono_ms()) / 1000))
                frame, self._latest = self._latest, None
                lines, self._lines = self._lines, []
                failure, stopping = self._failure, self._stopping
            if stopping:
                return EXIT_END
            for line in lines:
                self._line(line)
            if frame is not None:
                self._frame(frame)
            elif isinstance(failure, EndOfSource):
                self._send({"t": "fault", "name": "end"})
                return EXIT_END
            elif failure is not None:
                self._send({"t": "fault", "name": name_of(failure, UNPLUGGED), "message": str(failure)})
                return EXIT_SOURCE
            now = mono_ms()
            if now - health_at >= _HEALTH_MS:
                health_at = now
                self._health(now)
            if self._source.live and (name := self._standstill(now, started)) is not None:
                self._send({"t": "fault", "name": name, "message": f"no new picture from {self._settings.device}"})
                return EXIT_SOURCE

    def _standstill(self, now: int, started: int) -> str | None:
        if self._silent_ms(now, started) > (_STALL_MS if self._gauges.seen else _START_MS):
            return STALLED
        frozen = self._motion.still_ms >= _FROZEN_MS and not self._motion.dark
        return FROZEN if frozen else None

    def _silent_ms(self, now: int, started: int) -> int:
        return now - (self._gauges.frame_at if self._gauges.seen else started)

    def _line(self, line: Line) -> None:
        p, self._next_line = self._next_line, self._next_line + 1
        self._send(
            {
                "t": "appeared",
                "p": p,
                "text": line.text,
                "engine": "line",
                "frames": 1,
                "captured": line.at,
                "decoded": line.at,
                "corners": [],
            }
        )
        steps.reach("text.appeared")
        self._send({"t": "left", "p": p, "at": line.at})
        steps.reach("text.left")

    def _frame(self, frame: Frame) -> None:
        now = mono_ms()
        age = now - frame.captured
        if age > self._settings.max_age_ms:
            self._gauges.late(now)
            return
        gray = to_gray(frame.image)
        if gray is None:
            self._gauges.late(now)
            return
        steps.reach("frame.taken")
        moving = self._motion.feed(gray, frame.captured)
        start = time.perf_counter()
        try:
            found = self._cascade.look(gray, moving=moving)
        except Exception:  # whatever a library makes of one picture, the next guest's must still be read
            log.exception("input %s: a picture could not be examined", self._settings.name)
            self._gauges.late(now)
            return
        self._gauges.frame(now, age, (time.perf_counter() - start) * 1000)
        steps.reach("frame.read")
        sightings = [Sighting(r.text, r.engine, r.corners, side_of(r.corners)) for r in found.readings]
        for event in self._holdoff.see(frame.captured, sightings, candidate=found.candidate is not None):
            self._tell(event, frame)
        if found.binary and (self._binary_at is None or now - self._binary_at >= _BINARY_MS):
            self._binary_at = now
            self._send({"t": "binary"})
        if self._preview.due(now):
            message, jpeg = self._preview.picture(frame, found)
            self._send(message, jpeg)
        self._control.frame(frame.captured, gray, found, seen=self._cascade.seen)
        if self._gauges.first_of_second():
            self._quality.look(gray)
        if found.readings:
            self._quality.code(gray, found.readings[0])

    def _tell(self, event: Event, frame: Frame | None) -> None:
        if isinstance(event, Appeared):
            seen = event.sighting
            message: dict[str, Any] = {
                "t": "appeared",
                "p": event.p,
                "text": seen.text,
                "engine": seen.engine,
                "frames": event.frames,
                "captured": frame.captured if frame else mono_ms(),
                "decoded": mono_ms(),
                "corners": seen.corners,
            }
            if frame is not None:
                message["size"] = frame.size
            self._send(message)
            steps.reach("text.appeared")
        elif isinstance(event, Left):
            self._send({"t": "left", "p": event.p, "at": event.at})
            steps.reach("text.left")
        elif isinstance(event, Crowd):
            self._send({"t": "crowd", "n": event.n})
        else:
            self._send({"t": "unread", "since": event.since})

    def _health(self, now: int) -> None:
        passed_over = int(getattr(self._source, "skipped", 0))
        message = self._gauges.message(now, passed_over) | {"light": round(self._motion.light, 1)}
        if self._settings.kind not in TEXT_KINDS:
            message |= self._quality.figures(message, self._wanted_fps)
        self._send(message | {"t": "health", "state": self._state(now, float(message["fps"]))})
        steps.reach("health.told")

    def _state(self, now: int, fps: float) -> str:
        """One word for how the input is: ok, waiting, gone, black, frozen, slow."""
        if self._settings.kind in TEXT_KINDS:
            return "ok"
        if not self._gauges.seen or now - self._gauges.frame_at > _STALL_MS // 2:
            return "gone" if self._source.live else "waiting"
        if self._source.live and self._motion.dark:
            return "black"
        if self._source.live and self._motion.frozen:
            return "frozen"
        return "slow" if self._source.live and self._gauges.slow(fps) else "ok"
