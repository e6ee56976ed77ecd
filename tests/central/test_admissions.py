"""How many came in: who was taken back did not, whichever record came first and however often it was said."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, text

from gate.central import commands, schema
from gate.central.migrations.versions import r0004_net_admissions_issued_rows as r0004
from gate.central.service import Central
from tests.central.gateside import TICKET, Device, Journal, words


def count(central: Central) -> int:
    (row,) = commands.run(central, "event_list", {})
    return int(row["admissions"])


def ref(journal: Journal, seq: int) -> str:
    return f"{journal.gate}/{journal.epoch}/{seq}"


def scene() -> list[dict[str, Any]]:
    """Six people of three admissions; two of one group and one override are taken back."""
    journal = Journal("g1")
    first = journal.add()  # of TICKET
    group = journal.add(count=2, ticket="11" * 16)
    override = journal.add("override", ticket="22" * 16)
    stays = journal.add(count=2, ticket="33" * 16)
    out = journal.add("exit", dir="exit", ticket="33" * 16)
    back = {"dir": "entry", "data": {"cause": "timeout"}}
    annulled = [
        journal.add("annulled", ticket="11" * 16, count=2, ref=ref(journal, 2), **back),
        journal.add("annulled", ticket="22" * 16, ref=ref(journal, 3), **back),
        journal.add("annulled", ticket="22" * 16, ref=ref(journal, 3), **back),  # said twice
        journal.add("annulled", ticket="33" * 16, ref=ref(journal, 5), dir="exit"),  # of somebody who did not go
        journal.add("annulled", ticket=TICKET, ref="g9/0000000000000000/1"),  # of what nobody has seen
    ]
    return [first, group, override, stays, out, *annulled]


@pytest.mark.parametrize("order", ["at once", "one by one", "backwards", "taken back first", "twice"])
def test_who_was_taken_back_is_not_counted(central: Central, gate: Device, order: str) -> None:
    rows = scene()
    pushes = {
        "at once": [rows],
        "one by one": [[row] for row in rows],
        "backwards": [[row] for row in reversed(rows)],
        "taken back first": [rows[5:], rows[:5]],
        "twice": [rows, rows],
    }[order]
    for push in pushes:
        words(gate.push(push))
    assert count(central) == 3


def test_another_gate_may_take_back_later(central: Central, gate: Device, other_gate: Device) -> None:
    there, here = Journal("g1"), Journal("g2", epoch="00000000000000aa")
    words(gate.push([there.add(count=3)]))
    assert count(central) == 3
    words(other_gate.push([here.add("annulled", ticket=TICKET, ref=ref(there, 1))]))
    assert count(central) == 0


def test_an_older_database_is_counted_anew(central: Central, gate: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    words(gate.push(scene()))
    with monkeypatch.context() as patch:
        patch.setattr(r0004.op, "add_column", lambda *_: None)  # this database has it

        def as_before(connection: Any) -> None:
            patch.setattr(r0004.op, "get_bind", lambda: connection)
            connection.execute(insert(schema.event).values(event_id="empty", mode="allow_list", warn_s=1, stale_s=1,
                                                           stale="warn", policy="{}", created=0))  # fmt: skip
            connection.execute(insert(schema.event_head).values(event_id="empty"))
            connection.execute(text("UPDATE event_head SET admissions = 6 WHERE event_id = 'spring'"))
            r0004.upgrade()

        central.db.write(as_before)
    found = {row["event"]: row["admissions"] for row in commands.run(central, "event_list", {})}
    assert found == {"empty": 0, "spring": 3}
