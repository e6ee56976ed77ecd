"""How long a revocation takes from the organiser's command to the gate's own database, both ends quiet and connected.

The real server with its HTTP application and the real sync worker, over loopback, in this process. The lane then reads the
database before its next decision (tickets) or within 250 ms (trust).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gate.central import commands
from gate.model import TicketState
from gate.sqlitefile import open_reader
from tests.fakes.server import EVENT, LiveCentral, live_central, wait_for
from tests.sync.test_with_central import Running

TICKETS = 40
KEYS = 12
_LOOK_S = 0.001


def timed(act: Callable[[], Any], arrived: Callable[[Any], bool]) -> float:
    """Milliseconds from the beginning of the act until it has arrived."""
    began = time.monotonic()
    made = act()
    until = began + 60
    while not arrived(made):
        assert time.monotonic() < until, "it did not arrive"
        time.sleep(_LOOK_S)
    return (time.monotonic() - began) * 1000


def waits(live: LiveCentral) -> None:
    wait_for(lambda: live.central.hints._waiters.get(("changes", EVENT)), "a gate that waits", 60)


def row(what: str, times: list[float]) -> dict[str, Any]:
    times = sorted(times)
    return {
        "what": what, "unit": "ms", "median": times[len(times) // 2], "p95": times[int(len(times) * 0.95)],
        "p99": times[-1], "goal": "< 1,000 ms",
    }  # fmt: skip


def main() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="gate-bench-") as folder, live_central(Path(folder) / "central") as live:
        live.make_event(TICKETS)
        state = Path(folder) / "gate"
        state.mkdir()
        running = Running(state)
        running.ask(do="enrol", text=live.enrolment_text(), by="bench", journal_pub="00" * 32)
        waits(live)
        reader = open_reader(running.folders.sync_db)
        revoked, trusted = [], []
        query = "SELECT state FROM overlay WHERE key = ?"
        for ticket in live.central.issued(EVENT, limit=TICKETS):
            waits(live)
            revoked.append(
                timed(
                    lambda key=ticket.key: live.central.set_state(EVENT, key, TicketState.REVOKED),  # type: ignore[misc]
                    lambda row: reader.execute(query, (row.key,)).fetchone() == (TicketState.REVOKED,),
                )
            )
        newest = "SELECT max(version) FROM trust"
        for _ in range(KEYS):
            # The key is revoked only when another one has taken its place; each of the two is a trust file.
            waits(live)
            commands.run(live.central, "key_rotate", {"role": "ticket", "event": EVENT, "lead_s": 0})
            keys = [item for item in commands.run(live.central, "key_list", {}) if item["role"] == "ticket"]
            kid = next(item["kid"] for item in keys if item["state"] == "in use")
            time.sleep(0.3)
            waits(live)
            trusted.append(
                timed(
                    lambda kid=kid: commands.run(live.central, "key_revoke", {"kid": kid})["trust"],  # type: ignore[misc]
                    lambda version: reader.execute(newest).fetchone() == (version,),
                )
            )
        reader.close()
        running.stop()
    return [row("revoked ticket in the gate's database", revoked), row("revoked key in the gate's database", trusted)]


if __name__ == "__main__":
    main()
