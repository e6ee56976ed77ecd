"""kill -9 of the lane at each named step, then a new life: what must hold whatever the moment was.

Answered means on disk; a relay never moves more often than rows allow it; an admitted ticket is not let in twice; one that
was not admitted still is; after the end the pins' program brings every relay to rest. `python -m tests.fault.kills`
(`make prove-kill`) does every step many times; the tests do the steps that matter most once.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from gate import steps
from tests.fault.process import ROOT, LaneProcess, free_port
from tests.fault.site import admissions, check, make_state, openings, rows, write_config

REST_LIMIT_S = 5.0
"""From the kill to the end of the program that drives the pins safe; the unit starts it at once."""
EARLY = ("app.journal", "app.booted", "app.ready", "app.turn")


@dataclass
class Outcome:
    step: str
    problems: list[str] = field(default_factory=list)
    admitted: bool = False
    """The row of the scan that the kill met was on disk."""
    rest_s: float = 0.0
    kills: int = 1


def kill_at(step: str, folder: Path, *, nth: int = 1) -> Outcome:
    """One gate in `folder`: some entries, the kill at the nth time of `step`, a second life that is asked the same."""
    outcome = Outcome(step)
    state = make_state(folder / "state", 12)
    config = write_config(
        folder / "gate.toml", state=folder / "state", run=folder / "run", port=free_port(), passage=True
    )
    pulses = 0
    answered: list[str] = []
    with LaneProcess(config, "--walk", "--at", step, "--nth", str(nth)) as lane:
        if lane.ready() and step not in EARLY:
            for n in range(1, 12):
                if lane.told(state.text(n)) is None:
                    break
                lane.until(lambda message: message["t"] == "relay" and not message["level"], 20)
                time.sleep(0.3)
        lane.process.wait(60)
        killed = time.monotonic()
        _rest(config, outcome)
        outcome.rest_s = time.monotonic() - killed
        lane.drain()
        if not any(message["t"] == "reached" for message in lane.heard):
            outcome.problems.append("the step was never reached")
        pulses += lane.pulses
        answered = [str(message["ref"]) for message in lane.answered]
        last = len(answered) + 1
    _look(folder, answered, pulses, outcome)
    stood = set(admissions(folder / "state"))
    outcome.admitted = step not in EARLY and state.key(last).hex() in stood
    with LaneProcess(config) as lane:
        if not lane.ready():
            outcome.problems.append("the second life did not get ready")
            return outcome
        for n in range(1, min(last + 1, 12)):
            decision = lane.told(state.text(n))
            wanted = "already_redeemed" if state.key(n).hex() in stood else "ok"
            got = decision["reason"] if decision else "silent"
            if got != wanted:
                outcome.problems.append(f"ticket {n} is told {got} after the kill, not {wanted}")
        lane.stop()
        pulses += lane.pulses
        answered += [str(message["ref"]) for message in lane.answered]
    _look(folder, answered, pulses, outcome)
    return outcome


def _rest(config: Path, outcome: Outcome) -> None:
    """As the unit's ExecStopPost."""
    done = subprocess.run(
        [sys.executable, "-m", "gate.actuator", "--safe", "--config", str(config)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    if done.returncode:
        outcome.problems.append(f"the pins could not be put to rest: {done.stderr}")


def _look(folder: Path, answered: list[str], pulses: int, outcome: Outcome) -> None:
    state = folder / "state"
    if not (state / "journal.db").exists():
        return
    found = check(state)
    if not found.ok:
        outcome.problems.append(f"the chain is broken: {found.first_bad}")
    refs = {f"{row['gate']}/{row['epoch']}/{row['seq']}" for row in _admitted(state)}
    outcome.problems += [f"{ref} was answered and is not on disk" for ref in answered if ref not in refs]
    if pulses > openings(state):
        outcome.problems.append(f"{pulses} pulses for {openings(state)} rows that allow one")
    outcome.problems += [f"{ticket} is in {n} times" for ticket, n in admissions(state).items() if n > 1]


def _admitted(state: Path) -> list[dict[str, object]]:
    return [row for row in rows(state) if row["kind"] == "admitted"]


def main() -> None:
    chance, bad, rests = random.Random(1), 0, []
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for step in steps.LANE:
        caught = 0
        for again in range(rounds):
            with tempfile.TemporaryDirectory() as name:
                nth = 1 if step in EARLY or not again else chance.randint(2, 5)
                if again and step.startswith("journal"):  # the boot row is the first, then entry and passage by turns
                    nth = 2 * chance.randint(1, 4)
                outcome = kill_at(step, Path(name), nth=nth)
            caught += outcome.admitted
            rests.append(outcome.rest_s)
            bad += bool(outcome.problems)
            for problem in outcome.problems:
                print(f"  {step} ({nth}): {problem}", flush=True)
        print(f"kill at {step}: {rounds} times, the scan it met was on disk {caught} times", flush=True)
    print(
        f"kill -9 at {len(steps.LANE)} steps, {rounds} times each: {bad} with a problem; "
        f"pins at rest after at most {max(rests):.1f} s (limit {REST_LIMIT_S:g} s)"
    )
    sys.exit(1 if bad or max(rests) > REST_LIMIT_S else 0)


if __name__ == "__main__":
    main()
