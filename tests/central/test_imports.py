"""Imports: previewed, told how far they are, taken back without touching what was changed since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gate.central import commands, importjob
from gate.central.service import Central
from gate.errors import ConfigError
from gate.model import TicketState
from gate.wire.ticketkey import text_input, ticket_key


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "guests.csv"
    path.write_text("text,product,uses\n" + "".join(f"T{n},1,1\n" for n in range(30)))
    return path


def run(central: Central, name: str, progress: Any = None, **args: Any) -> Any:
    return commands.run(central, name, {"event": "spring"} | args, progress)


def states(central: Central, count: int = 30) -> list[int]:
    from gate.central import tickets

    salt = central.keys.salt("spring")
    keys = [ticket_key(salt, text_input(f"T{n}")) for n in range(count)]
    return [central.db.read(lambda c, key=key: tickets.get(c, "spring", key)).state for key in keys]  # type: ignore[misc]


def test_a_preview_counts_and_writes_nothing(central: Central, spring: str, file: Path) -> None:
    found = run(central, "import", file=str(file), check=True)
    assert (found["rows"], found["new"], found["present"], found["written"], found["import"]) == (
        30,
        30,
        0,
        False,
        None,
    )
    assert [row["line"] for row in found["preview"]] == list(range(2, 12))
    assert run(central, "imports") == []
    run(central, "import", file=str(file))
    found = run(central, "import", file=str(file), check=True)
    assert (found["new"], found["present"]) == (0, 30)


def test_an_import_is_undone(central: Central, spring: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importjob, "STEP", 8)
    steps: list[dict[str, Any]] = []
    first = run(central, "import", steps.append, file=str(file))
    assert (first["created"], first["import"]) == (30, 1)
    assert [step["rows"] for step in steps if step["step"] == "written"] == [8, 16, 24, 30]
    file.write_text("text,product,state\nT0,2,blocked\nT1,2,blocked\nNEW,1,valid\n")
    second = run(central, "import", file=str(file))
    assert (second["created"], second["updated"], second["import"]) == (1, 2, 2)
    assert states(central, 2) == [TicketState.BLOCKED] * 2
    salt = central.keys.salt("spring")
    central.set_state("spring", ticket_key(salt, text_input("T1")), TicketState.CANCELED)
    undone = run(central, "import_undo", **{"import": 2})
    assert (undone["restored"], undone["left"]) == (2, 1)
    assert states(central, 2) == [TicketState.VALID, TicketState.CANCELED]
    with pytest.raises(ConfigError, match="undone already"):
        run(central, "import_undo", **{"import": 2})
    with pytest.raises(ConfigError, match="there is no import 9"):
        run(central, "import_undo", **{"import": 9})
    undone = run(central, "import_undo", **{"import": 1})
    assert (undone["restored"], undone["left"]) == (29, 1)
    assert set(states(central)) == {TicketState.REMOVED, TicketState.CANCELED}
    assert [(row["n"], row["undone"] is None) for row in run(central, "imports")] == [(2, False), (1, False)]


def test_a_wrong_row_keeps_the_whole_file_out(central: Central, spring: str, file: Path) -> None:
    with file.open("a") as more:
        more.write("BAD,x,1\nT3,1,1\n")
    found = run(central, "import", file=str(file))
    assert (found["ok"], found["written"], found["error_count"]) == (False, False, 2)
    assert [error["line"] for error in found["errors"]] == [32, 33]
    assert run(central, "imports") == []


def test_a_file_that_changes_while_it_is_read_is_refused(central: Central, spring: str, file: Path) -> None:
    def meddle(_how_far: dict[str, Any]) -> None:
        file.write_text("text,product\nX,1\n")

    with pytest.raises(ConfigError, match="was changed"):
        run(central, "import", meddle, file=str(file))


def test_tickets_that_are_issued_by_an_import_can_be_undone(central: Central, spring: str, tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text("".join(json.dumps({"product": 1, "exp": 1_900_000_000}) + "\n" for _ in range(5)))
    assert run(central, "import", file=str(file))["created"] == 5
    before = len(central.issued("spring"))
    assert run(central, "import_undo", **{"import": 1})["restored"] == 5
    assert len(central.issued("spring")) == before - 5
