"""The live page: read-only, to this machine only, with nothing inline."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gate.central
from gate.central.api import create_app
from gate.central.service import Central
from tests.central.gateside import Clock, Device, Journal, TestClient, code_of, rehashed


def test_the_page_and_its_files_are_served_with_a_strict_policy(http: TestClient) -> None:
    page = http.get("/")
    assert page.status_code == 200
    for path in ["/", *re.findall(r'(?:src|href)="(/[^"]+)"', page.text)]:
        answer = http.get(path)
        assert answer.status_code == 200, path
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", page.text)


def test_colours_are_the_tokens_alone() -> None:
    folder = Path(gate.central.__file__).parent / "live"
    assert not re.search(r"#[0-9a-f]{3,8}\b|rgb", (folder / "style.css").read_text())


@pytest.mark.parametrize("path", ["/", "/live/state.json", "/live/app.js"])
def test_another_machine_is_refused(central: Central, path: str) -> None:
    with TestClient(create_app(central), client=("192.0.2.7", 40000)) as remote:
        assert code_of(remote.get(path)) == (403, "forbidden")


def test_it_can_be_switched_off(central: Central) -> None:
    with TestClient(create_app(central, live=False), client=("127.0.0.1", 40000)) as client:
        assert code_of(client.get("/")) == (404, "not_found")


def test_files_beside_its_own_are_not_found(http: TestClient) -> None:
    assert code_of(http.get("/live/..%2fapi.py")) == (404, "not_found")
    assert code_of(http.get("/live/index.html")) == (404, "not_found")


def test_the_state_tells_what_arrived(gate: Device, other_gate: Device, clock: Clock) -> None:
    journal = Journal("g1")
    records = [journal.add(), journal.add("refused", reason="unpaid"), journal.add(count=3)]
    clock.ms += 60_000
    gate.push(records)
    gate.push([rehashed(records[0], reason="other")])
    gate.post("/v1/heartbeat", b'{"data_age_s": 7, "queue": 0, "clock": {"trust": "synced"}}')
    clock.ms += 5_000
    state = gate.http.get("/live/state.json").json()
    (event,) = state["events"]
    assert (event["tickets"], event["records"], event["admissions"], event["last_minute"]) == (20, 3, 4, 4)
    assert event["incidents"] == 1
    one, two = state["devices"]
    assert (one["device"], one["beat_at"], one["data_age_s"]) == ("g1", clock() - 5_000, 7)
    assert (two["device"], two["beat_at"]) == ("g2", None)
    assert [(item["kind"], item["seq"]) for item in state["checkins"]] == [
        ("admitted", 3),
        ("refused", 2),
        ("admitted", 1),
    ]
    assert state["checkins"][2]["number"] == "ZDK4-SE1E-0"
    assert [item["kind"] for item in state["incidents"]] == ["journal_fork"]
    clock.ms += 60_000
    assert gate.http.get("/live/state.json").json()["events"][0]["last_minute"] == 0
