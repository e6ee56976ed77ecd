"""Random histories of three real gates and the real server end in agreement, and the bugs put in are found.

The long run is `make prove-stateful`. Here a few random histories, and for each bug one history that shows it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stateful import laws
from tests.stateful.machine import BUGS, nothing, run
from tests.stateful.world import TICKETS, Broken, World, copy_of, scratch, template


@pytest.fixture(scope="module")
def master() -> Iterator[Path]:
    folder = scratch()
    template(folder)
    yield folder
    shutil.rmtree(folder)


def test_after_healing_every_gate_and_the_server_agree() -> None:
    run(examples=6, steps=25)


def test_a_seeded_bug_is_found_by_chance_alone() -> None:
    with pytest.raises(Broken):
        run(examples=100, steps=25, bug="ack when sent", shrink=False)


# ---- one history a bug


def _admit(world: World, *tickets: int) -> None:
    for ticket in tickets:
        world.admit(0, TICKETS[ticket])


def lost_answers(world: World) -> None:
    _admit(world, 0, 1, 2)
    world.push(0, ["lost_request", "lost_request"])
    laws.always(world)


def poison(world: World) -> None:
    _admit(world, 0, 1, 2)
    record = world.admit(0, TICKETS[3])
    assert record is not None
    world.net.poison = {record.id}
    for _ in range(8):
        world.push(0)
        laws.always(world)
    _admit(world, 4, 5)
    world.push(0)


def poison_and_a_crash(world: World) -> None:
    record = world.admit(0, TICKETS[3])
    assert record is not None
    world.net.poison = {record.id}
    for _ in range(4):
        world.push(0)
    world.restart_sync(0)
    laws.always(world)


def another_card(world: World) -> None:
    _admit(world, 0, 1)
    world.push(0)
    world.push(0)
    world.reimage(0, same_epoch=world.same_epoch)
    _admit(world, 0, 1, 2, 3)
    world.pull(0)
    _admit(world, 0, 1, 4)


def restored_server(world: World) -> None:
    _admit(world, 0, 1)
    world.push(0)
    world.pull(1)
    world.restore()
    world.admit(2, TICKETS[5])
    world.push(2)


def feed_of_many(world: World) -> None:
    for first in (0, 3, 6):
        _admit(world, first, first + 1, first + 2)
        world.push(0)
        world.pull(1)


HISTORIES: dict[str, Callable[[World], None]] = {
    "ack when sent": lost_answers,
    "delete on 4xx": poison,
    "set aside in a second transaction": poison_and_a_crash,
    "seq reuse after re-image": another_card,
    "deaf to a new life of the server": restored_server,
    "cursor before the page": feed_of_many,
    "admit before the feed": another_card,
    "feed goes on in another life": restored_server,
}


def live(master: Path, bug: str) -> None:
    """The history of a bug, with the bug when it is named in `bug`."""
    history, _, seeded = bug.partition("+")
    world = World(copy_of(master))
    world.same_epoch = seeded == "seq reuse after re-image"
    try:
        with BUGS.get(seeded, nothing)():
            for gate in range(3):
                world.pull(gate)
            HISTORIES[history](world)
            world.heal()
            laws.healed(world)
    finally:
        world.close()


@pytest.mark.parametrize("bug", BUGS)
def test_a_history_that_a_bug_breaks_is_whole_without_it(master: Path, bug: str) -> None:
    live(master, bug)
    with pytest.raises(Broken):
        live(master, f"{bug}+{bug}")
