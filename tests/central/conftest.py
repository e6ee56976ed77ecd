"""A real central server on a real SQLite file, spoken to through its ASGI app."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.central.api import create_app
from gate.central.service import Central
from tests.central.gateside import Clock, Device, Random, TestClient, make_event


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State folders to copy, `empty` and `spring`: making keys waits for the disk, which two hundred tests need not do."""
    folder = tmp_path_factory.mktemp("central")
    for name in ("empty", "spring"):
        with Central.open(folder / name, clock=Clock(), random=Random()) as opened:
            if name == "spring":
                event = make_event(opened)
                opened.issue(event, 20, product=1, zones=3, exp=1_900_000_000)
                opened.publish(event)
    return folder


@pytest.fixture
def central(request: pytest.FixtureRequest, templates: Path, tmp_path: Path, clock: Clock) -> Iterator[Central]:
    state = tmp_path / "central"
    shutil.copytree(templates / ("spring" if "spring" in request.fixturenames else "empty"), state)
    with Central.open(state, clock=clock, random=Random(100_000)) as opened:
        yield opened


@pytest.fixture
def spring(central: Central) -> str:
    """An event with 20 tickets, published."""
    return "spring"


@pytest.fixture
def http(central: Central) -> Iterator[TestClient]:
    with TestClient(
        create_app(central), base_url="http://127.0.0.1", client=("127.0.0.1", 40000), raise_server_exceptions=False
    ) as client:
        yield client


@pytest.fixture
def gate(central: Central, http: TestClient, spring: str, clock: Clock) -> Device:
    """An enrolled gate g1 of the event."""
    device = Device(http, clock)
    code = central.add_device("g1", short="G1", events=[spring], url="http://127.0.0.1")
    assert device.enrol(code).status_code == 200
    return device


@pytest.fixture
def other_gate(central: Central, http: TestClient, spring: str, clock: Clock) -> Device:
    """A second enrolled gate, g2."""
    device = Device(http, clock, "g2")
    code = central.add_device("g2", short="G2", events=[spring], url="http://127.0.0.1")
    assert device.enrol(code).status_code == 200
    return device
