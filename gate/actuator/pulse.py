"""When a relay is energised. Pure: monotonic seconds come in, a level goes out. No pin, no thread, no clock."""

from __future__ import annotations

from dataclasses import dataclass

_NEVER = float("-inf")


@dataclass(slots=True)
class ReleasePulse:
    """One relay's pulse. Off is computed from the time of the request, never hoped for from a second command.

    A request during a pulse, or in the rest after it, is refused rather than merged: a merged pulse would let two people
    through on one count, and a chain of requests could hold the relay for ever.

    Attributes:
        max_s: longest pulse that is accepted.
        rest_s: least time between two pulses, so that the controller sees two.
    """

    max_s: float
    rest_s: float = 0.0
    _off_at: float = _NEVER

    def request(self, now: float, seconds: float) -> None:
        """Begin a pulse at `now`.

        Raises: ValueError when it is too long, not positive, or the last one is not over.
        """
        # Written so that nan is refused: it compares false with everything.
        if not 0 < seconds <= self.max_s:
            raise ValueError(f"a pulse is longer than 0 and at most {self.max_s} s, not {seconds}")
        if now < self._off_at + self.rest_s:
            raise ValueError("the last pulse is not over")
        self._off_at = now + seconds

    def cancel(self) -> None:
        """End it now. The next one may begin at once."""
        self._off_at = _NEVER

    def energised(self, now: float) -> bool:
        return now < self._off_at

    def next_change(self, now: float) -> float | None:
        """When `energised` will change by itself; None = never."""
        return self._off_at if now < self._off_at else None
