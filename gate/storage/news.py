"""Watching what sync stores: a thread that notices new trust, manifests, status and signed time, and tells the lane.

Overlay and remote rows need no notice: every decision reads the newest commit.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gate.errors import GateError
from gate.lane.faults import Fault
from gate.lane.world import World
from gate.model import EventId, GateId
from gate.storage.world import WorldReader

logger = logging.getLogger(__name__)

POLL_S = 0.25
_AGAIN_POLLS = 20
"""After trouble what is stored is read again so often (5 s): a full table of open files passes without a new commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """`world` None = as before. `offset`: (Unix ms at monotonic 0, error ms) of a server's signed time in this boot."""

    world: World | None = None
    status: dict[str, Any] = field(default_factory=dict)
    offset: tuple[int, int] | None = None


class SyncWatch:
    """
    Args:
        boot: kernel boot id, for the clock row that counts.
        now_s: trusted Unix seconds; called from the watching thread.
        tell: gets news; called from the watching thread (from the caller's in `check`).
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        gate: GateId,
        events: tuple[EventId, ...],
        boot: str,
        now_s: Callable[[], int],
        tell: Callable[[News], None],
    ) -> None:
        self._state_dir = state_dir
        self._boot = boot
        self._now_s = now_s
        self._tell = tell
        self._worlds = WorldReader(state_dir, gate=gate, events=events)
        self._told: News | None = None
        self._seen: tuple[object, ...] = ()
        self._trouble = ""
        self._again_in = 0
        self._working = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sync-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)
        self._worlds.close()

    def _watch(self) -> None:
        while not self._stop.wait(POLL_S):
            self.check()

    def check(self) -> None:
        """Look once; tell what is new. Trouble is logged once when it begins and once when it is over.

        Never raises: without this thread a revoked key would stay in force until the next start.
        """
        if self._trouble:
            self._again_in -= 1
            if self._again_in <= 0:
                self._again_in = _AGAIN_POLLS
                self._worlds.again()
        try:
            if not self._worlds.changed():
                return
            world = self._new_world()
            news = News(world=world, status=self._read_status(), offset=self._read_offset())
            if world is not None and world.troubles:
                self._tell_once(replace(news, status=news.status | {"last_error": world.troubles[0]}))
                self._in_trouble("; ".join(world.troubles), unexpected=False)
                return
        except (GateError, sqlite3.Error, OSError) as error:
            self._in_trouble(str(error), unexpected=False)
            return
        except Exception as error:  # noqa: BLE001 - told below; the watching goes on
            self._in_trouble(f"{type(error).__name__}: {error}", unexpected=True)
            return
        if self._trouble:
            logger.info("what sync has stored can be used again")
            self._trouble = ""
        self._tell_once(news)

    def _in_trouble(self, trouble: str, *, unexpected: bool) -> None:
        if trouble != self._trouble:
            self._trouble, self._again_in = trouble, _AGAIN_POLLS
            logger.error("what sync has stored cannot be used: %s", trouble, exc_info=unexpected)
        if self._told is None:
            self._tell_once(News(world=World(missing="trouble"), status={"last_error": trouble}))

    def _tell_once(self, news: News) -> None:
        if news != self._told:
            self._told = news
            self._tell(news)

    def _new_world(self) -> World | None:
        """A world is built (every signature checked) only when one of its parts is another."""
        parts = self._worlds.parts()
        if parts == self._seen:
            return None
        world = self._worlds.read(self._now_s())
        if not world.troubles:
            self._seen = parts
        if world.missing and world.missing not in ("enrolment", "key", Fault.NOT_IN_POLICY) and self._working:
            # sync begins anew (its file was lost): what was verified before stays in force until it is there again.
            logger.warning("sync has no %s any more; the gate goes on with what it has", world.missing)
            return None
        self._working = not world.missing
        return world

    def _read_status(self) -> dict[str, Any]:
        connection = self._worlds.connection()
        if connection is None:
            return {}
        return {key: _value(text) for key, text in connection.execute("SELECT k, v FROM status").fetchall()}

    def _read_offset(self) -> tuple[int, int] | None:
        connection = self._worlds.connection()
        if connection is None:
            return None
        row = connection.execute("SELECT base_ms, error_ms FROM clock WHERE boot=?", (self._boot,)).fetchone()
        return (row[0], row[1]) if row else None


def _value(text: str) -> Any:
    """Status values are JSON where they are more than a word."""
    try:
        return json.loads(text)
    except ValueError:
        return text
