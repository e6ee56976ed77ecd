"""Search by name through the real worker and the real server, and every way in which it cannot be had, by its name."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.central import commands
from gate.sync import searching
from tests.fakes.server import EVENT, Fault, LiveCentral, wait_for
from tests.sync.test_with_central import Running, enrolled


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "gate"
    folder.mkdir()
    return folder


@pytest.fixture
def running(state: Path, live: LiveCentral, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(searching, "WITHIN_S", 50)
    run = Running(state, wait_s=1, timeout_s=125)
    enrolled(run, live)
    wait_for(lambda: run.worker._session is not None, "the session of the enrolment")
    yield run
    run.stop()


@pytest.fixture
def allowed(live: LiveCentral, tmp_path: Path) -> LiveCentral:
    people = tmp_path / "people.csv"
    people.write_text("text,product,name\nA1,1,Sari Dewi\nA2,1,Sari Ayu\n")
    commands.run(live.central, "import", {"event": EVENT, "file": str(people)})
    live.central.set_policy(live.central.policy(EVENT) | {"search": "hub"})
    return live


def test_a_person_is_found_and_revealed(running: Running, allowed: LiveCentral) -> None:
    answer = running.ask(do="search", name="sari d")
    people: Any = answer["people"]
    assert (answer["ok"], answer["more"], len(people)) == (True, False, 1)
    assert {key: people[0][key] for key in ("event", "masked", "product", "state")} == {
        "event": EVENT, "masked": "S••• D•••", "product": "Admission", "state": "valid",
    }  # fmt: skip
    told = running.ask(do="reveal", event=EVENT, number=people[0]["number"], by="budi", reason="lost phone")
    assert (told["ok"], told["name"], told["product"]) == (True, "Sari Dewi", 1)
    assert len(str(told["ticket"])) == 32
    # Nothing of it stays with the gate.
    for path in running.folders.state.rglob("*"):
        if path.is_file():
            assert b"Sari" not in path.read_bytes(), path


def test_what_is_not_allowed_or_too_short_is_named(running: Running, live: LiveCentral) -> None:
    assert running.ask(do="search", name="sari")["code"] == "not_allowed"
    live.central.set_policy(live.central.policy(EVENT) | {"search": "hub"})
    assert running.ask(do="search", name="s-a")["code"] == "too_short"
    assert running.ask(do="search", name="sari") == {"id": 5, "ok": True, "people": [], "more": False}
    assert running.ask(do="search")["code"] == "format"
    reveal = {"do": "reveal", "event": EVENT, "by": "budi", "reason": "why"}
    assert running.ask(**reveal, number="ZDK4-SE1E-1")["code"] == "bad_number"
    assert running.ask(**reveal, number="ZDK4-SE1E-0")["code"] == "not_found"
    assert running.ask(**reveal | {"event": "autumn"}, number="ZDK4-SE1E-0")["code"] == "not_found"


def test_a_busy_server_says_how_long(running: Running, allowed: LiveCentral) -> None:
    body = json.dumps({"error": {"code": "busy", "message": "", "detail": {}}}).encode()
    allowed.faults.append(Fault("POST", "/search$", status=503, body=body, headers={"retry-after": "7"}))
    answer = running.ask(do="search", name="sari")
    assert (answer["ok"], answer["code"], answer["wait_s"]) == (False, "busy", 7)


def test_an_answer_that_is_none_breaks_nothing(running: Running, allowed: LiveCentral) -> None:
    for body in (b"<html>", b"[]", b'{"people": 7}', b'{"people": [7, {"masked": 7}]}', b'{"ok": false, "code": "x"}'):
        allowed.faults.append(Fault("POST", "/search", status=200, body=body))
        answer = running.ask(do="search", name="sari")
        assert answer["ok"] is True or answer["code"] == "unreachable"
        told = running.ask(do="reveal", event=EVENT, number="ZDK4-SE1E-0", by="budi", reason="why")
        assert (told["ok"], told["code"]) == (False, "unreachable")
        allowed.faults.clear()


def test_a_server_that_hangs_is_given_up_while_the_person_still_waits(
    running: Running, allowed: LiveCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "WITHIN_S", 0.3)
    held = threading.Event()
    allowed.faults.append(Fault("POST", "/search", lost=True, hold=held))
    # Other calls may take 125 s here: asking would fail before.
    assert running.ask(do="search", name="sari")["code"] == "unreachable"
    held.set()


def test_without_a_server_it_is_unreachable(state: Path) -> None:
    alone = Running(state)
    try:
        assert alone.ask(do="search", name="sari")["code"] == "unreachable"
    finally:
        alone.stop()
