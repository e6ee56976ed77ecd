"""The table of uses: whatever happens, it says what the rows say."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gate.sqlitefile import open_writer
from gate.storage.uses import apply_use
from gate.wire import sql
from gate.wire.journal import Record, decode_record
from tests.fakes.clock import BOOT
from tests.fakes.issuer import NOW_S
from tests.storage.rows import check, draft, moment, read, store, ticket

DAYS = ("2026-12-23", "2026-12-24", "2026-12-25")


@dataclass
class Ticket:
    """What one would count by hand: every entry and exit that stands, in order, as (at, direction, day, ref)."""

    stands: list[tuple[int, str, str, str]] = field(default_factory=list)
    annuls: int = 0

    def row(self) -> tuple[object, ...]:
        entries = [at for at, direction, _, _ in self.stands if direction == "entry"]
        at, direction = self.stands[-1][:2] if self.stands else (None, None)
        exits = len(self.stands) - len(entries)
        return (len(entries), exits, self.annuls, entries[0] if entries else None, at, direction)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["admitted", "admitted", "override", "exit", "annulled", "refused", "passed", "restart"]),
        st.integers(1, 3),
        st.sampled_from(["main", "vip"]),
        st.integers(0, 2),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_uses_are_those_of_the_rows_after_any_history(steps: list[tuple[str, int, str, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path, life, at, day = Path(name), 1, 0, 0
        journal, hand = store(path, life=life), dict[tuple[str, bytes], Ticket]()
        for kind, n, list_, more in steps:
            at, day = at + 1_000, max(day, more)
            if kind == "restart":
                journal.close()
                life += 1
                journal = store(path, life=life)
                journal.write_boot(moment(at), {}, {})
                continue
            mine = hand.setdefault((list_, ticket(n)), Ticket())
            ref = None
            if kind == "annulled":
                entries = [item for item in mine.stands if item[1] == "entry"]
                if not entries:
                    continue
                mine.stands.remove(entries[-1])
                mine.annuls += 1
                ref = entries[-1][3]
            (record,) = journal.commit([draft(n, kind, list=list_, day=DAYS[day], ref=ref)], moment(at))
            if kind in ("admitted", "override", "exit"):
                direction = "exit" if kind == "exit" else "entry"
                mine.stands.append((NOW_S * 1000 + at, direction, DAYS[day], record.own_ref))
        journal.close()
        found = {
            (list_, key): tuple(row)
            for list_, key, *row in read(
                path, "SELECT list, ticket, entries, exits, annuls, first_at, last_at, last_dir FROM uses"
            )
        }
        assert found == {name: mine.row() for name, mine in hand.items() if mine.stands or mine.annuls}
        for (list_, key), mine in hand.items():
            if any(direction == "entry" for _, direction, _, _ in mine.stands):
                label, entries = read(path, "SELECT day, day_entries FROM uses WHERE list=? AND ticket=?", list_, key)[
                    0
                ]
                assert entries <= sum(day == label for _, direction, day, _ in mine.stands if direction == "entry")
        assert check(path).ok


def test_entries_of_a_new_day_are_counted_from_one(tmp_path: Path) -> None:
    journal = store(tmp_path)
    for day in (0, 0, 1):
        (record,) = journal.commit([draft(1, day=DAYS[day])], moment())
    assert read(tmp_path, "SELECT entries, day, day_entries FROM uses") == [(3, DAYS[1], 1)]
    journal.commit([draft(1, "annulled", ref=record.own_ref)], moment())
    assert read(tmp_path, "SELECT entries, day_entries, annuls FROM uses") == [(2, 0, 1)]
    journal.close()


def test_group_counts_each_of_its_people(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "uses.db", sql.JOURNAL, synchronous="NORMAL")
    group = Record(
        event="spring", gate="g2", epoch="00" * 8, seq=1, id="x", kind="admitted", list="main", ticket="00" * 16,
        count=4, at=1, mono=1, boot=BOOT, clock="synced",
    )  # fmt: skip
    apply_use(connection, group, DAYS[0])
    assert connection.execute("SELECT entries, day_entries FROM uses").fetchall() == [(4, 4)]
    connection.close()


def test_rows_of_no_ticket_or_no_list_change_no_use(tmp_path: Path) -> None:
    journal = store(tmp_path)
    journal.commit([draft(1, list=None), draft(2, ticket=None), draft(3, "refused"), draft(4, "tailgated")], moment())
    assert read(tmp_path, "SELECT count(*) FROM uses") == [(0,)]
    assert [decode_record(body).seq for (body,) in read(tmp_path, "SELECT body FROM journal ORDER BY id")] == [
        1,
        2,
        3,
        4,
    ]
    journal.close()
