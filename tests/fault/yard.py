"""A real central server with an event, an enrolled gate beside it, and copies of both for each kill. No process here.

Two beginnings: `first`, a gate that was just enrolled and has no manifest yet, and `news`, a gate that has one and finds
everything changed: trust file, secrets, policy, base file, a revocation after it, entries at another gate.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select

from gate.central import rotation, schema
from gate.central.tickets import IssuedTicket, NewTicket
from gate.config import load
from gate.model import ClockTrust, Direction, Moment, TicketState
from gate.ports import Draft
from gate.storage.journal import JournalStore
from gate.storage.keys import journal_key
from gate.sync.clocks import SyncClock, mono_ms, read_boot, wall_ms
from gate.sync.enrolment import Machine, enrol
from gate.sync.folders import Folders
from gate.sync.worker import Worker
from tests.fakes.server import EVENT, Host, LiveCentral, live_central, wait_for
from tests.fault.process import free_port
from tests.fault.site import write_config

TICKETS = 6000
"""So that the packed base file comes in several pieces."""
ADDED, REVOKED, ELSEWHERE, EARLY = 0, TICKETS - 1, TICKETS - 2, TICKETS - 3
"""Ticket numbers of the news: of the second issue, and of the first one. `EARLY` is revoked before the gate begins."""
SYNC = "poll_ms = 100\nwait_s = 1\nbackoff_max_s = 1\nbatch = 3"
SCENES = ("first", "news")
_VERSION = "SELECT coalesce(max(version), 0) FROM trust"


@dataclass(frozen=True, slots=True)
class Copy:
    """One gate and its server, to be used up by one kill."""

    live: LiveCentral
    config: Path
    state: Path
    scene: str
    known_trust: int
    """Version of the trust file that the gate begins with."""

    def ask(self, statement: str) -> list[Any]:
        """Of the gate's sync.db."""
        with closing(sqlite3.connect(f"file:{self.state / 'sync.db'}?mode=ro", uri=True)) as connection:
            return connection.execute(statement).fetchall()

    def version(self) -> int:
        return int(self.ask(_VERSION)[0][0])

    def central_rows(self) -> list[tuple[str, str, int]]:
        """(event, epoch hex, seq) of this gate's records at the server."""
        return [
            (event, epoch, seq)
            for event in (EVENT, "")
            for gate, epoch, seq, _ in self.live.checkins(event)
            if gate == "g2"
        ]

    def incidents(self) -> int:
        """Tickets that the server holds to have been let in once too often."""
        table = schema.incident
        return self._scalar(select(func.count()).select_from(table).where(table.c.ended.is_(None)))

    def trust_version(self) -> int:
        """Of the server's newest trust file."""
        return self._scalar(select(func.max(schema.trust.c.version)))

    def cursor(self) -> int:
        """Of the server's newest change."""
        return self._scalar(select(schema.event_head.c.cursor).where(schema.event_head.c.event_id == EVENT))

    def _scalar(self, query: Select[tuple[int]]) -> int:
        return int(self.live.central.db.read(lambda connection: connection.execute(query).scalar_one()))


class Yard:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = Host()
        with live_central(folder / "central", self.host) as live:
            self.tickets = self._event(live)
            self._enrol(live, "g2", "gate")
            shutil.copytree(folder / "central", folder / "first-central")
            shutil.copytree(folder / "gate", folder / "first-gate")
            self._sync(folder / "gate")
            self._elsewhere(live)
            self.added = self._news(live)
        shutil.move(folder / "central", folder / "news-central")
        shutil.move(folder / "gate", folder / "news-gate")

    def close(self) -> None:
        self.host.close()

    @contextmanager
    def copy(self, scene: str, to: Path) -> Iterator[Copy]:
        for name in ("central", "gate"):
            shutil.copytree(self.folder / f"{scene}-{name}", to / name)
        config = write_config(to / "gate.toml", state=to / "gate", run=to / "run", port=free_port(), sync=SYNC)
        with live_central(to / "central", self.host) as live:
            copy = Copy(live, config, to / "gate", scene, 0)
            yield replace(copy, known_trust=copy.version()) if scene == "news" else copy

    # ---- making it

    def _event(self, live: LiveCentral) -> list[IssuedTicket]:
        gates = [{"id": name, "short": name.upper(), "name": {"en": name}, "lists": ["main"]} for name in ("g2", "g3")]
        live.central.create_event(
            {
                "event": EVENT,
                "name": {"en": "Spring"},
                "tz": "Asia/Taipei",
                "products": [{"n": 1, "name": {"en": "Admission"}}],
                "lists": [{"id": "main"}],
                "gates": gates,
                "reconnect_spread_s": 1,
            }
        )
        issued = live.central.issue_many(EVENT, [self._ticket()] * TICKETS)
        live.central.publish(EVENT)
        live.central.set_state(EVENT, issued[EARLY].key, TicketState.REVOKED)
        live.central.publish(EVENT, rebuild=False)
        return issued

    def _ticket(self) -> NewTicket:
        return NewTicket(product=1, zones=1, exp=int(time.time()) + 86_400)

    def _enrol(self, live: LiveCentral, device: str, folder: str) -> None:
        state = self.folder / folder
        folders = Folders(state, self.folder / f"{folder}-run")
        folders.make()
        text = live.central.add_device(device, short=device.upper(), events=(EVENT,), gate=device, url=live.url).text()
        enrol(
            text, folders, journal_pub=journal_key(state).public_key().public_bytes_raw(), machine=Machine("test", "test"),
            clock=SyncClock(read_boot()), nonce=lambda: secrets.token_hex(16),
        )  # fmt: skip

    def _sync(self, state: Path) -> None:
        """Until this gate has all that there is, and the server all of its records."""
        config = write_config(
            state.with_suffix(".toml"), state=state, run=state.with_name(f"{state.name}-run"), port=1, sync=SYNC
        )
        worker = Worker(load(config))
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            wait_for(lambda: worker.board.values()["events"] not in ("", "{}"), "a manifest")
            wait_for(lambda: worker.board.values()["queue"] == "0", "an empty queue")
        finally:
            worker.stop()
            thread.join()

    def _elsewhere(self, live: LiveCentral) -> None:
        """Another gate lets somebody in."""
        self._enrol(live, "g3", "other")
        state = self.folder / "other"
        journal = JournalStore(state / "journal.db", gate="g3", key=journal_key(state), random=os.urandom)
        moment = Moment(at=wall_ms(), mono=mono_ms(), boot=read_boot(), trust=ClockTrust.SYNCED, error_ms=5)
        draft = Draft(
            event=EVENT, kind="admitted", list="main", direction=Direction.ENTRY, ticket=self.tickets[ELSEWHERE].key,
            product=1, reason="ok",
        )  # fmt: skip
        journal.commit([draft], moment)
        journal.close()
        self._sync(state)
        assert len(live.checkins()) == 1

    def _news(self, live: LiveCentral) -> list[IssuedTicket]:
        central = live.central
        rotation.rotate(central, "time", None, 0)
        rotation.rotate(central, "rotating", EVENT, 0)
        policy = central.policy(EVENT)
        central.set_policy({**policy, "name": {"en": "Spring, second day"}})
        added = central.issue_many(EVENT, [self._ticket()])
        central.publish(EVENT, rebuild=True)
        central.set_state(EVENT, self.tickets[REVOKED].key, TicketState.REVOKED)
        central.publish(EVENT, rebuild=False)
        return added
