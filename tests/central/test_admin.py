"""The operators' API: who may, what is answered, what is written down; each call is the command of the command line."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gate.central import adminapi, api, audit, commands, importjob, operators, tasks
from gate.central.admincalls import CALLS
from gate.central.service import Central
from gate.wire.enrol import parse_code
from tests.central.gateside import POLICY, Clock, Device, TestClient, code_of
from tests.fakes.server import wait_for

ADMIN = "/v1/admin"


class Operator:
    def __init__(self, http: TestClient, central: Central, name: str, role: str) -> None:
        self.http = http
        self.token = commands.run(central, "operator_add", {"operator": name, "role": role})["token"]

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        answer: httpx.Response = self.http.request(method, ADMIN + path, headers=headers, **more)
        return answer

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **body: Any) -> Any:
        answer = self.ask("POST", path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def done(self, job: dict[str, Any]) -> dict[str, Any]:
        return dict(wait_for(lambda: (now := self.get(f"/jobs/{job['job']}"))["state"] != "running" and now, "the job"))


@pytest.fixture
def ana(central: Central, http: TestClient) -> Operator:
    return Operator(http, central, "ana", "admin")


@pytest.fixture
def rey(central: Central, http: TestClient) -> Operator:
    return Operator(http, central, "rey", "reader")


def path_of(path: str) -> str:
    values = {"event": "spring", "device": "g1", "staff": "budi", "kid": "00000000", "number": "ZDK4-SE1E-0",
              "import": "1", "job": "0" * 36}  # fmt: skip
    return path.format(**values)


# ---- who may


def test_nothing_and_no_devices_signature_opens_a_route_of_operators(central: Central, gate: Device) -> None:
    for call in CALLS:
        client = TestClient(api.create_app(central), base_url="http://127.0.0.1", raise_server_exceptions=False)
        path = ADMIN + path_of(call.path)
        for headers in ({}, gate.headers(call.method, path, b"{}")):
            answer = client.request(call.method, path, content=b"{}", headers=headers)
            assert code_of(answer) == (401, "signature"), call.name


def test_an_operators_token_opens_no_route_of_devices(ana: Operator, gate: Device) -> None:
    document = gate.http.get("/v1/openapi.json").json()
    asked = 0
    for path, item in document["paths"].items():
        for method, call in item.items():
            if path.startswith(ADMIN) or "security" not in call:
                continue
            asked += 1
            place = path.format(event="spring", name="0" * 64)
            answer = gate.http.request(method, place, headers={"Authorization": f"Bearer {ana.token}"}, content=b"{}",
                                       params={"incarnation": "0" * 16, "after": 0} if "changes" in path else None)  # fmt: skip
            assert code_of(answer) == (401, "signature"), path
    assert asked == 11


def test_a_reader_looks_and_changes_nothing(rey: Operator, central: Central, spring: str) -> None:
    before = central.db.read(lambda c: audit.listed(c, limit=99))
    for call in CALLS:
        answer = rey.ask(call.method, path_of(call.path), content=b"{}")
        if call.role == "reader":
            assert answer.status_code in (200, 404), (call.name, answer.text)
        else:
            assert code_of(answer) == (403, "forbidden"), call.name
    assert {call.method for call in CALLS if call.role == "reader"} == {"GET"}
    assert central.db.read(lambda c: audit.listed(c, limit=99)) == before


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer gco.ana.", "Bearer gco.ana.AAAA", "Bearer gco..x", "Bearer " + "x" * 5000,
     b"Bearer gco.\xe9.x", "Bearer gco.nobody.AAAA"],
)  # fmt: skip
def test_what_is_no_token_is_refused(ana: Operator, header: Any) -> None:
    answer = ana.ask("GET", "/me", headers={"Authorization": header})
    assert code_of(answer) == (401, "signature")


def test_a_token_of_another_name_or_one_that_was_replaced_is_nobodys(central: Central, ana: Operator) -> None:
    assert ana.get("/me") == {"operator": "ana", "role": "admin"}
    first = ana.token
    second = commands.run(central, "operator_add", {"operator": "ana", "role": "reader"})["token"]
    assert code_of(ana.ask("GET", "/me")) == (401, "signature")
    ana.token = second.replace(".ana.", ".rey.")
    assert code_of(ana.ask("GET", "/me")) == (401, "signature")
    ana.token = second
    assert ana.get("/me") == {"operator": "ana", "role": "reader"}
    stored = central.db.read(operators.listed)
    assert first not in str(stored)
    assert second not in str(stored)


@pytest.mark.parametrize(
    ("base_url", "place", "plain", "taken"),
    [
        ("http://central", "192.0.2.7", False, False),
        ("http://central", "192.0.2.7", True, True),
        ("https://central", "192.0.2.7", False, True),
        ("http://central", "127.0.0.1", False, True),
        ("http://central", "::1", False, True),
    ],
)
def test_a_token_that_others_could_read_on_the_way_is_not_taken(
    central: Central, http: TestClient, base_url: str, place: str, plain: bool, taken: bool
) -> None:
    app = api.create_app(central, plain_operators=plain)
    eve = Operator(TestClient(app, base_url=base_url, client=(place, 1)), central, "eve", "reader")
    answer = eve.ask("GET", "/me")
    if taken:
        assert answer.status_code == 200
        return
    assert code_of(answer) == (403, "forbidden")
    assert answer.json()["error"]["detail"] == {"why": "plain_http"}
    eve.token = "gco.eve.guess"
    assert eve.ask("GET", "/me").json() == answer.json(), "whether the token is right is not told either"


def test_a_revoked_token_ends_at_once(central: Central, ana: Operator) -> None:
    commands.run(central, "operator_revoke", {"operator": "ana"})
    assert code_of(ana.ask("GET", "/me")) == (401, "revoked")


def test_wrong_tokens_and_too_many_requests_are_slowed_down(
    central: Central, http: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adminapi, "_BURST", 3.0)
    client = TestClient(api.create_app(central), base_url="http://127.0.0.1", client=("127.0.0.1", 1))
    bob = Operator(client, central, "bob", "reader")
    for _ in range(3):
        assert bob.ask("GET", "/me").status_code == 200
    assert code_of(bob.ask("GET", "/me")) == (503, "busy")
    bob.token = "gco.bob.guess"
    codes = [code_of(bob.ask("GET", "/me")) for _ in range(int(adminapi._TRIES) + 1)]
    assert codes[-1] == (503, "busy")
    assert codes[0] == (401, "signature")
    ana = Operator(client, central, "ana", "admin")
    assert ana.ask("GET", "/me").status_code == 200, "another's wrong tokens from one address lock nobody out"


# ---- the whole way of an event


def test_an_event_from_its_policy_to_its_gates(ana: Operator, http: TestClient, central: Central, clock: Clock) -> None:
    assert ana.post("/events", policy=POLICY) == {"event": "spring"}
    made = ana.post("/events/spring/tickets", count=3, product=1, exp=1_900_000_000, flags="vip", state="unpaid")
    assert [(row["flags"], row["state"]) for row in made] == [(2, "unpaid")] * 3
    assert ana.post("/events/spring/publish")["rows"] == 3
    number = made[0]["number"]
    state = ana.ask("PUT", f"/events/spring/tickets/{number}/state", json={"state": "blocked"})
    assert state.json()["state"] == "blocked"
    assert ana.get(f"/events/spring/tickets/{number}")["state"] == "blocked"
    assert ana.get("/events")[0]["cursor"] == 1
    policy = ana.get("/events/spring/policy") | {"annul_max": 7}
    assert ana.ask("PUT", "/events/spring/policy", json={"policy": policy}).status_code == 200
    assert ana.get("/events/spring/policy")["annul_max"] == 7
    code = ana.post("/devices", device="g1", short="G1", events=["spring"], url="http://127.0.0.1")
    assert Device(http, clock).enrol(parse_code(code["text"])).status_code == 200
    person = {"name": "Budi R.", "role": "supervisor", "pin": "471093"}
    assert ana.ask("PUT", "/events/spring/staff/budi", json=person).status_code == 200
    assert ana.get("/events/spring/staff") == [{"staff": "budi", "name": "Budi R.", "role": "supervisor"}]
    assert ana.ask("DELETE", "/events/spring/staff/budi").status_code == 200
    kid = ana.post("/keys", role="ticket", event="spring", lead_s=0)["kid"]
    assert {row["kid"]: row["state"] for row in ana.get("/keys")}[kid] == "in use"
    old = next(row["kid"] for row in ana.get("/keys") if row["role"] == "ticket" and row["kid"] != kid)
    assert ana.post(f"/keys/{old}/retire", at=1_800_000_000)["exp"] == 1_800_000_000
    assert ana.post(f"/keys/{old}/revoke")["role"] == "ticket"
    assert ana.post("/devices/g1/revoke") == {"device": "g1"}
    assert ana.get("/devices")[0]["revoked"] == clock()
    assert ana.get("/live")["events"][0]["id"] == "spring"
    log = ana.get("/audit?limit=1000")
    assert {row["who"] for row in log if row["do"] != "operator_add"} == {"operator:ana"}
    assert {"event_create", "issue", "publish", "ticket_set_state", "event_set_policy", "device_add", "staff_add",
            "staff_remove", "key_rotate", "key_retire", "key_revoke", "device_revoke"} <= {row["do"] for row in log}  # fmt: skip
    assert {row["result"] for row in log} == {"ok"}
    assert "471093" not in json.dumps(log)
    assert all(row["text"] not in json.dumps(log) for row in made)


def test_tickets_come_as_a_sheet_or_a_table_and_page_by_page(ana: Operator, spring: str) -> None:
    sheet = ana.ask("POST", "/events/spring/tickets?as=pdf", json={"count": 13, "exp": 1_900_000_000})
    assert (sheet.status_code, sheet.headers["content-type"], sheet.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert "attachment" in sheet.headers["content-disposition"]
    assert sheet.headers["cache-control"] == "no-store"
    table = ana.ask("GET", "/events/spring/tickets?as=csv&limit=1000").text.splitlines()
    noted = [row for row in ana.get("/audit") if row["do"] == "tickets"]
    assert [(row["who"], row["detail"], row["result"]) for row in noted] == [("operator:ana", {"limit": 1000}, "ok")]
    assert len(table) == 34
    assert table[0].startswith("text,number,key,")
    seen, after = [], ""
    while page := ana.get(f"/events/spring/tickets?limit=10{after}"):
        seen += [row["number"] for row in page]
        after = f"&after={page[-1]['key']}"
    assert len(set(seen)) == len(seen) == 33


# ---- imports


def upload(ana: Operator, content: str, name: str = "guests.csv", **query: Any) -> httpx.Response:
    return ana.ask("POST", "/events/spring/imports", content=content.encode(), params={"name": name, **query})


def test_an_import_is_checked_written_followed_and_undone(
    ana: Operator, spring: str, central: Central, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "text,product,name\n" + "".join(f"T{n},1,Sari {n}\n" for n in range(30))
    checked = ana.done(upload(ana, rows, check="true").json())
    assert (checked["state"], checked["result"]["new"], checked["result"]["written"]) == ("done", 30, False)
    assert checked["result"]["preview"][0]["name"] == "Sari 0"
    wrong = ana.done(upload(ana, rows + "BAD,x,\n").json())["result"]
    assert (wrong["ok"], wrong["errors"][0]["line"], wrong["errors"][0]["column"]) == (False, 32, "product")
    monkeypatch.setattr(importjob, "STEP", 8)
    written = ana.done(upload(ana, rows).json())
    assert (written["result"]["created"], written["progress"]) == (30, {"step": "written", "rows": 30, "of": 30})
    assert [(row["n"], row["file"]) for row in ana.get("/events/spring/imports")] == [(1, "guests.csv")]
    undone = ana.done(ana.post("/events/spring/imports/1/undo"))
    assert (undone["do"], undone["result"]["restored"]) == ("import_undo", 30)
    again = ana.done(ana.post("/events/spring/imports/1/undo"))
    assert (again["state"], again["error"]["code"]) == ("failed", "config")
    assert code_of(ana.ask("POST", "/events/spring/imports/9/undo")) == (404, "not_found")
    assert list(central.state.glob("import-*")) == []  # no copy of the file stays
    log = [row for row in ana.get("/audit") if row["do"].startswith("import")]
    assert sorted((row["do"], row["result"]) for row in log) == [
        ("import", "ok"), ("import", "ok"), ("import", "ok"), ("import_undo", "config"), ("import_undo", "ok"),
    ]  # fmt: skip


def test_one_import_at_a_time_and_what_it_is_doing_can_be_seen(
    ana: Operator, spring: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, real = threading.Event(), importjob.run

    def slow(*args: Any, progress: Callable[[dict[str, Any]], None], **more: Any) -> Any:
        progress({"step": "checked", "rows": 5, "errors": 0})
        assert go.wait(60)
        return real(*args, progress=progress, **more)

    monkeypatch.setattr(importjob, "run", slow)
    job = upload(ana, "text,product\nA,1\n").json()
    wait_for(lambda: ana.get(f"/jobs/{job['job']}")["progress"].get("rows") == 5, "the progress")
    assert code_of(upload(ana, "text,product\nB,1\n")) == (503, "busy")
    go.set()
    assert ana.done(job)["state"] == "done"
    assert ana.done(upload(ana, "text,product\nB,1\n").json())["state"] == "done"
    assert code_of(ana.ask("GET", f"/jobs/{'0' * 36}")) == (404, "not_found")


def test_a_file_that_is_too_large_or_has_no_kind_is_refused_and_leaves_nothing(
    ana: Operator, spring: str, central: Central, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adminapi, "UPLOAD_MAX", 1000)
    assert code_of(upload(ana, "x" * 1001)) == (413, "too_large")

    def trickle() -> Any:
        for _ in range(20):
            yield b"x" * 100

    answer = ana.ask("POST", "/events/spring/imports?name=a.csv", content=trickle())
    assert code_of(answer) == (413, "too_large")
    for name in ("guests.exe", "../guests.csv", "", "a\x00.csv"):
        assert code_of(upload(ana, "text,product\nA,1\n", name=name)) == (400, "invalid")
    assert list(central.state.glob("import-*")) == []
    assert ana.done(upload(ana, "text,product\nA,1\n").json())["result"]["created"] == 1  # the turn was given back


def test_a_disk_that_takes_no_file_does_not_keep_the_turn(
    ana: Operator, spring: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_where: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(adminapi.tempfile, "mkdtemp", full)
        assert upload(ana, "text,product\nA,1\n").status_code == 500
    assert ana.done(upload(ana, "text,product\nA,1\n").json())["result"]["created"] == 1


def test_what_a_killed_server_was_reading_is_gone_with_its_next_start(central: Central) -> None:
    left = central.state / "import-abc"
    left.mkdir()
    (left / "file.csv").write_text("text,name\nA,Sari Dewi\n")
    api.create_app(central)
    assert not left.exists()
    assert (central.state / "keys").exists()


# ---- remote tasks


def test_a_task_is_given_to_the_next_heartbeat_once(ana: Operator, gate: Device, clock: Clock) -> None:
    put = ana.post("/devices/g1/tasks", do="pull")
    assert ana.get("/devices/g1/tasks")[0]["state"] == "waiting"
    given = gate.post("/v1/heartbeat", b"{}").json()["tasks"]
    assert given == [{"id": put["task"], "do": "pull", "by": "operator:ana"}]
    assert gate.post("/v1/heartbeat", b"{}").json()["tasks"] == []
    assert ana.get("/devices/g1/tasks")[0] | {"made": 0} == {
        "task": put["task"], "do": "pull", "by": "operator:ana", "made": 0, "given": clock(), "state": "given", "why": "",
    }  # fmt: skip


def test_a_task_that_nobody_fetched_in_time_is_never_given(ana: Operator, gate: Device, clock: Clock) -> None:
    for word in ("disable", "open_once", "enable"):
        ana.post("/devices/g1/tasks", do=word)
    clock.ms += tasks.OPENING_LIFE_MS
    assert [item["state"] for item in ana.get("/devices/g1/tasks")] == ["waiting", "expired", "waiting"]
    clock.ms += tasks.LIFE_MS - tasks.OPENING_LIFE_MS - 1
    assert [item["do"] for item in gate.post("/v1/heartbeat", b"{}").json()["tasks"]] == ["disable", "enable"]
    ana.post("/devices/g1/tasks", do="disable")
    clock.ms += tasks.LIFE_MS
    assert gate.post("/v1/heartbeat", b"{}").json()["tasks"] == []
    assert ana.get("/devices/g1/tasks")[0]["state"] == "expired"


def test_a_task_is_for_its_device_and_for_one_that_can_take_it(
    ana: Operator, gate: Device, other_gate: Device, central: Central
) -> None:
    ana.post("/devices/g1/tasks", do="disable")
    assert other_gate.post("/v1/heartbeat", b"{}").json()["tasks"] == []
    assert code_of(ana.ask("POST", "/devices/nobody/tasks", json={"do": "pull"})) == (404, "not_found")
    assert code_of(ana.ask("POST", "/devices/g1/tasks", json={"do": "explode"})) == (400, "invalid")
    central.add_device("h1", short="H1", events=["spring"], profile="hub")
    assert code_of(ana.ask("POST", "/devices/h1/tasks", json={"do": "pull"})) == (400, "invalid")  # not enrolled
    for _ in range(19):
        ana.post("/devices/g1/tasks", do="pull")
    assert code_of(ana.ask("POST", "/devices/g1/tasks", json={"do": "pull"})) == (400, "invalid")
    central.revoke_device("g2")
    assert code_of(ana.ask("POST", "/devices/g2/tasks", json={"do": "pull"})) == (400, "invalid")


# ---- what is wrong is said


WRONG: list[tuple[str, str, bytes | None, int]] = [
    ("GET", "/events/winter/policy", None, 404),
    ("GET", "/events/SPRING/policy", None, 404),
    ("GET", "/events/a%00b/policy", None, 404),
    ("GET", "/events/spring/tickets/ZDK4-SE1E-1", None, 400),
    ("GET", "/events/spring/tickets/ZDK4-SE1E-0", None, 404),
    ("GET", "/events/spring/tickets?limit=0", None, 400),
    ("GET", "/events/spring/tickets?limit=1&limt=2", None, 400),
    ("GET", "/events/spring/tickets?as=xls", None, 400),
    ("POST", "/events", b"", 400),
    ("POST", "/events", b"[]", 400),
    ("POST", "/events", b"{", 400),
    ("POST", "/events", b'{"policy": {}}', 400),
    ("POST", "/events", b'{"policy": {"event": "spring"}}', 400),
    ("POST", "/events", b'{"policy": {"event": 7}, "more": 1}', 400),
    ("PUT", "/events/spring/policy", json.dumps({"policy": POLICY | {"event": "autumn"}}).encode(), 400),
    ("PUT", "/events/spring/policy", json.dumps({"policy": POLICY | {"tz": 1.5}}).encode(), 400),
    ("PUT", "/events/spring/policy", json.dumps({"policy": POLICY | {"tz": "Asia/Jakata"}}).encode(), 400),
    ("PUT", "/events/spring/policy", json.dumps({"policy": POLICY | {"tz": "../../etc/passwd"}}).encode(), 400),
    ("POST", "/events/spring/tickets", b'{"count": 1}', 400),
    ("POST", "/events/spring/tickets", b'{"count": 1, "exp": 7}', 400),
    ("POST", "/events/spring/tickets", b'{"count": 1, "exp": 1900000000, "flags": "shiny"}', 400),
    ("POST", "/events/spring/tickets", b'{"count": 10001, "exp": 1900000000}', 400),
    ("POST", "/events/winter/tickets", b'{"count": 1, "exp": 1900000000}', 404),
    ("PUT", "/events/spring/staff/budi", b'{"name": "B", "role": "attendant", "pin": "123456"}', 400),
    ("DELETE", "/events/spring/staff/budi", None, 404),
    ("POST", "/keys", b'{"role": "ticket"}', 400),
    ("POST", "/keys", b'{"role": "ticket", "event": "winter"}', 404),
    ("POST", "/keys/00000000/revoke", b"", 404),
    ("POST", "/devices", b'{"device": "g1", "short": "G1", "events": ["winter"], "url": "http://x"}', 404),
    ("POST", "/devices", b'{"device": "g1", "short": "G1", "events": ["spring"], "url": "ftp://x"}', 400),
    ("POST", "/devices/g9/revoke", b"", 404),
    ("GET", "/incidents?event=SPRING", None, 400),
    ("GET", "/nothing", None, 404),
    ("PATCH", "/events", None, 405),
]


def test_what_is_wrong_is_named_in_the_one_shape(ana: Operator, spring: str) -> None:
    for method, path, body, status in WRONG:
        answer = ana.ask(method, path, content=body)
        assert answer.status_code == status, (method, path, body, answer.text)
        code_of(answer)


def test_a_body_over_the_limit_is_not_read(ana: Operator, spring: str) -> None:
    answer = ana.ask("PUT", "/events/spring/policy", content=b"x" * (adminapi.BODY_MAX + 1))
    assert code_of(answer) == (413, "too_large")


def test_a_refused_pin_is_not_repeated_in_the_answer(ana: Operator, spring: str, central: Central) -> None:
    answer = ana.ask("PUT", "/events/spring/staff/budi", json={"name": "B", "role": "attendant", "pin": "48151x"})
    assert answer.status_code == 400
    assert "48151" not in answer.text
    answer = ana.ask("PUT", "/events/spring/staff/budi", json={"name": "B", "role": "attendant", "pin": "111111"})
    assert (answer.status_code, "111111" in answer.text) == (400, False)
    assert [row["result"] for row in ana.get("/audit") if row["do"] == "staff_add"] == ["config"]


def test_what_cannot_be_noted_is_not_done(ana: Operator, spring: str, central: Central, tmp_path: Path) -> None:
    from gate.errors import StorageError

    def full(*_: object, **__: object) -> str:
        raise StorageError("the disk is full")

    patch = pytest.MonkeyPatch()
    patch.setattr(audit, "begin", full)
    try:
        assert code_of(ana.ask("POST", "/devices", json={"device": "g1", "short": "G1", "events": ["spring"]})) == (
            503,
            "busy",
        )
    finally:
        patch.undo()
    assert central.device_list() == []


def test_operators_do_not_stand_in_the_line_of_the_gates(central: Central, ana: Operator, spring: str) -> None:
    from gate.central.admission import Admission

    app = api.create_app(central, admission=Admission(at_once=0, waiting=0))
    full = TestClient(app, base_url="https://127.0.0.1")
    ana.http = full
    assert ana.post("/events/spring/publish")["event"] == "spring"
