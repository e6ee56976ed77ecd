"""Who may walk now: the relay's openings, the machines they set going, and the rows that say how each ended.

No verdict, no screen and no decision lives here. One thread calls all of it: the admission thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gate.clock import Clock
from gate.errors import DeviceError, StorageError
from gate.lane.gather import Found
from gate.lane.machine import Effect, LaneEvent, LaneMachine, LaneState
from gate.lane.rows import about
from gate.model import Direction, TicketFlag
from gate.ports import Actuator, Draft, Journal, Message
from gate.wire.journal import Record

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction of the unit: its states, and how long the relay pulses and one may walk. Times in ms."""

    machine: LaneMachine
    pulse_ms: int
    window_ms: int
    long_window_ms: int
    """For tickets with the accessibility flag."""
    level: bool = False
    """The relay is held for the window instead of pulsed: only where the controller limits it by itself."""
    two_way: bool = False
    """The passage contacts of both ways are of one passage (pass A, pass B), so they tell who came against it."""

    def begin(self, *, long: bool) -> float:
        """Set the machine for one opening. Returns: seconds that the relay is energised."""
        window_ms = self.long_window_ms if long else self.window_ms
        if not self.level:
            self.machine.window_ms = window_ms
            return self.pulse_ms / 1000
        self.machine.window_ms = 0
        self.machine.pulse_ms = window_ms + (self.machine.level_rest_ms or 0)
        return window_ms / 1000


@dataclass(frozen=True, slots=True)
class Granted:
    """The admission whose person is walking, to be made final or annulled."""

    record: Record
    text: str
    """The code that was shown; empty when staff opened."""
    annuls: int
    annul_max: int
    long: bool
    """The person may need more time."""

    @classmethod
    def of(cls, record: Record, found: Found, text: str = "") -> Granted:
        annul_max = found.event.policy.annul_max if found.event else 0
        return cls(record, text, found.annuls, annul_max, bool(found.facts.flags & TicketFlag.ACCESSIBILITY))


class Passages:
    """The ways of one unit, by direction.

    Args:
        ended: told the way whose granted person is through, or will not come.
        stream: event whose row tells of a passage that nobody was granted.
        tell: publishes a message.
    """

    def __init__(
        self,
        ways: dict[str, Way],
        *,
        clock: Clock,
        journal: Journal,
        actuator: Actuator,
        ended: Callable[[str], None],
        stream: Callable[[], str],
        tell: Callable[[Message], None],
    ) -> None:
        self.ways = ways
        self.machines = {name: way.machine for name, way in ways.items()}
        self.granted: dict[str, Granted] = {}
        self.on_spent: Callable[[Record], None] = lambda _: None
        """Called when an entry that nobody made use of stays used, because its ticket was given back often enough."""
        self._clock = clock
        self._journal = journal
        self._actuator = actuator
        self._ended = ended
        self._stream = stream
        self._tell = tell
        self._halted: set[str] = set()
        """Ways that are out of order because of the pins, and start again with them."""

    # ---- how they stand

    @property
    def states(self) -> list[LaneState]:
        return [machine.state for machine in self.machines.values()]

    def repeats(self, name: str, text: str) -> bool:
        """The code of who may walk now is in view still, or again."""
        granted = self.granted.get(name)
        return granted is not None and self.machines[name].open and granted.text == text

    # ---- openings

    def open(self, name: str, granted: Granted | None) -> float | None:
        """Pulse the relay, for an admission that is on disk or (None) for nobody's ticket.

        Returns: monotonic ms of the pin's change; None when it could not be driven: the entry is taken back then, and
        the way is out of order.
        """
        if granted is None:
            self.granted.pop(name, None)
        else:
            self.granted[name] = granted
        seconds = self.ways[name].begin(long=granted is not None and granted.long)
        try:
            pin_ns = self._actuator.pulse(name, seconds)
        except DeviceError:
            logger.exception("the relay could not be driven: the lane is out of order")
            if granted is not None:
                self._guarded("the entry was not taken back", lambda: self._take_back(name, "undo"))
            self.step(name, LaneEvent.FAULT)
            return None
        self.step(name, LaneEvent.GRANT)
        return pin_ns / 1e6 if pin_ns else self._clock.mono_ms()

    def forget(self, record: Record) -> None:
        """An admission that was taken back: nobody's passage is waited for any more."""
        for name, granted in list(self.granted.items()):
            if granted.record is record:
                self._end(name)

    # ---- what moves them

    def step(self, name: str, event: LaneEvent) -> None:
        for effect in self.machines[name].step(event, int(self._clock.mono_ms())):
            self._guarded(f"lane {name}: '{effect}' failed", partial(self._effect, name, effect))

    def step_all(self, event: LaneEvent) -> None:
        for name in self.ways:
            self.step(name, event)

    def contact(self, name: str) -> None:
        """With a contact for each direction, a passage against the open one is a reversal and no tailgating."""
        for other, way in self.ways.items():
            if other != name and way.two_way and way.machine.open and not self.machines[name].open:
                self.step(other, LaneEvent.REVERSAL)
                return
        self.step(name, LaneEvent.PASSAGE)

    def halt(self) -> None:
        """The pins are gone: out of order, until `resume`, is every way that was not so already."""
        self._halted = {name for name, machine in self.machines.items() if machine.readiness != "out"}
        for name in self._halted:
            self.step(name, LaneEvent.FAULT)

    def resume(self) -> None:
        for name in self._halted:
            self.step(name, LaneEvent.REPAIRED)

    # ---- how an opening ends

    def _guarded(self, what: str, action: Callable[[], None]) -> None:
        """One thing that fails must not keep the next from being done: a dead relay no alarm, a full disk no release."""
        try:
            action()
        except (DeviceError, StorageError):
            logger.exception("%s", what)

    def _effect(self, name: str, effect: Effect) -> None:
        granted = self.granted.get(name)
        if effect is Effect.PASSED and self.ways[name].level:
            self._guarded("a held relay was not released; it ends by its own time", self._actuator.release)
        if effect is Effect.RELEASE:
            self._actuator.release()
        elif effect is Effect.TAILGATED:
            self._write("tailgated", name, None, None)
        elif granted is not None:
            try:
                if effect is Effect.PASSED:
                    self._write("passed", name, granted.record, None)
                elif effect is Effect.REVERSED:
                    self._take_back(name, "reversed")
                elif effect is Effect.TIMED_OUT:
                    self._take_back(name, "timeout")
            finally:
                self._end(name)

    def _take_back(self, name: str, cause: str) -> None:
        """Annul the grant. Above the limit the entry stays used: else one ticket could hold a lane for ever."""
        granted = self.granted.pop(name)
        if granted.record.kind != "admitted":
            return
        if granted.annuls < granted.annul_max:
            self._write("annulled", name, granted.record, {"cause": cause})
        else:
            self.on_spent(granted.record)

    def _write(self, kind: str, name: str, of: Record | None, data: dict[str, Any] | None) -> None:
        if of is not None:
            draft = replace(about(of, kind, data=data), count=1)  # one passage, also of a group
        else:
            draft = Draft(event=self._stream(), kind=kind, direction=Direction(name), data=data)
        record = self._journal.commit([draft], self._clock.now())[0]
        self._tell({"t": "passage", "kind": kind, "lane": name, "ref": record.ref})

    def _end(self, name: str) -> None:
        self.granted.pop(name, None)
        self._ended(name)
