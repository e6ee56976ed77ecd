"""The people of the demo: they walk through an open gate, set off the alarm and press the staff button.

Moves simulated contacts only (`GpioActuator.drive`), so everything the gate does about it is the real path.
"""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gate.demo.script import PASSAGE_S, SLOW_PASSAGE_S
from gate.demo.seed import read_cues
from gate.errors import DeviceError
from gate.ports import Message

logger = logging.getLogger(__name__)

_STEP_S = 0.25
"""How long a person breaks the light barrier."""


class Actor:
    """One thread with a list of things to do.

    Args:
        drive: moves a contact: name, active, lane.
        rounds: folder of the videos and their cues; None = a real camera, then people only walk through.
    """

    def __init__(self, drive: Callable[[str, bool, str], None], rounds: Path | None) -> None:
        self._drive = drive
        self._rounds = rounds
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._wake = threading.Condition()
        self._slow = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="demo-actor", daemon=True)
        self._thread.start()

    def hear(self, message: Message) -> None:
        """A message of the lane (any thread)."""
        if message["t"] == "decision" and message.get("kind") == "admitted":
            delay = SLOW_PASSAGE_S if self._slow else PASSAGE_S
            self._slow = False
            self._hold("passage", "entry", time.monotonic() + delay, _STEP_S)
        elif message["t"] == "loop" and self._rounds is not None:
            self._play(self._rounds / str(message["file"]), float(message["at"]) / 1000)

    def close(self) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(2)

    def _play(self, video: Path, start: float) -> None:
        try:
            cues = read_cues(video)
            (video.parent / "playing.json").write_text(json.dumps({"file": video.name}))
        except (OSError, ValueError) as error:
            logger.warning("no cues for %s: %s", video.name, error)
            return
        for cue in cues:
            if cue.do == "slow":
                self._at(start + cue.at_s, self._be_slow)
            else:
                self._hold(cue.do, "", start + cue.at_s, cue.for_s)

    def _be_slow(self) -> None:
        self._slow = True

    def _hold(self, name: str, lane: str, at: float, for_s: float) -> None:
        self._at(at, lambda: self._move(name, True, lane))
        self._at(at + for_s, lambda: self._move(name, False, lane))

    def _move(self, name: str, active: bool, lane: str) -> None:
        try:
            self._drive(name, active, lane)
        except DeviceError as error:
            logger.warning("the demo could not move %s: %s", name, error)

    def _at(self, when: float, action: Callable[[], Any]) -> None:
        with self._wake:
            heapq.heappush(self._due, (when, next(self._order), action))
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._closing:
                    return
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._wake.wait(wait)
                    continue
                _, _, action = heapq.heappop(self._due)
            action()
