"""Imports: previewed, told how far they are, taken back without touching what was changed since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gate.central import commands, events, importjob, importlog
from gate.central.service import Central
from gate.errors import ConfigError, StorageError
from gate.model import TicketState
from gate.wire.ticketkey import text_input, ticket_key
from tests.central.gateside import TestClient, code_of


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
    monkeypatch.setattr(importlog, "STEP", 8)
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


def own_rows(folder: Path, name: str = "own.csv") -> Path:
    file = folder / name
    if file.suffix == ".csv":
        file.write_text("product,exp,name\n1,1900000000,Sari\n1,1900000000,Budi\n")
    else:
        rows = [{"name": name, "exp": 1_900_000_000, "product": "1"} for name in ("Sari", "Budi")]
        file.write_text("".join(json.dumps(row) + "\r\n" for row in rows))
    return file


def test_rows_without_a_text_are_not_issued_twice_unless_told_so(central: Central, spring: str, tmp_path: Path) -> None:
    before = len(central.issued("spring"))
    file = own_rows(tmp_path)
    assert run(central, "import", file=str(file), check=True)["repeats"] is None
    assert run(central, "import", file=str(file))["created"] == 2
    other = own_rows(tmp_path, "same.jsonl")  # the same rows in another form
    other.write_text(other.read_text() + json.dumps({"text": "T1", "product": 1}) + "\n")
    assert run(central, "import", file=str(other), check=True)["repeats"] == 1
    with pytest.raises(importlog.AgainError, match="import 1 issued tickets to the same 2 rows") as raised:
        run(central, "import", file=str(other))
    assert (raised.value.code, "--again" in raised.value.problems[0][2]) == ("import.again", True)
    assert len(central.issued("spring")) == before + 2
    assert [row["n"] for row in run(central, "imports")] == [1]
    again = run(central, "import", file=str(other), again=True)
    assert (again["created"], again["repeats"]) == (3, 1)
    assert len(central.issued("spring")) == before + 4


def test_rows_whose_import_was_taken_back_are_issued_again(central: Central, spring: str, tmp_path: Path) -> None:
    file = own_rows(tmp_path)
    run(central, "import", file=str(file))
    run(central, "import_undo", **{"import": 1})
    assert run(central, "import", file=str(file))["created"] == 2


def test_an_import_that_was_cut_off_issued_its_rows_too(
    central: Central, spring: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise StorageError("no power")

    file = own_rows(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(importlog, "end", cut)
        with pytest.raises(StorageError, match="no power"):
            run(central, "import", file=str(file))
    with pytest.raises(importlog.AgainError):
        run(central, "import", file=str(file))


def test_the_same_rows_with_texts_are_there_already(central: Central, spring: str, file: Path) -> None:
    run(central, "import", file=str(file))
    again = run(central, "import", file=str(file))
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 30)


# ---- an event that is over


@pytest.mark.parametrize("do", ["import", "publish", "issue"])
def test_an_event_that_is_over_takes_no_tickets_and_is_not_published(
    central: Central, spring: str, file: Path, do: str
) -> None:
    central.end_event("spring")
    args = {"import": {"file": str(file)}, "publish": {}, "issue": {"count": 1, "product": 1, "zones": 1, "exp": 1_900_000_000}}  # fmt: skip
    with pytest.raises(events.EndedError, match=r"spring ended 2026-12-23 11:26:40\+07:00") as raised:
        run(central, do, **args[do])
    assert (raised.value.code, "--back" in raised.value.problems[0][2]) == ("event.ended", True)
    assert run(central, "audit", limit=1)[0]["result"] == "event.ended"
    assert (run(central, "imports"), len(central.issued("spring"))) == ([], 20)
    central.end_event("spring", back=True)
    run(central, do, **args[do])


def test_operators_are_told_that_an_event_is_over_before_they_send_a_file(
    central: Central, spring: str, http: TestClient
) -> None:
    central.end_event("spring")
    token = commands.run(central, "operator_add", {"operator": "ana", "role": "admin"})["token"]
    for path, body in (
        ("imports?name=a.csv", b"text,product\nA,1\n"),
        ("publish", b"{}"),
        ("tickets", b'{"exp": 1900000000}'),
    ):
        answer = http.post(
            f"/v1/admin/events/spring/{path}", content=body, headers={"Authorization": f"Bearer {token}"}
        )
        assert code_of(answer) == (400, "invalid"), path
        detail = answer.json()["error"]["detail"]
        assert (detail["why"], "--back" in detail["problems"][0]["hint"]) == ("event.ended", True), path


def test_a_preview_is_for_whoever_may_import(central: Central, spring: str, http: TestClient) -> None:
    def headers(role: str) -> dict[str, str]:
        token = commands.run(central, "operator_add", {"operator": role, "role": role})["token"]
        return {"Authorization": f"Bearer {token}"}

    started = http.post(
        "/v1/admin/events/spring/imports?name=a.csv&check=true", content=b"text,product,name\nA,1,Sari\n",
        headers=headers("admin"),
    )  # fmt: skip
    place = f"/v1/admin/jobs/{started.json()['job']}"
    assert code_of(http.get(place, headers=headers("reader"))) == (403, "forbidden")
    assert http.get(place, headers=headers("admin")).json()["do"] == "import"
