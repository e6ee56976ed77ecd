"""Two server processes on one PostgreSQL database: hints travel between them, data and order are the database's."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from gate.central import schema
from gate.central.api import create_app
from gate.central.relay import Relay
from gate.central.service import Central
from tests.central.gateside import Clock, Device, Journal, Random, TestClient, code_of, polled, words
from tests.central.postgres import Postgres
from tests.fakes.server import wait_for


@pytest.fixture
def pair(central: Central, engine: str, tmp_path: Path, clock: Clock) -> Central:
    """A second server beside `central`, with a folder of its own."""
    if engine != "postgresql":
        pytest.skip("SQLite has one process")
    folder = tmp_path / "second"
    shutil.copytree(central.state, folder)
    return Central.open(folder, clock=clock, random=Random(500_000))


def test_a_hint_reaches_the_other_process_and_not_its_own(postgres: Postgres) -> None:
    url, heard, own = postgres.create(), threading.Event(), []
    topics: list[tuple[str, str]] = []

    def hear(topic: tuple[str, str]) -> None:
        topics.append(topic)
        heard.set()

    one, two = Relay(url, own.append), Relay(url, hear)
    try:
        assert one.wait_connected(60)
        assert two.wait_connected(60)
        one.send(("changes", "spring"))
        assert heard.wait(60)
        assert (topics, own) == ([("changes", "spring")], [])
    finally:
        one.close()
        two.close()


def test_a_poll_at_one_server_hears_of_a_push_at_the_other(
    central: Central, pair: Central, gate: Device, clock: Clock, long_polls: int
) -> None:
    with pair, TestClient(create_app(pair)) as http:
        assert pair._relay is not None
        assert central._relay is not None
        assert pair._relay.wait_connected(60)
        assert central._relay.wait_connected(60)
        there = Device(http, clock, "g1")
        there.random.count += 10_000
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(there.get, f"/v1/events/spring/checkins?wait={long_polls}")
            polled(pair, "checkins", "spring")
            assert words(gate.push(Journal("g1").many(2))) == ["stored"] * 2
            assert len(answer.result(60).json()["records"]) == 2
        central.revoke_device("g1")
        wait_for(lambda: code_of(there.get("/v1/trust")) == (401, "revoked"), "the other's word of the revocation")


def test_pushes_at_two_servers_are_numbered_without_gaps(
    central: Central, pair: Central, gate: Device, other_gate: Device, clock: Clock
) -> None:
    with pair, TestClient(create_app(pair)) as http:
        there = Device(http, clock, "g2")
        there.random.count += 10_000
        journals = {"g1": Journal("g1"), "g2": Journal("g2", epoch="22" * 8)}
        batches = {name: [journal.many(5) for _ in range(10)] for name, journal in journals.items()}

        def push(device: Device) -> None:
            for batch in batches[device.name]:
                assert words(device.push(batch)) == ["stored"] * 5

        threads = [threading.Thread(target=push, args=(device,)) for device in (gate, there)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        numbers = select(schema.checkin.c.n).order_by(schema.checkin.c.n)
        assert central.db.read(lambda c: c.execute(numbers).scalars().all()) == list(range(1, 101))
