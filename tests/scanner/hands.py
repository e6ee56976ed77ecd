"""A clock for what waits by itself: it stands in for the `time` module of one module and moves by sleeping only."""

from __future__ import annotations


class Hands:
    """`monkeypatch.setattr(module, "time", Hands())`: what a machine that is never late would show."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s

    def perf_counter(self) -> float:
        return self.now_s

    def monotonic_ns(self) -> int:
        return round(self.now_s * 1e9)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
