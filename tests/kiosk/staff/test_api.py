"""The local API against a whole gate: sign-in, scans, commands, who may what, and what is written down."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.kiosk.staff.house import House, Phone


def text(house: House, n: int) -> str:
    return house.state.text(n)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def cookie(phone: Phone) -> dict[str, str]:
    return {"cookie": "; ".join(f"{name}={value}" for name, value in phone.client.cookies.items())}


def heard(line: Any, kind: str) -> list[dict[str, Any]]:
    """All a line says up to the first word of this kind; how many signs of life stand before it is a matter of time."""
    words = [json.loads(line.recv(timeout=60))]
    while words[-1]["t"] != kind:
        assert len(words) < 100, f"no {kind} among {words}"
        words.append(json.loads(line.recv(timeout=60)))
    return words


def test_nothing_is_served_to_who_is_not_logged_in(phone: Phone) -> None:
    assert code(phone.scan("x")) == (401, "login")
    assert code(phone.command("open_once", reason="x")) == (401, "login")
    for path in ("counts", "recent", "tech/status", "tech/config", "tech/bundle", "tech/logs"):
        assert code(phone.get(path)) == (401, "login")
    assert phone.get("session").json()["staff"] is None


def test_login_gives_a_cookie_that_scripts_cannot_read(phone: Phone) -> None:
    answer = phone.login("sari")
    assert answer.json()["role"] == "attendant"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert phone.get("session").json()["name"] == "Sari D."
    assert phone.post("logout").status_code == 200
    assert phone.get("session").json()["staff"] is None


def test_scan_by_text_and_by_number_is_answered_in_words(house: House, sari: Phone) -> None:
    answer = sari.scan(text(house, 0)).json()
    assert (answer["verdict"], answer["admitted"]) == ("GO", True)
    assert answer["words"]["id"]["word"] == "SILAKAN MASUK"
    row = house.rows("admitted")[-1]
    assert (row["actor"], row["input"][:9]) == ("sari", "handheld:")
    again = sari.scan(number=answer["ticket_number"]).json()
    assert (again["verdict"], again["first_use"]["gate"]) == ("STOP_USED", "g2")


def test_same_key_gives_the_same_answer_and_one_use(house: House, sari: Phone) -> None:
    before = len(house.rows("admitted"))
    first = sari.scan(text(house, 1), key="one-key-1234").json()
    again = sari.scan(text(house, 1), key="one-key-1234").json()
    assert again == first | {"repeated": True}
    assert len(house.rows("admitted")) == before + 1
    assert code(sari.scan(text(house, 2), key="one-key-1234")) == (409, "key_reused")


def test_same_key_at_the_same_time_is_one_admission(house: House, sari: Phone) -> None:
    answers: list[Any] = []

    def send() -> None:
        with httpx.Client(
            base_url=house.lan_url, verify=house.tls(), cookies=sari.client.cookies, timeout=60
        ) as client:
            body = {"text": text(house, 3), "key": "both-at-once"}
            answers.append(client.post("/api/v1/scans", json=body, headers={"x-gate-csrf": sari.csrf}).json())

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["verdict"] for answer in answers] == ["GO"] * 6
    assert len({answer["ref"] for answer in answers}) == 1


def test_undo_and_override_end_to_end(house: House, sari: Phone) -> None:
    done = sari.scan(text(house, 4)).json()
    assert sari.command("undo", ref=done["ref"]).status_code == 200
    assert sari.scan(text(house, 4)).json()["admitted"]
    refused = sari.scan(text(house, 4)).json()
    assert code(sari.command("override", ref=refused["ref"], pin="193746")) == (422, "reason")
    assert code(sari.command("override", ref=refused["ref"], reason="came_out", pin="999999")) == (401, "pin")
    answer = sari.command("override", ref=refused["ref"], reason="came_out", pin="193746").json()
    assert (answer["verdict"], answer["reason"]) == ("GO", "override")
    row = house.rows("override")[-1]
    assert (row["actor"], row["ref"], row["detail"]) == ("sari", refused["ref"], "came_out")


def test_override_above_the_limit_needs_a_supervisor(house: House, sari: Phone) -> None:
    room = house.room
    for _ in range(10):
        room.access.overridden("sari")
    sari.scan(text(house, 5))
    ref = sari.scan(text(house, 5)).json()["ref"]
    args = {"ref": ref, "reason": "safety", "pin": "193746"}
    assert code(sari.command("override", **args)) == (403, "limit")
    assert code(sari.command("override", **args, second="budi", second_pin="471093")) == (403, "limit")
    assert code(sari.command("override", **args, second="sari", second_pin="193746")) == (403, "second_person")
    assert sari.command("override", **args, second="dewi", second_pin="820517").status_code == 200
    assert house.rows("override")[-1]["data"]["second"] == "dewi"
    room._store._connection.execute("DELETE FROM override")


def test_lane_is_stopped_and_opened_with_a_reason_on_the_record(house: House, sari: Phone) -> None:
    assert code(sari.command("disable")) == (422, "reason")
    assert sari.command("disable", reason="cleaning").status_code == 200
    assert code(sari.command("open_once", reason="pram")) == (409, "lane")
    assert sari.command("enable", reason="clean").status_code == 200
    assert sari.command("open_once", reason="pram").status_code == 200
    assert [row["data"]["do"] for row in house.rows("mode")][-3:] == ["disable", "enable", "open_once"]
    assert {row["actor"] for row in house.rows("mode")} == {"sari"}


def test_mode_that_this_gate_does_not_have_is_refused_by_name(house: House, sari: Phone) -> None:
    before = len(house.rows("mode"))
    assert code(sari.command("mode", mode="open")) == (422, "reason")
    assert code(sari.command("mode", mode="open", reason="crowd")) == (409, "mode")
    assert code(sari.command("mode", mode="party", reason="crowd")) == (422, "invalid")
    assert len(house.rows("mode")) == before


def test_roles_may_only_what_is_theirs(sari: Phone, budi: Phone) -> None:
    assert code(sari.get("tech/status")) == (403, "forbidden")
    assert code(sari.command("self_test")) == (403, "forbidden")
    assert code(sari.command("pair")) == (403, "forbidden")
    assert code(budi.command("override", reason="x", ref="g2/0000000000000000/1", pin="471093")) == (403, "forbidden")
    assert budi.get("tech/status").status_code == 200


def test_request_without_the_pages_token_or_from_another_page_changes_nothing(house: House, sari: Phone) -> None:
    body = {"text": text(house, 6), "key": "foreign-page-1"}
    assert code(sari.client.post("/api/v1/scans", json=body)) == (403, "csrf")
    headers = {"x-gate-csrf": sari.csrf}
    for more in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert code(sari.client.post("/api/v1/scans", json=body, headers=headers | more)) == (403, "forbidden")
    rebound = sari.client.post("/api/v1/scans", json=body, headers=headers | {"host": "evil.example"})
    assert rebound.status_code == 421
    form = sari.client.post("/api/v1/scans", content=b"text=x", headers=headers | {"content-type": "text/plain"})
    assert form.status_code == 422
    assert sari.scan(text(house, 6)).json()["admitted"]


def test_token_of_an_integration_has_its_scopes_only_and_is_stored_hashed(house: House, budi: Phone) -> None:
    answer = budi.post("tech/tokens", name="turnstile", scopes=["scan"])
    token = answer.json()["token"]
    with httpx.Client(base_url=house.url, headers={"authorization": f"Bearer {token}"}, timeout=60) as client:
        body = {"text": text(house, 7), "key": "by-program-1"}
        assert client.post("/api/v1/scans", json=body).json()["verdict"] == "GO"
        assert house.rows("admitted")[-1]["input"] == "api:turnstile"
        assert house.rows("admitted")[-1]["actor"] is None
        assert client.post("/api/v1/scans", json=body | {"open": True, "key": "by-program-2"}).status_code == 403
        assert client.get("/api/v1/counts").status_code == 403
        assert client.get("/api/v1/tech/status").status_code == 403
        assert client.delete(f"/api/v1/tech/tokens/{token[5:17]}").status_code == 403
        assert (
            budi.client.delete(f"/api/v1/tech/tokens/{token[5:17]}", headers={"x-gate-csrf": budi.csrf}).status_code
            == 200
        )
        assert client.post("/api/v1/scans", json=body | {"key": "by-program-3"}).status_code == 401
    kept = (house.state.path / "kiosk.db").read_bytes() + (house.state.path / "kiosk.db-wal").read_bytes()
    assert token[18:].encode() not in kept
    assert b"471093" not in kept


def test_live_line_tells_staff_of_scans_and_the_display_nothing_of_them(house: House, sari: Phone) -> None:
    with (
        connect(
            house.lan_url.replace("http", "ws") + "/ws/staff", ssl=house.tls(), additional_headers=cookie(sari)
        ) as staff,
        connect(house.url.replace("http", "ws") + "/ws/display") as display,
    ):
        heard(staff, "state"), heard(display, "state")
        number = sari.scan(text(house, 8)).json()["ticket_number"]
        assert heard(staff, "handheld")[-1]["ticket_number"] == number
        house.app.view.publish({"t": "passage", "kind": "after"})  # stands behind what the display was told of the scan
        seen = heard(display, "passage")
        assert not any(word["t"] == "handheld" or "ticket_number" in word for word in seen)


def test_live_line_ends_for_who_is_not_logged_in(house: House) -> None:
    with pytest.raises(InvalidStatus), connect(house.url.replace("http", "ws") + "/ws/staff"):
        pass


def test_camera_line_is_for_technicians(house: House, sari: Phone, budi: Phone) -> None:
    address = house.lan_url.replace("http", "ws") + "/ws/staff?preview=1"
    with pytest.raises(InvalidStatus), connect(address, ssl=house.tls(), additional_headers=cookie(sari)):
        pass
    with connect(address, ssl=house.tls(), additional_headers=cookie(budi)) as line:
        assert heard(line, "state")


def test_figures_count_what_was_done(house: House, sari: Phone) -> None:
    before = sari.get("counts").json()
    sari.scan(text(house, 9))
    sari.scan(text(house, 9))
    after = sari.get("counts").json()
    assert after["admitted"] == before["admitted"] + 1
    assert after["refused"] == before["refused"] + 1
    assert after["hours"][-1] == after["last_hour"]
    recent = sari.get("recent").json()["mine"]
    assert [item["kind"] for item in recent[:2]] == ["refused", "admitted"]


def test_technician_sees_the_gate_and_tests_it(house: House, budi: Phone) -> None:
    status = budi.get("tech/status").json()
    assert status["trust"]["version"] == 1
    assert status["sync"]["reachable"] is False
    tests = {test["name"]: test["state"] for test in budi.command("self_test").json()["tests"]}
    assert (tests["journal"], tests["relay_entry"], tests["lamp"], tests["fire"]) == ("ok", "ok", "ok", "ok")
    assert house.said("self_test")[-1]["actor"] == "budi"
    assert code(budi.command("pin_test")) == (422, "invalid")
    assert budi.command("pin_test", what="relay_entry").json()["why"] == "stop_first"
    budi.command("disable", reason="test")
    assert budi.command("pin_test", what="relay_entry").json()["ok"]
    budi.command("enable", reason="test")


def test_support_bundle_holds_no_secret_and_no_person(house: House, sari: Phone, budi: Phone) -> None:
    import io
    import zipfile

    sari.scan(text(house, 10))
    answer = budi.get("tech/bundle")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        whole = b"".join(file.read(name) for name in file.namelist())
    assert b"status" in answer.content or b"fire_pin" in whole
    for secret in ("Sari", "Dewi", "scrypt", text(house, 10)[:40], house.state.key(10).hex(), "471093"):
        assert secret.encode() not in whole
    assert house.state.issuer.salt not in whole


def test_local_staff_are_added_and_ended_by_a_technician(house: House, phone: Phone, budi: Phone) -> None:
    def put(**body: Any) -> Any:
        return budi.client.put("/api/v1/tech/staff", json=body, headers={"x-gate-csrf": budi.csrf})

    assert put(id="rudi", name="Rudi", role="attendant", pin="123456").status_code == 422
    assert put(id="rudi", name="Rudi", role="attendant", pin="350718").status_code == 200
    assert phone.login("rudi", "350718").status_code == 200
    budi.client.delete("/api/v1/tech/staff/rudi", headers={"x-gate-csrf": budi.csrf})
    assert phone.get("session").json()["staff"] is None
    assert phone.login("rudi", "350718").status_code == 401
    assert [row["data"]["staff"] for row in house.said("staff_set")] == ["rudi"]


def test_search_by_name_says_honestly_that_the_server_cannot_be_asked(sari: Phone) -> None:
    assert sari.post("search", name="wij").json() == {"ok": False, "code": "sync_away", "people": [], "more": False}
    assert sari.post("search", name="wi").status_code == 422


def test_wrong_pins_lock_the_account_and_are_journaled(house: House, phone: Phone) -> None:
    for _ in range(4):
        assert code(phone.login("dewi", "111112")) == (401, "pin")
    locked = phone.login("dewi", "111112")
    assert code(locked) == (423, "locked")
    assert int(locked.headers["retry-after"]) > 50
    assert code(phone.login("dewi")) == (423, "locked"), "the right PIN too has to wait"
    (row,) = house.said("login_locked")
    assert (row["data"]["staff"], row["data"]["pairing"]) == ("dewi", "local")
    room = house.room
    room._store.remove("lock", "dewi")


def test_guessing_is_slowed_down_for_the_whole_place(
    house: House, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        house.room.allowance.tries, "_now", lambda: 0.0
    )  # so that a slow machine's tries are not allowed
    answers = [phone.login(f"nobody{n}", "123457").status_code for n in range(15)]
    assert answers == [401] * 12 + [429] * 3


def test_unknown_people_and_odd_bodies_never_break_the_server(sari: Phone) -> None:
    for body in (
        b"",
        b"{",
        b"[]",
        b'{"text":"\\ud800","key":"12345678"}',
        b'{"text":1}',
        b"\xff",
        b"null",
        b'{"a":' * 500,
    ):
        answer = sari.client.post(
            "/api/v1/scans", content=body, headers={"x-gate-csrf": sari.csrf, "content-type": "application/json"}
        )
        assert answer.status_code in (400, 422), (body[:40], answer.status_code)
        assert "error" in answer.json()
    big = sari.client.post("/api/v1/scans", content=b"x" * 70_000, headers={"x-gate-csrf": sari.csrf})
    assert big.status_code == 413
