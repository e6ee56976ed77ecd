"""Room for pushes: who waits, who is sent away and for how long; slow and endless requests; limits of one device."""

from __future__ import annotations

import asyncio
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gate.central import auth, http, patience
from gate.central.admission import Admission
from gate.central.api import create_app
from gate.central.http import ApiError
from gate.central.service import Central
from tests.central.gateside import Device, Journal, TestClient, code_of, polled
from tests.central.served import Served


class Steps:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def refused(admission: Admission) -> int:
    with pytest.raises(ApiError) as raised:
        asyncio.run(admission.enter())
    assert (raised.value.status, raised.value.code) == (503, "busy")
    assert raised.value.retry_after_s is not None
    return raised.value.retry_after_s


def test_room_goes_to_who_has_waited_longest() -> None:
    async def run() -> list[int]:
        admission, order = Admission(at_once=1, waiting=3), []

        async def push(number: int) -> None:
            await admission.enter()
            order.append(number)
            await asyncio.sleep(0)
            admission.leave()

        await asyncio.gather(*(push(number) for number in range(4)))
        return order

    assert asyncio.run(run()) == [0, 1, 2, 3]


def test_without_room_each_is_given_a_later_place() -> None:
    clock = Steps()
    admission = Admission(at_once=0, waiting=0, clock=clock)
    places = [refused(admission) for _ in range(200)]
    assert places[0] <= 2
    assert max(places) <= 60 * 1.2 + 1
    middle = sorted(places[90:110])[10]
    assert 8 <= middle <= 13  # ten a second are assumed: the hundredth comes back after ten seconds
    clock.now += 60
    assert refused(admission) <= 2
    assert admission.refused == 201


def test_places_follow_the_pace_that_was_measured() -> None:
    clock = Steps()
    admission = Admission(at_once=0, waiting=0, clock=clock)
    for _ in range(500):
        clock.now += 0.01
        admission.leave()
        admission._free = 0
    assert 90 <= admission.pace() <= 110
    places = [refused(admission) for _ in range(200)]
    assert max(places) <= 4


def test_who_waits_too_long_is_sent_away_and_who_gives_up_leaves_no_hole() -> None:
    async def run() -> None:
        admission = Admission(at_once=1, waiting=2, wait_s=0.02)
        await admission.enter()
        with pytest.raises(ApiError):
            await admission.enter()
        admission._wait_s = 60
        waiting = asyncio.create_task(admission.enter())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        admission.leave()
        await admission.enter()  # the room is free again

    asyncio.run(run())


def test_a_busy_server_answers_before_the_body_is_read(central: Central, gate: Device) -> None:
    with TestClient(create_app(central, admission=Admission(at_once=0, waiting=0))) as busy:
        path, sent = "/v1/events/spring/checkins", []

        def body() -> object:
            sent.append(1)
            yield b"x"

        answer = busy.post(path, content=body(), headers=gate.headers("POST", path))  # type: ignore[arg-type]
        assert code_of(answer) == (503, "busy")
        assert int(answer.headers["retry-after"]) >= 1
        assert busy.get("/v1/time?nonce=" + "0" * 32).status_code == 200  # who only asks is served


def test_a_device_that_asks_without_end_is_slowed_down() -> None:
    clock = Steps()
    rates = auth.Rates(auth._PER_S, auth._BURST, "too many", clock=clock)
    for _ in range(int(auth._BURST)):
        rates.take("g1")
    with pytest.raises(ApiError) as raised:
        rates.take("g1")
    assert (raised.value.status, raised.value.code) == (503, "busy")
    rates.take("g2")
    clock.now += 1
    rates.take("g1")


