"""One look-up: manifest, changes, uses here and elsewhere, and the files under it being replaced."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.decision.facts import NO_USES, Uses
from gate.errors import MovedError, StorageError
from gate.lane.world import World, local_day
from gate.model import EventId, GateId, ListId, TicketState
from gate.storage.journal import JournalStore
from gate.storage.tickets import TicketBook, base_path
from gate.storage.world import WorldReader
from gate.wire import cbor
from gate.wire.policy import parse_policy
from tests.fakes.issuer import AUTUMN, NOW_S, POLICY, SPRING
from tests.fakes.state import StateFolder
from tests.storage.rows import draft, moment, store

MAIN = ListId("main")
NOW_MS = NOW_S * 1000


class Desk:
    """A book on a state folder, with the journal that counts uses."""

    def __init__(self, state: StateFolder, *, life: int = 1) -> None:
        self.state = state
        self.journal: JournalStore = store(state.path, life=life)
        self.book = TicketBook(state.path, "g2")
        self.world = self.load()
        self.book.use(self.world)

    def load(self) -> World:
        reader = WorldReader(self.state.path, gate=GateId("g2"))
        try:
            return reader.read(NOW_S)
        finally:
            reader.close()

    def look(self, n: int, event: EventId = SPRING, lists: tuple[str, ...] = ("main",)) -> Any:
        served = self.world.event(event)
        assert served is not None
        day = local_day(served.policy, NOW_MS)
        return self.book.look_up(event, [ListId(name) for name in lists], self.state.key(n), day)

    def uses(self, n: int) -> Uses:
        return self.look(n).uses.get(MAIN, NO_USES)  # type: ignore[no-any-return]

    def close(self) -> None:
        self.book.close()
        self.journal.close()


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    made = StateFolder(tmp_path)
    return made.ready([made.row(n) for n in range(5)])


@pytest.fixture
def desk(state: StateFolder) -> Iterator[Desk]:
    made = Desk(state)
    yield made
    made.close()


def used(desk: Desk, n: int, kind: str = "admitted", **changes: Any) -> str:
    """Returns: the row's ref."""
    return desk.journal.commit([draft(0, kind, ticket=desk.state.key(n), **changes)], moment())[0].own_ref


def test_ticket_of_the_base_is_found_and_another_is_not(desk: Desk) -> None:
    assert desk.look(3).row == desk.state.row(3)
    assert desk.look(99).row is None


def test_change_comes_before_the_base_as_soon_as_it_is_committed(desk: Desk) -> None:
    desk.state.change(desk.state.row(3, state=int(TicketState.REVOKED), product=13))
    row = desk.look(3).row
    assert (row.state, row.product) == (TicketState.REVOKED, 13)
    desk.state.change(desk.state.row(99, lang="id"))
    assert desk.look(99).row.lang == "id"
    desk.state.change(desk.state.row(3, state=int(TicketState.REMOVED)))
    assert desk.look(3).row.state == TicketState.REMOVED


def test_change_of_another_event_is_not_ours(desk: Desk) -> None:
    desk.state.change(desk.state.row(3, state=int(TicketState.REVOKED)), event=AUTUMN)
    assert desk.look(3).row.state == TicketState.VALID


def test_own_uses_are_seen_right_after_the_commit(desk: Desk) -> None:
    assert desk.uses(1) == NO_USES
    entry = used(desk, 1)
    assert (desk.uses(1).entries, desk.uses(1).first_at, desk.uses(1).first_gate) == (1, NOW_MS, "g2")
    used(desk, 1, "exit")
    assert (desk.uses(1).exits, desk.uses(1).last_dir) == (1, "exit")
    used(desk, 1, "annulled", ref=entry)
    assert (desk.uses(1).entries, desk.uses(1).annuls, desk.uses(1).first_gate) == (0, 1, None)


