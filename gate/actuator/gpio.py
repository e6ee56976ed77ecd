"""The actuator of a unit: one owner thread turns the board, everybody else hands over.

Only the owner touches a pin. Listeners are told by a second thread, so that a slow one can never keep a relay energised.
What this cannot do: if the process is killed -9 while a relay is on, the owner dies with it (docs/wiring.md says what
the wiring and the service unit do then).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from gpiozero.pins.mock import MockFactory

from gate.actuator.board import Board, Contact
from gate.actuator.factory import Factory, open_factory
from gate.actuator.notify import Notifier
from gate.actuator.profiles import Profile, check_profiles
from gate.errors import DeviceError
from gate.model import Verdict
from gate.ports import Message, PinEvent
from gate.settings import Settings

logger = logging.getLogger(__name__)

TURN_S = 0.2
"""The owner turns at least this often, also when nothing is to do: it polls the contacts and shows that it lives."""
ALIVE_S = 2.0
"""An owner that has not turned for so long counts as dead."""
ANSWER_S = 0.5
"""A handed-over command not begun by then is withdrawn: better no pulse than one that comes when nobody expects it."""

Task = Callable[[float], Any]


class GpioActuator:
    """Implements `gate.ports.Actuator` with gpiozero.

    Args:
        settings: `lanes`, `pins` and `gate.runtime_dir` are used.
        factory: an open gpiozero factory; it is then the caller's to close. None = the one named by `pins.factory`.
        profiles: by lane; None = those named by the lanes.
        on_input: told each confirmed change of an input, in order, from the notifier's thread.
        on_change: told the newest `snapshot()` after changes, from the notifier's thread; some may be skipped.
        monotonic_ns: CLOCK_MONOTONIC in nanoseconds.

    Raises:
        DeviceError: the factory or a pin cannot be had.
        ConfigError: a profile is missing or does not fit its lane.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        factory: Factory | None = None,
        profiles: Mapping[str, Profile] | None = None,
        on_input: Callable[[PinEvent], None] | None = None,
        on_change: Callable[[Message], None] | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        chosen = check_profiles(settings) if profiles is None else profiles
        self._now_ns = monotonic_ns
        self._own_factory = factory is None
        self._factory = (
            factory if factory is not None else open_factory(settings.pins.factory, settings.gate.runtime_dir)
        )
        self._wake = threading.Condition()
        self._tasks: deque[tuple[Future[Any], Task]] = deque()
        self._edges: deque[tuple[Contact, bool, float]] = deque()
        self._closing = False
        self._close_lock = threading.Lock()
        self._fault = ""
        self._vouched_until = float("inf")
        try:
            self._board = Board(settings, self._factory, chosen)
            if self._own_factory and isinstance(self._factory, MockFactory):
                # A pretended pull-up without a pretended contact reads as a cut wire: in the demo all contacts are well.
                for contact in self._board.contacts:
                    contact.drive(active=False)
        except BaseException:
            self._close_factory()
            raise
        self._snapshot: Message = self._board.snapshot()
        self._turned_at = self._now()
        self._notifier = Notifier(on_input, on_change)
        for contact in self._board.contacts:
            contact.watch(self._edge)
        self._owner = threading.Thread(target=self._own, name="actuator-owner", daemon=True)
        self._owner.start()

    def pulse(self, lane: str, seconds: float) -> int:
        """See `ports.Actuator`. A pulse during another one, or longer than the profile allows, is refused."""

        def begin(now: float) -> int:
            return self._now_ns() if self._board.pulse(lane, seconds, now) else 0

        result = self._hand_over(begin)
        assert isinstance(result, int)
        return result

    def signal(self, verdict: Verdict | None) -> None:
        """See `ports.Actuator`. Does not wait; after `close` it does nothing."""
        self._post(lambda now: self._board.show(verdict, now))

    def release(self) -> None:
        """See `ports.Actuator`. Returns when the relays are at rest.

        Raises: DeviceError when one could not be driven.
        """
        self._hand_over(lambda _now: self._board.rest())

    def vouch(self, seconds: float) -> None:
        """The whole gate is well for so long: from the first call on, the heartbeat output beats only in that time. So the
        relay behind it drops also when the lane hangs and the pins' owner alone still turns."""
        self._vouched_until = self._now() + seconds

    def snapshot(self) -> Message:
        """See `ports.Actuator`. A lane's own inputs are named like `passage.entry`."""
        return self._snapshot

    def alive(self) -> bool:
        """See `ports.Actuator`."""
        return self._owner.is_alive() and not self._fault and self._now() - self._turned_at < ALIVE_S

    def drive(self, name: str, active: bool, lane: str = "") -> None:
        """Move a simulated contact, as a person or a panel would. Only with mock pins.

        Raises: DeviceError when the pins are real, or there is no such input.
        """
        if not isinstance(self._factory, MockFactory):
            raise DeviceError("these pins are real: their contacts are moved by hand")
        for contact in self._board.contacts:
            if contact.name == name and contact.lane == lane:
                contact.drive(active)
                return
        raise DeviceError(f"no input {name!r}" + (f" at lane {lane!r}" if lane else ""))

    def close(self) -> None:
        """See `ports.Actuator`. Must be called on the way out: gpiozero's exit hook knows neither SIGTERM nor this factory."""
        with self._close_lock:
            if self._closing:
                return
            with self._wake:
                self._closing = True
                self._wake.notify()
            self._owner.join(ALIVE_S)
            if self._owner.is_alive():
                logger.error("the owner of the pins hangs; they are put to rest from outside")
            self._board.close()
            self._close_factory()
            self._notifier.close()

    # Everything below runs in the owner thread, but for _edge, _post and _hand_over.

    def _own(self) -> None:
        try:
            while not self._closing:
                self._turn()
        except Exception as error:
            self._fault = str(error) or type(error).__name__
            logger.exception("the pins failed; every relay goes to rest")
        finally:
            self._end()

    def _turn(self) -> None:
        with self._wake:
            now = self._now()
            if not self._tasks and not self._edges and not self._closing:
                due = self._board.next_change(now)
                self._wake.wait(TURN_S if due is None else min(TURN_S, max(0.0, due - now)))
            tasks, self._tasks = self._tasks, deque()
            edges, self._edges = self._edges, deque()
        for future, task in tasks:
            self._run(future, task)
        events = [event for contact, active, at in edges for event in self._board.edge(contact, active, at)]
        now = self._now()
        self._board.beating = now < self._vouched_until
        events += self._board.step(now)
        if now - self._turned_at >= TURN_S / 2 and not edges:
            events += self._board.poll(now)
        different = self._board.differences()
        if different:
            raise DeviceError(f"relay of {', '.join(different)} does not read as it was driven")
        self._turned_at = now
        self._tell(events)

    def _run(self, future: Future[Any], task: Task) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(task(self._now()))
        except Exception as error:  # noqa: BLE001 - whoever handed it over is told, in the future
            future.set_exception(error)

    def _tell(self, events: list[PinEvent]) -> None:
        for event in events:
            self._notifier.event(event)
        snapshot = self._board.snapshot()
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            self._notifier.snapshot(snapshot)

    def _end(self) -> None:
        try:
            self._board.rest()
        except Exception:
            logger.exception("a relay could not be put to rest")
        with self._wake:
            self._closing = True
            tasks, self._tasks = self._tasks, deque()
        for future, _ in tasks:
            if future.set_running_or_notify_cancel():
                future.set_exception(DeviceError("the pins are closed"))

    def _edge(self, contact: Contact, active: bool) -> None:
        """From gpiozero's own thread."""
        with self._wake:
            self._edges.append((contact, active, self._now()))
            self._wake.notify()

    def _post(self, task: Task) -> Future[Any] | None:
        future: Future[Any] = Future()
        with self._wake:
            if self._closing:
                return None
            self._tasks.append((future, task))
            self._wake.notify()
        return future

    def _hand_over(self, task: Task) -> Any:
        future = self._post(task)
        if future is None:
            raise DeviceError(f"the pins are closed{': ' + self._fault if self._fault else ''}")
        try:
            try:
                return future.result(ANSWER_S)
            except TimeoutError as error:
                if future.cancel():
                    raise DeviceError(f"the owner of the pins did not answer in {ANSWER_S} s") from error
                return future.result(ANSWER_S)
        except DeviceError:
            raise
        except KeyError as error:
            raise DeviceError(f"no lane {error}") from error
        except Exception as error:
            raise DeviceError(f"the relay was not driven: {error}") from error

    def _now(self) -> float:
        return self._now_ns() / 1e9

    def _close_factory(self) -> None:
        if self._own_factory:
            self._factory.close()
