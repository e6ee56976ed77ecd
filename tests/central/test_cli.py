"""The command line: same answers with and without a running server, exit codes of the contract."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import zxingcpp
from PIL import Image
from typer.testing import CliRunner, Result

from gate.central.cli import app
from gate.central.cliparts import _timed
from gate.said import moment_text
from gate.wire.enrol import parse_code
from tests.central.served import Served


def central(state: Path, *args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [*args, "--state", str(state)])
    assert result.exit_code == code, (result.output, result.stderr, result.exception)
    return result


def as_json(state: Path, *args: str, code: int = 0) -> Any:
    lines = [json.loads(line) for line in central(state, *args, "--json", code=code).stdout.splitlines()]
    return lines[0] if len(lines) == 1 else lines


def make(state: Path) -> None:
    central(state, "event", "create", "spring", "--tz", "Asia/Jakarta", "--name", "Spring")
    central(state, "issue", "spring", "-n", "3", "--flags", "vip", "--until", "2030-01-01T00:00:00+00:00")
    central(state, "publish", "spring")


def test_from_an_event_to_a_published_manifest_and_a_sheet(state: Path, tmp_path: Path) -> None:
    make(state)
    (event,) = [as_json(state, "event", "list")]
    assert (event["event"], event["mode"], event["cursor"]) == ("spring", "allow_list", 0)
    rows = as_json(state, "tickets", "spring")
    assert [(row["product"], row["state"], row["flags"]) for row in rows] == [(1, "valid", 2)] * 3
    sheet = as_json(state, "tickets", "spring", "--sheet", str(tmp_path / "sheet.png"))
    assert sheet == {"tickets": 3, "files": [str(tmp_path / "sheet.png")]}
    out = as_json(state, "issue", "spring", "--out", str(tmp_path / "new.jsonl"))
    assert out["issued"] == 1
    assert json.loads((tmp_path / "new.jsonl").read_text())["text"].startswith("GT1:")


def test_a_state_set_by_number_goes_into_the_change_log(state: Path) -> None:
    make(state)
    number = as_json(state, "tickets", "spring", "--limit", "1")["number"]
    row = as_json(state, "ticket", "set-state", "spring", number.lower().replace("-", " "), "canceled")
    assert (row["number"], row["state"]) == (number, "canceled")
    assert as_json(state, "ticket", "show", "spring", number)["state"] == "canceled"
    assert as_json(state, "event", "list")["cursor"] == 1


def test_a_policy_comes_from_a_file_and_can_be_replaced(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        'tz = "Asia/Taipei"\n[name]\nen = "Spring"\n[[products]]\nn = 5\nmax_day = 1\n'
        '[[lists]]\nid = "main"\n[[gates]]\nid = "g1"\nshort = "G1"\nlists = ["main"]\n'
    )
    central(state, "event", "create", "spring", "--policy", str(file))
    policy = json.loads(central(state, "event", "policy", "spring").stdout)
    assert (policy["products"][0]["n"], policy["products"][0]["max_day"], policy["annul_max"]) == (5, 1, 3)
    (tmp_path / "policy.json").write_text(json.dumps(policy | {"annul_max": 4}))
    central(state, "event", "policy", "spring", "--set", str(tmp_path / "policy.json"))
    assert json.loads(central(state, "event", "policy", "spring").stdout)["annul_max"] == 4


def test_a_device_gets_a_code_as_text_and_picture(state: Path, tmp_path: Path) -> None:
    make(state)
    picture = tmp_path / "code.png"
    args = ("device", "add", "g2", "--short", "G2", "--event", "spring", "--url", "http://127.0.0.1:8460")
    result = as_json(state, *args, "--qr", str(picture))
    assert parse_code(result["text"]).url == "http://127.0.0.1:8460"
    (seen,) = zxingcpp.read_barcodes(Image.open(picture))
    assert seen.text == result["text"]
    assert as_json(state, "device", "list")["short"] == "G2"
    central(state, "device", "revoke", "g2")
    assert as_json(state, "device", "list")["revoked"] is not None


def test_import_errors_have_lines_and_exit_code_1(state: Path, tmp_path: Path) -> None:
    make(state)
    file = tmp_path / "guests.csv"
    file.write_text("text,product\nA,1\nB,x\n")
    result = central(state, "import", "spring", str(file), code=1)
    assert "guests.csv:3: product: 'x' is not a number" in result.stderr
    assert as_json(state, "import", "spring", str(file), code=1)["errors"][0]["line"] == 3
    file.write_text("text,product\nA,1\nB,2\n")
    assert as_json(state, "import", "spring", str(file), "--check")["written"] is False
    assert as_json(state, "import", "spring", str(file))["created"] == 2


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (("event", "create", "Spring"), "is not an id"),
        (("event", "create", "summer", "--mode", "open"), "is unknown"),
        (("event", "create", "spring"), "is there already"),
        (("publish", "autumn"), "there is no event"),
        (("issue", "autumn"), "there is no event"),
        (("issue", "spring", "--flags", "gold"), "is not one of"),
        (("issue", "spring", "--until", "tomorrow"), "neither Unix seconds"),
        (("issue", "spring", "--until", "5"), "exp is out of range"),
        (("ticket", "show", "spring", "ZDK4-SE1E-1"), "does not fit"),
        (("ticket", "show", "spring", "ZDK4-SE1E-0"), "is no ticket"),
        (("device", "add", "g1", "--short", "g1", "--event", "spring", "--url", "http://x"), "is not a short name"),
        (("device", "add", "g1", "--short", "G1", "--event", "autumn", "--url", "http://x"), "there is no event"),
        (("device", "add", "g1", "--short", "G1", "--event", "spring"), "address is not known"),
        (("device", "revoke", "g9"), "there is no device"),
        (("tickets", "spring", "--sheet", "a.doc"), "neither .pdf nor .png"),
    ],
)
def test_mistakes_are_named_and_exit_with_2(state: Path, args: tuple[str, ...], problem: str) -> None:
    make(state)
    assert problem in central(state, *args, code=2).stderr
    error = json.loads(central(state, *args, "--json", code=2).stderr)["error"]
    assert error["code"] == "config"
    assert problem in error["message"]


def test_people_see_times_of_their_event_and_scripts_see_milliseconds(state: Path, tmp_path: Path) -> None:
    make(state)
    file = tmp_path / "guests.csv"
    file.write_text("text,product,exp\nA,1,2030-01-01T00:00:00+00:00\n")
    assert "1 new, 0 changed, 0 already there" in central(state, "import", "spring", str(file)).stdout
    (row,) = [as_json(state, "imports", "spring")]
    said = moment_text(row["at"], ZoneInfo("Asia/Jakarta"))
    header, line = central(state, "imports", "spring").stdout.splitlines()
    assert dict(zip(header.split("\t"), line.split("\t"), strict=True)) == {
        "n": "1", "file": "guests.csv", "at": said, "created": "1", "updated": "0", "unchanged": "0",
        "done": moment_text(row["done"], ZoneInfo("Asia/Jakarta")), "undone": "-",
    }  # fmt: skip
    central(state, "device", "add", "g1", "--short", "G1", "--event", "spring", "--url", "http://127.0.0.1")
    central(state, "operator", "add", "ana")
    first = {line.split("\t")[3]: line.split("\t")[0] for line in central(state, "audit").stdout.splitlines()[1:]}
    assert first["import"].endswith("+07:00")
    assert first["operator_add"].endswith("Z")  # of no event
    central(state, "device", "revoke", "g1")
    assert "+07:00\t-" in central(state, "device", "list").stdout
    assert central(state, "operator", "list").stdout.count("Z\t-") == 1
    assert central(state, "key", "list").stdout.count("+07:00") == 2  # the ticket key's; others are of no event
    central(state, "event", "end", "spring")
    assert "+07:00" in central(state, "event", "list").stdout
    assert as_json(state, "event", "list")["ended"] > row["at"]


def test_times_inside_an_incident_are_said_too() -> None:
    detail = {"first": {"gate": "g1", "at": 1_798_000_017_123, "late_ms": 5}, "why": "total"}
    assert _timed(detail, ZoneInfo("Asia/Jakarta"), 1) == {
        "first": {"gate": "g1", "at": "2026-12-23 11:26:57+07:00", "late_ms": 5}, "why": "total",
    }  # fmt: skip


def test_a_device_of_no_gate_and_rows_of_no_product_are_warned_of(state: Path, tmp_path: Path) -> None:
    make(state)
    args = ("device", "add", "g3", "--short", "G3", "--event", "spring", "--url", "http://127.0.0.1")
    done = central(state, *args)
    assert done.stdout.startswith("GE1:")
    assert "warning: the policy of spring has no gate g3, it has g1" in done.stderr
    assert as_json(state, *args)["warnings"][0]["gates"] == ["g1"]
    file = tmp_path / "guests.csv"
    file.write_text("text,product,exp\n" + "".join(f"T{n},7,5\n" for n in range(20)))
    done = central(state, "import", "spring", str(file), "--check")
    assert "warning: guests.csv:2: product: the policy has no product 7, it has 1" in done.stderr
    assert "warning: guests.csv:2: exp: ended already, 1970-01-01 07:00:05+07:00" in done.stderr
    assert "warning: and 20 more" in done.stderr
    assert "20 rows can be read: 20 new, 0 already there" in done.stdout


def test_what_is_refused_by_its_name_is_so_by_a_running_server_too(state: Path, tmp_path: Path) -> None:
    make(state)
    file = tmp_path / "own.csv"
    file.write_text("product,exp\n1,1900000000\n")
    central(state, "import", "spring", str(file))
    served = Served(state)
    try:
        answer = central(state, "import", "spring", str(file), "--json", code=2)
        assert json.loads(answer.stderr)["error"]["code"] == "import.again"
        assert (
            "Import 1 issued tickets to these rows" in central(state, "import", "spring", str(file), "--check").stdout
        )
        assert as_json(state, "import", "spring", str(file), "--again")["created"] == 1
        central(state, "event", "end", "spring")
        answer = central(state, "publish", "spring", "--json", code=2)
        assert json.loads(answer.stderr)["error"]["code"] == "event.ended"
    finally:
        served.end(signal.SIGTERM)
    answer = central(state, "issue", "spring", code=2)
    assert "`gate central event end spring --back`" in answer.stderr


def test_a_short_name_belongs_to_one_device(state: Path) -> None:
    make(state)
    rest = ("--short", "G1", "--event", "spring", "--url", "http://127.0.0.1")
    central(state, "device", "add", "g1", *rest)
    assert "is the short name of g1" in central(state, "device", "add", "g2", *rest, code=2).stderr


def test_a_folder_that_cannot_be_used_exits_with_3(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used" in central(tmp_path / "file" / "below", "event", "list", code=3).stderr


def test_commands_are_done_by_a_running_server(state: Path, tmp_path: Path) -> None:
    make(state)
    deep = tmp_path / ("d" * 100)
    state.rename(deep)  # deeper than a socket's name may be long
    served = Served(deep)
    try:
        number = as_json(deep, "tickets", "spring", "--limit", "1")["number"]
        assert as_json(deep, "ticket", "set-state", "spring", number, "revoked")["state"] == "revoked"
        assert as_json(deep, "device", "add", "g1", "--short", "G1", "--event", "spring")["url"] == served.url
        assert "there is no event" in central(deep, "publish", "autumn", code=2).stderr
        assert "does not fit" in central(deep, "ticket", "show", "spring", "ZDK4-SE1E-1", code=2).stderr
    finally:
        served.end(signal.SIGTERM)
    assert as_json(deep, "ticket", "show", "spring", number)["state"] == "revoked"


def test_operators_tasks_and_what_happened_from_the_command_line(state: Path) -> None:
    make(state)
    token = central(state, "operator", "add", "ana", "--role", "admin").stdout.strip()
    assert token.startswith("gco.ana.")
    assert as_json(state, "operator", "list") | {"created": 0} == {
        "operator": "ana", "role": "admin", "created": 0, "revoked": None,
    }  # fmt: skip
    central(state, "operator", "revoke", "ana")
    assert as_json(state, "operator", "list")["revoked"]
    central(state, "operator", "revoke", "bob", code=2)
    central(state, "device", "add", "g1", "--short", "G1", "--event", "spring", "--url", "http://127.0.0.1")
    assert "enrolled" in central(state, "device", "task", "g1", "pull", code=2).stderr
    assert central(state, "device", "task", "g1").stdout.startswith("task\tdo\tby")
    assert central(state, "incidents").stdout.startswith("event\tn\tkind")
    log = as_json(state, "audit")
    assert {row["who"] for row in log} == {"local"}
    assert [row["do"] for row in log][-3:] == ["publish", "issue", "event_create"]
    assert {row["do"]: row["result"] for row in log}["task_put"] == "config"
    assert token not in json.dumps(log)
    assert as_json(state, "event", "end", "spring") == {"event": "spring", "ended": True}
    assert "is back" in central(state, "event", "end", "spring", "--back").stdout
    assert as_json(state, "event", "forget-names", "spring") == {"event": "spring", "forgotten": 0}
