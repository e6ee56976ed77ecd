"""No statement on the way of a scan reads a whole table: what it costs must not grow with the event."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.bench import rig
from gate.storage import history, tickets

STATEMENTS = {
    "a ticket": tickets._STATEMENT.replace("{lists}", ":list"),
    "its add-ons": tickets._ADDONS,
    "its entries elsewhere": history.ENTRIES_FAR,
    "its entries here": history.ENTRIES_OWN,
    "people inside by other gates": history.INSIDE_FAR.replace("{gates}", ":gate"),
    "people inside by newer rows": history.INSIDE_NEWER,
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_every_table_is_entered_by_an_index(tmp_path: Path, statement: str) -> None:
    with rig(tmp_path, 10) as made:
        event = made.world.events[0].id
        filled = made.tickets._filled(statement, event)
        values = {"event": event, "key": bytes(16), "list": "main", "gate": "g1", "id": 1}
        plan = [row[3] for row in made.tickets._connection.execute(f"EXPLAIN QUERY PLAN {filled}", values)]
    assert [step for step in plan if step.startswith("SCAN") or "TEMP B-TREE" in step] == []


def test_add_ons_are_found_by_the_index_of_parents(tmp_path: Path) -> None:
    with rig(tmp_path, 10) as made:
        filled = made.tickets._filled(tickets._ADDONS, made.world.events[0].id)
        plan = [
            row[3]
            for row in made.tickets._connection.execute(f"EXPLAIN QUERY PLAN {filled}", {"event": "", "key": b""})
        ]
    assert any("overlay_parent" in step for step in plan)
    assert any("ticket_parent" in step for step in plan)
