"""Every refusal of every route leaves in the one shape of contracts 5, with a code of the published list."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gate.central import commands, describe
from gate.central.http import unpack
from gate.central.service import Central
from tests.central.gateside import Device, TestClient, code_of

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
VALUES = {"event": "spring", "name": "0" * 64, "device": "g1", "staff": "budi", "kid": "0" * 8, "number": "ZDK4-SE1E-0",
          "import": "1", "job": "0" * 36}  # fmt: skip


def shaped(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/json"
    _, code = code_of(answer)
    assert code in describe.CODES
    return code


@pytest.fixture
def routes(http: TestClient) -> list[tuple[str, set[str]]]:
    document = http.get("/v1/openapi.json").json()
    return [(path, {method.upper() for method in item}) for path, item in document["paths"].items()]


def test_a_wrong_method_is_405_on_every_route(http: TestClient, routes: Any) -> None:
    for path, known in routes:
        for method in METHODS:
            if method not in known and not (method == "HEAD" and "GET" in known):
                answer = http.request(method, path.format(**VALUES))
                assert answer.status_code == 405, (method, path)
                if method != "HEAD":
                    assert shaped(answer) == "invalid"


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v2/trust", "/nothing", "/v1/events/spring", "/v1/admin", "/v1/%ff", "/live/x"]
)
def test_what_is_not_there_is_404(http: TestClient, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 404
    assert shaped(answer) == "not_found"


@pytest.mark.parametrize(
    "query",
    [
        "after=x",
        "after=-1",
        "after=9" * 400,
        "limit=0",
        "limit=x",
        "wait=x",
        "wait=-1",
        "after=%00",
        "incarnation=x&after=0",
    ],
)
def test_a_wrong_parameter_is_400(gate: Device, query: str) -> None:
    answers = [gate.get(f"/v1/events/spring/changes?incarnation={'0' * 16}&{query}")]
    if query.startswith("after="):
        answers.append(gate.get(f"/v1/trust?{query}"))
    for answer in answers:
        assert answer.status_code == 400 or "incarnation" not in query, answer.text
        assert shaped(answer) == "invalid"


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("bytes=999999999-", 416),
        ("bytes=5-2", 400),
        ("lines=1-2", 400),
        ("bytes=x-y", 400),
        ("bytes=", 400),
        ("bytes=-0", 416),
    ],
)
def test_a_wrong_range_is_named_in_the_shape(central: Central, gate: Device, value: str, status: int) -> None:
    published = central.publish("spring")
    answer = gate.get(f"/v1/manifests/{published.base_sha256.hex()}.sqlite.zst", headers={"Range": value})
    assert answer.status_code in (status, 400, 416)
    assert shaped(answer) == "invalid"
    if answer.status_code == 416:
        assert answer.headers["content-range"] == f"bytes */{published.zst_size}"


def test_a_body_that_is_too_large_is_413_on_every_route_that_takes_one(
    central: Central, gate: Device, routes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gate.central.adminapi.UPLOAD_MAX", 1000)
    token = commands.run(central, "operator_add", {"operator": "ana", "role": "admin"})["token"]
    body, seen = bytes(3 * 1024 * 1024), 0
    for path, known in routes:
        place = path.format(**VALUES) + ("?name=a.csv" if path.endswith("/imports") else "")
        for method in known & {"POST", "PUT"}:
            signed = gate.headers(method, place, body) | {"Authorization": f"Bearer {token}"}
            answer = gate.http.request(method, place, content=body, headers=signed)
            if answer.status_code == 404:  # an import that is not there is not read for
                continue
            assert answer.status_code == 413, (method, path, answer.text)
            assert shaped(answer) == "too_large"
            seen += 1
    assert seen >= 15


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd, zstd", "\u00e9".encode("latin-1")])
def test_an_unknown_packing_is_415(gate: Device, encoding: Any) -> None:
    answer = gate.post("/v1/events/spring/checkins", b'{"records": []}', headers={"Content-Encoding": encoding})
    assert answer.status_code == 415
    assert shaped(answer) == "invalid"
    assert unpack(b"x", None, 1) == b"x"
