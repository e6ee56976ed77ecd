"""kill -9 of sync at each of its named steps, beside a working lane and a real server: what must hold whatever the moment was.

Every record is at the server once; a trust file's version never falls; a base file that bears its name is whole, and one
that an event names is there; the lane goes on letting people in while sync is dead; the next sync brings everything.
`python -m tests.fault.sync_kills` is a part of `make prove-kill`; the tests do two steps once.
"""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from gate import steps
from gate.central.tickets import IssuedTicket
from gate.storage.tickets import base_path
from gate.wire.manifest import parse_descriptor
from gate.wire.sign1 import split
from tests.fakes.server import EVENT, wait_for
from tests.fault.kills import Outcome
from tests.fault.process import ROOT, LaneProcess
from tests.fault.site import admissions, check, openings, rows
from tests.fault.yard import ADDED, EARLY, ELSEWHERE, REVOKED, SCENES, Copy, Yard

REACH_S, CONVERGE_S, SEEN_S = 90.0, 60.0, 60.0
SOON = ("silent", "lane_busy", "out_of_service", "invalid")
"""What a ticket is told that will be let in soon."""
SPARSE = ("base.part", "file.written", "file.named", "feed.read", "push.ready", "push.answered")
"""Steps that one life passes several times."""


def kill_sync_at(yard: Yard, scene: str, step: str, folder: Path, *, nth: int = 1) -> Outcome:
    """One gate of a scene: sync is killed at the nth time of `step` while people come; then a sync that is left alone."""
    outcome = Outcome(step)
    with yard.copy(scene, folder) as copy, LaneProcess(copy.config) as lane:
        if not lane.ready():
            outcome.problems.append("the lane did not get ready")
            return outcome
        shown = _killed(yard, copy, lane, step, nth, outcome)
        _look(copy, outcome)
        outcome.admitted = bool(lane.answered)
        if scene == "news":  # it had everything before, and needs nobody
            shown += 1
            _present(yard.tickets[shown], "ok", lane, outcome, "while sync is dead")
        with _start(copy) as sync:
            _converge(copy, outcome)
            if scene == "news":
                _present(yard.added[ADDED], "ok", lane, outcome, "new")
                _present(yard.tickets[REVOKED], "revoked", lane, outcome, "revoked")
                _present(yard.tickets[ELSEWHERE], "already_redeemed", lane, outcome, "used at another gate")
            _present(yard.tickets[EARLY], "revoked", lane, outcome, "revoked long ago")
            _present(yard.tickets[shown + 1], "ok", lane, outcome, "the next one")
            _present(yard.tickets[shown + 1], "already_redeemed", lane, outcome, "shown again")
            _converge(copy, outcome)
            sync.send_signal(signal.SIGTERM)
            if sync.wait(60):
                outcome.problems.append(f"the next sync ended with {sync.returncode}")
        lane.stop()
        _look(copy, outcome)
        _count(copy, lane, outcome)
    return outcome


def _killed(yard: Yard, copy: Copy, lane: LaneProcess, step: str, nth: int, outcome: Outcome) -> int:
    """Sync works and is killed. Returns: the highest number of a ticket that was shown meanwhile."""
    shown, deadline = 1, time.monotonic() + REACH_S
    with _start(copy, step, nth) as sync:
        while sync.poll() is None and time.monotonic() < deadline and shown < 60:
            # Without a manifest the lane says that it is out of order, and the same ticket is shown again.
            if _told(lane, yard.tickets[shown], 0.5) in ("ok", "already_redeemed"):
                shown += 1
            with suppress(subprocess.TimeoutExpired):
                sync.wait(0.1)
        if sync.poll() != -signal.SIGKILL:
            outcome.problems.append(f"the step was never reached (exit {sync.poll()})")
    return shown


class _start:
    """A sync process, at the end of the block surely gone."""

    def __init__(self, copy: Copy, step: str = "", nth: int = 0) -> None:
        words = (
            ["tests.fault.sync", step, str(nth), str(copy.config)]
            if step
            else ["gate.sync", "run", "--config", str(copy.config)]
        )
        with copy.config.with_name("sync.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *words], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def __enter__(self) -> subprocess.Popen[bytes]:
        return self.process

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)


def _told(lane: LaneProcess, ticket: IssuedTicket, within: float) -> str:
    """Show a ticket. Returns: the reason, `silent` when it got no answer. An answer that came late is not the next one's."""
    lane.present(ticket.text)
    decision = lane.until(
        lambda message: message["t"] == "decision" and message["ticket_number"] in (None, ticket.number), within
    )
    return str(decision["reason"]) if decision else "silent"


