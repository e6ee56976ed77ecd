"""Random histories of the world, as a state machine that Hypothesis drives and shrinks; and the bugs that it must find."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from gate.errors import UplinkError
from gate.sync.feed import FeedReader
from gate.sync.protocol import PushAnswer
from gate.sync.push import Pusher
from gate.sync.store import Store
from gate.wire.journal import Record
from tests.stateful import laws
from tests.stateful.box import Box
from tests.stateful.net import FAULTS
from tests.stateful.world import GATES, TICKETS, World, copy_of, scratch, template

gates = st.integers(0, len(GATES) - 1)
tickets = st.sampled_from(TICKETS)
faults = st.lists(st.sampled_from(("", *FAULTS)), max_size=3)


class Tally:
    """What the runs of one process consisted of, for the figures."""

    runs = 0
    checks = 0
    records = 0
    calls = 0


class Histories(RuleBasedStateMachine):
    """Subclassed with the master folder by `machine`."""

    master: Path
    same_epoch = False

    def __init__(self) -> None:
        super().__init__()
        self.world = World(copy_of(self.master))
        self.admitted: list[Record] = []
        for gate in range(len(GATES)):
            self.world.pull(gate)
        Tally.runs += 1

    @rule(gate=gates, ticket=tickets, times=st.integers(1, 4))
    def admit(self, gate: int, ticket: bytes, times: int) -> None:
        for number in range(times):
            record = self.world.admit(gate, TICKETS[(TICKETS.index(ticket) + number) % len(TICKETS)])
            if record is not None:
                self.admitted.append(record)

    @rule(gate=gates, data=st.data())
    def annul(self, gate: int, data: st.DataObject) -> None:
        own = [record for record in self.admitted if record.gate == GATES[gate]]
        if own:
            record = data.draw(st.sampled_from(own))
            self.admitted.remove(record)
            self.world.annul(gate, record)

    @rule(gate=gates)
    def note_clock(self, gate: int) -> None:
        self.world.note_clock(gate)

    @rule(gate=gates, faults=faults, turns=st.integers(1, 4))
    def push(self, gate: int, faults: list[str], turns: int) -> None:
        for turn in range(turns):
            self.world.push(gate, faults if turn == 0 else ())
            self.holds()

    @rule(gate=gates, faults=faults)
    def pull(self, gate: int, faults: list[str]) -> None:
        self.world.pull(gate, faults)

    @rule()
    def deliver_late(self) -> None:
        self.world.deliver_late()
        self.holds()

    @rule(down=st.booleans())
    def partition(self, down: bool) -> None:
        self.world.net.down = down

    @rule(ms=st.sampled_from((1_000, 61_000, 700_000)))
    def wait(self, ms: int) -> None:
        self.world.wait(ms)

    @rule(gate=gates, ticket=tickets)
    def poison(self, gate: int, ticket: bytes) -> None:
        """The next record of this gate is one that the server cannot take."""
        before = len(self.admitted)
        self.admit(gate, ticket, 3)
        if len(self.admitted) > before:
            self.world.net.poison = {self.admitted[before].id}

    @rule(gate=gates)
    def restart_sync(self, gate: int) -> None:
        self.world.restart_sync(gate)
        self.holds()

    @rule(gate=gates, whole=st.booleans())
    def restart_lane(self, gate: int, whole: bool) -> None:
        self.world.reboot(gate) if whole else self.world.restart_lane(gate)

    @rule(gate=gates, save=st.booleans())
    def power_cut(self, gate: int, save: bool) -> None:
        self.world.save_sync(gate) if save else self.world.power_cut(gate)
        self.holds()

    @rule(gate=gates)
    def reimage(self, gate: int) -> None:
        self.world.reimage(gate, same_epoch=self.same_epoch)
        self.admitted = [record for record in self.admitted if record.gate != GATES[gate]]
        for ticket in TICKETS:  # a queue stands before the gate, with tickets used and unused
            self.admit(gate, ticket, 1)

    @rule(restore=st.booleans())
    def backup(self, restore: bool) -> None:
        self.world.restore() if restore else self.world.backup()

    def holds(self) -> None:
        Tally.checks += 1
        laws.always(self.world)

    def teardown(self) -> None:
        try:
            self.world.heal()
            laws.healed(self.world)
        finally:
            Tally.records += len(self.world.made)
            Tally.calls += self.world.net.calls
            self.world.close()


def run(examples: int, steps: int, *, seed: int | None = None, bug: str = "", shrink: bool = True) -> None:
    """Raises what a history broke, smallest history found."""
    master = scratch()
    try:
        template(master)
        kind = type("Run", (Histories,), {"master": master, "same_epoch": bug == "seq reuse after re-image"})
        phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
        profile = settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None, phases=phases,
            suppress_health_check=list(HealthCheck), print_blob=False, report_multiple_bugs=False, derandomize=seed is None,
        )  # fmt: skip
        if seed is not None:
            from hypothesis import seed as seeded

            kind = seeded(seed)(kind)
        with BUGS.get(bug, nothing)():
            run_state_machine_as_test(kind, settings=profile)
    finally:
        shutil.rmtree(master)


# ---- bugs that must be found


@contextmanager
def nothing() -> Iterator[None]:
    yield


@contextmanager
def _patched(place: Any, name: str, value: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, value)
        yield


def _ack_when_sent() -> Any:
    """What was sent counts as delivered, whatever became of the answer."""
    real = Pusher._post

    def post(self: Pusher, client: Any, event: str, items: list[Any]) -> PushAnswer:
        try:
            return real(self, client, event, items)
        except UplinkError:
            return PushAnswer(results=tuple((item.epoch.hex(), item.seq, "stored") for item in items))

    return _patched(Pusher, "_post", post)


def _delete_on_4xx() -> Any:
    """A refused record is done with: nothing remembers it."""
    real = Store.take_acks

    def take(self: Store, peer: str, acks: Any, poison: Any = (), at: int = 0, freed: Any = ()) -> None:
        real(self, peer, acks, (), at, freed)

    return _patched(Store, "take_acks", take)


def _aside_in_second_tx() -> Any:
    """The set-aside record is written in the transaction after the one of the number."""
    real, late = Store.take_acks, dict[int, Any]()

    def take(self: Store, peer: str, acks: Any, poison: Any = (), at: int = 0, freed: Any = ()) -> None:
        real(self, peer, acks, late.pop(id(self), ()), at, freed)
        late[id(self)] = list(poison)

    return _patched(Store, "take_acks", take)


def _deaf_to_a_new_life() -> Iterator[None]:
    """Neither a question after a silence, nor a resend when the server says that it began anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pusher, "reconcile", lambda self: None)
        patch.setattr(Store, "forget_acks", lambda self, peer, event: None)
        yield


