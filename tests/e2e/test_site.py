"""Real processes, a reader fed line by line: what survives outages and kills."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from gate.storage.check import Check, verify_journal
from tests.e2e.screen import Screen
from tests.e2e.site import Site, until

KILLS = 20


def test_ticket_is_admitted_once_and_arrives_at_central(site: Site, screen: Screen) -> None:
    text = site.tickets[0].text
    # The same code in the passage window repeats its verdict, with no second use: both are there before the lane looks.
    first = site.scan(screen, f"{text}\n{text}")
    until(lambda: site.health().get("lane") == "idle", "the end of the window")
    second = site.scan(screen, text)

    assert screen.all("decision") == [first, second]
    assert (first["verdict"], second["verdict"]) == ("GO", "STOP_USED")
    assert first["latency"]["pin_ms"] is not None
    assert second["latency"]["pin_ms"] is None
    used = until(lambda: [item for item in screen.all("state") if item["verdict"] == "STOP_USED"], "the screen")[0]
    assert used["first_use"]["short"] == "G1"
    until(lambda: site.central_rows() == site.journal_rows(), "all rows at central")


def test_revocation_at_central_stops_the_scans_after_it(site: Site, screen: Screen) -> None:
    assert site.scan(screen, site.tickets[9].text)["reason"] == "ok"
    _revoked(site, screen, 1)


def test_central_away_for_a_while_loses_and_doubles_nothing(site: Site, screen: Screen) -> None:
    for number, ticket in enumerate(site.tickets[:12]):
        if number == 3:
            site.kill("central")
        _admitted(site, screen, ticket.text)
    assert len(site.journal("admitted")) == 12
    until(lambda: screen.all("state")[-1]["mode"] == "local", "an honest status")
    assert len(site.central_rows()) < len(site.journal_rows())

    site.start("central")
    until(lambda: site.central_rows() == site.journal_rows(), "all rows at central")
    until(lambda: screen.all("state")[-1]["mode"] == "online", "an honest status")
    # Lost acknowledgements: sync forgets everything and sends again; the server knows each row.
    site.kill("sync")
    for path in site.state.glob("sync.db*"):
        path.unlink()
    site.start("sync")
    until(lambda: screen.all("state")[-1]["mode"] == "online", "sync is back")
    _admitted(site, screen, site.tickets[20].text)
    until(lambda: site.central_rows() == site.journal_rows(), "all rows at central")
    # The lane reads the new file: a revocation that came after the loss is in force.
    _revoked(site, screen, 30)


@pytest.mark.timeout(400)
def test_lane_killed_twenty_times_keeps_every_answer(site: Site, screen: Screen) -> None:
    chance = random.Random(20)
    texts = [ticket.text for ticket in site.tickets]
    for kills in range(1, KILLS + 1):
        # A life begins with the first answer to a ticket of its own: a slow machine's reader comes up later than its lane.
        site.scan(screen, texts[kills])
        life = time.monotonic() + chance.uniform(0.0, 0.8)
        while time.monotonic() < life:
            site.show(chance.choice(texts[KILLS + 1 :]))
            time.sleep(chance.uniform(0.0, 0.12))
        site.kill("lane", signal.SIGKILL)
        if kills == 7:
            site.kill("central")
        if kills == 13:
            site.start("central")
        until(lambda: not screen.up, "what the dead lane had sent is read")
        seen = len(screen.all("demo"))
        site.start("lane")
        site.wait_ready()
        # A new life begins with every relay at rest, whatever the last one was doing.
        until(lambda seen=seen: len(screen.all("demo")) > seen, "the new life's pins")
        assert not any(screen.all("demo")[seen]["pins"]["relay"].values())
    until(lambda: site.central_rows() == site.journal_rows(), "all rows at central")

    rows = site.journal()
    admitted = [row for row in rows if row["kind"] == "admitted"]
    held = {f"{row['gate']}/{row['epoch']}/{row['seq']}": row["reason"] for row in rows}
    answered = {item["ref"]: item["reason"] for item in screen.all("decision")}
    assert len(admitted) >= KILLS
    assert len({row["epoch"] for row in rows}) >= KILLS
    assert answered.items() <= held.items()
    assert len({row["ticket"] for row in admitted}) == len(admitted), "a ticket was admitted twice"
    opened = [item for item in screen.all("decision") if item["latency"]["pin_ms"] is not None]
    assert len(opened) <= len(admitted)
    assert _check(site.state).ok


def _admitted(site: Site, screen: Screen, text: str) -> None:
    """Somebody comes in, after whoever is still in the lane."""
    until(lambda: site.health().get("lane") == "idle", "the next person's turn")
    assert site.scan(screen, text)["reason"] == "ok"


def _revoked(site: Site, screen: Screen, first: int) -> None:
    """The lane follows what sync wrote down: it may let in whoever comes before it has looked there."""
    tickets = site.tickets[first : first + 3]
    site.revoke(*tickets)
    for ticket in tickets:
        until(lambda: site.health().get("lane") == "idle", "the next person's turn")
        if site.scan(screen, ticket.text)["reason"] == "revoked":
            return
    raise AssertionError("three revoked tickets were let in")


def _check(state: Path) -> Check:
    return verify_journal(state / "journal.db", (state / "journal.pub").read_bytes())
