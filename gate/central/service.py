"""`Central`: the whole server as one object, without HTTP. The API, the command line and `gate demo` all use this.

Randomness and time come in from outside; this is the only place that knows where files lie.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, insert

from gate.central import devices, events, folder, manifests, schema, settings, tickets, trustfiles
from gate.central.database import Database
from gate.central.hints import Hints
from gate.central.keys import KeyStore
from gate.central.manifests import Signer
from gate.central.publication import Publication, Published
from gate.central.tickets import Counts, IssuedTicket, NewTicket, StoredTicket
from gate.errors import ConfigError, StorageError
from gate.model import EventMode, TicketRow, TicketState
from gate.wire.enrol import CODE_BYTES, EnrolmentCode


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Central:
    """Open with `Central.open`; close it when done. Methods may be called from any thread.

    `now_ms` of every method: Unix ms, None = ask the clock.
    """

    def __init__(
        self,
        state: Path,
        database: Database,
        *,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
        lock: int | None = None,
    ) -> None:
        self.state = state
        self.db = database
        self.clock = clock
        self.random = random
        self.keys = KeyStore(state / "keys", random)
        self.manifest_folder = state / "manifests"
        self.object_folder = state / "objects"
        for path in (self.manifest_folder, self.object_folder):
            path.mkdir(mode=0o750, exist_ok=True)
        self.signer = Signer(self.keys, self.object_folder)
        self.hints = Hints()
        self._lock = lock
        self._publication = Publication(database, self.signer, self.manifest_folder)

    @classmethod
    def open(
        cls,
        state: Path | str,
        *,
        database_url: str | None = None,
        clock: Callable[[], int] = wall_ms,
        random: Callable[[int], bytes] = os.urandom,
        org: str = "Gate",
    ) -> Central:
        """Open the state folder, made at first use.

        Raises:
            StorageError: another process has it open, or it cannot be written.
        """
        state = Path(state)
        try:
            state.mkdir(mode=0o750, parents=True, exist_ok=True)
            lock = folder.lock(state)
        except OSError as error:
            raise StorageError(f"{state} cannot be used: {error.strerror}") from error
        try:
            database = Database(database_url or Database.sqlite_url(state / "central.db"))
            central = cls(state, database, clock=clock, random=random, lock=lock)
            central._prepare(org)
        except BaseException:
            os.close(lock)
            raise
        return central

    def close(self) -> None:
        self.hints.close()
        self.db.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self, org: str) -> None:
        now_ms = self.clock()

        def job(connection: Connection) -> None:
            schema.metadata.create_all(connection)
            version = settings.get(connection, "schema")
            if version is None:
                settings.put(connection, "schema", str(schema.VERSION))
                settings.put(connection, "org", org)
                settings.put(connection, "server", "central")
                settings.put(connection, "life", self.random(8).hex())
                connection.execute(insert(schema.event_head).values(event_id=events.DEVICE_STREAM))
                for role in ("manifest", "time"):
                    events.new_key(connection, self.keys, events.ANY_EVENT, role, now_ms // 1000)
            elif version != str(schema.VERSION):
                raise StorageError(f"the database is of version {version}, this program knows {schema.VERSION}")

        self.db.write(job)

    def _now(self, now_ms: int | None) -> int:
        return self.clock() if now_ms is None else now_ms

    # ---- server

    def set_url(self, url: str, now_ms: int | None = None, *, spki: bytes | None = None) -> None:
        """The address that gates are told, and the pin of its TLS key; both go into enrolment codes and the trust file.

        Args:
            spki: SHA-256 of the key's SubjectPublicKeyInfo; None = the certificate is checked by its authority.
        """
        moment = self._now(now_ms)

        def job(connection: Connection) -> None:
            settings.put(connection, "url", url)
            settings.put(connection, "spki", spki.hex() if spki else "")
            trustfiles.ensure(connection, self.keys, moment)

        self.db.write(job)

    # ---- events and tickets

    def create_event(
        self, policy: dict[str, Any], mode: EventMode = events.DEFAULT_MODE, now_ms: int | None = None
    ) -> str:
        """Add an event; `events.complete_policy` fills in what the policy leaves out. Raises: ConfigError."""
        moment = self._now(now_ms)
        complete = events.complete_policy(policy)

        def job(connection: Connection) -> str:
            event = events.create(connection, self.keys, complete, mode, moment)
            trustfiles.ensure(connection, self.keys, moment)
            return event

        return self.db.write(job)

    def set_policy(self, policy: dict[str, Any]) -> None:
        """In force with the next `publish`. Raises: ConfigError."""
        complete = events.complete_policy(policy)
        self.db.write(lambda connection: events.set_policy(connection, complete))

    def issue_many(self, event: str, wanted: Sequence[NewTicket], now_ms: int | None = None) -> list[IssuedTicket]:
        """Issue codes, in the given order. Raises: ConfigError, FormatError (nothing is issued then)."""
        moment = self._now(now_ms)

        def job(connection: Connection) -> list[IssuedTicket]:
            kid = events.current_kid(connection, event, "ticket")
            issuer = tickets.Issuer(self.keys, event, kid, self.random)
            made = [issuer.make(item) for item in wanted]
            self._write_tickets(connection, event, [stored for _, stored in made], moment)
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
        counts = self.db.write(lambda connection: self._write_tickets(connection, event, rows, moment))
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

    def _write_tickets(self, connection: Connection, event: str, rows: Sequence[StoredTicket], now_ms: int) -> Counts:
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

    def issued(self, event: str, *, limit: int = 1000, product: int | None = None) -> list[IssuedTicket]:
        """Tickets that were issued here, with their texts, in order of key."""

        def job(connection: Connection) -> list[IssuedTicket]:
            manifests.head_of(connection, event)
            return list(tickets.issued(connection, self.keys, event, limit=limit, product=product))

        return self.db.read(job)

    def policy(self, event: str) -> dict[str, Any]:
        return self.db.read(lambda connection: events.policy_of(connection, event))

    # ---- publication

    def publish(self, event: str, now_ms: int | None = None, *, rebuild: bool | None = None) -> Published:
        """Put the policy and the tickets in force: a new base file when it is due, and a fresh descriptor.

        Args:
            rebuild: True = always make a base file, False = never (but for the first), None = when the change log has
                grown over 5 % of it.

        Raises: ConfigError, StorageError.
        """
        published = self._publication.publish(event, self._now(now_ms), rebuild=rebuild)
        self.hints.wake(("changes", event))
        return published

    def reissue(self, now_ms: int | None = None) -> list[str]:
        """Fresh descriptors where the last is older than 120 s. Returns: those events."""
        return self._publication.reissue(self._now(now_ms))

    # ---- devices

    def add_device(
        self,
        device: str,
        *,
        short: str,
        events: Sequence[str],
        profile: str = "gate",
        gate: str | None = None,
        url: str | None = None,
        now_ms: int | None = None,
    ) -> EnrolmentCode:
        """Register a device and make its one-time code, valid for 24 h; `.text()` is what its camera reads.

        Args:
            url: the address that the gate will use; None = the one that the server was last started with.

        Raises: ConfigError.
        """
        moment = self._now(now_ms)
        code = self.random(CODE_BYTES)

        def job(connection: Connection) -> tuple[str, str]:
            address = url or settings.get(connection, "url")
            if not address:
                raise ConfigError([("url", "the server's address is not known yet", "start it once, or give --url")])
            if url and settings.get(connection, "url") is None:
                settings.put(connection, "url", url)
            devices.add(
                connection,
                device,
                short=short,
                served=events,
                profile=profile,
                gate=gate,
                code=code,
                now_ms=moment,
            )
            trustfiles.ensure(connection, self.keys, moment)
            pin = settings.get(connection, "spki") if address == settings.get(connection, "url") else None
            return address, pin or ""

        address, pin = self.db.write(job)
        root = trustfiles.root_thumbprint(self.keys)
        return EnrolmentCode(url=address, code=code, root=root, spki=bytes.fromhex(pin) or None)

    def revoke_device(self, device: str, now_ms: int | None = None) -> None:
        """Raises: ConfigError: no such device."""
        moment = self._now(now_ms)
        self.db.write(lambda connection: devices.revoke(connection, device, moment))

    def device_list(self) -> list[devices.Device]:
        return self.db.read(devices.every)
