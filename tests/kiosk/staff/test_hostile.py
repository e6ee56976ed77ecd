"""Whatever is sent to the API: an answer with the right shape, never a broken server, never an admission."""

from __future__ import annotations

import random
import string
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error

from tests.kiosk.staff.house import House, Phone

_SKIP = {"/api/v1/logout", "/api/v1/tech/enrol"}


def test_description_names_every_path_with_its_errors(sari: Phone) -> None:
    schema = sari.client.get("/api/v1/openapi.json").json()
    assert {"/api/v1/scans", "/api/v1/commands", "/api/v1/login", "/api/v1/tech/status"} <= schema["paths"].keys()
    assert set(schema["components"]["securitySchemes"]) == {"token", "session"}
    for path, methods in schema["paths"].items():
        if path.startswith("/api/v1"):
            for method in methods.values():
                assert "422" in method["responses"], path
                assert "429" in method["responses"], path


@pytest.mark.parametrize("who", ["sari", "budi"])
def test_no_request_made_from_the_description_breaks_the_server(
    house: House, who: str, request: pytest.FixtureRequest
) -> None:
    phone: Phone = request.getfixturevalue(who)
    schema = schemathesis.openapi.from_dict(phone.client.get("/api/v1/openapi.json").json())
    before = len(house.rows("admitted"))
    for operation in schema.get_all_operations():
        found: Any = operation.ok()
        if found.path in _SKIP:
            continue

        @settings(
            max_examples=2,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=found.as_strategy())
        def send(case: Any) -> None:
            house.room.allowance.all.forget()
            house.room.allowance.tries.forget()
            answer = case.call(
                base_url=house.lan_url, verify=str(house.state.path / "kiosk-tls" / "ca.crt"),
                headers={"x-gate-csrf": phone.csrf}, cookies=dict(phone.client.cookies), timeout=60,
            )  # fmt: skip
            case.validate_response(answer, checks=[not_a_server_error])

        send()
    assert len(house.rows("admitted")) == before


HOSTILE = [
    "<script>alert(1)</script>", "\u202eGNIHSIF", "\x1b[31mred", "=cmd|' /C calc'!A0", "'; DROP TABLE journal; --",
    "e" + "\u0301" * 10_000, "\x00", "\ufeff", "💣" * 500, "GT1:" + "A" * 160, "]Q1GT1:", "\\000026", "%s%n{0}",
]  # fmt: skip


def test_hostile_texts_are_answered_as_no_ticket(house: House, sari: Phone) -> None:
    before = len(house.rows("admitted"))
    for text in HOSTILE:
        answer = sari.scan(text[:2_000])
        assert answer.status_code == 200, text[:20]
        assert answer.json()["verdict"] in ("STOP", "SEE_STAFF")
        assert text[:30] not in answer.text or len(text) < 4
        house.room.allowance.all.forget()
    assert len(house.rows("admitted")) == before
    assert sari.scan("x" * 2_001).status_code == 422


def test_random_bodies_are_refused_in_shape(house: House, sari: Phone) -> None:
    chance = random.Random(7)
    for _ in range(50):
        house.room.allowance.all.forget()
        body: dict[str, Any] = {"text": "x", "key": "12345678"}
        field = chance.choice(["text", "number", "dir", "list", "mode", "open", "count", "key", "new"])
        body[field] = chance.choice(
            [None, 0, -1, 10**30, 1.5, True, [], {}, "", "é" * 100, "".join(chance.choices(string.printable, k=30))]
        )
        answer = sari.post("scans", **body)
        assert answer.status_code < 500
        if answer.status_code >= 400:
            assert set(answer.json()["error"]) == {"code", "message", "detail"}
