"""`Central`: the whole server as one object, without HTTP. The API, the command line and `gate demo` all use this.

Randomness and time come in from outside; this is the only place that knows where files lie.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, insert
from sqlalchemy.exc import SQLAlchemyError

from gate.central import devices, engines, events, folder, lives, migrations, place, schema, settings, trustfiles
from gate.central.database import Database
from gate.central.desk import Desk
from gate.central.directory import Directory
from gate.central.hints import Hints
from gate.central.keys import KeyStore
from gate.central.manifests import Signer
from gate.central.publication import Publication, Published
from gate.errors import ConfigError, StorageError
from gate.model import EventMode
from gate.wire.enrol import CODE_BYTES, EnrolmentCode

if TYPE_CHECKING:
    from gate.central.relay import Relay

logger = logging.getLogger(__name__)


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Central(Desk):
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
        self.signer = Signer(self.keys, self.object_folder, clock)
        self.hints = Hints()
        self._lock = lock
        self._relay: Relay | None = None
        self.directory = Directory(database.read, self.hints)
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
        """Open the state folder, made at first use, and bring its database to the newest version.

        Args:
            database_url: for a fresh folder, the database it will always use; else only checked. None = the folder's own.

        Raises:
            StorageError: another process has it open, or it cannot be written.
            ConfigError: the folder uses another database.
        """
        state = Path(state)
        try:
            state.mkdir(mode=0o750, parents=True, exist_ok=True)
            lock = folder.lock(state)
        except OSError as error:
            raise StorageError(f"{state} cannot be used: {error.strerror}") from error
        try:
            url = place.settle(state, database_url)
            central = cls(state, Database(url), clock=clock, random=random, lock=lock)
            try:
                central._prepare(org, url)
            except BaseException:
                central.db.close()
                raise
        except BaseException:
            os.close(lock)
            raise
        return central

    def close(self) -> None:
        try:
            self._count()
        except (StorageError, SQLAlchemyError):  # a full disk must not keep a server from ending
            logger.exception("the end of the server was not counted")
        self.hints.close()
        if self._relay is not None:
            self._relay.close()
        self.db.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _count(self) -> None:
        lives.remember(self.state, self.db.write(lives.count))

    def _prepare(self, org: str, url: str) -> None:
        now_ms = self.clock()

        def job(connection: Connection) -> int:
            if not migrations.upgrade(connection):
                return lives.begin(connection, self.state, self.random)
            settings.put(connection, "org", org)
            settings.put(connection, "server", "central")
            connection.execute(insert(schema.event_head).values(event_id=events.DEVICE_STREAM))
            for role in ("manifest", "time"):
                events.new_key(connection, self.keys, events.ANY_EVENT, role, now_ms // 1000)
            return lives.begin(connection, self.state, self.random)

        lives.remember(self.state, self.db.write(job))
        if engines.is_postgresql(url):
            from gate.central.relay import Relay

            self._relay = Relay(engines.libpq(url), self.hints.heard)
            self.hints.relay = self._relay.send

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

    # ---- events

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

    def end_event(self, event: str, *, back: bool = False, now_ms: int | None = None) -> None:
        """Gates forget the event and destroy its salt as soon as they have the new trust file. Tickets, records and keys stay
        here, so that it can be brought back; a gate then fetches it as a new one. Raises: ConfigError."""
        moment = self._now(now_ms)

        def job(connection: Connection) -> None:
            events.end(connection, event, None if back else moment)
            trustfiles.ensure(connection, self.keys, moment)

        self.db.write(job)
        self.hints.wake(("changes", event))

    def policy(self, event: str) -> dict[str, Any]:
        return self.db.read(lambda connection: events.policy_of(connection, event))

    # ---- publication

    def publish(self, event: str, now_ms: int | None = None, *, rebuild: bool | None = None) -> Published:
        """Put the policy and the tickets in force: a new base file when it is due, and a fresh descriptor.

        Args:
            rebuild: True = always make a base file, False = never (but for the first), None = when the change log has
                grown over 5 % of it.

        Raises: EndedError, ConfigError, StorageError.
        """
        self.db.read(lambda connection: events.open_policy(connection, event))
        published = self._publication.publish(event, self._now(now_ms), rebuild=rebuild)
        self.hints.wake(("changes", event))
        return published

    def reissue(self, now_ms: int | None = None) -> list[str]:
        """Fresh descriptors where the last is older than 120 s. Returns: those events."""
        done = self._publication.reissue(self._now(now_ms))
        if done:
            self._count()
        return done

    def rebuild_due(self, now_ms: int | None = None) -> list[str]:
        """New base files where the night, or 5 % of changes, asks for them. The policy goes out as it stands.

        Returns: those events."""
        done = self._publication.rebuild_due(self._now(now_ms))
        for event in done:
            self.hints.wake(("changes", event))
        return done

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

        def job(connection: Connection) -> tuple[str, str, bytes]:
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
            return address, pin or "", trustfiles.root_in_force(connection, self.keys)

        address, pin, root = self.db.write(job)
        self.hints.wake(("device", device))
        return EnrolmentCode(url=address, code=code, root=root, spki=bytes.fromhex(pin) or None)

    def revoke_device(self, device: str, now_ms: int | None = None) -> None:
        """Raises: ConfigError: no such device."""
        moment = self._now(now_ms)
        served = self.db.write(lambda connection: devices.revoke(connection, device, moment))
        self.hints.wake(("device", device))
        for event in served:
            for kind in ("changes", "checkins"):
                self.hints.wake((kind, event))  # whoever waits is answered, and the revoked one hears it

    def device_list(self) -> list[devices.Device]:
        return self.db.read(devices.every)
