"""Search by name over the staff API: what sync answers is passed on, and a name is shown only when its row is on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from gate import workshop
from gate.errors import StorageError
from gate.sync.socket import CommandSocket
from tests.kiosk.staff.house import House, Phone

PERSON = {"event": "spring", "masked": "S••• D•••", "number": "ZDK4-SE1E-0", "product": "Day", "state": "valid"}
KNOWN = {"ok": True, "event": "spring", "name": "Sari Dewi", "number": "ZDK4-SE1E-0", "ticket": "fb" * 16, "product": 1}
REVEAL = {"event": "spring", "number": "ZDK4-SE1E-0", "reason": "lost phone"}


@contextmanager
def sync_says(house: House, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """A sync process whose server answers so. Yields what it was asked."""
    asked: list[dict[str, Any]] = []

    def handler(request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] not in ("search", "reveal"):
            return {}  # what the lane asks of its own accord, whenever its time has come
        asked.append(request)
        return answer(request)

    socket = CommandSocket(house.settings.gate.runtime_dir / "sync.sock", handler)
    socket.start()
    try:
        yield asked
    finally:
        socket.stop()


def test_people_are_passed_on_as_the_server_masked_them(house: House, sari: Phone) -> None:
    with sync_says(house, lambda _: {"people": [PERSON], "more": True}) as asked:
        answer = sari.post("search", name="sari")
    assert answer.json() == {"ok": True, "people": [PERSON], "more": True}
    assert [(item["do"], item["name"]) for item in asked] == [("search", "sari")]


@pytest.mark.parametrize("code", ["unreachable", "not_allowed", "too_short", "busy"])
def test_every_refusal_keeps_its_name(house: House, sari: Phone, code: str) -> None:
    told = {"ok": False, "code": code, "message": "words"} | ({"wait_s": 2} if code == "busy" else {})
    with sync_says(house, lambda _: told):
        search, reveal = sari.post("search", name="sari"), sari.post("search/reveal", **REVEAL)
    wait = {"wait_s": 2} if code == "busy" else {}
    assert search.json() == {"ok": False, "code": code, "people": [], "more": False} | wait
    assert (reveal.status_code, reveal.json()) == (200, {"ok": False, "code": code} | wait)


def test_a_reveal_is_journaled_with_who_and_why(house: House, sari: Phone) -> None:
    with sync_says(house, lambda _: KNOWN) as asked:
        answer = sari.post("search/reveal", **REVEAL)
    assert asked[0] | {"id": 1} == {"id": 1, "do": "reveal", "by": "sari"} | REVEAL
    row = house.rows("look")[-1]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "ok": True, "name": "Sari Dewi", "event": "spring", "number": "ZDK4-SE1E-0",
        "ref": f"{row['gate']}/{row['epoch']}/{row['seq']}",
    }  # fmt: skip
    assert (row["event"], row["ticket"], row["product"], row["actor"]) == ("spring", "fb" * 16, 1, "sari")
    assert row["data"]["reason"] == "lost phone"
    assert "Sari" not in str(row)


def test_searches_that_hang_leave_room_for_admissions(
    house: House, sari: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds a thread, and those of the handhelds' scans are the same."""
    monkeypatch.setattr(workshop, "_ASK_S", 30)
    go, full = threading.Event(), threading.Semaphore(0)

    def hangs(_request: dict[str, Any]) -> dict[str, Any]:
        full.release()
        assert go.wait(90)
        return {"people": [], "more": False}

    with sync_says(house, hangs), ThreadPoolExecutor(workshop._ASKING_MAX) as phones:
        hanging = [phones.submit(house.room._workshop.search, "sari") for _ in range(workshop._ASKING_MAX)]
        assert all(full.acquire(timeout=90) for _ in hanging)
        answer = sari.post("search", name="sari").json()
        go.set()
        assert (answer["ok"], answer["code"], answer["wait_s"]) == (False, "busy", 30)
        assert all(item.result()["ok"] for item in hanging)
        assert sari.post("search", name="sari").json()["ok"]


def test_a_name_whose_row_cannot_be_written_is_not_shown(
    house: House, sari: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(house.room._desk, "look", full)
    with sync_says(house, lambda _: KNOWN):
        answer = sari.post("search/reveal", **REVEAL)
    assert answer.status_code == 503
    assert "Sari" not in answer.text


def test_only_staff_of_the_lane_may_search(house: House, phone: Phone, sari: Phone, budi: Phone) -> None:
    before = len(house.rows("look"))
    with sync_says(house, lambda _: KNOWN) as asked:
        assert phone.post("search/reveal", **REVEAL).status_code == 401
        assert budi.post("search/reveal", **REVEAL).status_code == 403
        sent = sari.client.post("/api/v1/search/reveal", json=REVEAL)  # without the page's token
        assert sent.status_code == 403
        assert sari.post("search/reveal", **REVEAL | {"reason": ""}).status_code == 422
    assert asked == []
    assert len(house.rows("look")) == before
