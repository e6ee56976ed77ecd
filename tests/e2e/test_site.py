"""Real processes, a reader fed line by line: what survives outages and kills."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from gate.storage.check import Check, verify_journal
from tests.e2e.screen import Screen
from tests.e2e.site import EVENT, Site, until

KILLS = 20


def test_ticket_is_admitted_once_and_arrives_at_central(site: Site, screen: Screen) -> None:
    text = site.tickets[0].text
    site.show(text)
    until(lambda: screen.all("decision"), "a decision")
    # The same code in the passage window repeats its verdict, with no second use.
    site.show(text)
    until(lambda: site.health()["lane"] == "idle", "the end of the window")
    site.show(text)
    until(lambda: len(screen.all("decision")) == 2, "a second decision")

    first, second = screen.all("decision")
    assert (first["verdict"], second["verdict"]) == ("GO", "STOP_USED")
    assert first["latency"]["pin_ms"] is not None
    assert second["latency"]["pin_ms"] is None
    used = next(item for item in screen.all("state") if item["verdict"] == "STOP_USED")
    assert used["first_use"]["short"] == "G1"
    until(lambda: site.central_rows() == site.journal_rows(), "all rows at central")


def test_revocation_at_central_stops_the_next_scan(site: Site, screen: Screen) -> None:
    _set_state(site, 1, "revoked")
    time.sleep(1.0)  # a revocation reaches a connected gate in under a second
    assert _scan(site, screen, site.tickets[1].text) == "revoked"


def test_central_away_for_a_while_loses_and_doubles_nothing(site: Site, screen: Screen) -> None:
    for number, ticket in enumerate(site.tickets[:12]):
        if number == 3:
            site.kill("central")
        before = len(screen.all("decision"))
        site.show(ticket.text)
        until(lambda before=before: len(screen.all("decision")) > before, "a decision", 5)
        until(lambda: site.health()["lane"] in ("idle", "window"), "the next person's turn")
    assert len(site.journal("admitted")) == 12
    until(lambda: screen.all("state")[-1]["mode"] == "local", "an honest status", 15)
    assert len(site.central_rows()) < len(site.journal_rows())

    site.start("central")
    until(lambda: site.central_rows() == site.journal_rows(), "all rows at central", 40)
    until(lambda: screen.all("state")[-1]["mode"] == "online", "an honest status", 15)
    # Lost acknowledgements: sync forgets everything and sends again; the server knows each row.
    site.kill("sync")
    for path in site.state.glob("sync.db*"):
        path.unlink()
    site.start("sync")
    until(lambda: screen.all("state")[-1]["mode"] == "online", "sync is back", 20)
    site.show(site.tickets[20].text)
    until(lambda: len(site.journal("admitted")) == 13, "an admission after sync lost its file", 20)
    until(lambda: site.central_rows() == site.journal_rows(), "all rows at central", 20)
    # The lane reads the new file: a revocation that came after the loss is in force.
    _set_state(site, 30, "revoked")
    until(lambda: _scan(site, screen, site.tickets[30].text) == "revoked", "the revocation", 10)


@pytest.mark.timeout(400)
def test_lane_killed_twenty_times_keeps_every_answer(site: Site, screen: Screen) -> None:
    chance = random.Random(20)
    kills = 0
    texts = [ticket.text for ticket in site.tickets]
    turn = 0
    while kills < KILLS:
        # A life begins with its first answer: on a slow machine the reader comes up later than the lane.
        known = len(screen.all("decision"))
        life = None
        while life is None or time.monotonic() < life:
            site.show(texts[turn % len(texts)])
            turn += 1
            time.sleep(chance.uniform(0.0, 0.12))
            if life is None and len(screen.all("decision")) > known:
                life = time.monotonic() + chance.uniform(0.0, 1.2)
        site.kill("lane", signal.SIGKILL)
        kills += 1
        if kills == 7:
            site.kill("central")
        if kills == 13:
            site.start("central")
        time.sleep(0.05)  # what the dead lane had sent is read
        seen = len(screen.all("demo"))
        site.start("lane")
        site.wait_ready()
        # A new life begins with every relay at rest, whatever the last one was doing.
        until(lambda seen=seen: len(screen.all("demo")) > seen, "the new life's pins")
        assert not any(screen.all("demo")[seen]["pins"]["relay"].values())
    until(lambda: site.central_rows() == site.journal_rows(), "all rows at central", 40)

    rows = site.journal()
    admitted = [row for row in rows if row["kind"] == "admitted"]
    held = {f"{row['gate']}/{row['epoch']}/{row['seq']}": row["reason"] for row in rows}
    answered = {item["ref"]: item["reason"] for item in screen.all("decision")}
    assert len(admitted) >= KILLS // 2
    assert len({row["epoch"] for row in rows}) >= KILLS
    assert answered.items() <= held.items()
    assert len({row["ticket"] for row in admitted}) == len(admitted), "a ticket was admitted twice"
    opened = [item for item in screen.all("decision") if item["latency"]["pin_ms"] is not None]
    assert len(opened) <= len(admitted)
    assert _check(site.state).ok


def _scan(site: Site, screen: Screen, text: str) -> str:
    """Present a code. Returns: the reason of the decision."""
    before = len(screen.all("decision"))
    site.show(text)
    until(lambda: len(screen.all("decision")) > before, "a decision", 5)
    return str(screen.all("decision")[-1]["reason"])


def _set_state(site: Site, index: int, state: str) -> None:
    site.gate(
        "central", "ticket", "set-state", EVENT, site.tickets[index].number, state, "--state", str(site.central_state)
    )


def _check(state: Path) -> Check:
    return verify_journal(state / "journal.db", (state / "journal.pub").read_bytes())
