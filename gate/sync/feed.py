"""Check-ins of all gates, as the server has them: into `remote`, where every decision counts them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gate import steps
from gate.errors import FormatError
from gate.sync.client import JSON_LIMIT, Client
from gate.sync.protocol import PAGE_LIMIT, Outcome
from gate.sync.rows import ClockRow, RemoteRow
from gate.sync.store import Store
from gate.wire import cbor
from gate.wire.journal import EPOCH_BYTES, FEED_KINDS

_PAGE_BYTES = 4 * JSON_LIMIT
_CURSOR_MAX = 100


class FeedReader:
    """Used by one thread; `restart` may be called by another."""

    def __init__(self, event: str, *, peer: str, store: Store) -> None:
        self.event = event
        self._peer = peer
        self._store = store
        self.skipped = 0
        """Records that could not be read: a newer server's, or damaged. They hold up nothing."""
        self.resend = False
        """The server began anew: our own records must be offered again."""
        self._restart = threading.Event()

    def restart(self) -> None:
        """Read everything again from the next step on: the server lost records, so its numbers may now mean others."""
        self._restart.set()

    def catch_up(self, client: Client) -> None:
        """Read to the end, without waiting there. Raises: as `step`."""
        while self.step(client, 0.0):
            pass

    def step(self, client: Client, wait_s: float) -> bool:
        """Take the next page, by long poll. Returns: whether something new came.

        Raises: UplinkError, FormatError, StorageError.
        """
        if self._restart.is_set():
            self._restart.clear()
            self._store.take_feed(self.event, (), (), None)
        after = self._store.feed_cursor(self.event)
        start = f"after={quote(after, safe=':')}&" if after else ""
        path = f"/events/{self.event}/checkins?{start}limit={PAGE_LIMIT}&wait={int(wait_s)}"
        answer = client.get(path, limit=_PAGE_BYTES, wait_s=wait_s)
        if answer.outcome is Outcome.NOT_MODIFIED:
            return False
        if answer.outcome is Outcome.REFETCH:
            if after:
                self._store.take_feed(self.event, (), (), None)
                self._store.forget_acks(self._peer, self.event)
                self.resend = True
            return False
        fields = cbor.Fields(answer.json(), "feed")
        following = fields.text("next", _CURSOR_MAX)
        rows: list[RemoteRow] = []
        clocks: list[ClockRow] = []
        for item in fields.items("records"):
            try:
                _sort(item, rows, clocks)
            except (FormatError, ValueError):
                self.skipped += 1
        if self._restart.is_set():
            return True
        if not rows and not clocks and following == after:
            return False
        steps.reach("feed.read")
        self._store.take_feed(self.event, rows, clocks, following)
        steps.reach("feed.stored")
        return True


def _sort(item: Any, rows: list[RemoteRow], clocks: list[ClockRow]) -> None:
    """Raises: FormatError, ValueError."""
    fields = cbor.Fields(item, "record")
    kind = fields.text("kind", 40)
    if kind not in FEED_KINDS:
        return
    if kind == "clock":
        data = fields.raw("data")
        clock = cbor.Fields(data if isinstance(data, Mapping) else item, "clock")
        clocks.append(
            ClockRow(
                fields.text("gate", 40), fields.text("boot", 32), clock.integer("base_ms"), clock.integer("error_ms")
            )
        )
        return
    if fields.raw("list") is None or fields.raw("ticket") is None:
        return  # an override of something that was no ticket counts for nobody
    epoch = bytes.fromhex(fields.text("epoch", 2 * EPOCH_BYTES))
    if len(epoch) != EPOCH_BYTES:
        raise FormatError("record.epoch has a wrong length")
    rows.append(
        RemoteRow(
            list=fields.text("list", 40),
            ticket=bytes.fromhex(fields.text("ticket", 32)),
            gate=fields.text("gate", 40),
            epoch=epoch,
            seq=fields.integer("seq", 1),
            kind=kind,
            dir=fields.maybe_text("dir"),
            count=fields.integer("count", 1),
            at=fields.integer("at"),
            mono=fields.maybe_integer("mono"),
            boot=fields.maybe_text("boot"),
            error_ms=fields.maybe_integer("error_ms"),
            ref=fields.maybe_text("ref"),
        )
    )