def test_own_entries_of_another_day_do_not_count_for_today(desk: Desk) -> None:
    today = local_day(desk.world.events[0].policy, NOW_MS).label
    used(desk, 1, day="2020-01-01")
    assert (desk.uses(1).entries, desk.uses(1).day_entries) == (1, 0)
    used(desk, 1, day=today)
    assert (desk.uses(1).entries, desk.uses(1).day_entries) == (2, 1)


def test_uses_elsewhere_are_added_to_ours(desk: Desk) -> None:
    used(desk, 1)
    desk.state.remote(1, 1, gate="g7", at=NOW_MS - 5000, count=2)
    desk.state.remote(1, 2, gate="g7", kind="exit", dir="exit")
    found = desk.uses(1)
    assert (found.entries, found.exits) == (3, 1)
    assert (found.first_at, found.first_gate) == (NOW_MS - 5000, "g7"), "the earlier one of both"


def test_annulled_use_elsewhere_does_not_count(desk: Desk) -> None:
    desk.state.remote(1, 1, gate="g7", epoch=b"\1" * 8)
    desk.state.remote(1, 2, gate="g7", epoch=b"\1" * 8, kind="annulled", ref=f"g7/{'01' * 8}/1")
    desk.state.remote(1, 3, gate="g7", epoch=b"\1" * 8, kind="override")
    assert desk.uses(1).entries == 1
    assert desk.uses(1).day_entries == 1


def test_use_elsewhere_on_another_day_counts_in_total_only(desk: Desk) -> None:
    desk.state.remote(1, 1, at=NOW_MS - 3 * 86_400_000)
    assert (desk.uses(1).entries, desk.uses(1).day_entries) == (1, 0)


def test_own_rows_that_came_back_from_the_server_are_not_counted_twice(desk: Desk) -> None:
    used(desk, 1)
    desk.state.remote(1, 1, gate="g2", epoch=desk.journal.epoch)
    assert desk.uses(1).entries == 1


def test_own_rows_from_before_a_re_image_count(state: StateFolder) -> None:
    """The journal is new and empty, the server still knows what this gate did."""
    desk = Desk(state, life=9)
    desk.journal.write_boot(moment(), {}, {})
    state.remote(1, 7, gate="g2", epoch=b"\7" * 8)
    assert (desk.uses(1).entries, desk.uses(1).first_gate) == (1, "g2")
    desk.close()


def test_own_rows_behind_a_lost_tail_count(desk: Desk) -> None:
    """A card that lied about its flush: the journal ends at row 1, and the server has an admission of row 2."""
    used(desk, 0)
    desk.state.remote(1, 2, gate="g2", epoch=desk.journal.epoch)
    assert desk.uses(1).entries == 1


def test_each_list_is_counted_for_itself(desk: Desk) -> None:
    lists = [{"id": name, "products": None, "zones": 0xFFFF} for name in ("main", "vip")]
    gate = {"id": "g2", "short": "G2", "name": {}, "zones": 0xFFFF, "lists": ["main", "vip"], "direction": "both"}
    desk.state.publish([desk.state.row(1)], lists=lists, gates=[gate])
    desk.world = desk.load()
    desk.book.use(desk.world)
    used(desk, 1)
    used(desk, 1, list="vip")
    desk.state.remote(1, 1, list="vip")
    found = desk.look(1, lists=("main", "vip")).uses
    assert {name: item.entries for name, item in found.items()} == {"main": 1, "vip": 2}


def test_new_base_comes_into_force_whole_and_the_old_file_is_let_go(desk: Desk) -> None:
    old = base_path(desk.state.path, desk.world.events[0].base_sha256 or b"")
    desk.state.publish([desk.state.row(8)])
    with pytest.raises(MovedError):  # sync's changes are the new base's: with the old one, revocations would be missing
        desk.look(3)
    desk.world = desk.load()
    desk.book.use(desk.world)
    assert desk.look(8).row is not None
    assert desk.look(3).row is None
    assert str(old) not in open_files()


