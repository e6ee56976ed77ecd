"""Whatever is done to any row of any stream, `gate journal verify` names that row (Hypothesis).

Every column that the chain covers, every byte of a body, whole rows, tails with and without their heads, heads and uses.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gate.ports import Draft
from gate.wire.journal import KINDS
from tests.fakes.state import edit
from tests.storage.rows import check, draft, moment, read, store

COVERED = ("event", "epoch", "seq", "uuid", "kind", "list", "ticket", "reason", "at", "body", "hash", "facts")
UNCOVERED = ("id", "latency")
"""`id` is only the order of arrival, which seq and the chain say as well; `latency` is a measurement beside the record."""
USES = ("event", "list", "ticket", "entries", "exits", "annuls", "first_at", "last_at", "last_dir", "step")
USES_UNCOVERED = ("day", "day_entries")
"""Which local day an entry counts for hangs on the event's time zone, which does not stand in the journal."""
HEADS_EVERY = 10
EXAMPLES = int(os.environ.get("GATE_EXAMPLES") or 40)
MANY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PICK = st.integers(0, 10_000)


class Row(NamedTuple):
    event: str
    epoch: str
    seq: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three lives of a gate with two events, rows of every kind, a rotating code, a broken-off stream of one row."""
    path = tmp_path_factory.mktemp("whole")
    for life in (1, 2, 3):
        journal = store(path, life=life, head_every=HEADS_EVERY)
        journal.write_boot(moment(life), {}, {})
        entry = journal.commit([draft(50 + life, event="spring")], moment(life))[0]
        for n, kind in enumerate(KINDS[: 16 // life]):
            for event in ("spring", "autumn")[: 3 - life]:
                journal.commit([_drafted(kind, n, event, entry.own_ref)], moment(100 * life + n))
        journal.commit([Draft(event="", kind="config", data={"n": life})], moment(900))
        journal.close()
    return path


def _drafted(kind: str, n: int, event: str, ref: str) -> Draft:
    made = draft(n % 5 + 1, kind, event=event, latency={"decide": 0.5}, actor="s1" if kind == "override" else None)
    if kind == "annulled":
        made = replace(made, ticket=(51).to_bytes(16, "big"), ref=ref)
    if kind == "admitted" and made.facts is not None:
        made = replace(made, facts=replace(made.facts, code_step=59_933_333))
    return replace(made, data={"number": n}) if kind == "case" else made


def again(whole: Path, to: Path) -> Path:
    for path in to.iterdir():
        path.unlink()
    shutil.copy(whole / "journal.db", to / "journal.db")
    return to


def streams(path: Path) -> list[Row]:
    """Every row's place, in the order in which they are looked at."""
    return [
        Row(*row) for row in read(path, "SELECT event, lower(hex(epoch)), seq FROM journal ORDER BY event, epoch, seq")
    ]


def picked(path: Path, number: int) -> Row:
    return (rows := streams(path))[number % len(rows)]


def change(path: Path, row: Row, column: str, value: object) -> None:
    where = "event=? AND epoch=? AND seq=?"
    edit(
        path / "journal.db",
        f"UPDATE journal SET {column}=? WHERE {where}",
        value,
        row.event,
        bytes.fromhex(row.epoch),
        row.seq,
    )


def cell(path: Path, row: Row, column: str) -> Any:
    statement = f"SELECT {column} FROM journal WHERE event=? AND epoch=? AND seq=?"
    return read(path, statement, row.event, bytes.fromhex(row.epoch), row.seq)[0][0]


def found(path: Path) -> Row:
    bad = check(path).first_bad
    assert bad is not None
    return Row(bad.event, bad.epoch, bad.seq)


def another(value: object, draw: st.DataObject) -> object:
    """Something else of the same type, as an editor would put there; NULL where the column has it."""
    if isinstance(value, int):
        return draw.draw(st.integers(1, 2**40).filter(lambda new: new != value))
    if isinstance(value, str):
        return draw.draw(st.text("abz09-", max_size=8).filter(lambda new: new != value))
    if isinstance(value, bytes):
        return spoilt(value, draw)
    return draw.draw(st.sampled_from((b"\x00", b"\xa0")))