def _present(ticket: IssuedTicket, reason: str, lane: LaneProcess, outcome: Outcome, who: str) -> None:
    """Shown again while somebody else is in the window, and until the lane has seen what sync brought."""
    deadline, told = time.monotonic() + SEEN_S, "silent"
    while told in SOON and time.monotonic() < deadline:
        told = _told(lane, ticket, 2)
        if told == reason:
            return
        time.sleep(0.2)
    outcome.problems.append(f"ticket ({who}) is told {told}, not {reason}")


def _look(copy: Copy, outcome: Outcome) -> None:
    """What is on disk, at any moment."""
    if not copy.known_trust <= copy.version() <= copy.trust_version():
        outcome.problems.append(f"trust version {copy.version()} after {copy.known_trust}")
    for path in (copy.state / "manifests").glob("*.sqlite"):
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.stem:
            outcome.problems.append(f"{path.name} is not whole")
    for descriptor, sha256, cursor, chain in copy.ask(
        "SELECT descriptor, base_sha256, cursor, chain FROM event WHERE descriptor IS NOT NULL"
    ):
        told = parse_descriptor(split(bytes(descriptor), limit=8192).payload or b"")  # type: ignore[arg-type]
        if (told.base.sha256, told.cursor, told.chain) != (sha256, cursor, chain):
            outcome.problems.append("the event's row is not what its descriptor says")
        if not base_path(copy.state, told.base.sha256).exists():
            outcome.problems.append("the base file in use is not there")
        if not (copy.state / "objects" / f"{told.policy_sha256.hex()}.cbor").exists():
            outcome.problems.append("the policy in use is not there")
    found = check(copy.state)
    if not found.ok:
        outcome.problems.append(f"the chain is broken: {found.first_bad}")


def _converge(copy: Copy, outcome: Outcome) -> None:
    """Everything of the gate is at the server, everything of the server is at the gate."""

    def done() -> bool:
        held = sorted(copy.central_rows())
        own = sorted((row["event"], row["epoch"], row["seq"]) for row in rows(copy.state))
        feed = sum(kind in ("admitted", "override", "exit", "annulled") for _, _, _, kind in copy.live.checkins(EVENT))
        return (
            held == own
            and copy.version() == copy.trust_version()
            and copy.ask("SELECT count(*) FROM remote") == [(feed,)]
            and copy.ask("SELECT cursor FROM event") == [(copy.cursor(),)]
        )

    try:
        wait_for(done, "gate and server hold the same", CONVERGE_S)
    except AssertionError as error:
        held = copy.central_rows()
        outcome.problems.append(f"{error}: {len(held)} records at the server, {len(rows(copy.state))} here")
        return
    if len(set(copy.central_rows())) != len(copy.central_rows()):
        outcome.problems.append("a record is at the server twice")
    if copy.ask("SELECT * FROM quarantine"):
        outcome.problems.append("a record was set aside")


def _count(copy: Copy, lane: LaneProcess, outcome: Outcome) -> None:
    if lane.pulses > openings(copy.state):
        outcome.problems.append(f"{lane.pulses} pulses for {openings(copy.state)} rows that allow one")
    outcome.problems += [f"{ticket} is in {n} times" for ticket, n in admissions(copy.state).items() if n > 1]
    refs = {f"{row['gate']}/{row['epoch']}/{row['seq']}" for row in rows(copy.state) if row["kind"] == "admitted"}
    outcome.problems += [f"{m['ref']} was answered and is not on disk" for m in lane.answered if m["ref"] not in refs]
    if copy.incidents():
        outcome.problems.append("the server holds a ticket to have been let in twice")


def run(rounds: int) -> bool:
    """Every step in every scene, so many times. Returns: whether all held."""
    chance, bad, kills = random.Random(1), 0, 0
    with tempfile.TemporaryDirectory() as made, closing(Yard(Path(made))) as yard:
        for step in steps.SYNC:
            for scene in SCENES:
                for again in range(rounds):
                    nth = 1 + (again and step in SPARSE and chance.randint(0, 1))
                    with tempfile.TemporaryDirectory() as name:
                        outcome = kill_sync_at(yard, scene, step, Path(name) / "copy", nth=nth)
                    kills += 1
                    bad += bool(outcome.problems)
                    for problem in outcome.problems:
                        print(f"  {scene}, {step} ({nth}): {problem}", flush=True)
            print(f"sync killed at {step}", flush=True)
    print(
        f"kill -9 of sync at {len(steps.SYNC)} steps, two beginnings, {rounds} times each: {kills} kills, {bad} with a problem"
    )
    return not bad


if __name__ == "__main__":
    sys.exit(0 if run(int(sys.argv[1]) if len(sys.argv) > 1 else 2) else 1)
