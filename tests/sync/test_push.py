"""Check-ins on their way: each arrives once, whatever happens in between."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from gate.central import schema
from gate.errors import FormatError, UplinkError
from gate.sync.poison import Suspicion
from gate.sync.store import Store
from gate.wire.journal import read_head
from gate.wire.request import unb64
from tests.fakes.server import EVENT, Fault
from tests.sync.conftest import Gate, Lane


def seqs(gate: Gate, event: str = EVENT) -> list[int]:
    return [seq for _, _, seq, _ in gate.live.checkins(event)]


def upto(gate: Gate) -> list[tuple[str, int, int]]:
    return gate.store._open().execute("SELECT event, upto, upstream FROM acked ORDER BY event").fetchall()


def test_everything_arrives_in_order_with_signed_heads(gate: Gate, lane: Lane) -> None:
    lane.admit(450)
    lane.admit(3, event="", kind="boot")
    gate.push_all()
    assert seqs(gate) == list(range(1, 451))
    assert seqs(gate, "") == [1, 2, 3]
    assert upto(gate) == [("", 3, 3), (EVENT, 450, 450)]
    assert gate.pusher.queue() == 0
    assert gate.live.wire.count("POST", f"/events/{EVENT}/checkins") == 3
    assert gate.live.wire.count("POST", "/events/-/checkins") == 1
    heads = gate.live.central.db.read(
        lambda connection: connection.execute(select(schema.head.c.sign1).where(schema.head.c.event_id == EVENT)).all()
    )
    public = (gate.folders.state / "journal.pub").read_bytes()
    assert {read_head(bytes(row.sign1), public).seq for row in heads} == {450}
    incidents = gate.live.central.db.read(lambda connection: connection.execute(select(schema.incident)).all())
    assert incidents == []


def test_nothing_new_means_no_call(gate: Gate, lane: Lane) -> None:
    lane.admit(1)
    gate.push_all()
    calls = len(gate.live.wire.seen)
    gate.push_all()
    assert len(gate.live.wire.seen) == calls


def test_no_journal_yet_is_no_trouble(gate: Gate) -> None:
    assert gate.pusher.look() == []
    assert gate.pusher.queue() == 0


def test_a_lost_answer_is_healed_by_known(gate: Gate, lane: Lane) -> None:
    lane.admit(5)
    gate.live.faults.append(Fault("POST", "/checkins", lost=True, times=1))
    gate.pusher.look()
    with pytest.raises(UplinkError):
        gate.pusher.step(gate.client, EVENT)
    assert seqs(gate) == [1, 2, 3, 4, 5]
    assert upto(gate) == []
    gate.push_all()
    assert seqs(gate) == [1, 2, 3, 4, 5]
    assert upto(gate) == [(EVENT, 5, 5)]


def test_a_lost_sync_db_sends_everything_again_and_doubles_nothing(gate: Gate, lane: Lane) -> None:
    lane.admit(250)
    gate.push_all()
    gate.close()
    for path in gate.folders.state.glob("sync.db*"):
        path.unlink()
    gate.open()
    gate.push_all()
    assert seqs(gate) == list(range(1, 251))
    assert upto(gate) == [(EVENT, 250, 250)]


def test_a_server_restored_from_a_backup_is_healed(gate: Gate, lane: Lane) -> None:
    lane.admit(20)
    gate.push_all()
    table = schema.checkin

    def forget(connection: object) -> None:
        connection.execute(delete(table).where(table.c.seq.between(8, 12)))  # type: ignore[attr-defined]
        connection.execute(delete(schema.stream))  # type: ignore[attr-defined]

    gate.live.central.db.write(forget)
    lane.admit(1)
    gate.push_all()
    assert sorted(seqs(gate)) == list(range(1, 22))
    assert upto(gate) == [(EVENT, 21, 21)]


def test_a_server_that_always_misses_something_does_not_make_us_loop(gate: Gate, lane: Lane) -> None:
    lane.admit(4)
    epoch = lane.epoch
    body = {
        "results": [[epoch, n, "stored"] for n in range(1, 5)],
        "durable": {epoch: 1},
        "upstream": {},
        "missing": {epoch: [[2, 3]]},
        "now": 0,
    }
    gate.live.faults.append(Fault("POST", "/checkins", status=200, body=json.dumps(body).encode()))
    gate.push_all()
    assert gate.live.wire.count("POST", "/checkins") == 2


def test_the_poison_is_quarantined_and_the_others_arrive(gate: Gate, lane: Lane) -> None:
    lane.admit(300)
    bad = frozenset({75, 76, 210})
    gate.live.faults.append(Fault("POST", "/checkins", poison=bad))
    codes = set()
    for _ in range(200):
        if not gate.pusher.look():
            break
        try:
            gate.pusher.step(gate.client, EVENT)
        except UplinkError as error:
            codes.add(error.code)
    assert codes == {"poison"}
    assert seqs(gate) == [n for n in range(1, 301) if n not in bad]
    rows = gate.store._open().execute("SELECT seq, why FROM quarantine ORDER BY seq").fetchall()
    assert [seq for seq, _ in rows] == [75, 76, 210]
    assert "there is poison in it" in rows[0][1]
    assert upto(gate)[0][1] == 300
    assert gate.pusher.queue() == 0
    # A person says: try again.
    gate.live.faults.clear()
    assert gate.store.release_quarantine() == 3
    gate.pusher.forget()
    gate.push_all()
    assert sorted(seqs(gate)) == list(range(1, 301))
    assert gate.store.quarantine_count() == 0


def test_a_quarantine_outlives_a_restart(gate: Gate, lane: Lane) -> None:
    lane.admit(3)
    gate.store.take_acks("central", {}, [(EVENT, bytes.fromhex(lane.epoch), 2, "test")], 1)
    gate.pusher = gate.new_pusher()
    gate.push_all()
    assert seqs(gate) == [1, 3]
    gate.close()
    gate.open()
    assert gate.pusher.look() == []


def test_a_damaged_row_is_set_aside_and_named(gate: Gate, lane: Lane) -> None:
    import sqlite3

    lane.admit(5)
    lane.close()
    editor = sqlite3.connect(gate.folders.journal_db)
    body = editor.execute("SELECT body FROM journal WHERE seq=3").fetchone()[0]
    with editor:
        editor.execute("UPDATE journal SET body=? WHERE seq=3", (body.replace(b"admitted", b"admittee"),))
    editor.close()
    gate.push_all()
    assert seqs(gate) == [1, 2, 4, 5]
    assert gate.store._open().execute("SELECT seq, why FROM quarantine").fetchall() == [
        (3, "the row in the journal does not match its hash")
    ]


def test_rows_gone_by_retention_hold_up_nothing(gate: Gate, lane: Lane) -> None:
    import sqlite3

    lane.admit(5)
    gate.push_all()
    lane.admit(2)
    with sqlite3.connect(gate.folders.journal_db) as editor:
        editor.execute("DELETE FROM journal WHERE seq < 5")
    gate.push_all()
    assert seqs(gate) == [1, 2, 3, 4, 5, 6, 7]


def test_the_server_keeps_what_it_has_when_a_number_comes_with_other_content(gate: Gate, lane: Lane) -> None:
    lane.admit(3)
    gate.push_all()
    lane.close()
    # The same stream again with another past, as a restored copy of the card would have it.
    for path in gate.folders.state.glob("journal.db*"):
        path.unlink()
    forged = Lane.__new__(Lane)
    from gate.storage.journal import JournalStore
    from gate.storage.keys import journal_key

    epoch = bytes.fromhex(lane.epoch)
    forged._store = JournalStore(
        gate.folders.journal_db,
        gate="g2",
        key=journal_key(gate.folders.state),
        random=lambda n: epoch if n == 8 else os.urandom(n),
    )
    forged.admit(4)
    gate.store.forget_acks("central", EVENT)
    gate.pusher = gate.new_pusher()
    gate.push_all()
    forged.close()
    assert seqs(gate) == [1, 2, 3, 4]
    assert gate.store._open().execute("SELECT seq FROM quarantine").fetchall() == [(1,), (2,), (3,)]
    assert gate.pusher.queue() == 0


def test_small_pushes_go_plain_and_large_ones_packed(gate: Gate, lane: Lane) -> None:
    lane.admit(1)
    gate.push_all()
    lane.admit(100)
    gate.push_all()
    encodings = [h.get("content-encoding") for m, p, h in gate.live.wire.seen if m == "POST" and "checkins" in p]
    assert encodings == [None, "zstd"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"results":3}', b"{" * 5000])
def test_an_answer_that_is_none_acknowledges_nothing(gate: Gate, lane: Lane, body: bytes) -> None:
    lane.admit(2)
    gate.pusher.look()
    gate.live.faults.append(Fault("POST", "/checkins", status=200, body=body))
    with pytest.raises(FormatError):
        gate.pusher.step(gate.client, EVENT)
    assert upto(gate) == []
    assert gate.pusher.queue() == 2


def test_results_for_records_that_were_not_sent_count_for_nothing(gate: Gate, lane: Lane) -> None:
    lane.admit(2)
    gate.pusher.look()
    epoch = lane.epoch
    body = {"results": [[epoch, 1, "stored"], [epoch, 9, "stored"], ["zz", 1, "stored"]], "durable": {epoch: 10**12}}
    gate.live.faults.append(Fault("POST", "/checkins", status=200, body=json.dumps(body).encode(), times=1))
    gate.pusher.step(gate.client, EVENT)
    assert upto(gate) == [(EVENT, 2, 0)]
    lane.admit(1)
    gate.pusher.look()
    assert gate.pusher.queue() == 1


def test_old_epochs_are_sent_too(gate: Gate) -> None:
    for _ in range(3):
        writer = Lane(gate.folders.state)
        writer.admit(4)
        writer.close()
    gate.push_all()
    assert sorted(seqs(gate)) == sorted([1, 2, 3, 4] * 3)
    assert len(upto(gate)) == 3


def test_the_feed_brings_all_check_ins_and_goes_on_from_its_cursor(gate: Gate, lane: Lane) -> None:
    lane.admit(3)
    lane.admit(1, kind="refused")
    gate.push_all()
    assert gate.feed.step(gate.client, 0)
    rows = (
        gate.store._open()
        .execute("SELECT event, list, gate, seq, kind, dir, count FROM remote ORDER BY seq")
        .fetchall()
    )
    assert rows == [(EVENT, "main", "g2", n, "admitted", "entry", 1) for n in (1, 2, 3)]
    assert not gate.feed.step(gate.client, 0)
    lane.admit(1)
    gate.push_all()
    assert gate.feed.step(gate.client, 0)
    assert gate.store._open().execute("SELECT count(*) FROM remote").fetchone() == (4,)


def test_a_server_that_began_anew_gets_everything_again(gate: Gate, lane: Lane) -> None:
    lane.admit(3)
    gate.push_all()
    gate.feed.step(gate.client, 0)
    gate.live.faults.append(
        Fault("GET", "/checkins", status=410, body=b'{"error":{"code":"must_refetch","message":""}}', times=1)
    )
    assert not gate.feed.step(gate.client, 0)
    assert gate.feed.resend
    gate.pusher.forget()
    assert gate.pusher.queue() == 3
    gate.push_all()
    assert seqs(gate) == [1, 2, 3]
    gate.feed.step(gate.client, 0)
    assert gate.store._open().execute("SELECT count(*) FROM remote").fetchone() == (3,)


def test_feed_records_of_all_kinds(gate: Gate) -> None:
    base = {
        "gate": "g9",
        "epoch": "00" * 8,
        "at": 5,
        "mono": 6,
        "boot": "aa",
        "error_ms": 2,
        "count": 1,
        "dir": "entry",
    }
    ticket = {"list": "main", "ticket": "11" * 16}
    records = [
        {**base, **ticket, "seq": 1, "kind": "admitted", "ref": None},
        {**base, **ticket, "seq": 2, "kind": "annulled", "ref": f"g9/{'00' * 8}/1"},
        {**base, "seq": 3, "kind": "clock", "data": {"base_ms": 100, "error_ms": 50}},
        {**base, "seq": 4, "kind": "clock", "data": {"base_ms": 90, "error_ms": 10}},
        {**base, "seq": 5, "kind": "clock", "data": {"base_ms": 80, "error_ms": 70}},
        {**base, "list": None, "ticket": None, "seq": 6, "kind": "override"},
        {**base, **ticket, "seq": 7, "kind": "something new"},
        {**base, **ticket, "seq": "8", "kind": "admitted"},
        {**base, **ticket, "ticket": "xyz", "seq": 9, "kind": "admitted"},
        "nonsense",
    ]
    body = json.dumps({"records": records, "next": "life:9", "more": False}).encode()
    gate.live.faults.append(Fault("GET", "/checkins", status=200, body=body))
    assert gate.feed.step(gate.client, 0)
    store = gate.store._open()
    assert store.execute("SELECT seq, kind, ref FROM remote ORDER BY seq").fetchall() == [
        (1, "admitted", None),
        (2, "annulled", f"g9/{'00' * 8}/1"),
    ]
    assert store.execute("SELECT * FROM remote_clock").fetchall() == [("g9", "aa", 90, 10)]
    assert gate.feed.skipped == 3
    assert gate.store.feed_cursor(EVENT) == "life:9"
    assert not gate.feed.step(gate.client, 0) or gate.feed.skipped == 6


def test_heads_are_those_of_the_lane(gate: Gate, lane: Lane) -> None:
    lane.admit(2)
    gate.pusher.look()
    items, _ = gate.pusher._collect(EVENT, 10, Suspicion())
    body = json.loads(gate.pusher._body(EVENT, items))
    head = read_head(unb64(body["heads"][0]), (gate.folders.state / "journal.pub").read_bytes())
    assert (head.seq, head.gate, head.event, head.epoch.hex()) == (2, "g2", EVENT, lane.epoch)
    assert body["boot"] == gate.clock.boot
    assert body["mono"] <= gate.clock.mono_ms()


def test_another_server_holds_nothing_of_what_the_first_holds(tmp_path: Path) -> None:
    store = Store(tmp_path / "sync.db")
    from gate.sync.protocol import Ack

    store.take_acks("hub", {("spring", b"12345678"): Ack(upto=7, upstream=3)})
    assert store.acks("hub")["spring", b"12345678"].upto == 7
    assert store.acks("central") == {}
    store.close()
