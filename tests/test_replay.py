"""`gate replay` and `gate rehearse`: a real journal decided again, a real manifest decided beforehand."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gate import cli
from gate.errors import ConfigError, DamagedError
from gate.inspect import Desk
from gate.model import ClockTrust, Direction, TicketFlag, TicketState
from gate.rehearse import Rehearsal
from gate.replay import replay
from gate.storage.tickets import base_path
from gate.wire import cbor
from tests.fakes.issuer import NOW_S, POLICY
from tests.fakes.state import StateFolder, edit
from tests.lane.rig import Rig

H = 3600


class Done(NamedTuple):
    code: Any
    out: str
    err: str


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    def run(*arguments: str | Path) -> Done:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["gate", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return Done(end.value.code or 0, captured.out, captured.err)

    return run


# ---- replay


@pytest.fixture
def night(tmp_path: Path) -> Rig:
    """An evening with a bit of everything, closed."""
    rig = Rig(tmp_path, lanes=("entry", "exit"), sensor=False, clock_policy="staff")
    for what in (0, 0, 1, "no ticket", 99, 2):
        rig.scan(what)
        rig.wait(6)
    rig.clock.trust, rig.clock.error_ms = ClockTrust.UNTRUSTED, None
    rig.scan(3)
    rig.wait(6)
    rig.scan(1, "exit")
    rig.scan(4, "exit")
    rig.wait(6)
    rig.close()
    return rig


def base_of(rig: Rig) -> Path:
    (path,) = (rig.state.path / "manifests").glob("*.sqlite")
    return path


def test_every_decision_comes_out_the_same(night: Rig) -> None:
    kinds = [row["kind"] for row in night.rows("admitted", "refused", "exit")]
    assert {"admitted", "refused", "exit"} == set(kinds)
    for manifest in (None, base_of(night)):
        result = replay(night.state.path / "journal.db", manifest)
        assert (result.rows, result.different) == (len(kinds), ())


def test_ticket_that_another_manifest_knows_otherwise_is_a_difference(night: Rig) -> None:
    rows = [night.state.row(n, state=TicketState.CANCELED if n == 1 else TicketState.VALID) for n in range(5)]
    other = base_path(night.state.path, night.state.base([*rows, night.state.row(99)]))
    result = replay(night.state.path / "journal.db", other)
    changes = [(item.then["reason"], item.now["reason"], item.now["facts"]) for item in result.different]
    assert changes == [
        ("ok", "canceled", {"state": 4}),
        ("invalid", "ok", {"found": True}),
        ("ok", "canceled", {"state": 4}),
    ]
    assert result.to_json()["same"] == result.rows - 3


def test_ticket_that_another_manifest_does_not_have(night: Rig) -> None:
    other = base_path(night.state.path, night.state.base([night.state.row(n) for n in (1, 2, 3, 4)]))
    result = replay(night.state.path / "journal.db", other)
    assert {(item.now["reason"], item.now["detail"]) for item in result.different} == {("invalid", "unknown")}
    assert [item.then["facts"] for item in result.different] == [{"found": True}] * 2


def test_row_whose_answer_the_rules_would_not_give(night: Rig) -> None:
    """As after a change of the rules: the stored answer is another than the facts lead to."""
    path = night.state.path / "journal.db"
    row_id, body = sqlite3.connect(path).execute("SELECT id, body FROM journal WHERE kind='refused'").fetchone()
    edit(path, "UPDATE journal SET body=? WHERE id=?", cbor.dumps(cbor.loads(body) | {"reason": "blocked"}), row_id)
    (difference,) = replay(path).different
    assert difference.then == {"admit": False, "reason": "blocked", "detail": "total"}
    assert difference.now == {"admit": False, "reason": "already_redeemed", "detail": "total"}


def test_facts_that_are_not_those_of_the_row_are_damage(night: Rig) -> None:
    path = night.state.path / "journal.db"
    connection = sqlite3.connect(path)
    row_id, facts = connection.execute("SELECT id, facts FROM journal WHERE kind='admitted'").fetchone()
    edit(path, "UPDATE journal SET facts=? WHERE id=?", cbor.dumps(cbor.loads(facts) | {"entries": 7}), row_id)
    with pytest.raises(DamagedError, match="not those of its decision"):
        replay(path)


def test_rows_of_an_older_gate_with_fewer_facts_are_replayed(night: Rig) -> None:
    path = night.state.path / "journal.db"
    connection = sqlite3.connect(path, isolation_level=None)
    for row_id, body, facts in connection.execute(
        "SELECT id, body, facts FROM journal WHERE facts IS NOT NULL"
    ).fetchall():
        kept = cbor.loads(facts)
        for name in ("gate", "inside", "last_at", "area_inside", "addon", "rules_history", "tz", "passback"):
            del kept[name]
        stored = cbor.dumps(kept)
        changed = cbor.dumps(cbor.loads(body) | {"facts": sha256(stored).hexdigest()})
        connection.execute("UPDATE journal SET facts=?, body=? WHERE id=?", (stored, changed, row_id))
    connection.close()
    assert replay(path).different == ()


def test_replay_command(night: Rig, gate: Callable[..., Done]) -> None:
    journal, base = night.state.path / "journal.db", base_of(night)
    same = gate("replay", journal, "--manifest", base)
    assert (same.code, same.out.splitlines()[0]) == (0, "9 decisions, 9 the same")
    found = json.loads(gate("replay", journal, "--manifest", base, "--json").out)
    assert found == {"rows": 9, "same": 9, "different": []}
    edit(base, "UPDATE ticket SET state = 5")
    differs = gate("replay", journal, "--manifest", base)
    assert differs.code == 1
    assert "revoked (state=5)" in differs.out
    assert set(json.loads(gate("replay", journal, "--manifest", base, "--json").out)["different"][0]) == {
        "ref", "then", "now",
    }  # fmt: skip
    assert gate("replay", night.state.path / "nothing.db").code == 3
    base.write_bytes(b"no database, only words" * 100)
    assert gate("replay", journal, "--manifest", base).code == 5


# ---- rehearse


def rehearsed(
    state: StateFolder, at_s: int = NOW_S, gate: str | None = None, way: Direction = Direction.ENTRY
) -> Rehearsal:
    with Desk.open(state.path, at_s) as desk:
        return desk.rehearse(at_s, gate, way)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    made = StateFolder(tmp_path)
    made.ready(
        [
            made.row(0),
            made.row(1, nbf=NOW_S + H),
            made.row(2, exp=NOW_S - H),
            made.row(3, state=TicketState.UNPAID),
            made.row(4, state=TicketState.REVOKED),
            made.row(5, zones=4),
            made.row(6, product=13),
            made.row(7, flags=int(TicketFlag.TEST)),
            made.row(8, flags=int(TicketFlag.ROTATING)),
            made.row(9, state=TicketState.REMOVED),
            made.row(10),
            made.row(11),
        ],
        lists=[{"id": "main", "products": [12], "zones": 3}],
        gates=[
            {"id": "g2", "short": "G2", "name": {}, "zones": 0xFFFF, "lists": ["main"], "direction": "both"},
            {"id": "g3", "short": "G3", "name": {}, "zones": 8, "lists": ["main"], "direction": "both"},
        ],
    )
    made.change(made.row(10, state=TicketState.CANCELED))
    made.change(made.row(11, state=TicketState.REMOVED))
    made.change(made.row(12))
    return made


def test_every_ticket_is_counted_once_with_its_reason(state: StateFolder) -> None:
    found = rehearsed(state)
    assert (found.tickets, found.admitted) == (11, 3)
    assert found.details == {
        "invalid_time/not_yet": 1, "invalid_time/expired": 1, "unpaid": 1, "revoked": 1, "product/zone": 1,
        "product/gate": 1, "rules/test": 1, "canceled": 1,
    }  # fmt: skip
    assert found.refused["invalid_time"] == 2
    assert sum(found.refused.values()) == found.tickets - found.admitted


def test_another_time_and_another_gate(state: StateFolder) -> None:
    later = rehearsed(state, NOW_S + 2 * H)
    assert (later.details["invalid_time/not_yet"], later.details["invalid_time/expired"]) == (0, 1)
    other = rehearsed(state, gate="g3")
    assert other.admitted == 0
    assert other.details["product/zone"] == 6
    with pytest.raises(ConfigError, match="no gate g9"):
        rehearsed(state, gate="g9")


def test_exit_lets_all_known_ones_out_but_the_test_ticket(state: StateFolder) -> None:
    found = rehearsed(state, way=Direction.EXIT)
    assert (found.tickets, found.admitted, found.refused) == (11, 10, {"rules": 1})


def test_uses_here_and_elsewhere_count(tmp_path: Path) -> None:
    rig = Rig(tmp_path, sensor=False)
    rig.scan(0)
    rig.state.remote(1, 1)
    rig.close()
    found = rehearsed(rig.state)
    assert (found.tickets, found.admitted, found.refused) == (5, 3, {"already_redeemed": 2})


def test_tickets_with_add_ons_and_lists_with_rules_are_asked_one_by_one(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    workshop = {"id": "main", "products": [20], "zones": 0xFFFF, "addon_of": "x"}
    child = replace(state.opaque("a"), parent=state.key(0), product=20)
    products = [POLICY["products"][0] | {"n": n} for n in (12, 20)]
    state.ready([state.row(0), state.row(1), child], lists=[workshop], products=products)
    found = rehearsed(state)
    assert (found.tickets, found.admitted, found.details) == (3, 2, {"product/addon": 1})


def test_rule_that_asks_for_the_backend_s_product(tmp_path: Path) -> None:
    rule = json.dumps({"inList": [{"var": "product"}, {"objectList": [{"lookup": ["product", "501", ""]}]}]})
    state = StateFolder(tmp_path)
    rows = [state.row(n, ext=json.dumps({"item": 500 + n})) for n in range(3)]
    state.ready(rows, lists=[{"id": "main", "products": None, "zones": 0xFFFF, "rules": rule}])
    found = rehearsed(state)
    assert (found.admitted, found.details) == (1, {"rules/false": 2})


def test_rehearsal_agrees_with_the_way_of_a_scan(state: StateFolder) -> None:
    """Ticket by ticket: what was counted is what the gate says to its code."""
    with Desk.open(state.path, NOW_S) as desk:
        said = [desk.explain(state.text(n, flags=1 if n == 8 else 0), Direction.ENTRY) for n in (*range(9), 10, 12)]
    found = rehearsed(state)
    shown_as_picture = [item for item in said if item["reason"] == "code_required"]
    assert len(shown_as_picture) == 1, "the rehearsal shows a rotating ticket as such"
    assert sum(item["admit"] for item in said) + 1 == found.admitted


def test_rehearse_command(state: StateFolder, tmp_path: Path, gate: Callable[..., Done]) -> None:
    config = tmp_path / "gate.toml"
    config.write_text(f'[gate]\nid = "g2"\nstate_dir = "{state.path}"\n[pins]\nfactory = "mock"\n')
    done = gate("rehearse", "--at", str(NOW_S), "--gate", "g2", "-c", config)
    assert done.code == 0
    assert done.out.startswith("11 tickets in ")
    assert "product/zone" in done.out
    found = json.loads(gate("rehearse", "--at", str(NOW_S), "-c", config, "--json").out)
    assert set(found) == {"tickets", "admitted", "refused", "details", "seconds"}
    assert gate("rehearse", "--at", str(NOW_S), "--gate", "g9", "-c", config).code == 2


# ---- explain


def test_explain_command_speaks_in_words_and_knows_lists(
    state: StateFolder, tmp_path: Path, gate: Callable[..., Done]
) -> None:
    config = tmp_path / "gate.toml"
    config.write_text(f'[gate]\nid = "g2"\nstate_dir = "{state.path}"\n[pins]\nfactory = "mock"\n')
    at = ("--at", str(NOW_S), "-c", config)
    done = gate("explain", state.text(2), *at)
    assert done.code == 1
    assert done.out.splitlines()[0] == "STOP  invalid_time  expired"
    assert "valid until: 2026-12-23 03:26:40 UTC" in done.out
    assert gate("explain", state.text(0), *at, "--list", "main").code == 0
    assert gate("explain", state.text(0), *at, "--list", "other").code == 2
    assert gate("explain", state.text(2), *at, "--dir", "exit").code == 0
