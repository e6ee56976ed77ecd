"""Rows, chain, heads and uses in one transaction: what is on disk after it, and after it failed."""

from __future__ import annotations

import itertools
import os
import sqlite3
from pathlib import Path

import pytest

from gate.errors import DamagedError, StorageError
from gate.model import ClockTrust
from gate.storage.journal import JournalStore
from gate.wire.journal import decode_record, read_head, row_hash, stream_start
from tests.fakes.issuer import NOW_S
from tests.storage.rows import PUBLIC, check, draft, moment, read, store, ticket


def test_rows_are_dense_and_chained_per_event(tmp_path: Path) -> None:
    journal = store(tmp_path)
    for n in range(6):
        journal.commit([draft(n, event=("spring", "autumn")[n % 2])], moment(n))
    for event in ("spring", "autumn"):
        previous = stream_start(journal.epoch, event)
        rows = read(tmp_path, "SELECT seq, body, hash FROM journal WHERE event=? ORDER BY seq", event)
        assert [seq for seq, _, _ in rows] == [1, 2, 3]
        for seq, body, digest in rows:
            assert digest == row_hash(previous, body)
            record = decode_record(body)
            assert (record.seq, record.event, record.epoch, record.gate) == (seq, event, journal.epoch.hex(), "g2")
            previous = digest
        assert journal.tip(event) == previous
    journal.close()


def test_newest_head_and_every_hundredth_stand_and_verify(tmp_path: Path) -> None:
    journal = store(tmp_path, head_every=10)
    for n in range(34):
        journal.commit([draft(n)], moment(n))
        newest = read(tmp_path, "SELECT max(seq) FROM head")[0][0]
        assert newest == n + 1, "sync can push at any moment"
    heads = read(tmp_path, "SELECT seq, sign1 FROM head ORDER BY seq")
    assert [seq for seq, _ in heads] == [10, 20, 30, 34]
    for seq, signed in heads:
        head = read_head(signed, PUBLIC)
        (digest,) = read(tmp_path, "SELECT hash FROM journal WHERE seq=?", seq)[0]
        assert (head.event, head.epoch, head.seq, head.hash, head.gate) == ("spring", journal.epoch, seq, digest, "g2")
    journal.close()


def test_batch_that_jumps_over_a_hundredth_still_leaves_its_head(tmp_path: Path) -> None:
    journal = store(tmp_path, head_every=10)
    journal.commit([draft(n) for n in range(7)], moment())
    journal.commit([draft(n) for n in range(7)], moment())
    journal.commit([draft(n) for n in range(16)], moment())
    assert [seq for (seq,) in read(tmp_path, "SELECT seq FROM head ORDER BY seq")] == [10, 20, 30]
    assert check(tmp_path).ok
    journal.close()


def test_new_start_is_a_new_epoch_whose_boot_row_ties_the_streams_before(tmp_path: Path) -> None:
    first = store(tmp_path, life=1)
    first.write_boot(moment(), {}, {"version": "1"})
    first.commit([draft(1)], moment())
    first.commit([draft(2, event="autumn")], moment())
    ends = {event: first.tip(event).hex() for event in ("", "spring", "autumn")}
    first.close()
    second = store(tmp_path, life=2)
    assert second.epoch != first.epoch
    boot = second.write_boot(moment(), {}, {"version": "2"})
    assert (boot.event, boot.seq, boot.kind) == ("", 1, "boot")
    epoch = first.epoch.hex()
    assert boot.data == {
        "version": "2",
        "streams": [
            ["", epoch, 1, ends[""]],
            ["spring", epoch, 1, ends["spring"]],
            ["autumn", epoch, 1, ends["autumn"]],
        ],
    }
    second.commit([draft(3)], moment())
    second.close()
    assert check(tmp_path).ok


def test_gate_that_starts_often_names_each_stream_once(tmp_path: Path) -> None:
    ends = []
    for life in range(1, 5):
        journal = store(tmp_path, life=life)
        boot = journal.write_boot(moment(), {}, {})
        assert [epoch for _, epoch, _, _ in boot.data["streams"]] == ends[-1:] * len(boot.data["streams"])
        assert len(boot.data["streams"]) == (0 if life == 1 else 2)
        journal.commit([draft(life)], moment())
        ends.append(journal.epoch.hex())
        journal.close()
    assert check(tmp_path).ok


def test_boot_row_names_rows_that_only_the_server_still_has(tmp_path: Path) -> None:
    first = store(tmp_path, life=1)
    first.commit([draft(1)], moment())
    epoch = first.epoch.hex()
    first.close()
    acked = {("spring", epoch): 9, ("autumn", "ff" * 8): 2}
    second = store(tmp_path, life=2)
    boot = second.write_boot(moment(), acked, {})
    assert sorted(boot.data["lost_tail"]) == [["autumn", "ff" * 8, 2], ["spring", epoch, 9]]
    assert "lost_tail" not in second.write_boot(moment(), {("spring", epoch): 1}, {}).data
    second.close()


