"""A revocation reaches a gate that is connected and quiet because it is woken, not because its turn has come.

Long polls last two minutes here, and the timers of the other loops an hour: what arrives within a test came by the hint.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.central import commands, http, trustfiles
from gate.central.service import Central
from gate.model import TicketState
from gate.sqlitefile import open_reader
from gate.sync import session
from tests.fakes.server import EVENT, Fault, LiveCentral, wait_for
from tests.sync.test_with_central import Running, enrolled


@pytest.fixture
def quiet(live: LiveCentral, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A gate whose every loop has done its work and waits."""
    monkeypatch.setattr(http, "WAIT_MAX_S", 120)
    monkeypatch.setattr("gate.central.api.WAIT_MAX_S", 120)
    for name in ("TRUST_EVERY_S", "TIME_EVERY_S", "HEARTBEAT_S"):
        monkeypatch.setattr(session, name, 3600.0)
    state = tmp_path / "gate"
    state.mkdir()
    running = Running(state, wait_s=120, timeout_s=125)
    enrolled(running, live)
    wait_for(lambda: waiting(live.central, "changes"), "the long poll for changes", 60)
    wait_for(lambda: waiting(live.central, "checkins"), "the long poll for check-ins", 60)
    yield running
    live.central.hints.heard(("", ""))
    running.stop()


def waiting(central: Central, kind: str) -> bool:
    """Whether a gate waits for this."""
    return bool(central.hints._waiters.get((kind, EVENT)))


def test_a_revoked_ticket_reaches_a_quiet_gate_by_the_wake_up(quiet: Running, live: LiveCentral) -> None:
    ticket = live.central.issued(EVENT, limit=1)[0]
    asked = live.wire.count("GET", "/changes")
    live.central.set_state(EVENT, ticket.key, TicketState.REVOKED)
    reader = open_reader(quiet.folders.sync_db)
    query = "SELECT state FROM overlay WHERE key = ?"
    wait_for(lambda: reader.execute(query, (ticket.key,)).fetchone() == (TicketState.REVOKED,), "the revocation", 60)
    assert live.wire.count("GET", "/changes") in (asked, asked + 1)  # answered was the call that waited
    reader.close()


def test_a_revoked_key_reaches_a_quiet_gate_by_the_wake_up(quiet: Running, live: LiveCentral) -> None:
    commands.run(live.central, "key_rotate", {"role": "ticket", "event": EVENT, "lead_s": 0})
    kid = next(row["kid"] for row in commands.run(live.central, "key_list", {}) if row["role"] == "ticket")
    wait_for(lambda: waiting(live.central, "changes"), "the next long poll", 60)
    version = commands.run(live.central, "key_revoke", {"kid": kid})["trust"]
    reader = open_reader(quiet.folders.sync_db)
    newest = "SELECT max(version) FROM trust"
    wait_for(lambda: reader.execute(newest).fetchone() == (version,), "the trust file that revokes it", 60)
    reader.close()


def test_a_gate_that_cannot_take_a_trust_file_does_not_ask_without_end(quiet: Running, live: LiveCentral) -> None:
    """The wait ends once for each version, whether the gate could accept it or not."""
    live.faults.append(Fault("GET", "/trust", status=200, body=b"\x80"))
    commands.run(live.central, "key_rotate", {"role": "ticket", "event": EVENT, "lead_s": 0})
    wait_for(lambda: live.wire.count("GET", "/trust") > 1, "it asked for the trust file", 60)
    wait_for(lambda: waiting(live.central, "changes"), "it waits again", 60)
    told = [headers["gate-trust"] for _, path, headers in live.wire.seen if "/changes" in path]
    assert int(told[-1]) == live.central.db.read(trustfiles.version)
