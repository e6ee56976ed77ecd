"""From a typed ticket number to ticket keys: a range scan on manifest and changes, for the rare hand-typed look-up.

Opens the files anew each time, so that it holds nothing the manifest's swap would have to wait for.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from gate.errors import StorageError
from gate.lane.world import ServedEvent
from gate.model import TicketKey, TicketState
from gate.sqlitefile import open_immutable, open_reader
from gate.storage.tickets import base_path

_BASE = "SELECT key FROM ticket WHERE key >= ? AND key <= ? LIMIT 3"
_OVERLAY = "SELECT key, state FROM overlay WHERE event = ? AND key >= ? AND key <= ?"
_KEY_BYTES = 16


def find_keys(state_dir: Path, event: ServedEvent, prefix: bytes) -> list[TicketKey]:
    """See `gate.lane.gather.Find`.

    Raises: StorageError.
    """
    low = prefix.ljust(_KEY_BYTES, b"\x00")
    high = prefix.ljust(_KEY_BYTES, b"\xff")
    try:
        keys: dict[bytes, int] = {}
        if event.base_sha256 is not None:
            with closing(open_immutable(base_path(state_dir, event.base_sha256))) as base:
                keys = {key: TicketState.VALID for (key,) in base.execute(_BASE, (low, high))}
        with closing(open_reader(state_dir / "sync.db")) as sync:
            keys |= dict(sync.execute(_OVERLAY, (event.id, low, high)).fetchall())
    except sqlite3.Error as error:
        raise StorageError(f"a ticket number could not be looked up: {error}") from error
    return [TicketKey(key) for key, state in sorted(keys.items()) if state != TicketState.REMOVED][:2]
