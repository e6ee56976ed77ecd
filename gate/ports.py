"""What the core needs of the outside, as protocols. Adapters live in actuator, storage, kiosk; `app.py` joins them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from gate.decision.facts import Facts, Uses
from gate.model import Day, Direction, EventId, GateId, ListId, Moment, TicketKey, TicketRow, Verdict
from gate.wire.journal import Record

Message = Mapping[str, Any]
"""One message for screens, JSON-ready, with `t` (contracts 6). `at` and `n` are added by the screen hub."""


class Lookup(NamedTuple):
    """All that is stored about one ticket in one event, everywhere known."""

    row: TicketRow | None
    uses: Mapping[ListId, Uses]


class Tickets(Protocol):
    """Manifest and uses of the events served. Admission thread only."""

    def look_up(self, event: EventId, lists: Sequence[ListId], key: TicketKey, day: Day) -> Lookup:
        """One read of base, changes, local and remote uses; sees every commit made before the call.

        Raises: StorageError.
        """
        ...

    def addons(self, event: EventId, parent: TicketKey) -> Sequence[TicketRow]:
        """Tickets that hang on this one (`parent`), removed ones not, in order of key.

        Raises: StorageError.
        """
        ...

    def entries(self, event: EventId, name: ListId, key: TicketKey) -> Sequence[int]:
        """When the ticket entered on this list, as far as known here: Unix seconds, oldest first, the newest
        `HISTORY_MAX` of them.

        Raises: StorageError.
        """
        ...

    def inside(self, event: EventId, gates: Sequence[GateId]) -> int:
        """Entries less exits at these gates, everywhere known; never below 0.

        Raises: StorageError.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One outcome that is to become a journal row. `latency`: ms by stage, for repair; not part of the record."""

    event: str
    kind: str
    list: str | None = None
    direction: Direction | None = None
    ticket: bytes | None = None
    product: int | None = None
    count: int = 1
    """People that came with it: a group is one row."""
    reason: str | None = None
    detail: str | None = None
    rule: str | None = None
    ref: str | None = None
    actor: str | None = None
    input: str | None = None
    facts: Facts | None = None
    data: Any = None
    day: str | None = None
    """Local day that an entry counts for."""
    latency: Mapping[str, float] | None = None


class Journal(Protocol):
    """The durable record. Admission thread only."""

    def commit(self, drafts: Sequence[Draft], moment: Moment) -> list[Record]:
        """All rows and the uses they change, in one transaction that is on disk when this returns.

        Raises: StorageError; then nothing of it is written.
        """
        ...


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
