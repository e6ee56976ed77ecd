"""Which edges of a contact count. Pure.

gpiozero's own debounce drops edges, and a dropped edge of a passage sensor is a guest who was never counted. So every raw
edge comes here with its time, and a level counts once it has held for `stable_s`: a spike never becomes an event, and a
short but true pulse is still seen when the reader comes late, because the times are those of the edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Change(NamedTuple):
    active: bool
    at: float
    """When the level began, monotonic seconds (not when it was believed)."""


@dataclass(slots=True)
class EdgeFilter:
    """One contact. `active` is the believed level, at rest in the beginning; times must not fall."""

    stable_s: float
    active: bool = False
    _raw: bool = False
    _since: float = 0.0

    def feed(self, raw: bool, now: float) -> Change | None:
        """A raw edge (or a reading: the same level again is no edge). Returns: what it confirms of the time before it."""
        change = self.settle(now)
        if raw != self._raw:
            self._raw = raw
            self._since = now
        return change

    def settle(self, now: float) -> Change | None:
        """Believe the raw level if it has held long enough. Returns: the change, once."""
        if self._raw == self.active or now < self._since + self.stable_s:
            return None
        self.active = self._raw
        return Change(self.active, self._since)

    def next_change(self) -> float | None:
        """When `settle` will have something to say if no edge comes; None = nothing is pending."""
        return None if self._raw == self.active else self._since + self.stable_s
