"""Tickets from files: what is wrong is named by line, and nothing changes while anything is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gate.central import commands, importing, tables
from gate.central.importing import parse
from gate.central.service import Central
from gate.model import TicketFlag, TicketState
from gate.wire.ticketkey import text_input, ticket_key


def csv_errors(text: str) -> list[tuple[int, str]]:
    parsed = parse(text.encode().splitlines(keepends=True), json_lines=False)
    assert parsed.error_count == len(parsed.errors)
    return [(error.line, error.column) for error in parsed.errors]


def test_a_csv_row_becomes_a_ticket_with_defaults() -> None:
    lines = "\ufefftext,product,state,flags,exp\r\nABC123,12,Unpaid,vip+attention,2027-05-01T18:00:00+07:00\r\n"
    (row,) = parse(lines.encode().splitlines(keepends=True), json_lines=False).rows
    assert (row.line, row.text, row.product, row.zones, row.uses) == (2, "ABC123", 12, 1, 1)
    assert (row.state, row.flags) == (TicketState.UNPAID, TicketFlag.VIP | TicketFlag.ATTENTION)
    assert row.exp == 1_809_169_200


def test_errors_name_line_and_column() -> None:
    text = (
        "text,product,zones,state,flags,uses,exp\n"
        "A,1,1,valid,,1,\n"
        "B,x,1,valid,,1,\n"
        "C,1,65536,valid,,1,\n"
        "D,1,1,lost,,1,\n"
        "E,1,1,valid,gold,1,\n"
        "F,1,1,valid,,-1,\n"
        "G,1,1,valid,,1,2027-05-01\n"
        ",1,1,valid,,1,\n"
        "A,1,1,valid,,1,\n"
        "H,1,1\n"
        "GT1:X,1,1,valid,,1,\n"
    )
    assert csv_errors(text) == [
        (3, "product"), (4, "zones"), (5, "state"), (6, "flags"), (7, "uses"), (8, "exp"), (9, "exp"), (10, "text"),
        (11, ""), (12, "text"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("", [(1, "product")]),
        ("text,price\n", [(1, "price"), (1, "product")]),
        ("product,product\n1,2\n", [(1, "product"), (1, "product")]),
        ('product,text\n1,"open\n', [(2, "")]),
        ("product,text\n1,\x00\n", [(2, "text")]),
    ],
)
def test_a_file_with_a_wrong_shape_is_refused(text: str, errors: list[tuple[int, str]]) -> None:
    assert csv_errors(text) == errors


def test_a_line_number_counts_lines_inside_quotes() -> None:
    assert csv_errors('text,product,ext\nA,1,"{""a"":\n1}"\nB,x,\n') == [(4, "product")]


def test_bad_utf8_and_endless_lines_are_errors_of_their_line() -> None:
    parsed = parse([b"text,product\n", b"\xff,1\n", b"A" * (importing.LINE_MAX + 1)], json_lines=False)
    assert [(error.line, error.problem) for error in parsed.errors] == [
        (2, "not UTF-8"),
        (3, f"longer than {importing.LINE_MAX} bytes"),
    ]


def test_json_lines_name_their_errors_too() -> None:
    good: dict[str, Any] = {"text": "A", "product": 1, "ext": {"item": 3}, "flags": "minor"}
    lines = [json.dumps(good), "", "{", "[1]", '{"product": 1, "price": 2}', "[" * 5000]
    parsed = parse([f"{line}\n".encode() for line in lines], json_lines=True)
    assert [(row.line, row.ext, row.flags) for row in parsed.rows] == [(1, '{"item": 3}', TicketFlag.MINOR)]
    assert [(error.line, error.column) for error in parsed.errors] == [(3, ""), (4, ""), (5, "price"), (6, "")]


def test_many_errors_are_counted_and_the_first_hundred_listed() -> None:
    parsed = parse([b"product,text\n", *(b"x,A\n" for _ in range(250))], json_lines=False)
    assert (len(parsed.errors), parsed.error_count) == (100, 250)


def test_nothing_is_written_while_one_row_is_wrong(central: Central, spring: str, tmp_path: Path) -> None:
    file = tmp_path / "guests.csv"
    file.write_text("text,product\nA,1\nB,x\n")
    result = commands.run(central, "import", {"event": spring, "file": str(file)})
    assert (result["ok"], result["written"], result["error_count"]) == (False, False, 1)
    assert central.publish(spring, rebuild=True).rows == 20


def test_a_second_import_changes_only_what_differs(central: Central, spring: str, tmp_path: Path) -> None:
    file = tmp_path / "guests.csv"
    file.write_text("text,product,state,exp\nA,1,,\nB,2,unpaid,\n,1,,2000000000\n")
    result = commands.run(central, "import", {"event": spring, "file": str(file)})
    assert (result["created"], result["updated"], result["unchanged"]) == (3, 0, 0)
    file.write_text("text,product,state,exp\nA,1,,\nB,2,valid,\n")
    result = commands.run(central, "import", {"event": spring, "file": str(file)})
    assert (result["created"], result["updated"], result["unchanged"]) == (0, 1, 1)
    key = ticket_key(central.keys.salt(spring), text_input("B"))
    from gate.wire.numbers import ticket_number

    row = central.find_ticket(spring, ticket_number(key))
    assert (row.key, row.product, row.state) == (key, 2, TicketState.VALID)
    assert len(central.issued(spring)) == 21


def test_issued_tickets_go_to_a_file_that_only_the_owner_reads(central: Central, spring: str, tmp_path: Path) -> None:
    rows = commands.run(central, "tickets", {"event": spring, "limit": 3})
    for name in ("out.csv", "out.jsonl"):
        assert tables.write_issued(tmp_path / name, rows) == 3
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["text"] for line in lines] == [row["text"] for row in rows]
    assert (tmp_path / "out.csv").read_text().startswith("text,number,key,")
