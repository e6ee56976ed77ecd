"""A lane's view for the kiosk's tests: a state one may set, listeners one may call, nothing behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from gate.ports import Message

Listener = Callable[[Message], None]

IDLE: dict[str, Any] = {
    "t": "state",
    "at": 1_798_000_020_000,
    "gate": {
        "id": "g2",
        "short": "2",
        "name": {"en": "North entrance", "id": "Pintu utara", "zh-Hant": "北側入口"},
        "event_name": {"en": "Spring Fair", "id": "Pekan Musim Semi", "zh-Hant": "春季博覽會"},
    },
    "lane": "idle",
    "direction": "entry",
    "way": "right",
    "verdict": None,
    "reason": None,
    "detail": "",
    "words": {"where": None},
    "first_use": None,
    "go_to": None,
    "lang": None,
    "languages": ["en", "id", "zh-Hant"],
    "case": None,
    "window_ms": None,
    "window_end": None,
    "attention": [],
    "test": False,
    "hint": None,
    "mode": "online",
    "sync": {"queue": 0, "last_error": None},
    "data_age_s": 12,
    "clock": "synced",
    "now": 1_798_000_020_000,
    "time": "14:07",
    "tz": "Asia/Taipei",
    "demo": False,
    "next_gate": None,
}

DESK = {"en": "desk B", "id": "meja B", "zh-Hant": "B 服務台"}

SCREENS: dict[str, dict[str, Any]] = {
    "GO": {"lane": "window", "reason": "ok", "window_ms": 5000, "window_end": 4800},
    "GO_ATTENTION": {
        "lane": "window",
        "reason": "ok",
        "attention": ["vip", "minor"],
        "window_ms": 5000,
        "window_end": 4800,
    },
    "STOP_USED": {
        "reason": "already_redeemed",
        "detail": "total",
        "words": {"where": DESK},
        "first_use": {"gate": "2", "short": "2", "gate_name": {}, "at": 1_797_999_780_000, "time": "14:03"},
    },
    "STOP": {"reason": "invalid_time", "detail": "expired", "words": {"where": DESK}},
    "SEE_STAFF": {"reason": "unpaid", "words": {"where": DESK}, "case": "G2-0147-L"},
    "WAIT": {"lane": "busy", "reason": "lane_busy"},
    "OUT_OF_ORDER": {"lane": "out_of_order", "reason": "out_of_service", "next_gate": {"short": "3", "way": "left"}},
    "EMERGENCY": {"lane": "emergency"},
}
"""What each of the eight verdict screens adds to the idle state."""


def state_of(verdict: str | None, lang: str | None = None, **more: Any) -> dict[str, Any]:
    """A complete `state` message for a verdict in a visitor's language."""
    extra = SCREENS[verdict] if verdict else {}
    return {**IDLE, **extra, "verdict": verdict, "lang": lang, **more}


def decision_of(n: int, verdict: str = "GO", reason: str = "ok") -> dict[str, Any]:
    """A `decision` message; figures grow with n so that rows can be told apart."""
    return {
        "t": "decision",
        "ref": f"g2/9f1c2b7a55d0e312/{n}",
        "verdict": verdict,
        "reason": reason,
        "detail": "",
        "ticket_number": "ZDK4-SE1E-0",
        "input": "cam0",
        "latency": {"decode_ms": 8.0 + n, "decide_ms": 0.6, "commit_ms": 3.1, "pin_ms": 0.4, "total_ms": 12.1 + n},
    }


class FakeView:
    """GateView in memory. `publish` may be called from any thread, as the lane does."""

    def __init__(self, state: Mapping[str, Any] = IDLE) -> None:
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self.reset(state)

    def reset(self, state: Mapping[str, Any] = IDLE) -> None:
        """Forget everything but who listens."""
        self.current: dict[str, Any] = dict(state)
        self.demo_data: dict[str, Any] = {"pins": {}, "decisions": [], "journal": [], "sync": {}, "input": {}}
        self.samples: dict[str, float] = {"gate_admitted_total": 3.0, 'gate_refused_total{reason="invalid"}': 1.0}
        self.preview_calls: list[bool] = []
        self.failing: Exception | None = None

    def state(self) -> Message:
        if self.failing is not None:
            raise self.failing
        return dict(self.current)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return end

    @property
    def listeners(self) -> int:
        with self._lock:
            return len(self._listeners)

    def publish(self, message: Message) -> None:
        if message.get("t") == "state":
            self.current = dict(message)
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(message)

    def show(self, verdict: str | None, lang: str | None = None, **more: Any) -> None:
        self.publish(state_of(verdict, lang, **more))

    def demo(self) -> Message:
        return dict(self.demo_data)

    def preview(self, wanted: bool) -> None:
        self.preview_calls.append(wanted)

    def metrics(self) -> Mapping[str, float]:
        return dict(self.samples)
