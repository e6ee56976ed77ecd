"""The ticket desk of a server: issuing, changing and finding tickets, each with the descriptor that puts it in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from gate.central import events, manifests, tickets
from gate.central.database import Database
from gate.central.hints import Hints
from gate.central.keys import KeyStore
from gate.central.manifests import Signer
from gate.central.tickets import Counts, IssuedTicket, NewTicket, StoredTicket
from gate.model import TicketRow, TicketState


class Desk:
    """The part of `service.Central` that deals with tickets. `now_ms`: Unix ms, None = ask the clock."""

    db: Database
    clock: Callable[[], int]
    random: Callable[[int], bytes]
    keys: KeyStore
    signer: Signer
    hints: Hints

    def _now(self, now_ms: int | None) -> int:
        return self.clock() if now_ms is None else now_ms

    def issue_many(self, event: str, wanted: Sequence[NewTicket], now_ms: int | None = None) -> list[IssuedTicket]:
        """Issue codes, in the given order. Raises: EndedError, ConfigError, FormatError (nothing is issued then)."""
        moment = self._now(now_ms)

        def job(connection: Connection) -> list[IssuedTicket]:
            events.open_policy(connection, event)
            kid = events.current_kid(connection, event, "ticket", moment // 1000)
            issuer = tickets.Issuer(self.keys, event, kid, self.random)
            made = [issuer.make(item) for item in wanted]
            self.write_in(connection, event, [stored for _, stored in made], moment)
            return [issued for issued, _ in made]

        result = self.db.write(job)
        self.hints.wake(("changes", event))
        return result

    def issue(
        self,
        event: str,
        count: int = 1,
        *,
        product: int,
        zones: int,
        exp: int,
        nbf: int | None = None,
        state: int = TicketState.VALID,
        flags: int = 0,
        uses: int = 1,
        lang: str | None = None,
        ext: str | None = None,
        now_ms: int | None = None,
    ) -> list[IssuedTicket]:
        """Issue `count` alike tickets. `exp`, `nbf`: Unix seconds. Raises: ConfigError, FormatError."""
        wanted = NewTicket(
            product=product, zones=zones, exp=exp, nbf=nbf, state=state, flags=flags, uses=uses, lang=lang, ext=ext
        )
        return self.issue_many(event, [wanted] * count, now_ms)

    def write_tickets(self, event: str, rows: Sequence[StoredTicket], now_ms: int | None = None) -> Counts:
        """Insert or update rows of known keys."""
        moment = self._now(now_ms)
        counts = self.db.write(lambda connection: self.write_in(connection, event, rows, moment))
        self.hints.wake(("changes", event))
        return counts

    def set_state(self, event: str, key: bytes, state: int, now_ms: int | None = None) -> TicketRow:
        """Raises: ConfigError: no such ticket."""
        moment = self._now(now_ms)

        def job(connection: Connection) -> TicketRow:
            row = tickets.set_state(connection, event, key, state, moment)
            self._follow(connection, event, moment)
            return row

        row = self.db.write(job)
        self.hints.wake(("changes", event))
        return row

    def write_in(self, connection: Connection, event: str, rows: Sequence[StoredTicket], now_ms: int) -> Counts:
        """As `write_tickets`, in the caller's transaction; whoever waits for changes is the caller's to wake."""
        manifests.head_of(connection, event)
        counts = tickets.write(connection, event, rows, now_ms)
        self._follow(connection, event, now_ms)
        return counts

    def _follow(self, connection: Connection, event: str, now_ms: int) -> None:
        """A published event's descriptor always names the end of its change log."""
        if manifests.head_of(connection, event).base_sha256 is not None:
            manifests.issue(connection, self.signer, event, now_ms)

    def find_ticket(self, event: str, number: str) -> TicketRow:
        """Raises: ConfigError: a wrong number, no such ticket, or two."""
        return self.db.read(lambda connection: tickets.by_number(connection, event, number))

    def issued(
        self, event: str, *, limit: int = 1000, product: int | None = None, after: bytes | None = None
    ) -> list[IssuedTicket]:
        """Tickets that were issued here, with their texts, in order of key; those above the key `after`."""

        def job(connection: Connection) -> list[IssuedTicket]:
            manifests.head_of(connection, event)
            return list(tickets.issued(connection, self.keys, event, limit=limit, product=product, after=after))

        return self.db.read(job)
