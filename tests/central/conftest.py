"""A real central server on a real database, SQLite and PostgreSQL alike, spoken to through its ASGI app."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.central import place
from gate.central.api import create_app
from gate.central.service import Central
from tests.central.gateside import Clock, Device, Random, TestClient, make_event
from tests.central.postgres import Postgres
from tests.conftest import need


@pytest.fixture
def clock() -> Clock:
    return Clock()


ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole run."""
    server = Postgres(Path(need("postgres")))
    yield server
    server.close()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Every test that has a database runs on both."""
    if request.param == "postgresql":
        need("postgres")
    return str(request.param)


class Templates:
    """State folders to copy, `empty` and `spring`: making keys waits for the disk, which hundreds of tests need not do."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder

    def copy(self, engine: str, name: str, state: Path) -> None:
        """A fresh folder, with a database of its own."""
        made = self._folder / engine / name
        if not made.exists():
            self._make(engine, name, made)
        shutil.copytree(made, state)
        if engine == "postgresql":
            postgres = self._request.getfixturevalue("postgres")
            _point(state, postgres.create(f"{name}_template"))

    def _make(self, engine: str, name: str, made: Path) -> None:
        url = None
        if engine == "postgresql":
            url = self._request.getfixturevalue("postgres").create(name=f"{name}_template")
        with Central.open(made, database_url=url, clock=Clock(), random=Random()) as opened:
            if name == "spring":
                event = make_event(opened)
                opened.issue(event, 20, product=1, zones=3, exp=1_900_000_000)
                opened.publish(event)


def _point(state: Path, url: str) -> None:
    (state / place.FILE).unlink(missing_ok=True)
    place.settle(state, url)


@pytest.fixture(scope="session")
def templates(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(request, tmp_path_factory.mktemp("central"))


@pytest.fixture
def state(request: pytest.FixtureRequest, engine: str, tmp_path: Path) -> Path:
    """A fresh state folder that no server has opened yet."""
    folder = tmp_path / "central"
    if engine == "postgresql":
        folder.mkdir()
        _point(folder, request.getfixturevalue("postgres").create())
    return folder


@pytest.fixture
def central(
    request: pytest.FixtureRequest, engine: str, templates: Templates, tmp_path: Path, clock: Clock
) -> Iterator[Central]:
    folder = tmp_path / "central"
    templates.copy(engine, "spring" if "spring" in request.fixturenames else "empty", folder)
    with Central.open(folder, clock=clock, random=Random(100_000)) as opened:
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
def long_polls(monkeypatch: pytest.MonkeyPatch) -> int:
    """The seconds that a poll may wait in this test: longer than its answer is waited for, so that only a hint ends it."""
    monkeypatch.setattr("gate.central.api.WAIT_MAX_S", 120)
    return 120


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
