"""What sync says of itself: the rows of `status`, put together from what the loops report.

Keys: `enrolled` yes|no, `peer` server id, `device`, `mode` online|local, `data_age` seconds (empty = no data yet), `queue`
records not delivered, `quarantined` records set aside, `tasks_ignored` remote tasks not obeyed in this run, `last_error` in
words (empty = all is well), `contact` Unix ms of the last answer (empty = none in this run), `events` JSON
{event: {seq, issued, cursor, rows}}.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from gate.errors import GateError, UplinkError
from gate.sync.store import Store

OFFLINE = frozenset(
    {"unreachable", "timeout", "broken", "tls", "busy", "server_error", "slow", "redirect", "revoked", "encoding"}
)
"""Codes of UplinkError after which the gate stands alone. A refusal of one call is trouble, not absence."""

AGE_STEP_S = 10
"""The age is written again when it grew by so much: each write makes the lane look at sync.db."""

_SERVER = "server"
# Part under which absence of the server is noted, whichever loop met it.

_NUMBERS = ("queue", "quarantined", "tasks_ignored")
_KEYS = ("enrolled", "peer", "device", "mode", "data_age", *_NUMBERS, "last_error", "contact", "events")


class StatusBoard:
    """Safe to use from every thread. `now_ms`: trusted Unix ms."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._errors: dict[str, str] = {}
        self._values = dict.fromkeys(_KEYS, "") | {"enrolled": "no", "mode": "local"} | dict.fromkeys(_NUMBERS, "0")
        self._written: dict[str, str] = {}
        self._issued: int | None = None

    def contact(self) -> None:
        """The server answered: whoever failed to reach it before is proven wrong, though its own turn may be a long poll away."""
        with self._lock:
            self._errors.pop(_SERVER, None)
            self._values["mode"] = "online"
            self._values["contact"] = str(self._now_ms())

    def ok(self, part: str) -> None:
        with self._lock:
            self._errors.pop(part, None)

    def failed(self, part: str, error: Exception) -> None:
        words = str(error) if isinstance(error, GateError) else f"unexpected: {type(error).__name__}: {error}"
        away = isinstance(error, UplinkError) and error.code in OFFLINE
        self.trouble(_SERVER if away else part, words)
        if away:
            with self._lock:
                self._values["mode"] = "local"

    def trouble(self, part: str, words: str) -> None:
        """Say it (empty = it is over) without a change of mode. The latest trouble is shown."""
        with self._lock:
            self._errors.pop(part, None)
            if words:
                self._errors[part] = words[:300]

    def put(self, **values: str) -> None:
        with self._lock:
            self._values.update(values)

    def alone(self) -> None:
        """No server to talk to."""
        with self._lock:
            self._values["mode"] = "local"
            self._errors.clear()

    def data(self, issued: int | None, events: Mapping[str, Mapping[str, int]]) -> None:
        """`issued`: Unix ms of the oldest of the events' descriptors, None = an event has none."""
        with self._lock:
            self._issued = issued
            self._values["events"] = json.dumps(events, separators=(",", ":"), sort_keys=True)

    def values(self) -> dict[str, str]:
        with self._lock:
            return self._current()

    def message(self) -> dict[str, Any]:
        """For the socket and the command line: numbers as numbers."""
        values = self.values()
        return to_message(values)

    def flush(self, store: Store) -> None:
        """Write what changed. `contact` goes along with other news, and alone not more often than the age."""
        with self._lock:
            current = self._current()
            changed = {k: v for k, v in current.items() if self._written.get(k) != v}
            if set(changed) <= {"contact", "data_age"} and not self._due(changed):
                return
            self._written = current
        store.put_status(changed, self._now_ms())

    def _due(self, changed: Mapping[str, str]) -> bool:
        for key, scale in (("contact", 1000), ("data_age", 1)):
            if key in changed:
                old, new = self._written.get(key, ""), changed[key]
                if not old or not new or abs(int(new) - int(old)) >= AGE_STEP_S * scale:
                    return True
        return False

    def _current(self) -> dict[str, str]:
        age = "" if self._issued is None else str(max(0, (self._now_ms() - self._issued) // 1000))
        last = next(reversed(self._errors.values()), "")
        return self._values | {"data_age": age, "last_error": last}


def to_message(values: Mapping[str, str]) -> dict[str, Any]:
    """Status rows as JSON of contracts 8 (`sync status`), with the further keys of this module."""

    def number(key: str) -> int | None:
        text = values.get(key, "")
        return int(text) if text else None

    return {
        "peer": values.get("peer", ""),
        "mode": values.get("mode", "local"),
        "data_age_s": number("data_age"),
        "last_error": values.get("last_error", ""),
        "enrolled": values.get("enrolled") == "yes",
        "device": values.get("device", ""),
        **{key: number(key) or 0 for key in _NUMBERS},
        "contact": number("contact"),
        "events": json.loads(values.get("events") or "{}"),
    }
