"""Forgetting: the rows of an event whose time is over, and everything of a gate that is given away.

An event is forgotten whole, never in part, and only when the central server holds every row of it. A row of kind `mode` says
what was forgotten, so that `gate journal verify` can tell it from a deed. The event's salt is sync's to destroy.
"""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

from gate.errors import DeviceError, StorageError
from gate.lane.world import World
from gate.model import Moment
from gate.sqlitefile import destroy, open_reader, sync_folder
from gate.storage.journal import JournalStore

_DAY_MS = 86_400_000
_PREFIX = "retention."
_LOCKS = (("lane.lock", "a gate", "gate"), ("sync.lock", "gate sync", "gate-sync"))
_SECRETS = ("journal.key", "device.key", "enrolment.json")
_FILES = ("journal.db", "journal-broken-*", "journal.pub", "journal.damaged", "kiosk.db", "sync.db")
_FOLDERS = ("secrets", "kiosk-tls", "manifests", "objects")


def note_days(journal: JournalStore, world: World) -> None:
    """Remember how long each event's rows are kept, for a start at which its policy is not here any more.

    Raises: StorageError.
    """
    for event in world.events:
        days = event.policy.raw.get("retention_days")
        if isinstance(days, int) and days > 0 and journal.meta(_PREFIX + event.id) != str(days):
            journal.set_meta(_PREFIX + event.id, str(days))


def forget_old(journal: JournalStore, state_dir: Path, moment: Moment) -> list[str]:
    """Forget every event whose newest row is older than its days, all of it held upstream. Called once a life, before
    the first row of an event. Returns: the events forgotten.

    Raises: StorageError.
    """
    upstream = _upstream(state_dir)
    ends: dict[str, list[tuple[str, int]]] = {}
    for event, epoch, seq, _ in journal.streams():
        ends.setdefault(event, []).append((epoch, seq))
    forgotten = []
    for event, streams in ends.items():
        days = journal.meta(_PREFIX + event)
        if not event or days is None or any(upstream.get((event, epoch), 0) < seq for epoch, seq in streams):
            continue
        if journal.newest(event) + int(days) * _DAY_MS < moment.at:
            journal.forget(event, moment)
            forgotten.append(event)
    return forgotten


def _upstream(state_dir: Path) -> dict[tuple[str, str], int]:
    """By (event, epoch hex), how far the central server holds the journal."""
    path = state_dir / "sync.db"
    if not path.exists():
        return {}
    try:
        with closing(open_reader(path)) as connection:
            rows = connection.execute("SELECT event, epoch, max(upstream) FROM acked GROUP BY event, epoch").fetchall()
    except (StorageError, sqlite3.Error):
        return {}  # not known: nothing is forgotten
    return {(event, epoch.hex()): upto for event, epoch, upto in rows}


def unsent(state_dir: Path) -> int:
    """Rows of events that the central server does not hold. Raises: StorageError."""
    path = state_dir / "journal.db"
    if not path.exists():
        return 0
    upstream = _upstream(state_dir)
    try:
        with closing(open_reader(path)) as connection:
            rows = connection.execute("SELECT event, epoch, max(seq) FROM journal GROUP BY event, epoch").fetchall()
    except sqlite3.Error as error:
        raise StorageError(f"the journal cannot be read: {error}") from error
    return sum(max(0, top - upstream.get((event, epoch.hex()), 0)) for event, epoch, top in rows if event)


def wipe(state_dir: Path) -> list[str]:
    """Remove keys, secrets, journals, manifests and enrolment; keys and secrets are overwritten first. What flash keeps of
    overwritten blocks nobody can promise: without the keys and salts the rest is hashes.

    Returns: what was removed.
    Raises: DeviceError: a gate or its sync runs on the folder. StorageError.
    """
    try:
        with ExitStack() as stack:
            for name, what, unit in _LOCKS:
                path = state_dir / name
                if not path.exists():
                    continue  # made at the first start, and left there: nobody was ever at work here
                lock = stack.enter_context(path.open("a"))
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as error:
                    raise DeviceError(f"{what} runs on {state_dir}: stop it first (systemctl stop {unit})") from error
            return _wipe(state_dir)
    except OSError as error:
        raise StorageError(f"not everything could be removed: {error}") from error


def _wipe(state_dir: Path) -> list[str]:
    secret = [state_dir / name for name in _SECRETS]
    secret += [
        path for folder in ("secrets", "kiosk-tls") for path in (state_dir / folder).rglob("*") if path.is_file()
    ]
    gone = []
    for path in secret:
        if path.is_file() and not path.is_symlink():
            destroy(path)
            gone.append(path.name)
    for pattern in _FILES:
        for path in state_dir.glob(pattern + "*" if pattern.endswith(".db") else pattern):
            path.unlink()
            gone.append(path.name)
    for name in _FOLDERS:
        if (state_dir / name).is_dir():
            shutil.rmtree(state_dir / name)
            gone.append(name + "/")
    sync_folder(state_dir)
    return gone
