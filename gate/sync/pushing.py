"""When to push: a turn of the push loop, with what one event's trouble means for the others, and questions after a silence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from gate.errors import GateError, UplinkError
from gate.sync.board import OFFLINE, StatusBoard
from gate.sync.client import Client
from gate.sync.feed import FeedReader
from gate.sync.protocol import Backoff
from gate.sync.push import Pusher

RECONCILE_MIN_S = 60.0
"""A flapping link must not make us ask at each contact whether the server still has what it had."""

ASIDE_CHECK_S = 60.0
"""How often to see whether a set-aside record is due once more; it is due after an hour."""


class Pushing:
    """`turn` is used by one thread, the rest by all.

    Args:
        feeds: told to begin again when the server lost records.
        backoff: makes the pauses of one event.
        mono_s: monotonic seconds.
    """

    def __init__(
        self,
        pusher: Pusher,
        feeds: Sequence[FeedReader],
        board: StatusBoard,
        *,
        backoff: Callable[[], Backoff],
        mono_s: Callable[[], float],
    ) -> None:
        self._pusher = pusher
        self._feeds = feeds
        self._board = board
        self._backoff = backoff
        self._mono_s = mono_s
        self._held: dict[str, tuple[float, Backoff]] = {}
        self._resend = threading.Event()
        self._away = threading.Event()
        self._away.set()
        self._reconcile_due = self._aside_due = -1.0

    def away(self) -> None:
        """The server could not be reached: at the next contact it is asked whether it still has what it had."""
        self._away.set()

    def resend(self, *, now: bool = False) -> None:
        """What the peer holds was changed in sync.db. `now`: held events are tried at once, a person asked."""
        if now:
            self._held.clear()
        self._resend.set()

    def turn(self, client: Client) -> bool:
        """Push one batch of each event. Returns: whether something moved. Raises: UplinkError: the server is away."""
        if self._resend.is_set():
            self._resend.clear()
            self._pusher.forget()
        self._ask_again()
        moved = False
        try:
            for event in self._pusher.look():
                moved = self._event(client, event) or moved
        finally:
            self._board.put(queue=str(self._pusher.queue()))
            for feed in self._feeds:
                if feed.event in self._pusher.lost:
                    feed.restart()
            self._pusher.lost.clear()
        return moved

    def _ask_again(self) -> None:
        """After a silence: does the server still have what it had? And now and then: does it take what it could not?"""
        now = self._mono_s()
        if self._away.is_set() and now >= self._reconcile_due:
            self._away.clear()
            self._reconcile_due = now + RECONCILE_MIN_S
            self._pusher.reconcile()
        if now >= self._aside_due:
            self._aside_due = now + ASIDE_CHECK_S
            self._pusher.retry_aside()

    def _event(self, client: Client, event: str) -> bool:
        """A refusal of one event holds up no other."""
        until, backoff = self._held.get(event) or (-1.0, self._backoff())
        if self._mono_s() < until:
            return False
        part = f"push {event or 'device'}"
        try:
            self._pusher.step(client, event)
        except GateError as error:
            code = error.code if isinstance(error, UplinkError) else ""
            if code == "poison":
                return True
            if code in OFFLINE and code != "server_error":
                raise
            wait = error.retry_after_s if isinstance(error, UplinkError) else None
            self._held[event] = (self._mono_s() + backoff.next(wait), backoff)
            self._board.trouble(part, str(error))
            return False
        self._held.pop(event, None)
        self._board.ok(part)
        return True
