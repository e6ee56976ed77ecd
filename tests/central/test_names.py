"""Search by name: found by the beginnings of words, masked, only where the organiser allows it, every reveal noted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from sqlalchemy import text

from gate.central import audit, commands, names, searchapi
from gate.central.service import Central
from gate.errors import StorageError
from gate.wire.numbers import ticket_number
from gate.wire.ticketkey import text_input, ticket_key
from tests.central.gateside import POLICY, Device, code_of, make_event

SEARCH, REVEAL = "/v1/events/spring/search", "/v1/events/spring/search/reveal"
PEOPLE = {
    "A1": "Sari Dewi", "A2": "sari  ANGGRAINI", "A3": "José Ñandú", "A4": "O'Brien, Máire", "A5": "王小明",
    "A6": "Li", "A7": "100% Real_Name", "A8": "김민수", "A9": "Straße Groß",
}  # fmt: skip


@pytest.fixture
def named(central: Central, spring: str, tmp_path: Path) -> Central:
    load(central, tmp_path, PEOPLE)
    central.set_policy(POLICY | {"search": "hub"})
    return central


def load(central: Central, folder: Path, people: dict[str, str], **more: Any) -> dict[str, Any]:
    file = folder / "people.jsonl"
    file.write_text(
        "".join(json.dumps({"text": text, "product": 1, "name": name} | more) + "\n" for text, name in people.items())
    )
    result: dict[str, Any] = commands.run(central, "import", {"event": "spring", "file": str(file)})
    assert result["ok"], result
    return result


def number_of(central: Central, text: str) -> str:
    return ticket_number(ticket_key(central.keys.salt("spring"), text_input(text)))


def post(gate: Device, path: str, **body: Any) -> Any:
    return gate.post(path, json.dumps(body).encode())


def found(gate: Device, text: str) -> list[str]:
    answer = post(gate, SEARCH, name=text)
    assert answer.status_code == 200, answer.text
    return [person["masked"] for person in answer.json()["people"]]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("sari", ["s••• A••••••••", "S••• D•••"]),
        ("SARI d", ["S••• D•••"]),
        ("dewi sa", ["S••• D•••"]),
        ("jose", ["J••• Ñ••••"]),
        ("nandu", ["J••• Ñ••••"]),
        ("obrien", ["O••••••• M••••"]),
        ("mai obr", ["O••••••• M••••"]),
        ("王小明", ["王••"]),
        ("김민수", ["김••"]),
        ("strasse", ["S••••• G•••"]),
        ("real name", ["1••• R••••••••"]),
        ("ari dewi", []),
        ("nobody", []),
        ("___", None),
        ("%%%", None),
        ("sa", None),
        ("王小", None),
        ("s\u0301 a\u0301", None),
        ("\x00ab", None),
    ],
)
def test_people_are_found_by_the_beginnings_of_words_and_shown_masked(
    named: Central, gate: Device, asked: str, shown: list[str] | None
) -> None:
    if shown is not None:
        assert found(gate, asked) == shown
        return
    answer = post(gate, SEARCH, name=asked)
    assert code_of(answer) == (400, "invalid")
    assert "\x00" in asked or answer.json()["error"]["detail"] == {"why": "too_short"}


def test_what_is_shown_is_masked_number_product_and_state(named: Central, gate: Device) -> None:
    commands.run(named, "ticket_set_state", {"event": "spring", "number": number_of(named, "A1"), "state": 3})
    answer = post(gate, SEARCH, name="dewi").json()
    assert answer == {
        "people": [{"masked": "S••• D•••", "number": number_of(named, "A1"), "product": "Day", "state": "blocked"}],
        "more": False,
    }


def test_a_search_that_fits_many_shows_some_and_says_so(
    named: Central, gate: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(named, tmp_path, {f"M{n}": f"Maria Mar{n:02}" for n in range(30)})
    answer = post(gate, SEARCH, name="mar").json()
    assert (len(answer["people"]), answer["more"]) == (names.FOUND_MAX, True)
    assert len({person["number"] for person in answer["people"]}) == names.FOUND_MAX
    monkeypatch.setattr(names, "_CANDIDATES", 10)
    answer = post(gate, SEARCH, name="maria m").json()
    assert answer["more"]  # not all were looked at


def test_nothing_is_found_where_the_organiser_does_not_allow_it(named: Central, gate: Device, central: Central) -> None:
    central.set_policy(POLICY)
    for answer in (
        post(gate, SEARCH, name="sari"),
        post(gate, REVEAL, number=number_of(named, "A1"), staff="budi", reason="why"),
    ):
        assert code_of(answer) == (403, "forbidden")
        assert answer.json()["error"]["detail"] == {"why": "policy"}
    assert [row for row in central.db.read(lambda c: audit.listed(c, limit=9)) if row["do"] == "reveal"] == []


def test_a_gate_searches_its_own_events_only(named: Central, gate: Device) -> None:
    make_event(named, "autumn")
    assert code_of(post(gate, "/v1/events/autumn/search", name="sari")) == (403, "forbidden")


def test_a_hub_reads_no_names(named: Central, gate: Device) -> None:
    from gate.central.auth import MAY

    assert "hub" not in MAY["search"] | MAY["reveal"]


def test_a_gate_that_lists_the_house_is_slowed_down(named: Central, gate: Device) -> None:
    for _ in range(searchapi._BURST):
        assert post(gate, SEARCH, name="sari").status_code == 200
    answer = post(gate, SEARCH, name="sari")
    assert code_of(answer) == (503, "busy")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_search_is_noted_without_the_name_that_was_asked_for(
    named: Central, gate: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(found(gate, "Sari")) == 2
    assert found(gate, "no body") == []
    rows = [row for row in named.db.read(lambda c: audit.listed(c, limit=9)) if row["do"] == "search"]
    assert [(row["event"], row["who"], row["result"]) for row in rows] == [("spring", "device:g1", "ok")] * 2
    assert [row["detail"] for row in rows] == [
        {"letters": 6, "people": 0, "more": False}, {"letters": 4, "people": 2, "more": False},
    ]  # fmt: skip
    assert "sari" not in json.dumps(named.db.read(lambda c: audit.listed(c, limit=99))).lower()

    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(audit, "begin", full)
    answer = post(gate, SEARCH, name="sari")
    assert (answer.status_code, "S•••" in answer.text) == (503, False)  # what cannot be noted is not shown


def test_a_reveal_gives_the_name_and_is_noted(named: Central, gate: Device) -> None:
    number = number_of(named, "A3")
    answer = post(gate, REVEAL, number=number.lower(), staff="budi", reason="lost phone")
    assert answer.json() == {
        "name": "José Ñandú", "number": number, "ticket": ticket_key(named.keys.salt("spring"), text_input("A3")).hex(),
        "product": 1, "state": "valid",
    }  # fmt: skip
    (row,) = [row for row in named.db.read(lambda c: audit.listed(c, limit=9)) if row["do"] == "reveal"]
    assert (row["event"], row["who"], row["result"]) == ("spring", "device:g1", "ok")
    assert row["detail"] == {"staff": "budi", "reason": "lost phone", "number": number}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"number": "ZDK4-SE1E-1", "staff": "b", "reason": "r"}, 400),
        ({"number": "ZDK4-SE1E-0", "staff": "b", "reason": "r"}, 404),
        ({"number": "ZDK4-SE1E-0", "staff": "b", "reason": " "}, 400),
        ({"number": "ZDK4-SE1E-0", "reason": "r"}, 400),
        ({"number": 7, "staff": "b", "reason": "r"}, 400),
    ],
)
def test_a_reveal_that_cannot_be_is_refused_and_shows_nothing(
    named: Central, gate: Device, body: dict[str, Any], status: int
) -> None:
    assert post(gate, REVEAL, **body).status_code == status


def test_a_ticket_without_a_name_has_none_to_reveal(named: Central, gate: Device) -> None:
    (ticket,) = named.issued("spring", limit=1)
    answer = post(gate, REVEAL, number=ticket.number, staff="budi", reason="why")
    assert code_of(answer) == (404, "not_found")


# ---- keeping


def test_a_name_never_leaves_in_what_gates_are_given(named: Central, gate: Device) -> None:
    published = named.publish("spring", rebuild=True)
    path = f"/v1/manifests/{published.base_sha256.hex()}.sqlite.zst"
    base = zstandard.ZstdDecompressor().stream_reader(gate.get(path).content).read()
    assert base.startswith(b"SQLite")
    load_more = json.dumps({"text": "A1", "product": 2, "name": "Sari Dewi"})
    (named.state / "x.jsonl").write_text(load_more + "\n")
    commands.run(named, "import", {"event": "spring", "file": str(named.state / "x.jsonl")})
    head = gate.get("/v1/events/spring/manifest").content
    changes = named.db.read(lambda c: [bytes(row.row) for row in c.execute(text("SELECT row FROM change"))])
    for data in (base, head, *changes):
        assert b"Sari" not in data
        assert b"sari" not in data


def test_an_import_that_is_undone_takes_its_names_back(central: Central, spring: str, tmp_path: Path) -> None:
    def kept() -> set[str]:
        keys = [ticket_key(central.keys.salt("spring"), text_input(text)) for text in ("A1", "A2", "A3")]
        return set(central.db.read(lambda c: names.of(c, "spring", keys)).values())

    load(central, tmp_path, {"A1": "Sari", "A2": "Budi"})
    second = load(central, tmp_path, {"A1": "Sari Dewi", "A3": "Ayu"})
    assert second["unchanged"] == 1  # the ticket is as before; its name is another one
    assert kept() == {"Sari Dewi", "Budi", "Ayu"}
    third = load(central, tmp_path, {"A2": ""}, product=1)
    assert kept() == {"Sari Dewi", "Budi", "Ayu"}  # a file that says nothing takes nothing away
    load(central, tmp_path, {"A3": "Ayu L."})
    undone = commands.run(central, "import_undo", {"event": "spring", "import": second["import"]})
    assert (undone["restored"], undone["left"]) == (1, 1)  # Ayu was renamed since
    assert kept() == {"Sari", "Budi", "Ayu L."}
    commands.run(central, "import_undo", {"event": "spring", "import": third["import"]})
    assert kept() == {"Sari", "Budi", "Ayu L."}


def test_names_are_forgotten_on_demand_and_imports_can_still_be_undone(
    named: Central, gate: Device, tmp_path: Path
) -> None:
    assert commands.run(named, "names_forget", {"event": "spring"}) == {"event": "spring", "forgotten": len(PEOPLE)}
    assert found(gate, "sari") == []
    dump = named.db.read(lambda c: repr(c.execute(text("SELECT * FROM import_row")).all()))
    assert "Sari" not in dump
    undone = commands.run(named, "import_undo", {"event": "spring", "import": 1})
    assert undone["restored"] == len(PEOPLE)


def test_direction_signs_and_control_signs_do_not_get_into_a_name() -> None:
    assert names.clean(" Sa\u202eri\t De\x00wi\u2066 ") == "Sari Dewi"
    assert names.clean("می\u200cخواهم") == "می\u200cخواهم"


def test_a_masked_name_shows_first_signs_only() -> None:
    assert names.mask("X") == "•"
    assert names.mask("e\u0301e") == "e\u0301•"
    assert names.mask("A" * 50) == "A" + "•" * 9
    assert len(names.mask("ab " * 50).split()) == 8