@pytest.mark.parametrize("table", ["journal", "uses", "head", "meta"])
@pytest.mark.parametrize("how", ["ABORT", "ROLLBACK", "FAIL"])
def test_failure_at_any_statement_writes_nothing_and_the_next_commit_goes_on(
    tmp_path: Path, table: str, how: str
) -> None:
    journal = store(tmp_path)
    journal.commit([draft(1)], moment())
    before = [read(tmp_path, f"SELECT * FROM {name} ORDER BY 1") for name in ("journal", "uses", "head", "meta")]
    journal._connection.execute(
        f"CREATE TEMP TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT RAISE({how}, 'no'); END"
    )
    with pytest.raises(StorageError):
        journal.commit([draft(2), draft(3)], moment(5))
    assert before == [
        read(tmp_path, f"SELECT * FROM {name} ORDER BY 1") for name in ("journal", "uses", "head", "meta")
    ]
    journal._connection.execute("DROP TRIGGER broken")
    (record,) = journal.commit([draft(2)], moment(6))
    assert record.seq == 2
    assert check(tmp_path).ok
    journal.close()


def fill(journal: JournalStore) -> int:
    """Commit until the disk is full. Returns: how many rows there are."""
    for n in itertools.count(1):
        try:
            journal.commit([draft(n)], moment(n))
        except StorageError:
            return n
    raise AssertionError


def test_full_disk_refuses_and_room_makes_it_go_on(tmp_path: Path) -> None:
    journal = store(tmp_path)
    journal.commit([draft(0)], moment())
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count={pages + 2}")
    taken = fill(journal)
    assert taken > 1
    with pytest.raises(StorageError, match="full"):
        journal.commit([draft(taken)], moment(taken))
    journal._connection.execute("PRAGMA max_page_count=1000000")
    assert journal.commit([draft(taken)], moment(taken))[0].seq == taken + 1
    assert check(tmp_path).ok
    journal.close()


def test_journal_locked_by_another_process_refuses_and_goes_on(tmp_path: Path) -> None:
    journal = store(tmp_path)
    journal.commit([draft(1)], moment())
    journal._connection.execute("PRAGMA busy_timeout=20")
    other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked"):
        journal.commit([draft(2)], moment())
    with pytest.raises(StorageError, match="locked"):
        journal.set_meta("k", "v")
    other.execute("ROLLBACK")
    other.close()
    assert journal.commit([draft(2)], moment())[0].seq == 2
    journal.close()


def test_readers_never_hold_up_a_commit(tmp_path: Path) -> None:
    journal = store(tmp_path)
    journal.commit([draft(1)], moment())
    journal._connection.execute("PRAGMA busy_timeout=0")
    reader = sqlite3.connect(f"file:{tmp_path / 'journal.db'}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM journal").fetchone() == (1,)
    journal.commit([draft(2)], moment())
    assert reader.execute("SELECT count(*) FROM journal").fetchone() == (1,)
    reader.close()
    journal.close()


def test_floor_is_kept_with_each_row_but_not_from_holdover(tmp_path: Path) -> None:
    journal = store(tmp_path)
    journal.commit([draft(1)], moment(5))
    journal.commit([draft(2)], moment(90_000, ClockTrust.HOLDOVER))
    assert journal.meta("clock_floor") == str(NOW_S * 1000 + 5)
    journal.commit([draft(3)], moment(7, ClockTrust.UNTRUSTED))
    assert journal.meta("clock_floor") == str(NOW_S * 1000 + 7)
    journal.close()


def test_facts_stand_beside_the_row_and_only_their_hash_in_it(tmp_path: Path) -> None:
    journal = store(tmp_path)
    journal.commit([draft(1), draft(2, "passed", facts=None, ticket=None)], moment())
    (with_facts, without) = read(tmp_path, "SELECT facts, ticket FROM journal ORDER BY seq")
    assert with_facts[0] is not None
    assert with_facts[1] == ticket(1)
    assert without == (None, None)
    assert check(tmp_path).ok
    journal.close()


@pytest.mark.parametrize("spoil", [b"", b"not a database at all, but long enough to be read as one" * 40])
def test_file_that_is_no_journal_is_refused_not_overwritten(tmp_path: Path, spoil: bytes) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(spoil)
    if not spoil:
        store(tmp_path).close()  # an empty file is one that a power cut left before its first table
        return
    with pytest.raises(DamagedError):
        store(tmp_path)
    assert path.read_bytes() == spoil


def test_nothing_is_committed_to_a_file_system_that_became_read_only_under_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = store(tmp_path)
    journal.commit([draft(1)], moment())
    real = os.statvfs(tmp_path)
    flags = os.statvfs_result((*real[:8], os.ST_RDONLY, real[9]))
    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", lambda _path: flags)
        with pytest.raises(StorageError, match="read-only"):
            journal.commit([draft(2)], moment(1))
        with pytest.raises(StorageError, match="read-only"):
            journal.keep_time(moment(2))
    assert read(tmp_path, "SELECT count(*) FROM journal") == [(1,)]
    assert journal.commit([draft(2)], moment(3))[0].seq == 2
    journal.close()
    assert check(tmp_path).ok
