"""What the inputs say, brought to the lane: an ear for each scanner, and the codes that cannot be answered at once.

Scanners speak on threads of their own; what their words ask of the lane is put into its inbox.
"""

from __future__ import annotations

import base64
import queue
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from gate import steps
from gate.clock import Clock
from gate.errors import MovedError
from gate.footing import scan_of, unreadable
from gate.lane.lane import Lane
from gate.lane.waiting import Waiting
from gate.laneview import LaneView
from gate.model import Scan
from gate.scanner.supervisor import ScannerProcess
from gate.settings import InputSettings

_HINT_MS = 3_000
_HELD_MS = 1_500
"""So long after its picture a code waits for a new manifest; the lane answers none that is older than two seconds."""


class Ears:
    """All inputs of one gate.

    Attributes:
        states: the last state that each input told, by its name.
    """

    def __init__(
        self, *, lane: Lane, view: LaneView, inbox: queue.SimpleQueue[Callable[[], None]], clock: Clock, demo: bool
    ) -> None:
        self.lane = lane
        self.view = view
        self.inbox = inbox
        self.clock = clock
        self.demo = demo
        self.scanners: list[ScannerProcess] = []
        self.states: dict[str, str] = {}
        self._ended: set[str] = set()
        """Inputs that ended for good; the screen says so, and nothing has to live for them."""
        self._waits = Waiting()
        self._held: list[Scan] = []
        self._hint_until_ms = 0.0

    def start(self, inputs: Iterable[InputSettings], stack: ExitStack) -> None:
        """A scanner process for each input, stopped with the stack."""
        for item in inputs:
            scanner = ScannerProcess(asdict(item), self.of(item))
            self.scanners.append(scanner)
            stack.callback(scanner.stop)
            scanner.start()

    @property
    def alive(self) -> bool:
        """Somebody reads each input, or tries to get it back."""
        return all(item.watched or item.name in self._ended for item in self.scanners)

    def preview(self, wanted: bool) -> None:
        for scanner in self.scanners:
            scanner.preview(wanted)

    # ---- on the scanners' threads

    def of(self, item: InputSettings) -> Callable[[dict[str, Any], bytes | None], None]:
        """The callback for one scanner's messages; runs on its reader thread."""

        def hear(message: dict[str, Any], jpeg: bytes | None) -> None:
            word = message["t"]
            if word == "appeared":
                scan = scan_of(item, message)
                self.inbox.put(lambda: self._scan(scan))
            elif word == "left":
                self.inbox.put(lambda: self._waits.left(item.name, message.get("p")))
            elif word == "binary":
                now = self.clock.mono_ms()
                self.inbox.put(lambda: self._scan(unreadable(item, now)))
            elif word in ("unread", "crowd"):
                self.inbox.put(lambda: self._hint(word))
            elif word == "health":
                state = str(message.get("state", "ok"))
                self.states[item.name] = state
                self.view.heard(**{k: v for k, v in message.items() if k != "t"})
                self.inbox.put(lambda: self.lane.report(input_state=state))
            elif word == "hello":
                self.view.heard(source=item.kind, **{k: message.get(k) for k in ("input", "engines", "size")})
            elif word == "fault":
                name = str(message.get("name"))
                if message.get("by") == "supervisor" and message.get("restart_s") is None:
                    self._ended.add(item.name)
                self.states[item.name] = name
                self.inbox.put(lambda: self._waits.left(item.name))
                self.view.heard(state=name)
                self.inbox.put(lambda: self.lane.report(input_state=name))
            self._watch_demo(message, jpeg)

        return hear

    def _watch_demo(self, message: dict[str, Any], jpeg: bytes | None) -> None:
        """Pictures for who asked to see them; video marks for the demo's actor."""
        if message["t"] == "loop":
            if self.demo:
                self.view.publish(message)
        elif jpeg is not None:
            codes = message.get("codes") or [{}]
            picture = base64.b64encode(jpeg).decode()
            self.view.publish({**message, "jpeg": picture, "corners": codes[0].get("corners")})

    # ---- on the admission thread

    def _scan(self, scan: Scan) -> None:
        steps.reach("scan.heard")
        try:
            self._waits.answered(scan, self.lane.scan(scan))
        except MovedError:
            self._held.append(scan)

    def ask_held(self) -> None:
        """Codes that were shown while a new manifest was on its way: it takes a part of a second to open."""
        held, self._held = self._held, []
        for scan in held:
            if self.clock.mono_ms() - scan.captured < _HELD_MS:
                self._scan(scan)
            else:
                self.lane.undecided(scan)

    def ask_again(self) -> None:
        """Who waits. Not while there is news that was not heard yet: after a long stall it may say that they have left."""
        if not self.inbox.empty():
            return
        scan = self._waits.next(self.lane.readiness, self.clock.mono_ms())
        if scan is not None:
            self._scan(scan)

    def _hint(self, word: str) -> None:
        self._hint_until_ms = self.clock.mono_ms() + _HINT_MS
        self.lane.report(hint=word)

    def expire(self) -> None:
        """A hint on the screen has its time."""
        if self._hint_until_ms and self.clock.mono_ms() > self._hint_until_ms:
            self._hint_until_ms = 0.0
            self.lane.report(hint=None)
