"""Everything stored about one ticket in one statement: manifest, changes, uses here, uses elsewhere.

Admission thread only. The base file of an event is attached when its world comes into force.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gate.decision.facts import Uses
from gate.errors import DamagedError, FormatError, MovedError, StorageError
from gate.lane.world import World
from gate.model import Day, EventId, GateId, ListId, TicketKey, TicketRow, TicketState
from gate.ports import Lookup
from gate.sqlitefile import open_reader
from gate.storage.history import (
    ENTRIES_FAR,
    ENTRIES_OWN,
    FAR_COLUMNS,
    FAR_FROM,
    INSIDE_FAR,
    INSIDE_NEWER,
    INSIDE_OWN,
    NOT_HELD,
    add_far,
    entry_times,
    inside_change,
)

logger = logging.getLogger(__name__)

_TICKET = "product, zones, state, flags, uses, nbf, exp, parent, lang, note, ext"
_STATEMENT = f"""
SELECT 'base', base_sha256{", NULL" * 10} FROM {{sync}}.event WHERE event = :event
UNION ALL
SELECT 'row', {_TICKET} FROM {{sync}}.overlay WHERE event = :event AND key = :key
UNION ALL
SELECT 'row', {_TICKET} FROM {{base}}.ticket WHERE key = :key
UNION ALL
SELECT 'own', list, entries, exits, annuls, first_at, last_dir, day, day_entries, last_at, step, NULL
 FROM main.uses WHERE event = :event AND ticket = :key AND list IN ({{lists}})
UNION ALL
SELECT 'far', {FAR_COLUMNS}, NULL, NULL FROM {FAR_FROM}
 WHERE event = :event AND ticket = :key AND list IN ({{lists}}) AND {NOT_HELD}
"""  # noqa: S608 - the only inserts are names of ours: columns, attached files, placeholders
"""`row`: overlay before base, so the first one counts. `base`: the file that this overlay belongs to, in the same moment: above
another one, a ticket would be good again that was revoked between the two."""
_ADDONS = f"""
SELECT key, {_TICKET} FROM {{sync}}.overlay WHERE +event = :event AND parent = :key
UNION ALL
SELECT key, {_TICKET} FROM {{base}}.ticket t WHERE parent = :key
 AND NOT EXISTS (SELECT 1 FROM {{sync}}.overlay o WHERE o.event = :event AND o.key = t.key)
"""  # noqa: S608 - the same

_ATTACHED_MAX = 10
"""SQLite's own limit on files beside the first."""


