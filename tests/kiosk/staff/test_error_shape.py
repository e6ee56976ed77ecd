"""Every refusal of the local API leaves in the one shape, on the LAN and on the gate's own screen."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.kiosk.staff.house import House, Phone

METHODS = ("GET", "POST", "PUT", "PATCH")


@pytest.fixture(autouse=True)
def unlimited(house: House) -> Iterator[None]:
    house.room.allowance.all.forget()
    house.room.allowance.tries.forget()
    yield
    house.room.allowance.all.forget()


def shaped(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/json", answer.request.url
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "detail"}
    return str(error["code"])


def test_wrong_methods_paths_and_bodies_are_refused_in_the_shape(house: House, sari: Phone, phone: Phone) -> None:
    document = sari.client.get("/api/v1/openapi.json").json()
    seen = {404: 0, 405: 0, 413: 0, 422: 0}
    for client in (sari.client, phone.client):
        for path in ("/api/v1/nothing", "/api/v1", "/nothing", "/ui/nothing.js"):
            answer = client.get(path)
            assert (answer.status_code, shaped(answer)) == (404, "not_found")
            seen[404] += 1
        for path, item in list(document["paths"].items())[:: 1 if client is sari.client else 5]:
            house.room.allowance.all.forget()
            house.room.allowance.tries.forget()
            place = path.replace("{name}", "x").replace("{id}", "x").replace("{device}", "x").replace("{staff}", "x")
            for method in METHODS:
                if method.lower() not in item:
                    answer = client.request(method, place)
                    assert (answer.status_code, shaped(answer)) == (405, "invalid"), (method, place)
                    seen[405] += 1
                elif "requestBody" in item[method.lower()]:
                    answer = client.request(method, place, content=bytes(70 * 1024))
                    assert (answer.status_code, shaped(answer)) == (413, "too_large")
                    seen[413] += 1
                    for body in (b"{", b'{"\xff": 1}'):
                        answer = client.request(
                            method, place, content=body, headers={"content-type": "application/json"}
                        )
                        assert answer.status_code in (400, 401, 403, 422), (place, answer.text)
                        shaped(answer)
                        seen[422] += 1
    assert all(count > 5 for count in seen.values()), seen