def test_a_body_that_trickles_is_cut(gate: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_S", 0.05)
    receive_more = asyncio.Event()

    async def run() -> int:
        async def receive() -> dict[str, object]:
            await receive_more.wait()
            return {}

        from starlette.requests import Request

        with pytest.raises(ApiError) as raised:
            await http.read_body(Request({"type": "http", "headers": []}, receive), 100)
        return raised.value.status

    assert asyncio.run(run()) == 408


def test_a_head_that_never_ends_loses_its_connection(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Transport:
        aborted = False

        def is_closing(self) -> bool:
            return False

        def abort(self) -> None:
            self.aborted = True

    protocol = patience.PatientProtocol.__new__(patience.PatientProtocol)
    protocol.transport = Transport()  # type: ignore[assignment]
    protocol._give_up()
    assert protocol.transport.aborted  # type: ignore[attr-defined]


def test_ten_gigabytes_are_refused_by_their_announcement_and_the_server_goes_on(state: Path) -> None:
    served = Served(state)
    try:
        port = int(served.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
            raw.sendall(b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n")
            answer = raw.makefile("rb").read()  # to the end of the line: not a byte of the body is waited for
            assert answer.startswith(b"HTTP/1.1 413")
            assert b"connection: close" in answer.lower()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
            raw.sendall(b"nonsense\r\n\r\n")
            assert raw.makefile("rb").read().startswith(b"HTTP/1.1 400")
    finally:
        served.end(15)


# ---- profiles


def test_every_call_is_in_the_table_of_profiles(central: Central, http: TestClient) -> None:
    """A new route that nobody thought of is refused to every device; this test says so before it ships."""
    unsigned = {"enrol", "time"}
    names = {
        route["operationId"].split("_v1_")[0]
        for path, item in http.get("/v1/openapi.json").json()["paths"].items()
        for route in item.values()
        if not path.startswith("/v1/admin/")  # of operators: no device at all
    }
    assert names - unsigned == set(auth.MAY)


CALLS = {
    "trust": ("GET", "/v1/trust"),
    "manifest": ("GET", "/v1/events/spring/manifest"),
    "base": ("GET", f"/v1/manifests/{'0' * 64}.sqlite.zst"),
    "object": ("GET", f"/v1/objects/{'0' * 64}"),
    "changes": ("GET", "/v1/events/spring/changes?incarnation=0000000000000000&after=0"),
    "secrets": ("GET", "/v1/events/spring/secrets"),
    "checkins": ("GET", "/v1/events/spring/checkins"),
    "push": ("POST", "/v1/events/spring/checkins"),
    "heartbeat": ("POST", "/v1/heartbeat"),
    "search": ("POST", "/v1/events/spring/search"),
    "reveal": ("POST", "/v1/events/spring/search/reveal"),
}


@pytest.mark.parametrize("profile", ["gate", "hub", "desk"])
def test_a_device_reaches_its_profile_and_nothing_else(central: Central, http: TestClient, spring: str, profile: str,
                                                       clock: object) -> None:  # fmt: skip
    device = Device(http, clock, "d1")  # type: ignore[arg-type]
    code = central.add_device("d1", short="D1", events=[spring], profile=profile, url="http://127.0.0.1")
    assert device.enrol(code).status_code == 200
    assert set(CALLS) == set(auth.MAY)
    for call, (method, path) in CALLS.items():
        body = b'{"records": []}' if method == "POST" else b""
        answer = http.request(method, path, content=body, headers=device.headers(method, path, body))
        if profile in auth.MAY[call]:
            assert answer.status_code not in (401, 403), (call, answer.text)
        else:
            assert code_of(answer) == (403, "forbidden")


def test_a_gate_pushes_its_own_rows_and_a_hub_everybodys(central: Central, gate: Device, http: TestClient) -> None:
    hub = Device(http, gate.clock, "h1")
    code = central.add_device("h1", short="H1", events=["spring"], profile="hub", url="http://127.0.0.1")
    assert hub.enrol(code).status_code == 200
    record = Journal("g9").add()
    assert code_of(gate.push([record])) == (403, "forbidden")
    assert hub.push([record]).status_code == 200


# ---- two cards with one key


def test_two_live_boots_of_one_device_are_an_alarm(central: Central, gate: Device) -> None:
    def push(boot: str) -> None:
        body = json.dumps({"records": [], "heads": [], "mono": 1, "boot": boot}).encode()
        assert gate.post("/v1/events/spring/checkins", body).status_code == 200

    from tests.central.test_push import incident_kinds

    for boot in ("aa" * 16, "aa" * 16, "bb" * 16, "bb" * 16):
        push(boot)
    assert incident_kinds(central) == []  # it was started again
    push("aa" * 16)
    assert incident_kinds(central) == ["two_boots"]
    gate.post("/v1/heartbeat", json.dumps({"clock": {"boot": "bb" * 16}}).encode())
    assert incident_kinds(central) == ["two_boots"] * 2


# ---- revocation


def test_a_revoked_device_that_waits_hears_it_at_once(central: Central, gate: Device, long_polls: int) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(gate.get, f"/v1/events/spring/checkins?wait={long_polls}")
        polled(central, "checkins", "spring")
        central.revoke_device("g1")
        assert code_of(answer.result(60)) == (401, "revoked")
