"""A real central server on a real SQLite file, spoken to through its ASGI app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.central.api import create_app
from gate.central.service import Central
from tests.central.gateside import Clock, Device, Random, TestClient, make_event


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def central(tmp_path: Path, clock: Clock) -> Iterator[Central]:
    with Central.open(tmp_path / "central", clock=clock, random=Random()) as opened:
        yield opened


@pytest.fixture
def spring(central: Central) -> str:
    """An event with 20 tickets, published."""
    event = make_event(central)
    central.issue(event, 20, product=1, zones=3, exp=1_900_000_000)
    central.publish(event)
    return event


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
