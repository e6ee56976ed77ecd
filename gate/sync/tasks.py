"""Remote tasks between a server's answer and the lane (contracts 5): which are obeyed, until when, each once.

No socket, no file, no clock of its own. In memory only: what a restart loses is lost, because an opening that comes late
or twice is worse than one that does not come.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from typing import Any, TypeGuard
from urllib.parse import urlsplit

_log = logging.getLogger(__name__)

LIFE_MS = 20_000
"""From the heartbeat on that brought it. The lane asks each second; one that starts again is back within a few."""
TASKS_MAX = 20
"""Read of one answer, and waiting for the lane at any time."""
_HARMLESS = "pull"
_TEXT_MAX = 64
_SEEN_MAX = 1_000


class Tasks:
    """Safe to use from every thread.

    Args:
        allowed: the words of `[sync] remote`.
        url: the server's. An answer is not signed: what moves a lane counts only where nobody on the way could put it there.
        mono_ms: CLOCK_MONOTONIC, which the lane on the same machine reads too.
    """

    def __init__(self, allowed: Collection[str], url: str, mono_ms: Callable[[], int]) -> None:
        self._allowed = frozenset(allowed)
        self._private = _private(url)
        self._mono_ms = mono_ms
        self._lock = threading.Lock()
        self._waiting: deque[dict[str, Any]] = deque()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._ignored = 0

    @property
    def ignored(self) -> int:
        """Tasks of this run that were not obeyed: not allowed here, not known, malformed, repeated, without TLS, too many,
        or not fetched by the lane in time."""
        with self._lock:
            self._drop_late()
            return self._ignored

    def take(self, tasks: Any, asked_ms: int) -> bool:
        """What a heartbeat's answer asks for. Everything that is obeyed waits for the lane, to be done or written down.

        Args:
            asked_ms: monotonic ms before the heartbeat was sent: however slow its answer, no task is older.
        Returns: whether the server wants us to pull now.
        """
        items = tasks if isinstance(tasks, list) else []
        with self._lock:
            self._drop_late()
            accepted = [item for item in items[:TASKS_MAX] if self._accept(item, asked_ms + LIFE_MS)]
            if len(items) > TASKS_MAX:
                self._ignore("too many", len(items) - TASKS_MAX)
        return any(item["do"] == _HARMLESS for item in accepted)

    def hand_out(self) -> list[dict[str, Any]]:
        """`{"id", "do", "by", "until"}` of each that waits (until: monotonic ms), oldest first; each is handed out once."""
        with self._lock:
            self._drop_late()
            tasks = list(self._waiting)
            self._waiting.clear()
        return tasks

    def _accept(self, item: Any, until: int) -> bool:
        task = item if isinstance(item, dict) else {}
        name, do, by = (task.get(key) for key in ("id", "do", "by"))
        if not (_plain(name) and _plain(do) and _plain(by)):
            return self._ignore("malformed")
        if do not in self._allowed:
            return self._ignore("not in [sync] remote")
        if do != _HARMLESS and not self._private:
            return self._ignore("came without TLS")
        if name in self._seen:
            return self._ignore("repeated")
        if len(self._waiting) >= TASKS_MAX:
            return self._ignore("too many")
        self._seen[name] = None
        if len(self._seen) > _SEEN_MAX:
            self._seen.popitem(last=False)
        self._waiting.append({"id": name, "do": do, "by": by, "until": until})
        return True

    def _drop_late(self) -> None:
        now = self._mono_ms()
        while self._waiting and self._waiting[0]["until"] < now:
            self._waiting.popleft()
            self._ignore("not fetched by the lane in time")

    def _ignore(self, why: str, count: int = 1) -> bool:
        self._ignored += count
        _log.warning("remote task ignored: %s", why)
        return False


def _plain(value: Any) -> TypeGuard[str]:
    """A short text without control characters: it will stand in the journal."""
    return isinstance(value, str) and 0 < len(value) <= _TEXT_MAX and value.isprintable()


def _private(url: str) -> bool:
    """Over TLS, or on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme == "https" or host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
