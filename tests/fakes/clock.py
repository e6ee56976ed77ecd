"""A clock that moves only when told to."""

from __future__ import annotations

from gate.model import ClockTrust, Moment
from tests.fakes.issuer import NOW_S

BOOT = "4a7d1ed414474e4033ac29ccb8653d9b"


class FakeClock:
    """See `clock.Clock`. Starts at the moment of most tests; monotonic time and trusted time can be moved apart."""

    def __init__(self, at_s: float = NOW_S, mono_s: float = 1_000.0) -> None:
        self._at_ms = at_s * 1000
        self._mono_ms = mono_s * 1000
        self.trust = ClockTrust.SYNCED
        self.error_ms: int | None = 40
        self.boot = BOOT

    def advance(self, seconds: float) -> None:
        self._mono_ms += seconds * 1000
        self._at_ms += seconds * 1000

    def step_wall(self, seconds: float) -> None:
        self._at_ms += seconds * 1000

    def mono_ms(self) -> float:
        return self._mono_ms

    def now(self) -> Moment:
        return Moment(
            at=round(self._at_ms), mono=int(self._mono_ms), boot=BOOT, trust=self.trust, error_ms=self.error_ms
        )
