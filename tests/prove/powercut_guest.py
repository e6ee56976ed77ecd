"""One life of a gate inside the guest: check what the last power cut left, start the real lane, let people in until the cut.

`python -m tests.prove.powercut_guest DATA ANSWERED LIFE SYNCHRONOUS LAST`. ANSWERED is the host's list of what has been
answered so far, a line each: ref and ticket number. Lines for the host: `CHECK {...}`, `LIFE`, `READY`, `ANSWER ref n`,
`PULSE`, `AGAIN n reason` (an answered ticket was presented once more), `DONE` in the last life.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from pathlib import Path

from gate.errors import GateError
from tests.fakes.issuer import SPRING, Issuer
from tests.fault.process import LaneProcess
from tests.fault.site import check, rows, write_config

PER_LIFE = 100
"""Ticket numbers of one life: LIFE * PER_LIFE and up."""
AGAIN = 2
"""Answered tickets that each life presents once more; the last life presents all."""


def text(n: int) -> str:
    return Issuer().ticket(SPRING, cti=n.to_bytes(12, "big"))


def look(state: Path, answered: list[tuple[str, int]]) -> dict[str, object]:
    """What is on disk after the cut, beside what was answered before it."""
    try:
        found = check(state)
    except (GateError, OSError) as error:  # no journal, or an empty file: as it should be before the first commit
        why = str(error) if answered else ""
        return {"ok": not answered, "why": why, "rows": 0, "lost": len(answered), "doubled": 0, "openings": 0}
    bodies = rows(state)
    refs = {f"{row['gate']}/{row['epoch']}/{row['seq']}": row for row in bodies if row["kind"] == "admitted"}
    entries = Counter(row["ticket"] for row in refs.values())
    return {
        "ok": found.ok,
        "why": str(found.first_bad or ""),
        "rows": found.rows,
        "lost": sum(ref not in refs for ref, _ in answered),
        "doubled": sum(count > 1 for count in entries.values()),
        "openings": len(refs),
    }


def main() -> None:
    data, listed, life, synchronous, last = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:6]
    state = data / "state"
    answered = [(ref, int(n)) for ref, n in (line.split() for line in listed.read_text().splitlines())]
    print("CHECK", json.dumps(look(state, answered)), flush=True)
    config = write_config(Path("/run/gate.toml"), state=state, run=Path("/run/gate"), port=8080)
    chance = random.Random(int(life))
    again = [n for _, n in answered]
    if last != "last":
        again = chance.sample(again, min(AGAIN, len(again)))
    print("LIFE", flush=True)
    with LaneProcess(config, "--synchronous", synchronous) as lane:
        if not lane.ready():
            print("NOT READY", Path("/run/lane.log").read_text()[-2000:], flush=True)
            return
        print("READY", flush=True)
        for n in again:
            decision = lane.told(text(n))
            print("AGAIN", n, decision["reason"] if decision else "silent", flush=True)
        n, pulses = int(life) * PER_LIFE, 0
        while last != "last":
            decision = lane.told(text(n))
            if lane.pulses > pulses:
                pulses = lane.pulses
                print("PULSE", flush=True)
            if decision is None:
                print("SILENT", flush=True)
                return
            if decision["kind"] == "admitted":
                print("ANSWER", decision["ref"], n, flush=True)
                n += 1
        lane.stop()
    print("DONE", flush=True)


if __name__ == "__main__":
    main()
