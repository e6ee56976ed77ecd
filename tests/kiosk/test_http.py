"""Pages, headers, host and origin checks of the loopback application."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from gate.kiosk import create_app, find_ui
from gate.kiosk.headers import CONTENT_POLICY, host_name
from gate.kiosk.metrics import exposition
from tests.fakes.view import FakeView

HERE = "http://127.0.0.1:8080"
WS = "ws://127.0.0.1:8080"


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(create_app(FakeView(), ui_dir=find_ui(), demo=True), base_url=HERE) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/demo", "/ui/tokens.css", "/healthz", "/metrics", "/openapi.json", "/nothing"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"] == CONTENT_POLICY
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_policy_allows_nothing_inline_and_nothing_foreign() -> None:
    assert "unsafe" not in CONTENT_POLICY
    assert "http" not in CONTENT_POLICY
    assert "default-src 'self'" in CONTENT_POLICY


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "LOCALHOST"])
def test_this_machines_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.", "", "a@localhost", "localhost/x", "[::1", "127.0.0.1:x"],
)
def test_other_names_are_refused_so_that_dns_rebinding_finds_nothing(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "forbidden"


def test_host_name_reads_only_an_authority() -> None:
    assert host_name("localhost:80") == "localhost"
    assert host_name("[::1]:80") == "::1"
    assert host_name("localhost?x") is None


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}, {"origin": "null"}])
def test_a_foreign_page_cannot_listen_to_the_lane(client: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(f"{WS}/ws/display", headers=headers) as line:
        line.receive_json()


def test_own_page_may_listen(client: TestClient) -> None:
    with client.websocket_connect(f"{WS}/ws/display", headers={"origin": HERE, "host": "127.0.0.1:8080"}) as line:
        assert line.receive_json()["t"] == "state"


def test_demo_page_exists_only_in_the_demo() -> None:
    with TestClient(create_app(FakeView(), ui_dir=find_ui(), demo=False), base_url=HERE) as client:
        assert client.get("/demo").status_code == 404
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(f"{WS}/ws/demo") as line:
            line.receive_json()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/demo", "/healthz", "/metrics", "/ui/tokens.css"])
def test_nothing_here_takes_a_command(client: TestClient, method: str, path: str) -> None:
    assert client.request(method, path).status_code == 405


def test_the_api_description_names_only_reads(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert paths
    assert {method for path in paths.values() for method in path} == {"get"}
    assert client.get("/docs").status_code == 404


def test_files_have_the_types_that_nosniff_needs(client: TestClient) -> None:
    for path, kind in {
        "/ui/vendor/lit.js": "text/javascript",
        "/ui/i18n/id.json": "application/json",
        "/ui/tokens.css": "text/css",
        "/favicon.ico": "image/svg+xml",
        "/": "text/html",
    }.items():
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].startswith(kind)


@pytest.mark.parametrize(
    "path", ["/ui/vendor/README.md", "/ui/../pyproject.toml", "/ui/%2e%2e/pyproject.toml", "/ui/", "/ui/pages"]
)
def test_only_the_screens_own_files_are_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_an_unchanged_file_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/ui/tokens.css")
    assert first.headers["cache-control"] == "no-cache"
    assert client.get("/ui/tokens.css", headers={"if-none-match": first.headers["etag"]}).status_code == 304


def test_health_tells_the_lane() -> None:
    view = FakeView()
    with TestClient(
        create_app(view, ui_dir=find_ui(), demo=False), base_url=HERE, raise_server_exceptions=False
    ) as client:
        assert client.get("/healthz").json()["lane"] == "idle"
        view.failing = RuntimeError("journal is gone")
        assert client.get("/healthz").status_code == 500


def test_metrics_are_prometheus_text(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert "# TYPE gate_admitted_total counter" in lines
    assert 'gate_refused_total{reason="invalid"} 1' in lines
    assert "# TYPE gate_screens gauge" in lines


def test_metrics_leave_out_names_no_scraper_could_read() -> None:
    assert exposition({"bad name": 1.0, "good": 2.5, 'x{a="b}\n"}': 1.0}) == "# TYPE good gauge\ngood 2.5\n"
    assert exposition({}) == ""


def test_front_end_is_found_beside_the_package() -> None:
    assert (find_ui() / "pages" / "display" / "index.html").is_file()
    assert find_ui().parent == Path(__file__).resolve().parents[2]
