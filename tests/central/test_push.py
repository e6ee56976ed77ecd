"""Pushed journal rows: stored once, never refused for a business reason, contradictions kept and told."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from gate.central import devices, schema
from gate.central.service import Central
from gate.wire.journal import PUSH_BYTES_MAX
from tests.central.gateside import Clock, Device, Journal, code_of, rehashed, words

EPOCH = Journal("g1").epoch


def incident_kinds(central: Central) -> list[str]:
    query = select(schema.incident.c.kind).order_by(schema.incident.c.event_id, schema.incident.c.n)
    return list(central.db.read(lambda connection: connection.execute(query).scalars().all()))


def count(central: Central, table: Any) -> int:
    return central.db.read(lambda connection: connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_records_are_stored_and_numbered_without_gaps(central: Central, gate: Device) -> None:
    answer = gate.push(Journal("g1").many(3))
    assert words(answer) == ["stored"] * 3
    body = answer.json()
    assert body["durable"] == body["upstream"] == {EPOCH: 3}
    assert body["missing"] == {}
    assert body["results"][0] == [EPOCH, 1, "stored"]
    numbers = select(schema.checkin.c.n).order_by(schema.checkin.c.n)
    assert central.db.read(lambda connection: connection.execute(numbers).scalars().all()) == [1, 2, 3]


def test_the_same_push_again_is_known_and_changes_nothing(central: Central, gate: Device) -> None:
    records = Journal("g1").many(3)
    gate.push(records)
    assert words(gate.push(records)) == ["known"] * 3
    assert count(central, schema.checkin) == 3


def test_a_record_twice_in_one_push_is_stored_once(central: Central, gate: Device) -> None:
    first = Journal("g1").add()
    assert words(gate.push([first, first])) == ["stored", "known"]


def test_gaps_are_named_until_they_are_filled(gate: Device) -> None:
    records = Journal("g1").many(9)
    answer = gate.push([records[0], records[3], records[4], records[8]]).json()
    assert answer["durable"] == {EPOCH: 1}
    assert answer["missing"] == {EPOCH: [[2, 3], [6, 8]]}
    answer = gate.push(records[1:3]).json()
    assert answer["durable"] == {EPOCH: 5}
    assert answer["missing"] == {EPOCH: [[6, 8]]}
    answer = gate.push(records[5:8]).json()
    assert answer["durable"] == {EPOCH: 9}
    assert answer["missing"] == {}


def test_a_record_whose_hash_is_not_its_own_is_quarantined_and_the_others_are_stored(
    central: Central, gate: Device
) -> None:
    records = Journal("g1").many(3)
    records[1]["hash"] = "00" * 32
    answer = gate.push(records)
    assert words(answer) == ["stored", "quarantined", "stored"]
    assert answer.json()["durable"] == {EPOCH: 3}
    assert incident_kinds(central) == ["malformed"]
    assert words(gate.push(records))[1] == "quarantined"
    assert incident_kinds(central) == ["malformed"]


def test_another_record_under_the_same_number_is_kept_beside_the_first_and_told(central: Central, gate: Device) -> None:
    first = Journal("g1").add()
    gate.push([first])
    assert words(gate.push([rehashed(first, ticket="00" * 16)])) == ["quarantined"]
    assert incident_kinds(central) == ["journal_fork"]
    kept = central.db.read(lambda connection: connection.execute(select(schema.checkin.c.hash)).scalars().all())
    assert [item.hex() for item in kept] == [first["hash"]]
    aside = central.db.read(lambda connection: connection.execute(select(schema.quarantine.c.record)).scalars().all())
    assert json.loads(aside[0])["ticket"] == "00" * 16


def test_rows_that_do_not_chain_are_stored_and_flagged(central: Central, gate: Device) -> None:
    records = Journal("g1").many(2)
    elsewhere = Journal("g1")
    elsewhere.add(reason="other")
    stranger = elsewhere.add()
    assert words(gate.push([records[0], stranger])) == ["stored", "stored_flagged"]
    assert incident_kinds(central) == ["chain_broken"]


def test_a_first_row_must_begin_at_the_start_of_its_stream(central: Central, gate: Device) -> None:
    first = Journal("g1").add()
    first["prev"] = "11" * 32
    assert words(gate.push([rehashed(first)])) == ["stored_flagged"]


def test_a_signed_head_convicts_a_row_that_comes_later(central: Central, gate: Device) -> None:
    journal = Journal("g1")
    records = journal.many(2)
    assert words(gate.push(records[:1], heads=[journal.head(2, gate.journal_key)])) == ["stored"]
    assert words(gate.push([rehashed(records[1], reason="edited")])) == ["stored_flagged"]
    assert incident_kinds(central) == ["head_mismatch"]


def test_a_head_that_the_gate_did_not_sign_is_an_incident_and_refuses_nothing(central: Central, gate: Device) -> None:
    journal = Journal("g1")
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert words(gate.push(journal.many(1), heads=[journal.head(1, stranger)])) == ["stored"]
    assert incident_kinds(central) == ["head_invalid"]


def test_the_device_stream_goes_in_by_its_own_path_and_not_into_a_feed(central: Central, gate: Device) -> None:
    record = Journal("g1", event="").add("boot", list=None, ticket=None, dir=None, product=None)
    assert words(gate.push([record], event="-")) == ["stored"]
    assert gate.get("/v1/events/spring/checkins").json()["records"] == []


def test_rows_of_another_gate_are_refused_whole(central: Central, gate: Device) -> None:
    own, foreign = Journal("g1").add(), Journal("g2").add()
    assert code_of(gate.push([own, foreign])) == (403, "forbidden")
    assert count(central, schema.checkin) == 0


def test_a_hub_may_push_rows_of_any_gate(central: Central, gate: Device, spring: str, clock: Clock) -> None:
    hub = Device(gate.http, clock, "hub1")
    hub.enrol(central.add_device("hub1", short="H1", events=[spring], profile="hub"))
    assert words(hub.push([Journal("g1").add(), Journal("g2").add()])) == ["stored", "stored"]


def test_rows_of_an_event_that_the_device_no_longer_serves_are_stored_and_flagged(
    central: Central, gate: Device
) -> None:
    central.db.write(
        lambda connection: devices.add(
            connection, "g1", short="G1", served=[], profile="gate", gate=None, code=bytes(16), now_ms=0
        )
    )
    assert words(gate.push([Journal("g1").add()])) == ["stored_flagged"]
    assert incident_kinds(central) == ["foreign_event"]


def test_records_of_an_unknown_event_are_not_found(gate: Device) -> None:
    record = Journal("g1", event="autumn").add()
    assert code_of(gate.push([record], event="autumn")) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"records": [1]}',
        b'{"records": [{"event": "spring"}]}',
        b'{"records": [], "heads": ["!"]}',
        b'{"records": [' + b"[" * 5000 + b"]" * 5000 + b"]}",
        b'{"records": [], "mono": NaN}',
        b"\xff\xfe",
    ],
)
def test_a_push_that_is_none_is_invalid(gate: Device, body: bytes) -> None:
    assert code_of(gate.post("/v1/events/spring/checkins", body)) == (400, "invalid")


@pytest.mark.parametrize("path", ["/v1/events/Spring/checkins", "/v1/events/%2e%2e/checkins"])
def test_a_name_that_is_no_event_is_not_found(gate: Device, path: str) -> None:
    assert gate.post(path, b'{"records": []}').status_code in (400, 404)


@pytest.mark.parametrize(
    "change",
    [
        {"ticket": "XY"},
        {"ticket": "FB664CB82E71E799031413261624B581"},
        {"kind": "invented"},
        {"at": 1.5},
        {"seq": 2**63},
        {"reason": "\ud800"},
        {"data": {"n": 2**70}},
        {"v": 2},
    ],
)
def test_a_record_with_a_wrong_field_never_breaks_the_server(gate: Device, change: dict[str, Any]) -> None:
    record = Journal("g1").add() | change
    answer = gate.push([record])
    assert answer.status_code == 400 or words(answer) == ["quarantined"]


def test_a_push_of_over_a_thousand_records_is_refused(gate: Device) -> None:
    small = {"event": "spring", "gate": "g1", "epoch": EPOCH, "seq": 1}
    assert code_of(gate.push([small] * 1001)) == (400, "invalid")


def test_a_packed_push_is_unpacked(gate: Device) -> None:
    body = zstandard.compress(json.dumps({"records": Journal("g1").many(200), "heads": []}).encode(), 3)
    assert words(gate.post("/v1/events/spring/checkins", body, {"Content-Encoding": "zstd"})) == ["stored"] * 200


def test_a_packed_bomb_is_cut_at_the_cap(gate: Device) -> None:
    bomb = zstandard.compress(bytes(200 * PUSH_BYTES_MAX), 19)
    assert len(bomb) < PUSH_BYTES_MAX
    answer = gate.post("/v1/events/spring/checkins", bomb, {"Content-Encoding": "zstd"})
    assert code_of(answer) == (413, "too_large")


@pytest.mark.parametrize(("encoding", "status"), [("zstd", 400), ("gzip", 415)])
def test_an_encoding_that_is_none_or_unknown_is_refused(gate: Device, encoding: str, status: int) -> None:
    answer = gate.post("/v1/events/spring/checkins", b"plain", {"Content-Encoding": encoding})
    assert code_of(answer) == (status, "invalid")


def test_a_body_over_the_cap_is_refused(gate: Device) -> None:
    assert code_of(gate.post("/v1/events/spring/checkins", bytes(PUSH_BYTES_MAX + 1))) == (413, "too_large")


def test_a_body_without_announced_length_is_cut_at_the_cap(gate: Device) -> None:
    path = "/v1/events/spring/checkins"
    headers = gate.headers("POST", path, b"") | {"Transfer-Encoding": "chunked"}
    answer = gate.http.post(path, content=(bytes(65536) for _ in range(64)), headers=headers)
    assert code_of(answer) == (413, "too_large")


def test_the_feed_has_every_gate_in_order_of_commit(gate: Device, other_gate: Device) -> None:
    first, second = Journal("g1"), Journal("g2", epoch="00" * 8)
    gate.push([first.add(), first.add("refused", reason="unpaid")])
    other_gate.push([second.add(), second.add("clock", list=None, ticket=None, data={"base_ms": 5, "error_ms": 2})])
    page = gate.get("/v1/events/spring/checkins").json()
    assert [(item["gate"], item["seq"], item["kind"]) for item in page["records"]] == [
        ("g1", 1, "admitted"),
        ("g2", 1, "admitted"),
        ("g2", 2, "clock"),
    ]
    assert page["records"][2]["data"] == {"base_ms": 5, "error_ms": 2}
    assert page["records"][0]["ticket"] == "fb664cb82e71e799031413261624b581"
    assert page["more"] is False
    gate.push([first.add("exit")])
    later = other_gate.get(f"/v1/events/spring/checkins?after={page['next']}").json()
    assert [(item["gate"], item["seq"]) for item in later["records"]] == [("g1", 3)]


def test_the_feed_comes_in_pages(gate: Device) -> None:
    gate.push(Journal("g1").many(5))
    after = ""
    seen: list[int] = []
    for more in (True, True, False):
        page = gate.get(f"/v1/events/spring/checkins?after={after}&limit=2").json()
        assert page["more"] is more
        after, seen = page["next"], seen + [item["seq"] for item in page["records"]]
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("cursor", ["0011223344556677:1", "x", ":", "1"])
def test_a_feed_cursor_of_another_life_must_be_begun_again(gate: Device, cursor: str) -> None:
    answer = gate.get(f"/v1/events/spring/checkins?after={cursor}")
    assert code_of(answer) == (410, "must_refetch")


def test_case_numbers_go_on_after_the_highest_that_was_pushed(central: Central, gate: Device, clock: Clock) -> None:
    journal = Journal("g1")
    gate.push([journal.add("case", data={"number": f"G1-{number:04d}-X", "op": "open"}) for number in (7, 12, 9)])
    code = central.add_device("g1", short="G1", events=["spring"])
    clock.ms += 1000
    again = Device(gate.http, clock, "g1")
    again.key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"new card").digest())
    assert again.enrol(code).json()["case_next"] == 13
