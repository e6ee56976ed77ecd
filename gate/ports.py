"""What the core needs of the outside, as protocols. Adapters live in actuator, storage, kiosk; `app.py` joins them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from gate.model import Verdict

Message = Mapping[str, Any]
"""One message for screens, JSON-ready, with `t` (contracts 6). `at` and `n` are added by the screen hub."""


class PinEvent(NamedTuple):
    """A filtered edge of an input. `name` is passage, fire, tamper, exit_request or staff."""

    name: str
    lane: str
    """The lane the input belongs to (`entry`, `exit`); empty for the unit's own inputs."""
    active: bool
    """True = somebody passes, fire, tampered, pressed; polarity is already folded in."""
    mono_ms: int


class Actuator(Protocol):
    """Relay, lamp and buzzer of one unit. All calls may come from any thread and do not wait for the pulse."""

    def pulse(self, lane: str, seconds: float) -> int:
        """Energise the lane's relay for `seconds`; the owner thread switches it off.

        Returns: CLOCK_MONOTONIC nanoseconds right after the pin changed (0 = this lane has no relay).
        Raises: DeviceError when the pin could not be driven.
        """
        ...

    def signal(self, verdict: Verdict | None) -> None:
        """Show a verdict on lamp and buzzer; None = idle."""
        ...

    def release(self) -> None:
        """Every relay to rest, now. Emergency egress itself is wiring, not this call."""
        ...

    def snapshot(self) -> Message:
        """`{"relay": {"entry": bool}, "lamp": [r, g, b], "buzzer": bool, "inputs": {name: bool}, "pulses": {"entry": n}}`."""
        ...

    def alive(self) -> bool:
        """True while the owner thread turns and the pin factory answers."""
        ...

    def close(self) -> None:
        """Pins to their safe level, then closed. Safe to call twice."""
        ...


class Screens(Protocol):
    """Whoever shows things. Never blocks the lane: a slow browser loses messages, not the lane time."""

    def publish(self, message: Message) -> None: ...


class GateView(Protocol):
    """All that the kiosk may see of the lane."""

    def state(self) -> Message:
        """The current `state` message (contracts 6), complete."""
        ...

    def subscribe(self, listener: Callable[[Message], None]) -> Callable[[], None]:
        """Call `listener` from any thread for each message. Returns: a function that ends it."""
        ...

    def demo(self) -> Message:
        """For `/demo`: `{"pins", "decisions": [...newest first], "journal": [...], "sync": {...}, "input": {...}}`."""
        ...

    def preview(self, wanted: bool) -> None:
        """Ask the scanner for camera pictures (or stop); they arrive as `preview` messages."""
        ...

    def metrics(self) -> Mapping[str, float]:
        """Counters and gauges by Prometheus name."""
        ...
