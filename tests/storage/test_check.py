"""`journal verify` names the row that somebody touched."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.errors import DamagedError, StorageError
from gate.storage.check import FirstBad, verify_journal
from gate.wire.journal import decode_record, row_hash, stream_start
from tests.fakes.state import edit
from tests.storage.rows import check, draft, moment, read, store

ROWS = 23
"""Of each event's stream in the first life."""
FIELDS = {
    "body": "CAST(substr(body, 1, 40) || x'00' || substr(body, 42) AS BLOB)",
    "hash": "CAST(x'00' || substr(hash, 2) AS BLOB)",
    "uuid": "uuid || 'x'",
    "kind": "'override'",
    "list": "'other'",
    "ticket": "zeroblob(16)",
    "reason": "'revoked'",
    "at": "at + 1",
    "facts": "CAST(facts || x'00' AS BLOB)",
}
AS_DONE = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two lives of a gate with two events; everything in order."""
    path = tmp_path_factory.mktemp("whole")
    first = store(path, life=1, head_every=10)
    first.write_boot(moment(), {}, {})
    for n in range(ROWS):
        first.commit([draft(n % 7 + 1, event="spring")], moment(n))
        first.commit([draft(n % 5 + 1, ("admitted", "refused")[n % 2], event="autumn")], moment(n))
    first.close()
    second = store(path, life=2, head_every=10)
    second.write_boot(moment(), {}, {})
    for n in range(4):
        second.commit([draft(n + 1, event="spring")], moment(n))
    second.close()
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """A copy to spoil; `fresh` in a property test."""
    return fresh(whole, tmp_path)


def fresh(whole: Path, to: Path) -> Path:
    shutil.copy(whole / "journal.db", to / "journal.db")
    return to


def first_epoch(path: Path) -> str:
    return str(read(path, "SELECT hex(epoch) FROM journal ORDER BY id LIMIT 1")[0][0].lower())


def bad(path: Path) -> FirstBad:
    found = check(path).first_bad
    assert found is not None
    return found


def test_untouched_journal_is_in_order(copy: Path) -> None:
    found = check(copy)
    assert (found.ok, found.rows, found.streams) == (True, 2 * ROWS + 6, 5)
    assert verify_journal(copy / "journal.db", None).ok


@AS_DONE
@given(seq=st.integers(1, ROWS), event=st.sampled_from(["spring", "autumn"]), column=st.sampled_from(sorted(FIELDS)))
def test_edited_row_is_named(whole: Path, tmp_path: Path, seq: int, event: str, column: str) -> None:
    path = fresh(whole, tmp_path)
    epoch = first_epoch(path)
    edit(
        path / "journal.db",
        f"UPDATE journal SET {column} = {FIELDS[column]} WHERE event=? AND hex(epoch)=? AND seq=?",
        event, epoch.upper(), seq,
    )  # fmt: skip
    found = bad(path)
    assert (found.event, found.epoch, found.seq) == (event, epoch, seq)


@AS_DONE
@given(seq=st.integers(1, ROWS), event=st.sampled_from(["spring", "autumn"]))
def test_deleted_row_is_named(whole: Path, tmp_path: Path, seq: int, event: str) -> None:
    path = fresh(whole, tmp_path)
    epoch = first_epoch(path)
    edit(path / "journal.db", "DELETE FROM journal WHERE event=? AND hex(epoch)=? AND seq=?", event, epoch.upper(), seq)
    found = bad(path)
    assert (found.event, found.epoch, found.seq) == (event, epoch, seq)


@AS_DONE
@given(keep=st.integers(0, ROWS - 1), heads=st.booleans(), event=st.sampled_from(["spring", "autumn"]))
def test_cut_tail_is_named_although_its_heads_are_gone_too(
    whole: Path, tmp_path: Path, keep: int, heads: bool, event: str
) -> None:
    path = fresh(whole, tmp_path)
    epoch = first_epoch(path)
    for table in ("journal", "head") if heads else ("journal",):
        edit(
            path / "journal.db",
            f"DELETE FROM {table} WHERE event=? AND hex(epoch)=? AND seq>?",
            event,
            epoch.upper(),
            keep,
        )
    found = bad(path)
    assert (found.event, found.epoch, found.seq) == (event, epoch, keep + 1)


@AS_DONE
@given(one=st.integers(1, ROWS), other=st.integers(1, ROWS), event=st.sampled_from(["spring", "autumn"]))
def test_first_of_two_swapped_rows_is_named(whole: Path, tmp_path: Path, one: int, other: int, event: str) -> None:
    path = fresh(whole, tmp_path)
    if one == other:
        assert check(path).ok
        return
    epoch = first_epoch(path)
    for old, new in ((one, 1000), (other, one), (1000, other)):
        edit(
            path / "journal.db", "UPDATE journal SET seq=? WHERE event=? AND hex(epoch)=? AND seq=?",
            new, event, epoch.upper(), old,
        )  # fmt: skip
    found = bad(path)
    assert (found.event, found.epoch, found.seq) == (event, epoch, min(one, other))


@AS_DONE
@given(seq=st.integers(1, ROWS))
def test_history_written_anew_from_a_row_on_is_found_at_the_next_head(whole: Path, tmp_path: Path, seq: int) -> None:
    """Whoever can compute hashes but has no journal key: every row fits its neighbours, and a signature does not."""
    path = fresh(whole, tmp_path)
    epoch = first_epoch(path).upper()
    connection = sqlite3.connect(path / "journal.db", isolation_level=None)
    where = "event='spring' AND hex(epoch)=? AND seq>=?"
    rows = connection.execute(f"SELECT seq, body FROM journal WHERE {where} ORDER BY seq", (epoch, seq - 1)).fetchall()
    previous = connection.execute(
        "SELECT hash FROM journal WHERE event='spring' AND hex(epoch)=? AND seq=?", (epoch, seq - 1)
    ).fetchone()
    if previous is None:
        previous = (stream_start(bytes.fromhex(epoch), "spring"),)
    digest = previous[0]
    for number, body in rows:
        if number < seq:
            continue
        if number == seq:
            body = body.replace(b"cam0", b"cam9")
        digest = row_hash(digest, body)
        connection.execute(
            "UPDATE journal SET body=?, hash=? WHERE event='spring' AND hex(epoch)=? AND seq=?",
            (body, digest, epoch, number),
        )
    connection.close()
    found = bad(path)
    assert (found.event, found.seq) == ("spring", next(head for head in (10, 20, ROWS) if head >= seq))
    assert "signed head" in found.why


def test_changed_uses_are_found_and_the_tickets_newest_row_is_named(copy: Path) -> None:
    key, epoch, seq = read(
        copy, "SELECT ticket, epoch, seq FROM journal WHERE event='spring' ORDER BY id DESC LIMIT 1"
    )[0]
    edit(copy / "journal.db", "UPDATE uses SET entries=0 WHERE event='spring' AND ticket=?", key)
    found = bad(copy)
    assert (found.event, found.epoch, found.seq) == ("spring", epoch.hex(), seq)
    assert "uses" in found.why


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM uses WHERE event='autumn'",
        "INSERT INTO uses VALUES ('autumn','main',zeroblob(15),1,0,0,1,1,'entry','d',1,NULL)",
        "UPDATE uses SET list='vip' WHERE event='autumn'",
        "UPDATE uses SET annuls=0, first_at=1 WHERE event='autumn'",
    ],
)
def test_deleted_invented_or_altered_uses_are_found(copy: Path, statement: str) -> None:
    edit(copy / "journal.db", statement)
    assert (bad(copy).event, "uses" in bad(copy).why) == ("autumn", True)


@pytest.mark.parametrize("statement", ["UPDATE head SET sign1 = x'00'", "UPDATE head SET seq = seq - 1 WHERE seq = 20"])
def test_spoiled_head_is_found(copy: Path, statement: str) -> None:
    edit(copy / "journal.db", statement)
    assert "head" in bad(copy).why


def test_head_of_another_key_is_found(copy: Path) -> None:
    found = verify_journal(copy / "journal.db", bytes(32)).first_bad
    assert found is not None
    assert "head" in found.why


def test_stream_that_vanished_is_named_by_the_next_start(copy: Path) -> None:
    epoch = first_epoch(copy)
    for table in ("journal", "head", "uses"):
        edit(copy / "journal.db", f"DELETE FROM {table} WHERE event='autumn'")
    assert (bad(copy).event, bad(copy).epoch, bad(copy).seq) == ("autumn", epoch, 1)


def test_spoiled_pages_are_damage_and_not_a_crash(copy: Path) -> None:
    path = copy / "journal.db"
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 6] = b"\xff" * (4096 * 4)
    path.write_bytes(bytes(data))
    with pytest.raises(DamagedError):
        check(copy)


def test_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("hello" * 500)
    with pytest.raises(DamagedError):
        check(tmp_path)
    with pytest.raises(StorageError):
        verify_journal(tmp_path / "nothing.db", None)


def test_row_bodies_say_their_place(copy: Path) -> None:
    for event, epoch, seq, body in read(copy, "SELECT event, epoch, seq, body FROM journal"):
        record = decode_record(body)
        assert (record.event, record.epoch, record.seq) == (event, epoch.hex(), seq)