def test_base_that_cannot_be_opened_answers_nobody_until_it_can_be(desk: Desk) -> None:
    new = desk.state.publish([desk.state.row(8)])
    world = desk.load()
    path = base_path(desk.state.path, new)
    hidden = path.rename(path.with_suffix(".away"))
    for _ in range(2):
        with pytest.raises(StorageError):
            desk.book.use(world)
        with pytest.raises(MovedError):
            desk.look(3)
    used(desk, 3)
    used(desk, 3)
    hidden.rename(path)
    desk.book.use(world)
    assert desk.look(8).row is not None
    assert desk.uses(3).entries == 2


def test_events_may_come_go_and_change_places(desk: Desk) -> None:
    state = desk.state
    state.enrol(events=(SPRING, AUTUMN))
    state.publish([state.row(50)], event=AUTUMN)
    for events in ((SPRING, AUTUMN), (AUTUMN, SPRING), (AUTUMN,), (SPRING,), (AUTUMN, SPRING), (SPRING,), ()):
        state.enrol(events=events)
        desk.world = desk.load()
        desk.book.use(desk.world)
        for event in events:
            assert desk.look({SPRING: 3, AUTUMN: 50}[event], event).row is not None
        held = [name for name in open_files() if "/manifests/" in name]
        assert len(set(held)) == len(events), "what is not served is not held open"
    with pytest.raises(StorageError):
        desk.book.look_up(SPRING, [MAIN], state.key(3), local_day(_policy(), NOW_MS))


def test_more_events_than_files_fit_twice_are_swapped_all_the_same(tmp_path: Path) -> None:
    names = [EventId(f"event{n}") for n in range(7)]
    state = StateFolder(tmp_path)
    state.trust()
    state.enrol(events=tuple(names))
    for name in names:
        state.publish([state.row(1)], event=name)
    desk = Desk(state)
    for round_ in range(3):
        for number, name in enumerate(names):
            state.publish([state.row(1), state.row(10 + round_ * 10 + number)], event=name)
        desk.world = desk.load()
        desk.book.use(desk.world)
        assert desk.look(10 + round_ * 10 + 6, names[6]).row is not None
    desk.close()


def test_sync_file_that_was_replaced_is_read_anew(desk: Desk) -> None:
    state = desk.state
    state.remote(1, 1)
    assert desk.uses(1).entries == 1
    state.replace_sync()
    desk.book.use(desk.world)
    assert desk.uses(1).entries == 0
    state.remote(2, 1)
    assert desk.uses(2).entries == 1


def test_sync_file_that_is_spoiled_leaves_the_old_one_in_use_until_it_is_well(desk: Desk) -> None:
    state = desk.state
    state.remote(1, 1)
    for path in state.path.glob("sync.db*"):
        path.unlink()
    state.sync_db.write_bytes(b"no database " * 1000)
    for _ in range(2):
        with pytest.raises(StorageError):
            desk.book.use(desk.world)
        assert desk.uses(1).entries == 1
    state.replace_sync()
    desk.book.use(desk.world)
    assert desk.uses(1).entries == 0


def test_base_whose_pages_are_spoiled_refuses_and_does_not_crash(state: StateFolder) -> None:
    sha256 = state.publish([state.row(n) for n in range(3000)])
    path = base_path(state.path, sha256)
    desk = Desk(state)
    data = bytearray(path.read_bytes())
    data[3 * 4096 :] = b"\xff" * (len(data) - 3 * 4096)
    path.write_bytes(bytes(data))
    refused = 0
    for n in range(0, 3000, 100):
        try:
            desk.look(n)
        except StorageError:
            refused += 1
    assert refused
    desk.close()


def test_book_cannot_write_the_journal(desk: Desk) -> None:
    with pytest.raises(sqlite3.OperationalError):
        desk.book._connection.execute("DELETE FROM uses")


def open_files() -> list[str]:
    return [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if _is_link(name)]


def _is_link(name: str) -> bool:
    return os.path.islink(f"/proc/self/fd/{name}")


def _policy() -> Any:
    return parse_policy(cbor.dumps(POLICY))
