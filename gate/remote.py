"""Remote tasks at the lane: fetched from sync, done as a staff command is, on record. A part of the application layer.

Which tasks may come this far is `[sync] remote`, held by sync and once more here. What the task of an operator can do is
what the same command of a person at the lane can do: no more, and with the same refusals.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from gate.kiosk.staff.once import Once
from gate.kiosk.staff.ports import LaneDesk
from gate.lane.commands import Desk
from gate.lane.orders import By, Refused
from gate.model import Direction
from gate.settings import Settings
from gate.sync.ask import ask

logger = logging.getLogger(__name__)

EVERY_S = 1.0
_ASK_S = 2.0
_FROM = "central"
_REASON = "remote"


class RemoteTasks:
    """Asks sync each second, on a thread of its own, where anything is allowed at all.

    Args:
        desk: the lane, by way of its admission thread.
        once: keeps the id of what was done, over restarts too.
        mono_ms: CLOCK_MONOTONIC.
    """

    def __init__(self, settings: Settings, desk: LaneDesk, once: Once, mono_ms: Callable[[], float]) -> None:
        self._socket = settings.gate.runtime_dir / "sync.sock"
        self._allowed = settings.sync.remote if settings.sync.backend == "central" else ()
        self._desk = desk
        self._once = once
        self._mono_ms = mono_ms
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="remote-tasks", daemon=True)

    def start(self) -> None:
        if self._allowed:
            self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_ASK_S)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            for task in self._fetch():
                try:
                    self.do(task)
                except Exception:  # one that fails must not keep the next from being done
                    logger.exception("a remote task was not done")

    def _fetch(self) -> list[Any]:
        try:
            tasks = ask(self._socket, {"do": "tasks"}, timeout_s=_ASK_S).get("tasks")
        except (OSError, ValueError):
            return []  # sync is down: then nobody wants anything of us
        return tasks if isinstance(tasks, list) else []

    def do(self, task: dict[str, Any]) -> None:
        """One task `{"id", "do", "by", "until"}`, if it is allowed and was not done before.

        Raises: LaneAway: the lane is busy, nothing was done. StorageError: it could not be written down, so it was not done.
        """
        do, until = task["do"], task["until"]
        if do not in self._allowed:
            logger.warning("a remote task is ignored that is not in [sync] remote")
            return
        by = By(actor=f"{_FROM}:{task['by']}", input=_FROM, key=task["id"])

        def act() -> dict[str, Any]:
            return self._desk.run(lambda desk: self._act(desk, do, until, by))

        self._once.do(_FROM, by.key, {"do": do, "by": by.actor}, act)

    def _act(self, desk: Desk, do: str, until: int, by: By) -> dict[str, Any]:
        """On the admission thread. Nobody waits for an answer, so a refusal is told in the journal too."""
        try:
            if self._mono_ms() > until:
                raise Refused("late", "the lane was stopped for too long")
            if do == "pull":  # sync has done it
                desk.note("config", {"what": "pull"}, by)
                return {"done": do}
            if do == "open_once":
                way = Direction.ENTRY if desk.lane.has(Direction.ENTRY) else Direction.EXIT
                return desk.open_once(way, by, _REASON)
            return desk.order(do, by, _REASON)
        except Refused as refusal:
            logger.warning("remote %s is refused: %s", do, refusal)
            desk.note("config", {"what": "task_refused", "do": do, "why": refusal.code}, by)
            return {"refused": refusal.code}
