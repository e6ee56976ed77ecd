"""The journal with its listeners: screens, staff, health and sync hear of each row after it is on disk. Application layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gate.errors import StorageError
from gate.health import Health
from gate.laneview import LaneView
from gate.model import Moment
from gate.ports import Draft
from gate.storage.journal import JournalStore
from gate.sync.ask import Poker
from gate.wire.journal import Record
from gate.wire.numbers import ticket_number


class ToldJournal:
    """See `ports.Journal`."""

    def __init__(self, journal: JournalStore, view: LaneView, poker: Poker) -> None:
        self._journal, self._view, self._poker = journal, view, poker
        self.hear: Callable[[Record], None] = lambda _record: None
        self.health: Health
        """Set before the first row."""

    def commit(self, drafts: Sequence[Draft], moment: Moment) -> list[Record]:
        try:
            records = self._journal.commit(drafts, moment)
        except StorageError as error:
            self.health.not_written(error)
            raise
        self.health.written()
        for record in records:
            self.hear(record)
            self._view.journaled(
                {
                    "event": record.event,
                    "seq": record.seq,
                    "kind": record.kind,
                    "reason": record.reason,
                    "at": record.at,
                    "ticket_number": ticket_number(bytes.fromhex(record.ticket)) if record.ticket else None,
                    "hash": self._journal.tip(record.event).hex(),
                }
            )
        self._poker.poke()
        return records
