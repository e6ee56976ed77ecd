"""What the child counts for its health message. Plain numbers; the caller gives the times."""

from __future__ import annotations

from typing import Any

SLOW_FPS = 12.0
_SLOW_MESSAGES = 3


class Gauges:
    """Counters of one input. `dropped` and `skipped` only rise; the rest covers the time since the last message."""

    def __init__(self) -> None:
        self.dropped = 0
        """Frames that were too old (or no picture at all) when their reading would have begun."""
        self.skipped = 0
        """Frames that a newer one replaced before they were looked at."""
        self.seen = 0
        """Frames that reached the decoder or were dropped."""
        self.frame_at = 0
        """CLOCK_MONOTONIC ms when the last frame arrived."""
        self._slow = 0
        self._since: int | None = None
        self._ages: list[int] = []
        self._decodes: list[float] = []

    def late(self, now: int) -> None:
        """A frame arrived that nobody may read."""
        self.dropped += 1
        self.seen += 1
        self.frame_at = now

    def frame(self, now: int, age_ms: int, decode_ms: float) -> None:
        """A frame was read."""
        self.seen += 1
        self.frame_at = now
        if self._since is None:
            self._since = now
        self._ages.append(age_ms)
        self._decodes.append(decode_ms)

    def first_of_second(self) -> bool:
        """True once after each message, for what is too dear for every frame."""
        return len(self._decodes) == 1

    def slow(self, fps: float) -> bool:
        """True after three messages in a row below 15 frames a second: a ticket in motion is seen too seldom then."""
        return self._slow >= _SLOW_MESSAGES and fps < SLOW_FPS

    def message(self, now: int, passed_over: int) -> dict[str, Any]:
        """The counters, JSON-ready; averages start anew. `passed_over` are frames the source itself left out."""
        count = len(self._decodes)
        elapsed = now - self._since if self._since is not None else 0
        fps = round(count * 1000 / elapsed, 1) if elapsed > 0 else 0.0
        self._slow = self._slow + 1 if fps < SLOW_FPS else 0
        values = {
            "fps": fps,
            "age_ms": max(self._ages, default=0),
            "dropped": self.dropped,
            "skipped": self.skipped + passed_over,
            "decode_ms": round(sum(self._decodes) / count, 2) if count else 0.0,
            "decode_max_ms": round(max(self._decodes, default=0.0), 2),
        }
        self._since = now
        self._ages.clear()
        self._decodes.clear()
        return values
