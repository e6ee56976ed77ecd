"""One presentation, one scan: presence decides, never a number of seconds since the last scan.

Pure: frames and their capture times come in, events go out; there is no clock inside. A time without frames is no
absence (a stalled camera has seen nobody leave), so absence is summed from frame to frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gate.scanner.frames import Corners


@dataclass(frozen=True, slots=True)
class Sighting:
    """One text read in one frame. `side` is the code's side in pixels (how near it is)."""

    text: str
    engine: str
    corners: Corners
    side: float


@dataclass(frozen=True, slots=True)
class Appeared:
    """A presentation begins. `frames` is how many frames showed this text before it was let through."""

    p: int
    sighting: Sighting
    frames: int


@dataclass(frozen=True, slots=True)
class Left:
    p: int
    at: int


@dataclass(frozen=True, slots=True)
class Crowd:
    """Several codes in view and none clearly nearer; repeated each second while it lasts."""

    n: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A code is seen since `since` and not read; repeated while it lasts."""

    since: int


Event: TypeAlias = Appeared | Left | Crowd | Unread


@dataclass(slots=True)
class _Track:
    frames: int
    side: float
    absent_ms: int = 0
    p: int | None = None


class HoldOff:
    """Turns readings into presentations.

    Args:
        gone_ms: out of view for this long = left.
        unread_ms: a code seen for this long and not read = unread, and again after as long.
        crowd_ms: codes seen within this time count as together in view (both are not read in every frame).
        nearer: a code whose side is this many times the next one's is the one that is presented.
    """

    def __init__(
        self, *, gone_ms: int = 500, unread_ms: int = 2000, crowd_ms: int = 150, nearer: float = 1.5, first: int = 1
    ) -> None:
        self._gone_ms = gone_ms
        self._unread_ms = unread_ms
        self._crowd_ms = min(crowd_ms, gone_ms)
        self._nearer = nearer
        self._next = first
        self._tracks: dict[str, _Track] = {}
        self._at: int | None = None
        self._crowd_at: int | None = None
        self._unread_since: int | None = None
        self._unread_told: int | None = None
        self._unread_absent_ms = 0

    def see(self, at: int, sightings: Sequence[Sighting], *, candidate: bool = False) -> list[Event]:
        """Take one frame.

        Args:
            at: capture time, CLOCK_MONOTONIC ms; a time before the last frame's counts as the same moment.
            sightings: every text read in it.
            candidate: something in it looks like a code and was not read.
        """
        step = 0 if self._at is None else max(0, at - self._at)
        self._at = at if self._at is None else max(at, self._at)
        # No single missing frame may end a presentation, however long the source paused before it.
        step = min(step, self._gone_ms // 2)
        events: list[Event] = []
        events += self._age(step, at, {s.text for s in sightings})
        for sighting in sightings:
            track = self._tracks.setdefault(sighting.text, _Track(0, sighting.side))
            track.frames += 1
            track.side = sighting.side
            track.absent_ms = 0
        events += self._present(at, sightings)
        events += self._unread(at, step, bool(sightings), candidate)
        return events

    def clear(self, at: int) -> list[Event]:
        """The source is gone: nobody can be seen any more, so everybody has left."""
        events: list[Event] = [Left(t.p, at) for t in self._tracks.values() if t.p is not None]
        self._tracks.clear()
        self._crowd_at = self._unread_since = self._unread_told = None
        return events

    @property
    def present(self) -> int:
        """Presentations going on."""
        return sum(1 for t in self._tracks.values() if t.p is not None)

    def _age(self, step: int, at: int, seen: set[str]) -> list[Event]:
        events: list[Event] = []
        for text in [text for text in self._tracks if text not in seen]:
            track = self._tracks[text]
            track.absent_ms += step
            if track.absent_ms >= self._gone_ms:
                del self._tracks[text]
                if track.p is not None:
                    events.append(Left(track.p, at))
        return events

    def _present(self, at: int, sightings: Sequence[Sighting]) -> list[Event]:
        together = {text: t for text, t in self._tracks.items() if t.absent_ms < self._crowd_ms}
        if len(together) > 1:
            nearest, second = sorted((t.side for t in together.values()), reverse=True)[:2]
            if nearest < self._nearer * second:
                return self._crowd(at, len(together))
        else:
            nearest = 0.0
        events: list[Event] = []
        for sighting in sightings:
            track = self._tracks[sighting.text]
            if track.p is None and track.side >= nearest:
                track.p = self._next
                self._next += 1
                events.append(Appeared(track.p, sighting, track.frames))
        return events

    def _crowd(self, at: int, n: int) -> list[Event]:
        if self._crowd_at is not None and at - self._crowd_at < 1000:
            return []
        self._crowd_at = at
        return [Crowd(n)]

    def _unread(self, at: int, step: int, read: bool, candidate: bool) -> list[Event]:
        # A held code that was read and now misses a frame is not unread: its presentation still stands.
        if read or self.present:
            self._unread_since = self._unread_told = None
            return []
        if not candidate:
            self._unread_absent_ms += step
            if self._unread_absent_ms >= self._gone_ms:
                self._unread_since = self._unread_told = None
            return []
        self._unread_absent_ms = 0
        if self._unread_since is None:
            self._unread_since = at
        last = self._unread_since if self._unread_told is None else self._unread_told
        if at - last < self._unread_ms:
            return []
        self._unread_told = at
        return [Unread(self._unread_since)]
