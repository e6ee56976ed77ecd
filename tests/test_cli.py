"""`gate ...`: exit codes, tables for people, JSON for scripts. On a state folder as sync and lane leave it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
import segno

from gate import cli
from gate.model import TicketState
from gate.said import moment_text
from gate.storage.journal import JournalStore
from gate.storage.keys import journal_key
from gate.verify.formats import gt1
from gate.wire.enrol import EnrolmentCode
from tests.fakes.issuer import NOW_S
from tests.fakes.state import StateFolder, edit
from tests.storage.rows import counting, draft, moment


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        lines = [json.loads(line) for line in self.out.splitlines()]
        return lines[0] if len(lines) == 1 else lines


Gate = Callable[..., Done]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gate:
    """Run a command in this process, as `main` does."""

    def run(*arguments: str | Path, stdin: str = "") -> Done:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["gate", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        return Done(code or 0, captured.out, captured.err)

    return run


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    made = StateFolder(tmp_path / "state")
    made.ready([made.row(n) for n in range(5)])
    made.change(made.row(2, state=int(TicketState.REVOKED)))
    made.change(made.opaque("ABC123"))
    return made


@pytest.fixture
def config(state: StateFolder, tmp_path: Path) -> Path:
    return write_config(tmp_path, f'[gate]\nid = "g2"\nstate_dir = "{state.path}"\n[pins]\nfactory = "mock"\n')


def write_config(folder: Path, text: str) -> Path:
    path = folder / "gate.toml"
    path.write_text(text)
    return path


@pytest.fixture
def journal(state: StateFolder) -> Path:
    """Eight rows: a start, then five admissions and two refusals."""
    store = JournalStore(
        state.path / "journal.db", gate="g2", key=journal_key(state.path), random=counting(1), head_every=3
    )
    store.write_boot(moment(), {}, {"version": "test"})
    for n in range(5):
        store.commit([draft(n, ticket=state.key(n), latency={"decide_ms": 1.234})], moment(n))
    for n in range(2):
        store.commit([draft(n, "refused", reason="revoked")], moment(10 + n))
    store.close()
    return state.path / "journal.db"


AT = ("--at", str(NOW_S))


# ---- check-config


def test_good_config_has_no_problem(gate: Gate, config: Path) -> None:
    assert gate("check-config", "-c", config)[:2] == (0, f"{config}: no problem found\n")
    assert gate("check-config", "-c", config, "--json").json == {"ok": True, "problems": []}


def test_every_problem_of_a_config_is_named_with_key_and_hint(gate: Gate, tmp_path: Path) -> None:
    config = write_config(tmp_path, '[gate]\nid = "No!"\nnick = 1\n[lane.entry]\nprofile = "nothing"\npulse_ms = 5\n')
    done = gate("check-config", "-c", config, "--json")
    assert done.code == 2
    assert done.json["ok"] is False
    assert {"gate.id", "gate.nick", "lane.entry.pulse_ms"} <= {item["key"] for item in done.json["problems"]}
    assert all(item["problem"] and set(item) == {"key", "problem", "hint"} for item in done.json["problems"])
    table = gate("check-config", "-c", config)
    assert table.code == 2
    assert "gate.nick" in table.out


@pytest.mark.parametrize("text", [None, "not toml ["])
def test_config_that_cannot_be_read_is_usage(gate: Gate, tmp_path: Path, text: str | None) -> None:
    path = write_config(tmp_path, text) if text else tmp_path / "nothing.toml"
    assert gate("check-config", "-c", path).code == 2
    done = gate("run", "-c", path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("gate: ")


def test_bad_config_stops_every_command_with_2_and_json_errors_on_stderr(gate: Gate, tmp_path: Path) -> None:
    config = write_config(tmp_path, "[gate]\nnick = 1\n")
    done = gate("verify", "x", "-c", config, "--json")
    assert (done.code, done.out) == (2, "")
    assert json.loads(done.err)["error"]["code"] == "config"


# ---- verify


def test_authentic_ticket_is_verified_with_its_claims(gate: Gate, state: StateFolder, config: Path) -> None:
    done = gate("verify", state.text(1), "-c", config, "--json", *AT)
    assert done.code == 0
    found = done.json
    assert set(found) >= {"format", "kid", "claims", "ticket", "number", "reason"}
    assert (found["format"], found["reason"], found["ticket"]) == ("gt1", "ok", state.key(1).hex())
    assert (found["claims"]["product"], found["claims"]["cti"]) == (12, state.cti(1).hex())
    assert gate("verify", "-", "-c", config, *AT, stdin=state.text(1) + "\r\n").code == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"), "invalid_signature"),
        (lambda text: "HELLO", "invalid"),
        (lambda text: "GT1:" + text[10:], "invalid"),
    ],
    ids=["a changed letter", "no ticket", "cut"],
)
def test_what_is_not_authentic_is_a_no(
    gate: Gate, state: StateFolder, config: Path, change: Callable[[str], str], reason: str
) -> None:
    done = gate("verify", change(state.text(1)), "-c", config, "--json", *AT)
    assert done.code == 1
    assert done.json["reason"] in (reason, "invalid")


def test_verify_needs_an_enrolled_gate(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    config = write_config(tmp_path, f'[gate]\nstate_dir = "{tmp_path / "empty"}"\n')
    for command in ("verify", "explain"):
        done = gate(command, "x", "-c", config, "--json")
        assert (done.code, done.out) == (3, "")
        assert "enrolled" in json.loads(done.err)["error"]["message"]


def test_damaged_trust_is_5(gate: Gate, state: StateFolder, config: Path) -> None:
    edit(state.sync_db, "UPDATE trust SET file = x'00'")
    assert gate("verify", "x", "-c", config).code == 5
    edit(state.sync_db, "DELETE FROM trust")
    state.trust()
    for path in (state.path / "manifests").glob("*.sqlite"):
        path.write_bytes(b"spoiled")
    assert gate("explain", "x", "-c", config).code == 5


# ---- explain


def test_explain_gives_facts_and_every_rule(gate: Gate, state: StateFolder, config: Path, journal: Path) -> None:
    done = gate("explain", "ABC123", "-c", config, "--json", *AT)
    assert done.code == 0
    found = done.json
    assert set(found) >= {"verdict", "reason", "detail", "rule", "facts", "rules"}
    assert (found["verdict"], found["reason"], found["rule"]) == ("GO", "ok", "")
    assert found["facts"]["found"] is True
    assert all(step["answer"] == "pass" for step in found["rules"])


def test_explain_refuses_with_the_rule_that_did(gate: Gate, state: StateFolder, config: Path, journal: Path) -> None:
    revoked = gate("explain", state.text(2), "-c", config, "--json", *AT)
    assert (revoked.code, revoked.json["reason"], revoked.json["rules"][-1]) == (
        1,
        "revoked",
        {"name": "revoked", "answer": "revoked", "looked": ["state"]},
    )
    used = gate("explain", state.text(1), "-c", config, "--json", *AT)
    assert (used.code, used.json["verdict"], used.json["reason"]) == (1, "STOP_USED", "already_redeemed")
    early = gate("explain", state.text(9), "-c", config, *AT)
    assert (early.code, early.out.split()[:2]) == (1, ["STOP", "invalid"])


def test_explain_records_nothing(gate: Gate, state: StateFolder, config: Path, journal: Path) -> None:
    before = journal.read_bytes()
    gate("explain", state.text(3), "-c", config, *AT)
    assert journal.read_bytes() == before


def test_explain_before_the_first_start_of_the_lane(gate: Gate, state: StateFolder, config: Path) -> None:
    done = gate("explain", state.text(3, exp=NOW_S - 1), "-c", config, "--json", *AT)
    assert (done.code, done.json["verdict"]) == (1, "STOP")
    assert not (state.path / "journal.db").exists()


def test_direction_that_does_not_exist_is_usage(gate: Gate, config: Path) -> None:
    done = gate("explain", "x", "-c", config, "--dir", "sideways")
    assert done.code == 2
    assert "Traceback" not in done.err


# ---- ticket, pictures


def test_ticket_is_printed_as_its_standard_object(gate: Gate, state: StateFolder) -> None:
    text = state.text(1)
    done = gate("ticket", "cose", text)
    assert (done.code, done.out.strip()) == (0, gt1.to_sign1(text).encode().hex())
    assert done.out.startswith("d28449a20132")
    assert gate("ticket", "cose", "GT1:NO").code == 1
    assert gate("ticket", "cose", "\x00").code == 1


def test_pictures_give_a_line_each_and_the_worst_exit_code(gate: Gate, tmp_path: Path) -> None:
    good, empty, broken = tmp_path / "good.png", tmp_path / "empty.png", tmp_path / "broken.png"
    segno.make("HELLO GATE", error="m", micro=False).save(str(good), scale=8, border=4)
    broken.write_text("no picture")
    _blank(empty)
    done = gate("scan-image", good)
    assert (done.code, [item["text"] for item in done.json["texts"]]) == (0, ["HELLO GATE"])
    assert set(done.json) == {"file", "texts", "ms"}
    assert set(done.json["texts"][0]) == {"text", "engine", "corners"}
    assert (gate("scan-image", empty).code, gate("scan-image", good, empty).code) == (1, 1)
    both = gate("scan-image", broken, tmp_path / "nothing.png", good)
    assert both.code == 3
    assert ["error" in line for line in both.json] == [True, True, False]


def _blank(path: Path) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(path), np.full((200, 300), 255, np.uint8))


# ---- journal


def test_tail_gives_the_newest_rows_oldest_first(gate: Gate, config: Path, journal: Path) -> None:
    rows = gate("journal", "tail", "-c", config, "-n", "3", "--json").json
    assert [row["kind"] for row in rows] == ["admitted", "refused", "refused"]
    assert [row["seq"] for row in rows] == [5, 6, 7]
    assert len(rows[0]["hash"]) == 64
    assert rows[0]["latency"] == {"decide_ms": 1.23}
    table = gate("journal", "tail", "-c", config, "-n", "2")
    assert (table.code, len(table.out.splitlines())) == (0, 3)
    assert table.out.splitlines()[2].startswith(moment_text(rows[2]["at"], ZoneInfo("Asia/Taipei"), exact=True))
    assert str(rows[2]["at"]) not in table.out
    (config.parent / "elsewhere").mkdir()
    shutil.copy(journal, config.parent / "elsewhere" / "journal.db")  # no policy beside it: UTC
    table = gate("journal", "tail", "--file", config.parent / "elsewhere" / "journal.db", "-n", "1")
    assert table.out.splitlines()[1].startswith(moment_text(rows[2]["at"], exact=True))
    assert gate("journal", "tail", "-c", config, "-n", "0").code == 2
    assert len(gate("journal", "tail", "-c", config, "-n", "1000", "--json").json) == 8


def test_export_has_every_row(gate: Gate, config: Path, journal: Path) -> None:
    rows = gate("journal", "export", "-c", config).json
    assert [row["kind"] for row in rows] == ["boot", *["admitted"] * 5, *["refused"] * 2]


def test_verify_says_how_many_rows_are_in_order(gate: Gate, config: Path, journal: Path) -> None:
    assert gate("journal", "verify", "-c", config, "--json").json == {
        "ok": True, "rows": 8, "streams": 2, "first_bad": None
    }  # fmt: skip
    assert "8 rows in 2 streams" in gate("journal", "verify", "--file", journal).out
    (journal.parent / "journal.pub").unlink()
    assert "heads were not checked" in gate("journal", "verify", "--file", journal).out


def test_verify_names_the_row_that_was_touched_and_exits_5(gate: Gate, config: Path, journal: Path) -> None:
    edit(journal, "UPDATE journal SET reason='ok' WHERE seq=6")
    done = gate("journal", "verify", "-c", config, "--json")
    assert done.code == 5
    assert (done.json["ok"], done.json["first_bad"]["event"], done.json["first_bad"]["seq"]) == (False, "spring", 6)
    assert "row 6" in gate("journal", "verify", "-c", config).out


@pytest.mark.parametrize("command", ["tail", "verify", "export"])
def test_journal_that_is_not_there_is_3_and_a_spoiled_one_5(
    gate: Gate, config: Path, state: StateFolder, command: str
) -> None:
    assert gate("journal", command, "-c", config).code == 3
    assert gate("journal", command, "--file", state.path / "nothing.db").code == 3
    (state.path / "journal.db").write_bytes(b"spoiled " * 1000)
    done = gate("journal", command, "-c", config)
    assert (done.code, "Traceback" in done.err) == (5, False)


@pytest.mark.parametrize("command", ["tail", "verify", "export"])
def test_journal_with_spoiled_pages_is_5_not_a_crash(gate: Gate, config: Path, journal: Path, command: str) -> None:
    data = journal.read_bytes()
    journal.write_bytes(data[: 2 * 4096] + b"\xff" * (len(data) - 2 * 4096))
    done = gate("journal", command, "-c", config)
    assert (done.code, "Traceback" in done.err) == (5, False)


@pytest.mark.parametrize("command", ["tail", "export"])
def test_row_that_does_not_read_is_5(gate: Gate, config: Path, journal: Path, command: str) -> None:
    edit(journal, "UPDATE journal SET body = x'ff' WHERE seq = 4")
    assert gate("journal", command, "-c", config).code == 5


# ---- the rest


def test_unknown_command_and_missing_argument_are_usage(gate: Gate) -> None:
    assert gate("fly").code == 2
    assert gate("verify").code == 2


def test_help_names_the_commands(gate: Gate) -> None:
    done = gate("--help")
    assert done.code == 0
    for word in ("run", "demo", "check-config", "verify", "explain", "scan-image", "ticket", "journal", "bench"):
        assert word in done.out


def test_enrol_without_sync_is_3(gate: Gate, config: Path, tmp_path: Path) -> None:
    text = f'[gate]\nid = "g2"\nstate_dir = "{tmp_path}"\nruntime_dir = "{tmp_path}"\n'
    code = EnrolmentCode(url="http://127.0.0.1", code=bytes(16), root=bytes(32)).text()
    done = gate("enrol", code, "-c", write_config(tmp_path, text), "--json")
    assert done.code == 3
    assert json.loads(done.err)["error"]["code"] == "sync"


@pytest.mark.parametrize("text", ["GE1:FOO", "", "GT1:ABC", "GE1:" + "A" * 100])
def test_enrol_with_what_is_no_code_is_2(gate: Gate, config: Path, text: str) -> None:
    done = gate("enrol", text, "-c", config, "--json")
    assert (done.code, json.loads(done.err)["error"]["code"]) == (2, "format")
    assert "not an enrolment code" in gate("enrol", "-", "-c", config, stdin=f"{text}\n").err


def test_reader_of_the_output_that_goes_away_is_no_error(config: Path, journal: Path) -> None:
    """The real program, as `gate journal export | head -1`."""
    root = str(Path(__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-m", "gate", "journal", "export", "-c", str(config)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root, env=os.environ | {"PYTHONPATH": root},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    error = process.stderr.read().decode()
    process.stderr.close()
    assert (process.wait(20), "Traceback" in error) == (0, False)
