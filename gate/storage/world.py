"""From sync's files to the lane's world: everything is verified again, by the same code, from the stored bytes.

Signatures at every load; the SHA-256 of a base file once, when it is first met. Runs in the loader's thread, with its own
connection; the admission thread only swaps in the result.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from gate.errors import DamagedError, FormatError, GateError, StorageError, TrustError
from gate.lane.faults import Fault
from gate.lane.world import ServedEvent, World
from gate.model import EventId, GateId
from gate.sqlitefile import open_reader
from gate.storage.tickets import base_path, inode_of
from gate.verify.trust import TrustedSet
from gate.wire.enrol import Enrolment, enrolment_from_json
from gate.wire.secrets import parse_secrets

logger = logging.getLogger(__name__)

_EVENTS = "SELECT event, descriptor, policy, base_sha256 FROM event WHERE descriptor IS NOT NULL"


class _UnnamedError(TrustError):
    """An authentic policy of the event names other gates only."""


class WorldReader:
    """
    Args:
        gate: this gate's id by configuration; it must be the enrolled one.
        events: which events to serve, in order of look-up; empty = all of the enrolment.
    """

    def __init__(self, state_dir: Path, *, gate: GateId, events: tuple[EventId, ...] = ()) -> None:
        self._state_dir = state_dir
        self._gate = gate
        self._events = events
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._seen: tuple[object, ...] | None = None
        self._checked: set[bytes] = set()
        self._kept: dict[EventId, ServedEvent] = {}
        """Each event as it last verified, under the root of `_kept_root`."""
        self._kept_root = ""

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def again(self) -> None:
        """Let `changed` say yes once more: what was stored could not be used, and perhaps now can."""
        self._seen = None

    def changed(self) -> bool:
        """Whether sync has stored something since the last call that a world is made of. Cheap: one pragma, mostly."""
        seen = self._version()
        if seen == self._seen:
            return False
        self._seen = seen
        return True

    def _version(self) -> tuple[object, ...]:
        enrolled = (self._state_dir / "enrolment.json").exists()
        connection = self.connection()
        if connection is None:
            return (enrolled,)
        try:
            return (enrolled, self._inode, connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise StorageError(f"sync.db cannot be read: {error}") from error

    def parts(self) -> tuple[object, ...]:
        """What a world is made of, to see whether a new one has to be built."""
        connection = self.connection()
        secrets = self._state_dir / "secrets"
        stamps = sorted((path.name, path.stat().st_mtime_ns) for path in secrets.glob("*.cbor"))
        enrolled = (self._state_dir / "enrolment.json").exists()
        if connection is None:
            return (enrolled, tuple(stamps))
        try:
            rows = connection.execute(_EVENTS).fetchall()
            newest = connection.execute("SELECT max(version) FROM trust").fetchone()
        except sqlite3.Error as error:
            raise StorageError(f"sync.db cannot be read: {error}") from error
        return (enrolled, tuple(stamps), self._inode, newest, *rows)

    def connection(self) -> sqlite3.Connection | None:
        """The connection to sync.db as it lies there now: a file that was replaced is opened anew."""
        inode = inode_of(self._state_dir / "sync.db")
        if self._connection is not None and inode not in (None, self._inode):
            self.close()
        if self._connection is None and inode is not None:
            self._connection = open_reader(self._state_dir / "sync.db", any_thread=True)
            self._inode = inode
        return self._connection

    def read(self, now_s: int) -> World:
        """Build the world as it is stored now.

        Args:
            now_s: trusted Unix seconds.

        Returns: the world, with `troubles` when not every event could be read.

        Raises: when no event could be read:
            TrustError: an object does not verify. StorageError: a file cannot be read. DamagedError: a base file is
            not what its name says.
        """
        enrolment = read_enrolment(self._state_dir)
        connection = self.connection()
        if enrolment is None or connection is None:
            return World(missing="enrolment")
        if enrolment.gate != self._gate:
            raise StorageError(
                f"this gate is {self._gate} by configuration, but was enrolled as {enrolment.gate}: set gate.id"
            )
        trusted, named = TrustedSet(bytes.fromhex(enrolment.root)), set[EventId]()
        try:
            for (file,) in connection.execute("SELECT file FROM trust ORDER BY version").fetchall():
                named.update(trusted.update_trust(file).events)
            rows = {row[0]: row for row in connection.execute(_EVENTS)}
        except sqlite3.Error as error:
            raise StorageError(f"sync.db cannot be read: {error}") from error
        if trusted.trust is None:
            return World(missing="trust", org=enrolment.org)
        newest = trusted.trust.issued
        if enrolment.root != self._kept_root:
            self._kept, self._kept_root = {}, enrolment.root
        served: list[ServedEvent] = []
        troubles: list[GateError] = []
        disowned, unnamed = False, list[str]()
        for event in self._events or tuple(EventId(event) for event in enrolment.events):
            # Sync forgets an ended event; one that stopped before it did so must not keep the event open.
            ended = event in named and event not in trusted.trust.events
            if ended and (self._kept.pop(event, None) is not None or event in rows):
                logger.info("%s has ended: the organiser's trust file has it no more", event)
                disowned = True
            if ended or event not in rows:
                continue
            try:
                item = self._event(trusted, event, rows[event], max(now_s, newest // 1000))
            except _UnnamedError as error:  # the organiser's word, and no trouble: the former policy is not in force
                self._kept.pop(event, None)
                unnamed.append(str(error))
                continue
            except (TrustError, StorageError, DamagedError) as error:
                if isinstance(error, TrustError) and trusted.disowns(event, rows[event][1]):
                    # Fail closed, and the others go on: its new manifest, signed by a key that counts, is on its way.
                    logger.warning("%s is not served until it has a new manifest: %s", event, error)
                    self._kept.pop(event, None)
                    disowned = True
                    continue
                troubles.append(error)
                item = self._as_before(trusted, event, rows[event][3])
            if item is not None:
                self._kept[event] = item
                served.append(item)
                newest = max(newest, item.issued_ms)
        if troubles and not served and not unnamed:
            raise troubles[0]
        return World(
            events=tuple(served),
            keys=trusted.keyset([item.id for item in served], {item.id: item.rotation for item in served}),
            missing="" if served else Fault.NOT_IN_POLICY if unnamed else "key" if disowned else "manifest",
            org=enrolment.org,
            newest_issued_ms=newest,
            troubles=(*unnamed, *map(str, troubles)),
        )

    def _as_before(self, trusted: TrustedSet, event: EventId, base_sha256: bytes | None) -> ServedEvent | None:
        """An event whose news cannot be used, as it was in force, by the rules of today's trust file. One event's trouble
        must not keep the others' news out. None = it never was."""
        kept = self._kept.get(event)
        if kept is None:
            return None
        if event in trusted.events and base_sha256 not in (None, kept.base_sha256):
            # The changes that sync holds are those of the new base: above the old one, what was revoked between them is not.
            try:
                self._check_base(base_sha256)
                kept = replace(kept, base_sha256=base_sha256)
            except (StorageError, DamagedError) as error:
                logger.warning("%s is not served until its tickets can be read: %s", event, error)
                del self._kept[event]
                return None
        expires = trusted.trust.expires if trusted.trust else None
        return replace(kept, mode=trusted.mode(event), trust_expires_ms=expires)

    def _event(
        self, trusted: TrustedSet, event: EventId, row: tuple[str, bytes, bytes | None, bytes | None], now_s: int
    ) -> ServedEvent | None:
        """None while a part of it is still on its way."""
        _, descriptor_bytes, policy_sha256, base_sha256 = row
        secrets = self._state_dir / "secrets" / f"{event}.cbor"
        if policy_sha256 is None or base_sha256 is None or not secrets.exists():
            return None
        descriptor = trusted.update_descriptor(event, descriptor_bytes, now_s)
        try:
            policy_bytes = (self._state_dir / "objects" / f"{policy_sha256.hex()}.cbor").read_bytes()
            opened = parse_secrets(secrets.read_bytes())
        except OSError as error:
            raise StorageError(f"an object of {event} cannot be read: {error}") from error
        except FormatError as error:
            raise DamagedError(f"the secrets of {event} are damaged") from error
        policy = trusted.update_policy(event, policy_bytes, now_s)
        try:
            ZoneInfo(policy.tz)
        except (KeyError, ValueError, OSError) as error:
            raise TrustError("zone", f"the policy of {event} names a time zone unknown here ({policy.tz})") from error
        gate = policy.gates.get(self._gate)
        if gate is None:
            raise _UnnamedError("gate", f"the policy of {event} does not name this gate ({self._gate})")
        self._check_base(base_sha256)
        return ServedEvent(
            id=event,
            policy=policy,
            gate=gate,
            mode=trusted.mode(event),
            salt=opened.salt,
            rotation=opened.rotating,
            trust_expires_ms=trusted.trust.expires if trusted.trust else None,
            issued_ms=descriptor.issued,
            base_sha256=base_sha256,
        )

    def _check_base(self, sha256: bytes) -> None:
        if sha256 in self._checked:
            return
        path = base_path(self._state_dir, sha256)
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise StorageError(f"a manifest cannot be read: {error}") from error
        if digest != sha256:
            raise DamagedError(f"{path.name} is not what its name says")
        self._checked.add(sha256)


def read_enrolment(state_dir: Path) -> Enrolment | None:
    """None when the gate is not enrolled.

    Raises: StorageError.
    """
    path = state_dir / "enrolment.json"
    try:
        return enrolment_from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StorageError(f"{path.name} cannot be read: {error}") from error


def read_acked(state_dir: Path) -> dict[tuple[str, str], int]:
    """By (event, epoch hex), the highest number a server has acknowledged.

    Empty when sync.db is not there, is just being made, or is damaged: a lost tail is then not named, but the gate starts.
    """
    if not (state_dir / "sync.db").exists():
        return {}
    try:
        connection = open_reader(state_dir / "sync.db")
        try:
            rows = connection.execute("SELECT event, epoch, max(upto) FROM acked GROUP BY event, epoch").fetchall()
        finally:
            connection.close()
    except (StorageError, sqlite3.Error) as error:
        logger.warning("sync.db does not say what the server has: %s", error)
        return {}
    return {(event, epoch.hex()): upto for event, epoch, upto in rows}
