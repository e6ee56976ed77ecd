"""What screens may see of the lane: the last state, live messages, figures. Written by the lane, read by every thread."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

from gate.lane.faults import Fault
from gate.ports import Message

logger = logging.getLogger(__name__)

KEEP = 20
"""Decisions and journal rows that the demo page shows."""
_LATENCIES_KEPT = 1_000


class LaneView:
    """Implements `ports.Screens` for the lane and `ports.GateView` for the kiosk.

    Args:
        ask_preview: tells the scanners whether pictures are wanted.
    """

    def __init__(self, ask_preview: Callable[[bool], None]) -> None:
        self._ask_preview = ask_preview
        self._lock = threading.Lock()
        self._listeners: tuple[Callable[[Message], None], ...] = ()
        self._state: dict[str, Any] = {"t": "state", "lane": "out_of_order", "verdict": None}
        self._pins: Message = {}
        self._input: dict[str, Any] = {}
        self._decisions: deque[Message] = deque(maxlen=KEEP)
        self._journal: deque[Message] = deque(maxlen=KEEP)
        self._counts: Counter[str] = Counter()
        self._gauges: dict[str, float] = {}
        self._latencies: deque[float] = deque(maxlen=_LATENCIES_KEPT)

    # ---- for the lane

    def publish(self, message: Message) -> None:
        word = message["t"]
        with self._lock:
            if word == "state":
                self._state = dict(message)
            elif word == "pins":
                self._pins = message
            elif word == "decision":
                self._decisions.appendleft(message)
                self._counts[f'gate_scans_total{{reason="{message["reason"]}"}}'] += 1
                if message["latency"]["pin_ms"] is not None:
                    self._latencies.append(message["latency"]["total_ms"])
            listeners = self._listeners
        for listener in listeners:
            try:
                listener(message)
            except Exception:  # a screen's fault must reach neither the lane nor the other screens
                logger.exception("a listener failed on a message of kind %s", word)

    def journaled(self, row: Message) -> None:
        with self._lock:
            self._journal.appendleft(row)
            self._counts[f'gate_journal_rows_total{{kind="{row["kind"]}"}}'] += 1

    def measured(self, **values: float) -> None:
        """Gauges by their Prometheus names."""
        with self._lock:
            self._gauges.update(values)

    def openings(self) -> dict[str, int]:
        """Rows of this life that opened the lane, and refusals, by kind."""
        kinds = ("admitted", "exit", "override", "refused")
        with self._lock:
            counted = {kind: self._counts[f'gate_journal_rows_total{{kind="{kind}"}}'] for kind in kinds}
        return {kind: n for kind, n in counted.items() if n}

    def heard(self, **values: Any) -> None:
        """News of the scanner: engines, size, fps, state."""
        with self._lock:
            self._input.update(values)

    # ---- for the kiosk

    def state(self) -> Message:
        with self._lock:
            return self._state

    def subscribe(self, listener: Callable[[Message], None]) -> Callable[[], None]:
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def end() -> None:
            with self._lock:
                self._listeners = tuple(item for item in self._listeners if item is not listener)

        return end

    def demo(self) -> Message:
        with self._lock:
            return {
                "pins": self._pins,
                "decisions": list(self._decisions),
                "journal": list(self._journal),
                "sync": {
                    "mode": self._state.get("mode"),
                    "data_age_s": self._state.get("data_age_s"),
                    **self._state.get("sync", {}),
                },
                "input": dict(self._input),
            }

    def preview(self, wanted: bool) -> None:
        self._ask_preview(wanted)

    def metrics(self) -> Mapping[str, float]:
        with self._lock:
            values: dict[str, float] = dict(self._counts) | self._gauges
            ordered = sorted(self._latencies)
            for name in ("fps", "age_ms", "dropped", "decode_ms"):
                if isinstance(self._input.get(name), (int, float)):
                    values[f"gate_input_{name}"] = float(self._input[name])
            state = self._state
        for share in (0.5, 0.95, 0.99):
            if ordered:
                at = min(len(ordered) - 1, int(share * len(ordered)))
                values[f'gate_capture_to_pin_ms{{quantile="{share}"}}'] = ordered[at]
        values["gate_outbox_rows"] = float(state.get("sync", {}).get("queue", 0))
        if state.get("data_age_s") is not None:
            values["gate_manifest_age_seconds"] = float(state["data_age_s"])
        for fault in Fault:
            values[f'gate_fault{{name="{fault}"}}'] = float(fault.value in state.get("faults", ()))
        values["gate_clock_trusted"] = float(state.get("clock") == "synced")
        return values