class TicketBook:
    """See `ports.Tickets`.

    Args:
        gate: this gate's id, for the first use of a ticket that was used here.
        journal: the journal, when it does not lie in the state folder.
    """

    def __init__(self, state_dir: Path, gate: str, journal: Path | None = None) -> None:
        self._state_dir = state_dir
        self._gate = gate
        self._connection = open_reader(journal or state_dir / "journal.db")
        self._statements: dict[EventId, str] = {}
        self._bases: dict[bytes, str] = {}
        """Name of each attached base file, by its SHA-256."""
        self._sync: tuple[str, int] | None = None
        """Name of the attached sync.db, and the inode that tells it from a later one."""
        self._attached = 0
        self._base_of: dict[EventId, str] = {}
        """Name of the attached base file of each event."""
        self._sha256_of: dict[EventId, bytes | None] = {}
        self._inside: dict[EventId, tuple[int, int]] = {}
        """Last journal id seen and how many went in and not out here, by event; only of events that ask."""

    def close(self) -> None:
        self._connection.close()

    def use(self, world: World) -> None:
        """Attach the files of a new world, then let go of the old ones. When it raises, the old ones stay in use.

        Raises: StorageError.
        """
        sync, bases = self._sync, {}
        try:
            inode = inode_of(self._state_dir / "sync.db")
            if inode is not None and (sync is None or sync[1] != inode):
                sync = (self._attach("sync", self._state_dir / "sync.db", "mode=ro"), inode)
            wanted = {event.base_sha256 for event in world.events if event.base_sha256 is not None}
            if 2 + len(self._bases.keys() | wanted) > _ATTACHED_MAX:
                self._let_go(wanted)  # no room for both: until the new ones are there, nobody is admitted
            for sha256 in wanted:
                bases[sha256] = self._bases.get(sha256) or self._attach(
                    "base", base_path(self._state_dir, sha256), "mode=ro&immutable=1"
                )
        except (sqlite3.Error, OSError) as error:
            self._detach({*bases.values(), *([sync[0]] if sync else ())} - self._in_use())
            raise StorageError(f"a manifest could not be opened: {error}") from error
        old = self._in_use()
        self._sync, self._bases = sync, bases
        self._base_of = {
            event.id: bases[event.base_sha256]
            for event in world.events
            if event.base_sha256 is not None and sync is not None
        }
        self._sha256_of = {event.id: event.base_sha256 for event in world.events}
        self._statements = {
            event.id: self._filled(
                _STATEMENT, event.id, lists=",".join(f":list{i}" for i in range(len(event.gate.lists)))
            )
            for event in world.events
            if event.id in self._base_of
        }
        self._detach(old - self._in_use())

    def _in_use(self) -> set[str]:
        return {*self._bases.values(), *([self._sync[0]] if self._sync else ())}

    def _let_go(self, wanted: set[bytes]) -> None:
        gone = {name for sha256, name in self._bases.items() if sha256 not in wanted}
        self._bases = {sha256: name for sha256, name in self._bases.items() if sha256 in wanted}
        self._statements, self._base_of = {}, {}
        self._detach(gone)

    def _attach(self, kind: str, path: Path, query: str) -> str:
        """Returns: a name that was never used before, so that old and new files can stand side by side."""
        self._attached += 1
        name = f"{kind}{self._attached}"
        self._connection.execute(f"ATTACH ? AS {name}", (f"file:{quote(str(path.absolute()))}?{query}",))
        return name

    def _detach(self, names: set[str]) -> None:
        for name in names:
            try:
                self._connection.execute(f"DETACH {name}")
            except sqlite3.Error as error:
                logger.warning("an old file of the manifest stays open: %s", error)

    def look_up(self, event: EventId, lists: Sequence[ListId], key: TicketKey, day: Day) -> Lookup:
        statement = self._statements.get(event)
        if statement is None:
            raise StorageError(f"no manifest of {event} is open")
        values = {"event": event, "key": bytes(key), **{f"list{i}": name for i, name in enumerate(lists)}}
        rows = self._query(statement, values)
        if any(item[0] == "base" and item[1] not in (None, self._sha256_of[event]) for item in rows):
            raise MovedError(f"the manifest of {event} has just been replaced, and the new one is not open yet")
        row = next((_row(key, item) for item in rows if item[0] == "row"), None)
        uses = {ListId(item[1]): self._own(item, day) for item in rows if item[0] == "own"}
        add_far(uses, (item[1:10] for item in rows if item[0] == "far"), day)
        return Lookup(row, uses)

    def addons(self, event: EventId, parent: TicketKey) -> list[TicketRow]:
        rows = self._query(self._filled(_ADDONS, event), {"event": event, "key": bytes(parent)})
        found = [_row(TicketKey(item[0]), ("row", *item[1:])) for item in sorted(rows, key=lambda item: item[0])]
        return [row for row in found if row.state != TicketState.REMOVED]

    def entries(self, event: EventId, name: ListId, key: TicketKey) -> list[int]:
        values = {"event": event, "list": name, "key": bytes(key)}
        own = self._query(ENTRIES_OWN, values)
        far = self._query(self._filled(ENTRIES_FAR, event), values)
        try:
            return entry_times((body for (body,) in own), far)
        except FormatError as error:
            raise DamagedError(f"a journal row does not read: {error}") from error

    def inside(self, event: EventId, gates: Sequence[GateId]) -> int:
        """Others' by the tally that sync keeps; this gate's own by its uses once, and row by row from then on."""
        marks = {f"gate{i}": gate for i, gate in enumerate(gates)}
        statement = self._filled(INSIDE_FAR, event, gates=",".join(f":{name}" for name in marks))
        ((far,),) = self._query(statement, {"event": event, **marks})
        own = self._inside_here(event) if GateId(self._gate) in gates else 0
        return max(0, int(far) + own)

    def _inside_here(self, event: EventId) -> int:
        if event not in self._inside:
            ((newest, count),) = self._query(INSIDE_OWN, {"event": event})
            self._inside[event] = (int(newest), int(count))
        newest, count = self._inside[event]
        try:
            for number, body in self._query(INSIDE_NEWER, {"id": newest, "event": event}):
                newest, count = number, count + inside_change(body)
        except FormatError as error:
            raise DamagedError(f"a journal row does not read: {error}") from error
        self._inside[event] = (newest, count)
        return count

    def _filled(self, statement: str, event: EventId, **names: str) -> str:
        base = self._base_of.get(event)
        if base is None or self._sync is None:
            raise StorageError(f"no manifest of {event} is open")
        return statement.format(base=base, sync=self._sync[0], **names)

    def _query(self, statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"a ticket could not be looked up: {error}") from error

    def _own(self, item: tuple[Any, ...], day: Day) -> Uses:
        _, _, entries, exits, annuls, first_at, last_dir, label, day_entries, last_at, step, _ = item
        return Uses(
            entries=entries,
            exits=exits,
            annuls=annuls,
            day_entries=day_entries if label == day.label else 0,
            first_at=first_at,
            first_gate=self._gate if first_at is not None else None,
            last_at=last_at,
            last_dir=last_dir,
            step=step,
        )


def base_path(state_dir: Path, sha256: bytes) -> Path:
    return state_dir / "manifests" / f"{sha256.hex()}.sqlite"


def inode_of(path: Path) -> int | None:
    """Tells a file that was replaced from the one that is open; None = not there."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _row(key: TicketKey, item: tuple[Any, ...]) -> TicketRow:
    _, product, zones, state, flags, uses, nbf, exp, parent, lang, note, ext = item
    return TicketRow(
        key=key,
        product=product,
        zones=zones,
        state=state,
        flags=flags,
        uses=uses,
        nbf=nbf,
        exp=exp,
        parent=parent,
        lang=lang,
        note=note,
        ext=ext,
    )
