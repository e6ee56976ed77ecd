"""The published description is complete, and nothing that fits it, or nearly fits it, makes the server fail."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gate.central import auth, commands
from gate.central.service import Central
from tests.central.gateside import Device, TestClient

ERRORS = {"clock", "signature", "revoked", "forbidden", "not_found", "must_refetch", "too_large", "busy", "invalid"}


@pytest.fixture
def document(http: TestClient) -> dict[str, Any]:
    return dict(http.get("/v1/openapi.json").json())


def test_every_call_has_examples_errors_and_words(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for method, call in item.items():
            where = f"{method} {path}"
            assert call["description"], where
            (content,) = call["responses"]["200"]["content"].values()
            assert "example" in content or content["schema"].get("format") == "binary", where
            if "requestBody" in call or method in ("post", "put"):
                (body,) = call["requestBody"]["content"].values()
                assert body["example"] or not call["requestBody"]["required"], where
            assert {"400", "503"} <= set(call["responses"]), where
            if path.startswith("/v1/admin"):
                assert call["security"] == [{"operator": []}], where
                assert {"401", "403"} <= set(call["responses"]), where
            elif path not in ("/v1/enrol", "/v1/time"):
                assert call["security"] == [{"device": []}], where
                assert {"401", "403"} <= set(call["responses"]), where
    words = document["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    assert set(words) >= ERRORS


def test_no_request_that_the_description_allows_is_a_failure_of_ours(
    document: dict[str, Any], gate: Device, central: Central, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call with generated parameters and bodies, right and wrong ones, signed: never a 500, always the one shape."""
    monkeypatch.setattr(auth.Rates, "look", lambda _self, _name: 1_000.0)
    monkeypatch.setattr("gate.central.api.WAIT_MAX_S", 0.01)  # a generated long poll must not take its 25 s
    token = commands.run(central, "operator_add", {"operator": "ana", "role": "admin"})["token"]
    central.set_policy(central.policy("spring") | {"search": "hub"})
    api = schemathesis.openapi.from_dict(document)
    made = 0
    for result in api.get_all_operations():
        operation = result.ok()
        for generation in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            strategy = operation.as_strategy(generation_mode=generation)

            @settings(
                max_examples=8,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=strategy)
            def run(case: Any) -> None:
                nonlocal made
                made += 1
                if made % 2 and "event" in case.path_parameters:
                    case.path_parameters["event"] = "spring"
                if (case.query or {}).get("wait") in range(1, 26):
                    case.query["wait"] = 0  # a long poll for nothing finds nothing out
                kwargs = case.as_transport_kwargs(base_url="http://127.0.0.1")
                request = gate.http.build_request(
                    kwargs["method"],
                    kwargs["url"],
                    params=kwargs.get("params"),
                    json=kwargs.get("json"),
                    content=kwargs.get("data") if isinstance(kwargs.get("data"), bytes) else None,
                )
                body = request.read()
                path = request.url.raw_path.decode()
                if path.startswith("/v1/admin"):
                    request.headers["Authorization"] = f"Bearer {token}"
                else:
                    request.headers.update(gate.headers(request.method, path, body))
                answer = gate.http.send(request)
                if answer.status_code != 503 or "another import" not in answer.text:
                    assert answer.status_code < 500, (path, body[:500], answer.text)
                if answer.status_code >= 400:
                    assert set(answer.json()["error"]) == {"code", "message", "detail"}

            try:
                run()
            except Exception as error:
                if "Unsatisfiable" not in type(error).__name__:
                    raise
    assert made > 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "path", ["/v1/heartbeat", "/v1/events/spring/checkins", "/v1/enrol", "/v1/events/spring/search"]
)
def test_any_json_is_answered_and_never_breaks_the_server(
    gate: Device, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth.Rates, "look", lambda _self, _name: 1_000.0)

    @settings(
        max_examples=60,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        body=st.dictionaries(st.sampled_from(("records", "heads", "boot", "clock", "code", "proof")) | st.text(), JSON)
    )
    def run(body: dict[str, Any]) -> None:
        answer = gate.post(path, json.dumps(body).encode())
        assert answer.status_code in (200, 400, 413), answer.text

    run()


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "\\uffff", "9" * 400, "1e400", "-0"])
def test_texts_and_numbers_that_databases_refuse_are_no_failure(gate: Device, text: str) -> None:
    raw = f'{{"queue": "{text}", "clock": {{"boot": "{text}"}}, "lane": {text if text[0] in "91-" else 1}}}'
    assert gate.post("/v1/heartbeat", raw.encode()).status_code in (200, 400)
