"""Who may ask: signatures, clock, replay, revocation, enrolment."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.central.api import create_app
from gate.central.service import Central
from gate.verify.trust import TrustedSet
from gate.wire.enrol import enrolment_from_json, parse_code
from gate.wire.request import NONCE_KEEP_MS, WINDOW_MS
from gate.wire.signedtime import read_time
from tests.central.gateside import Clock, Device, Journal, TestClient, code_of, make_event, words
from tests.central.test_push import incident_kinds

MANIFEST = "/v1/events/spring/manifest"
SIGNED = [
    ("GET", "/v1/trust"),
    ("GET", MANIFEST),
    ("GET", f"/v1/manifests/{'0' * 64}.sqlite.zst"),
    ("GET", f"/v1/objects/{'0' * 64}"),
    ("GET", "/v1/events/spring/changes?incarnation=0000000000000000&after=0"),
    ("GET", "/v1/events/spring/secrets"),
    ("GET", "/v1/events/spring/checkins"),
    ("POST", "/v1/events/spring/checkins"),
    ("POST", "/v1/heartbeat"),
    ("POST", "/v1/events/spring/search"),
    ("POST", "/v1/events/spring/search/reveal"),
]


@pytest.mark.parametrize(("method", "path"), SIGNED)
def test_every_call_needs_a_signature(http: TestClient, spring: str, method: str, path: str) -> None:
    assert code_of(http.request(method, path)) == (401, "signature")


@pytest.mark.parametrize(("method", "path"), SIGNED)
def test_a_forged_signature_reaches_nothing(gate: Device, method: str, path: str) -> None:
    forger = Device(gate.http, gate.clock)
    forger.key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    answer = gate.http.request(method, path, headers=forger.headers(method, path))
    assert code_of(answer) == (401, "signature")


@pytest.mark.parametrize("what", ["method", "path", "query", "body", "device", "time", "nonce"])
def test_the_signature_covers_the_whole_request(gate: Device, other_gate: Device, what: str) -> None:
    path = "/v1/heartbeat"
    signed_path = {"path": "/v1/trust", "query": path + "?a=1"}.get(what, path)
    headers = gate.headers("PUT" if what == "method" else "POST", signed_path, b"{}")
    headers |= {"device": {"Gate-Device": "g2"}, "time": {"Gate-Time": str(gate.clock() + 1)}}.get(what, {})
    headers |= {"Gate-Nonce": "0" * 32} if what == "nonce" else {}
    answer = gate.http.post(path, content=b"{ }" if what == "body" else b"{}", headers=headers)
    assert code_of(answer) == (401, "signature")
    assert answer.json()["error"]["detail"] == {"why": "signature"}


@pytest.mark.parametrize(
    "change",
    [{"Gate-Time": "now"}, {"Gate-Time": "9" * 5000}, {"Gate-Nonce": "x"}, {"Gate-Signature": "é".encode("latin-1")}],
)
def test_malformed_signature_headers_are_a_missing_signature(gate: Device, change: dict[str, str]) -> None:
    answer = gate.http.get(MANIFEST, headers=gate.headers("GET", MANIFEST) | change)
    assert code_of(answer) == (401, "signature")


def test_a_request_passes_once(gate: Device, clock: Clock) -> None:
    headers = gate.headers("GET", MANIFEST)
    assert gate.http.get(MANIFEST, headers=headers).status_code == 200
    clock.ms += WINDOW_MS
    answer = gate.http.get(MANIFEST, headers=headers)
    assert code_of(answer) == (401, "signature")
    assert answer.json()["error"]["detail"] == {"why": "replayed"}
    clock.ms += NONCE_KEEP_MS - WINDOW_MS + 1
    assert code_of(gate.http.get(MANIFEST, headers=headers)) == (401, "clock")


@pytest.mark.parametrize("off_ms", [WINDOW_MS + 1, -WINDOW_MS - 1])
def test_a_wrong_clock_is_told_the_time_and_can_go_on_by_signed_time(
    central: Central, gate: Device, clock: Clock, off_ms: int
) -> None:
    clock.ms += 2 * WINDOW_MS
    answer = gate.http.get(MANIFEST, headers=gate.headers("GET", MANIFEST, time_ms=clock() + off_ms))
    assert code_of(answer) == (401, "clock")
    nonce = "00112233445566778899aabbccddeeff"
    signed = gate.http.get(f"/v1/time?nonce={nonce}").content
    trust = trusted(central).trust
    assert trust is not None
    public = next(key.pub for key in trust.keys if key.role == "time")
    now = read_time(signed, public, nonce)
    assert now == clock()
    assert gate.http.get(MANIFEST, headers=gate.headers("GET", MANIFEST, time_ms=now)).status_code == 200


def test_a_request_from_before_the_start_cannot_be_replayed_after_it(
    central: Central, gate: Device, clock: Clock
) -> None:
    headers = gate.headers("GET", MANIFEST)
    assert gate.http.get(MANIFEST, headers=headers).status_code == 200
    clock.ms += 1000
    with TestClient(create_app(central)) as restarted:
        assert code_of(restarted.get(MANIFEST, headers=headers)) == (401, "clock")


@pytest.mark.parametrize("nonce", ["", "short", "0" * 31 + "G", "0" * 33])
def test_signed_time_needs_a_nonce(http: TestClient, nonce: str) -> None:
    assert code_of(http.get(f"/v1/time?nonce={nonce}")) == (400, "invalid")


def test_an_unknown_device_is_not_let_in(http: TestClient, spring: str, clock: Clock) -> None:
    answer = Device(http, clock, "g9").get(MANIFEST)
    assert code_of(answer) == (401, "signature")


def test_a_revoked_device_is_told_so_and_only_with_its_own_signature(central: Central, gate: Device) -> None:
    central.revoke_device("g1")
    assert code_of(gate.get(MANIFEST)) == (401, "revoked")
    assert code_of(gate.push([Journal("g1").add()])) == (401, "revoked")
    forger = Device(gate.http, gate.clock)
    forger.key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert code_of(forger.get(MANIFEST)) == (401, "signature")


def test_a_device_reaches_only_its_own_events(central: Central, gate: Device) -> None:
    autumn = make_event(central, "autumn")
    central.issue(autumn, 1, product=1, zones=1, exp=1_900_000_000)
    published = central.publish(autumn)
    incarnation = "0" * 16
    for path in ("manifest", "secrets", "checkins", f"changes?incarnation={incarnation}&after=0"):
        assert code_of(gate.get(f"/v1/events/autumn/{path}")) == (403, "forbidden")
    assert code_of(gate.get(f"/v1/manifests/{published.base_sha256.hex()}.sqlite.zst")) == (404, "not_found")


def test_an_unknown_path_and_a_wrong_method_leave_in_the_error_shape(http: TestClient) -> None:
    assert code_of(http.get("/v1/nothing")) == (404, "not_found")
    assert code_of(http.put("/v1/heartbeat")) == (405, "invalid")


def test_a_heartbeat_is_kept_and_answered_with_the_time(central: Central, gate: Device, clock: Clock) -> None:
    answer = gate.post("/v1/heartbeat", b'{"queue": 3, "data_age_s": 9}')
    assert answer.json() == {"now": clock(), "tasks": [], "reconnect_spread_s": 30}
    (device,) = central.device_list()
    assert (device.beat_at, device.beat["queue"]) == (clock(), 3)
    assert code_of(gate.post("/v1/heartbeat", b"[]")) == (400, "invalid")
    assert code_of(gate.post("/v1/heartbeat", bytes(20_000))) == (413, "too_large")


# ---- enrolment


def trusted(central: Central) -> TrustedSet:
    code = central.add_device("probe", short="P", events=[], url="http://127.0.0.1")
    found = TrustedSet(code.root)
    from gate.central import trustfiles

    for file in central.db.read(lambda connection: trustfiles.above(connection, 0)):
        found.update_trust(file)
    return found


def test_the_answer_proves_itself_against_the_root_of_the_code(
    central: Central, http: TestClient, spring: str, clock: Clock
) -> None:
    text = central.add_device("g1", short="G1", events=[spring], url="http://127.0.0.1").text()
    code = parse_code(text)
    answer = enrolment_from_json(Device(http, clock).enrol(code).json())
    assert (answer.device, answer.gate, answer.short, answer.events) == ("g1", "g1", "G1", ("spring",))
    assert (answer.server, answer.case_next) == ("central", 1)
    known = TrustedSet(code.root)
    for file in answer.trust:
        known.update_trust(file)
    assert known.trust is not None
    assert known.trust.servers[0].urls == ("http://127.0.0.1",)
    assert {key.role for key in known.trust.keys} == {"ticket", "manifest", "time"}


def test_the_same_key_gets_the_same_answer_for_15_minutes(
    central: Central, http: TestClient, spring: str, clock: Clock
) -> None:
    device = Device(http, clock)
    code = central.add_device("g1", short="G1", events=[spring], url="http://127.0.0.1")
    first = device.enrol(code).json()
    clock.ms += 15 * 60 * 1000
    assert device.enrol(code).json() == first
    clock.ms += 1
    assert code_of(device.enrol(code)) == (403, "forbidden")


def test_another_key_with_a_used_code_is_refused_and_told(central: Central, gate: Device, spring: str) -> None:
    code = central.add_device("g1", short="G1", events=[spring])
    assert gate.enrol(code).status_code == 200
    thief = Device(gate.http, gate.clock)
    thief.key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert code_of(thief.enrol(code)) == (409, "forbidden")
    assert incident_kinds(central) == ["enrol_conflict"]
    assert words(gate.push([Journal("g1").add()])) == ["stored"]


def test_a_code_is_good_for_24_hours(central: Central, http: TestClient, spring: str, clock: Clock) -> None:
    code = central.add_device("g1", short="G1", events=[spring], url="http://127.0.0.1")
    clock.ms += 24 * 3600 * 1000 + 1
    assert code_of(Device(http, clock).enrol(code)) == (403, "forbidden")


def test_a_new_code_ends_the_one_before(central: Central, http: TestClient, spring: str, clock: Clock) -> None:
    first = central.add_device("g1", short="G1", events=[spring], url="http://127.0.0.1")
    central.add_device("g1", short="G1", events=[spring])
    assert code_of(Device(http, clock).enrol(first)) == (404, "not_found")


def test_enrolment_needs_the_device_key_itself(central: Central, http: TestClient, spring: str, clock: Clock) -> None:
    code = central.add_device("g1", short="G1", events=[spring], url="http://127.0.0.1")
    device = Device(http, clock)
    body = device.enrol_body(code)
    stranger = Device(http, clock, "stranger").enrol_body(code)
    assert code_of(http.post("/v1/enrol", json=body | {"proof": stranger["proof"]})) == (401, "signature")
    assert code_of(http.post("/v1/enrol", json=body | {"code": "00"})) == (400, "invalid")
    assert code_of(http.post("/v1/enrol", json=body | {"code": "00" * 16})) == (404, "not_found")
    assert code_of(http.post("/v1/enrol", content=bytes(20_000))) == (413, "too_large")
    assert device.enrol(code).status_code == 200
