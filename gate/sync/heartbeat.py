"""Every 30 seconds: how we are, and what the server would like us to do. `tasks` holds which of it is obeyed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gate import __version__
from gate.sync import lanefile
from gate.sync.client import Client
from gate.sync.clocks import SyncClock
from gate.sync.protocol import SPREAD_MAX_S
from gate.sync.tasks import Tasks
from gate.wire import cbor


@dataclass(slots=True)
class Heartbeat:
    """Used by one thread.

    Args:
        pull: does the task `pull`. spread: takes the server's reconnect spread, s.
        runtime: where the lane leaves its state.
        status: the present status message.
    """

    clock: SyncClock
    tasks: Tasks
    status: Callable[[], dict[str, Any]]
    pull: Callable[[], None]
    spread: Callable[[float], None]
    runtime: Path

    def step(self, client: Client) -> None:
        """Raises: UplinkError, FormatError."""
        status, offset = self.status(), self.clock.offset
        moment = self.clock.now()
        lane = lanefile.read(self.runtime, moment.mono, self.clock.boot) or {}
        body = {
            "versions": {"gate": __version__},
            "queue": status["queue"],
            "data_age_s": status["data_age_s"],
            "clock": {
                "trust": str(moment.trust),
                "error_ms": None if offset is None else offset.error_ms,
                "mono": moment.mono,
                "boot": self.clock.boot,
            },
            "lane": lane.get("lane"),
            "inputs": lane.get("inputs", {}),
            "counts": {**lane.get("counts", {}), **{key: status[key] for key in ("quarantined", "tasks_ignored")}},
        }
        answer = client.post("/heartbeat", json.dumps(body).encode())
        fields = cbor.Fields(answer.json(), "heartbeat")
        spread = fields.raw("reconnect_spread_s")
        if isinstance(spread, int | float) and not isinstance(spread, bool):
            self.spread(min(max(0.0, float(spread)), SPREAD_MAX_S))
        if self.tasks.take(fields.raw("tasks"), moment.mono):
            self.pull()
