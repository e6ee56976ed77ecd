"""Long work that an operator began over HTTP: how far it is, and what came of it. In memory; imports are listed for good."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gate.errors import ConfigError, GateError

log = logging.getLogger("gate.central")
_KEPT = 50
Progress = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class _Job:
    do: str
    state: str = "running"
    progress: dict[str, Any] = field(default_factory=dict)
    result: Any = None
    error: dict[str, Any] | None = None


class Jobs:
    """One at a time: two imports at once would only take turns at the same writer."""

    def __init__(self, name: Callable[[], str]) -> None:
        self._name = name
        self._guard = threading.Lock()
        self._jobs: OrderedDict[str, _Job] = OrderedDict()
        self._busy = False

    def begin(self) -> bool:
        """Take the turn. Returns: whether it is free; then `start` or `abandon` must follow."""
        with self._guard:
            free, self._busy = not self._busy, True
            return free

    def abandon(self) -> None:
        with self._guard:
            self._busy = False

    def start(self, do: str, work: Callable[[Progress], Any]) -> dict[str, Any]:
        """Run `work` in a thread of its own. Returns: as `show`."""
        job, name = _Job(do), self._name()
        with self._guard:
            self._jobs[name] = job
            while len(self._jobs) > _KEPT:
                self._jobs.popitem(last=False)
        threading.Thread(target=self._run, args=(job, work), name=f"central-{do}", daemon=True).start()
        return self.show(name) or {}

    def show(self, name: str) -> dict[str, Any] | None:
        """`state`: running, done, failed. None: there is no such job, or it was long ago."""
        with self._guard:
            job = self._jobs.get(name)
            if job is None:
                return None
            return {
                "job": name, "do": job.do, "state": job.state, "progress": job.progress, "result": job.result,
                "error": job.error,
            }  # fmt: skip

    def _run(self, job: _Job, work: Callable[[Progress], Any]) -> None:
        def progress(how_far: dict[str, Any]) -> None:
            job.progress = how_far

        try:
            job.result = work(progress)
            job.state = "done"
        except GateError as error:
            problems = error.problems if isinstance(error, ConfigError) else []
            job.error = {"code": error.code, "message": str(error), "detail": {"problems": problems}}
            job.state = "failed"
        except Exception:
            log.exception("%s failed", job.do)
            job.error = {"code": "internal", "message": "the server made an error", "detail": {}}
            job.state = "failed"
        finally:
            self.abandon()