def _cursor_before_page() -> Any:
    """The feed's cursor is written, and then the page, if nothing comes between."""
    real = Store.take_feed

    def take(self: Store, event: str, rows: Any, clocks: Any, following: str | None) -> None:
        real(self, event, () if following and following[-1] in "369" else rows, clocks, following)

    return _patched(Store, "take_feed", take)


def _admit_before_feed() -> Any:
    return _patched(Box, "knows_the_past", True)


def _feed_goes_on_in_another_life() -> Any:
    """410 is taken for 'nothing new'."""
    real = FeedReader.step

    def step(self: FeedReader, client: Any, wait_s: float) -> bool:
        before = self._store.take_feed
        self._store.take_feed = (  # type: ignore[method-assign]
            lambda event, rows, clocks, following: None if following is None else before(event, rows, clocks, following)
        )
        try:
            return real(self, client, wait_s)
        finally:
            self._store.take_feed = before  # type: ignore[method-assign]
            self.resend = False

    return _patched(FeedReader, "step", step)


BUGS: dict[str, Callable[[], Any]] = {
    "ack when sent": _ack_when_sent,
    "delete on 4xx": _delete_on_4xx,
    "set aside in a second transaction": _aside_in_second_tx,
    "seq reuse after re-image": nothing,
    "deaf to a new life of the server": contextmanager(_deaf_to_a_new_life),
    "cursor before the page": _cursor_before_page,
    "admit before the feed": _admit_before_feed,
    "feed goes on in another life": _feed_goes_on_in_another_life,
}