def spoilt(value: bytes, draw: st.DataObject) -> bytes:
    at = draw.draw(st.integers(0, len(value) - 1))
    how = draw.draw(st.sampled_from(("bit", "cut", "grown", "gone")))
    if how == "bit":
        return value[:at] + bytes([value[at] ^ 1 << draw.draw(st.integers(0, 7))]) + value[at + 1 :]
    return {"cut": value[:at], "grown": value + value[at : at + 1], "gone": value[:at] + value[at + 1 :]}[how]


def test_every_column_is_spoken_of_here(whole: Path) -> None:
    def names(table: str) -> set[str]:
        return {row[1] for row in read(whole, f"PRAGMA table_info({table})")}

    assert names("journal") == {*COVERED, *UNCOVERED}
    assert names("uses") == {*USES, *USES_UNCOVERED}
    assert check(whole).ok
    assert len({row[:2] for row in streams(whole)}) == 7
    assert {kind for (kind,) in read(whole, "SELECT kind FROM journal")} == set(KINDS[:16])


@MANY
@given(number=PICK, column=st.sampled_from(COVERED), draw=st.data())
def test_any_column_of_any_row_edited(
    whole: Path, tmp_path: Path, number: int, column: str, draw: st.DataObject
) -> None:
    path = again(whole, tmp_path)
    row = picked(path, number)
    value = cell(path, row, column)
    if value is None and column in ("list", "reason"):
        new: object = "main"
    elif value is not None and column in ("list", "ticket", "reason", "facts") and draw.draw(st.booleans()):
        new = None
    else:
        new = another(value, draw)
    try:
        change(path, row, column, new)
    except sqlite3.IntegrityError:  # another row has that number
        assume(False)
    place = {column: new.hex() if isinstance(new, bytes) else new} if column in Row._fields else {}
    # A row that was moved out of its place is missed there, or is found where it does not belong: whatever comes first.
    assert found(path) in (row, row._replace(**place))


@settings(MANY, max_examples=3 * EXAMPLES)
@given(number=PICK, at=PICK, bit=st.integers(0, 7))
def test_any_bit_of_any_body(whole: Path, tmp_path: Path, number: int, at: int, bit: int) -> None:
    path = again(whole, tmp_path)
    row = picked(path, number)
    body = cell(path, row, "body")
    at %= len(body)
    change(path, row, "body", body[:at] + bytes([body[at] ^ 1 << bit]) + body[at + 1 :])
    assert found(path) == row


@MANY
@given(number=PICK, more=st.integers(1, 3))
def test_any_rows_deleted(whole: Path, tmp_path: Path, number: int, more: int) -> None:
    path = again(whole, tmp_path)
    row = picked(path, number)
    edit(
        path / "journal.db", "DELETE FROM journal WHERE event=? AND epoch=? AND seq BETWEEN ? AND ?",
        row.event, bytes.fromhex(row.epoch), row.seq, row.seq + more - 1,
    )  # fmt: skip
    assert found(path) == row


@MANY
@given(one=PICK, other=PICK, whole_row=st.booleans())
def test_any_two_rows_swapped(whole: Path, tmp_path: Path, one: int, other: int, whole_row: bool) -> None:
    """Of one stream or of two; the numbers, or all that stands beside them."""
    path = again(whole, tmp_path)
    rows = sorted((picked(path, one), picked(path, other)))
    assume(rows[0] != rows[1])
    columns = (
        [name for name in COVERED if name not in ("event", "epoch", "seq", "uuid")] if whole_row else ["body", "hash"]
    )
    values = [{name: cell(path, row, name) for name in columns} for row in rows]
    for row, content in zip(rows, reversed(values), strict=True):
        for name, value in content.items():
            change(path, row, name, value)
    assert found(path) == rows[0]


@MANY
@given(number=PICK, heads=st.booleans())
def test_any_tail_cut(whole: Path, tmp_path: Path, number: int, heads: bool) -> None:
    """With its heads, too: the next start knew of it, or the row that is left last bears no head."""
    path = again(whole, tmp_path)
    row = picked(path, number)
    newest = read(path, "SELECT lower(hex(epoch)) FROM journal ORDER BY id DESC LIMIT 1")[0][0]
    # Cut at a head that stays, in the last life: that is for the next test.
    assume(not (heads and row.epoch == newest and row.seq % HEADS_EVERY == 1))
    for table in ("journal", "head") if heads else ("journal",):
        edit(
            path / "journal.db", f"DELETE FROM {table} WHERE event=? AND epoch=? AND seq>=?",
            row.event, bytes.fromhex(row.epoch), row.seq,
        )  # fmt: skip
    assert found(path) == row


