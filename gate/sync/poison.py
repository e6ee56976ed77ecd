"""A record at which the server itself fails, again and again: when to halve, whom to suspect, when it is proven. Pure.

A 5xx says nothing about who is at fault. A record is set aside only after the server failed at it alone, several times in
the same way, and then took another one. While nothing passes, nothing is set aside.
"""

from __future__ import annotations

from dataclasses import dataclass

IDENTICAL_MAX = 5
"""Failures of one status before the content is suspected: with full jitter from 0.5 s that is some 8 s, longer than a
server takes to restart."""

RETRY_ASIDE_MS = 3_600_000
"""A record that was set aside because the server failed at it is offered again so often: a repaired server gets it within
the hour, a broken one is asked once an hour."""

SERVER_FAILS = "set aside: the server fails at it"
"""How the reason in the quarantine begins; what begins otherwise is tried again only when a person asks."""

Place = tuple[bytes, int]


@dataclass(slots=True)
class Suspicion:
    """One event's pushes. `suspect` is left out of batches until it is proven or cleared."""

    status: int = 0
    count: int = 0
    suspect: Place | None = None

    def failed(self, status: int, sent: list[Place]) -> bool:
        """The server failed (5xx). Returns: whether the batch must be halved."""
        if self.suspect is not None:
            # Without the suspect it fails as well: it is the server.
            self.suspect, self.count = None, 0
            return False
        self.count = self.count + 1 if status == self.status else 1
        self.status = status
        if self.count < IDENTICAL_MAX:
            return False
        if len(sent) > 1:
            return True
        self.suspect = sent[0]
        return False

    def alone(self) -> None:
        """There is nothing else to send, so nothing can be proven: the suspect is tried again, and suspected at once."""
        self.suspect, self.count = None, IDENTICAL_MAX - 1

    def passed(self) -> Place | None:
        """A batch went through. Returns: the record that is proven to be at fault."""
        proven, self.suspect = self.suspect, None
        # In the middle of halving the next failure counts at once: that others pass is what makes it the content's.
        self.count = IDENTICAL_MAX - 1 if self.count >= IDENTICAL_MAX and proven is None else 0
        return proven

    @property
    def why(self) -> str:
        return f"{SERVER_FAILS} ({self.status})"
