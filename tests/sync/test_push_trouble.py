"""A server that fails at one record, forgets what it had, or asks for what retention took: nothing is dropped, all heals."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import delete

from gate.central import schema
from gate.errors import UplinkError
from gate.sync.poison import IDENTICAL_MAX, RETRY_ASIDE_MS, SERVER_FAILS, Suspicion
from tests.fakes.server import EVENT, Fault
from tests.sync.conftest import Gate, Lane
from tests.sync.test_push import seqs, upto


def push(gate: Gate, rounds: int) -> list[str]:
    """As the loop does it. Returns: the codes of what came back."""
    codes = []
    for _ in range(rounds):
        if not gate.pusher.look():
            break
        try:
            gate.pusher.step(gate.client, EVENT)
        except UplinkError as error:
            codes.append(error.code)
    return codes


def quarantine(gate: Gate) -> list[tuple[int, str]]:
    return gate.store._open().execute("SELECT seq, why FROM quarantine ORDER BY seq").fetchall()


@pytest.mark.parametrize("status", [500, 502])
def test_a_record_at_which_the_server_fails_is_set_aside_once_others_pass(gate: Gate, lane: Lane, status: int) -> None:
    lane.admit(40)
    gate.live.faults.append(Fault("POST", "/checkins", poison=frozenset({17}), poison_status=status))
    codes = push(gate, 60)
    assert set(codes) == {"server_error"}
    assert IDENTICAL_MAX <= len(codes) <= IDENTICAL_MAX + 8
    assert seqs(gate) == [n for n in range(1, 41) if n != 17]
    assert quarantine(gate) == [(17, f"{SERVER_FAILS} ({status})")]
    assert gate.pusher.queue() == 0


def test_what_was_set_aside_is_offered_again_and_arrives(gate: Gate, lane: Lane) -> None:
    lane.admit(10)
    gate.live.faults.append(Fault("POST", "/checkins", poison=frozenset({4}), poison_status=500))
    push(gate, 60)
    assert [seq for seq, _ in quarantine(gate)] == [4]
    assert gate.pusher.retry_aside() == 0
    gate.live.faults.clear()
    with gate.store._open() as connection:
        connection.execute("UPDATE quarantine SET at = at - ?", (RETRY_ASIDE_MS,))
    assert gate.pusher.retry_aside() == 1
    gate.push_all()
    assert sorted(seqs(gate)) == list(range(1, 11))
    assert quarantine(gate) == []
    assert upto(gate) == [(EVENT, 10, 10)]


def test_while_nothing_passes_nothing_is_set_aside(gate: Gate, lane: Lane) -> None:
    lane.admit(20)
    gate.live.faults.append(Fault("POST", "/checkins", status=500))
    assert push(gate, 100) == ["server_error"] * 100
    assert quarantine(gate) == []
    assert gate.pusher.queue() == 20
    gate.live.faults.clear()
    gate.push_all()
    assert sorted(seqs(gate)) == list(range(1, 21))
    assert quarantine(gate) == []


def test_the_only_record_is_never_set_aside_while_it_is_alone(gate: Gate, lane: Lane) -> None:
    lane.admit(1)
    gate.live.faults.append(Fault("POST", "/checkins", poison=frozenset({1}), poison_status=500))
    assert push(gate, 30) == ["server_error"] * 30
    assert quarantine(gate) == []
    lane.admit(1)
    push(gate, 5)
    assert seqs(gate) == [2]
    assert [seq for seq, _ in quarantine(gate)] == [1]


def test_a_suspect_is_cleared_when_the_server_fails_without_it() -> None:
    suspicion = Suspicion()
    for _ in range(IDENTICAL_MAX):
        assert not suspicion.failed(500, [(b"e", 1)])
    assert suspicion.suspect == (b"e", 1)
    assert not suspicion.failed(500, [(b"e", 2)])
    assert suspicion.suspect is None
    assert suspicion.passed() is None


def test_failures_of_another_kind_begin_the_count_anew() -> None:
    suspicion = Suspicion()
    for number in range(4 * IDENTICAL_MAX):
        assert not suspicion.failed(500 + number % 2, [(b"e", 1), (b"e", 2)])


def test_old_epochs_are_offered_again_after_a_silence(gate: Gate) -> None:
    for _ in range(3):
        writer = Lane(gate.folders.state)
        writer.admit(6)
        writer.close()
    gate.push_all()
    table = schema.checkin

    def restore(connection: object) -> None:
        """As of a moment when the first epoch was half there and the others not yet."""
        first = bytes.fromhex(gate.live.checkins()[0][1])
        connection.execute(delete(table).where((table.c.epoch != first) | (table.c.seq > 3)))  # type: ignore[attr-defined]
        connection.execute(delete(schema.stream))  # type: ignore[attr-defined]

    gate.live.central.db.write(restore)
    assert len(seqs(gate)) == 3
    gate.push_all()
    assert len(seqs(gate)) == 3, "nobody asks without a reason"
    gate.pusher.reconcile()
    gate.push_all()
    assert sorted(seqs(gate)) == sorted([1, 2, 3, 4, 5, 6] * 3)
    assert gate.pusher.lost == {EVENT}
    # A second loss in the same run heals as well.
    gate.live.central.db.write(restore)
    gate.pusher.reconcile()
    gate.push_all()
    assert sorted(seqs(gate)) == sorted([1, 2, 3, 4, 5, 6] * 3)


def test_asking_a_server_that_has_everything_costs_one_call(gate: Gate) -> None:
    for _ in range(5):
        writer = Lane(gate.folders.state)
        writer.admit(2)
        writer.close()
    gate.push_all()
    calls = gate.live.wire.count("POST", "/checkins")
    gate.pusher.reconcile()
    gate.push_all()
    assert gate.live.wire.count("POST", "/checkins") == calls + 1
    assert gate.pusher.lost == set()
    assert gate.pusher.queue() == 0


def test_the_first_row_after_retention_is_shown_by_a_signed_head(gate: Gate, lane: Lane) -> None:
    lane.admit(100)
    gate.push_all()
    lane.admit(2)
    with sqlite3.connect(gate.folders.journal_db) as editor:
        editor.execute("DELETE FROM journal WHERE seq <= 100")
    gate.push_all()
    assert seqs(gate) == list(range(1, 103))
    assert quarantine(gate) == []


def test_the_feed_is_read_again_when_the_server_lost_something(gate: Gate, lane: Lane) -> None:
    lane.admit(3)
    gate.push_all()
    gate.feed.catch_up(gate.client)
    cursor = gate.store.feed_cursor(EVENT)
    gate.feed.restart()
    assert gate.feed.step(gate.client, 0)
    assert gate.store.feed_cursor(EVENT) == cursor
    assert gate.store._open().execute("SELECT count(*) FROM remote").fetchone() == (3,)