@MANY
@given(number=PICK)
def test_tail_that_only_the_server_knows_is_named_after_the_next_start(
    whole: Path, tmp_path: Path, number: int
) -> None:
    """Cut with every trace: the server's acknowledged number makes the next boot row say so, and then it is named."""
    path = again(whole, tmp_path)
    last = [row for row in streams(path) if row.event == "spring"][-1].epoch
    rows = [row for row in streams(path) if (row.event, row.epoch) == ("spring", last)]
    row = rows[number % len(rows)]
    for table in ("journal", "head"):
        edit(
            path / "journal.db",
            f"DELETE FROM {table} WHERE event='spring' AND epoch=? AND seq>=?",
            bytes.fromhex(last),
            row.seq,
        )
    journal = store(path, life=4, head_every=HEADS_EVERY)
    journal.write_boot(moment(5000), {("spring", last): len(rows)}, {})
    journal.close()
    assert found(path) == row


@MANY
@given(number=PICK, column=st.sampled_from(("event", "epoch", "seq", "sign1")), draw=st.data())
def test_any_head_edited(whole: Path, tmp_path: Path, number: int, column: str, draw: st.DataObject) -> None:
    path = again(whole, tmp_path)
    heads = read(path, "SELECT event, epoch, seq, sign1 FROM head ORDER BY 1, 2, 3")
    event, epoch, seq, _ = head = heads[number % len(heads)]
    new = another(head[("event", "epoch", "seq", "sign1").index(column)], draw)
    try:
        edit(
            path / "journal.db",
            f"UPDATE head SET {column}=? WHERE event=? AND epoch=? AND seq=?",
            new,
            event,
            epoch,
            seq,
        )
    except sqlite3.IntegrityError:
        assume(False)
    row = Row(event, epoch.hex(), seq)
    moved = row if column == "sign1" else row._replace(**{column: new.hex() if isinstance(new, bytes) else new})
    assert found(path) == moved


@MANY
@given(number=PICK)
def test_any_newest_head_deleted(whole: Path, tmp_path: Path, number: int) -> None:
    path = again(whole, tmp_path)
    ends = read(path, "SELECT event, epoch, max(seq) FROM journal GROUP BY event, epoch ORDER BY 1, 2")
    event, epoch, seq = ends[number % len(ends)]
    edit(path / "journal.db", "DELETE FROM head WHERE event=? AND epoch=? AND seq=?", event, epoch, seq)
    assert found(path) == Row(event, epoch.hex(), seq + 1)


@MANY
@given(number=PICK, column=st.sampled_from(USES), draw=st.data())
def test_any_use_edited_or_deleted(whole: Path, tmp_path: Path, number: int, column: str, draw: st.DataObject) -> None:
    path = again(whole, tmp_path)
    uses = read(path, "SELECT event, list, ticket FROM uses ORDER BY 1, 2, 3")
    event, name, ticket = uses[number % len(uses)]
    where = "event=? AND list=? AND ticket=?"
    value = read(path, f"SELECT {column} FROM uses WHERE {where}", event, name, ticket)[0][0]
    if draw.draw(st.booleans()):
        edit(path / "journal.db", f"DELETE FROM uses WHERE {where}", event, name, ticket)
    else:
        new = 7 if value is None else another(value, draw)
        try:
            edit(path / "journal.db", f"UPDATE uses SET {column}=? WHERE {where}", new, event, name, ticket)
        except sqlite3.IntegrityError:
            assume(False)
    bad = check(path).first_bad
    assert bad is not None
    assert "uses" in bad.why


def test_measurements_beside_the_record_are_not_covered(whole: Path, tmp_path: Path) -> None:
    path = again(whole, tmp_path)
    edit(path / "journal.db", "UPDATE journal SET latency=NULL")
    assert check(path).ok
