"""Everything stored about one ticket in one statement: manifest, changes, uses here, uses elsewhere.

Admission thread only. The base file of an event is attached when its world comes into force.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from gate.decision.facts import NO_USES, Uses
from gate.errors import StorageError
from gate.lane.world import World
from gate.model import Day, EventId, ListId, TicketKey, TicketRow
from gate.ports import Lookup
from gate.sqlitefile import open_reader

_TICKET = "product, zones, state, flags, uses, nbf, exp, parent, lang, note, ext"
_STATEMENT = f"""
SELECT 'row', {_TICKET} FROM sync.overlay WHERE event = :event AND key = :key
UNION ALL
SELECT 'row', {_TICKET} FROM {{base}}.ticket WHERE key = :key
UNION ALL
SELECT 'own', list, entries, exits, annuls, first_at, last_dir, day, day_entries, NULL, NULL, NULL
 FROM main.uses WHERE event = :event AND ticket = :key AND list IN ({{lists}})
UNION ALL
SELECT 'far', list, kind, dir, count, at, gate, epoch, seq, ref, NULL, NULL FROM sync.remote r
 WHERE event = :event AND ticket = :key AND list IN ({{lists}})
 AND NOT EXISTS (SELECT 1 FROM main.journal j WHERE j.event = r.event AND j.epoch = r.epoch)
"""  # noqa: S608 - the only inserts are names of ours: columns, an attached file, placeholders
"""`row`: overlay before base, so the first one counts. `far`: records of epochs that this journal does not hold, this
gate's own from before a re-image included."""


class TicketBook:
    """See `ports.Tickets`.

    Args:
        gate: this gate's id, for the first use of a ticket that was used here.
    """

    def __init__(self, state_dir: Path, gate: str) -> None:
        self._state_dir = state_dir
        self._gate = gate
        self._connection = open_reader(state_dir / "journal.db")
        self._statements: dict[EventId, str] = {}
        self._bases: dict[EventId, tuple[str, bytes]] = {}
        self._sync_inode: int | None = None

    def close(self) -> None:
        self._connection.close()

    def use(self, world: World) -> None:
        """Attach the base files of a new world and let go of the old ones.

        Raises: StorageError.
        """
        try:
            self._attach_sync()
            statements = {}
            for number, event in enumerate(world.events):
                if event.base_sha256 is None:
                    continue
                name = self._base(event.id, event.base_sha256, number)
                lists = ",".join(f":list{i}" for i in range(len(event.gate.lists)))
                statements[event.id] = _STATEMENT.format(base=name, lists=lists)
        except sqlite3.Error as error:
            raise StorageError(f"a manifest could not be opened: {error}") from error
        self._statements = statements

    def _attach_sync(self) -> None:
        path = self._state_dir / "sync.db"
        inode = inode_of(path)
        if inode is None or inode == self._sync_inode:
            return
        if self._sync_inode is not None:
            self._connection.execute("DETACH sync")
        self._attach("sync", path, "mode=ro")
        self._sync_inode = inode

    def _base(self, event: EventId, sha256: bytes, number: int) -> str:
        held = self._bases.get(event)
        if held is not None:
            if held[1] == sha256:
                return held[0]
            self._connection.execute(f"DETACH {held[0]}")
        name = held[0] if held else f"base{number}"
        self._attach(name, base_path(self._state_dir, sha256), "mode=ro&immutable=1")
        self._bases[event] = (name, sha256)
        return name

    def _attach(self, name: str, path: Path, query: str) -> None:
        self._connection.execute(f"ATTACH ? AS {name}", (f"file:{quote(str(path.absolute()))}?{query}",))

    def look_up(self, event: EventId, lists: Sequence[ListId], key: TicketKey, day: Day) -> Lookup:
        statement = self._statements.get(event)
        if statement is None:
            raise StorageError(f"no manifest of {event} is open")
        values = {"event": event, "key": bytes(key), **{f"list{i}": name for i, name in enumerate(lists)}}
        try:
            rows = self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"a ticket could not be looked up: {error}") from error
        row = next((_row(key, item) for item in rows if item[0] == "row"), None)
        uses = {ListId(item[1]): self._own(item, day) for item in rows if item[0] == "own"}
        far = [item for item in rows if item[0] == "far"]
        if far:
            _add_far(uses, far, day)
        return Lookup(row, uses)

    def _own(self, item: tuple[object, ...], day: Day) -> Uses:
        _, _, entries, exits, annuls, first_at, last_dir, label, day_entries, *_ = item
        return Uses(
            entries=entries,  # type: ignore[arg-type]
            exits=exits,  # type: ignore[arg-type]
            annuls=annuls,  # type: ignore[arg-type]
            day_entries=day_entries if label == day.label else 0,  # type: ignore[arg-type]
            first_at=first_at,  # type: ignore[arg-type]
            first_gate=self._gate if first_at is not None else None,
            last_dir=last_dir,  # type: ignore[arg-type]
        )


def base_path(state_dir: Path, sha256: bytes) -> Path:
    return state_dir / "manifests" / f"{sha256.hex()}.sqlite"


def inode_of(path: Path) -> int | None:
    """Tells a file that was replaced from the one that is open; None = not there."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _row(key: TicketKey, item: tuple[object, ...]) -> TicketRow:
    _, product, zones, state, flags, uses, nbf, exp, parent, lang, note, ext = item
    return TicketRow(
        key=key,
        product=product,  # type: ignore[arg-type]
        zones=zones,  # type: ignore[arg-type]
        state=state,  # type: ignore[arg-type]
        flags=flags,  # type: ignore[arg-type]
        uses=uses,  # type: ignore[arg-type]
        nbf=nbf,  # type: ignore[arg-type]
        exp=exp,  # type: ignore[arg-type]
        parent=parent,  # type: ignore[arg-type]
        lang=lang,  # type: ignore[arg-type]
        note=note,  # type: ignore[arg-type]
        ext=ext,  # type: ignore[arg-type]
    )


def _add_far(uses: dict[ListId, Uses], far: list[tuple[object, ...]], day: Day) -> None:
    """Count what other gates did. A record that an `annulled` one points at does not count."""
    annulled = {item[9] for item in far if item[2] == "annulled"}
    for _, name, kind, direction, count, at, gate, epoch, seq, _ref, *_ in sorted(far, key=lambda item: item[5]):  # type: ignore[arg-type, return-value]
        if kind == "annulled" or f"{gate}/{_hex(epoch)}/{seq}" in annulled:
            continue
        old = uses.get(ListId(str(name)), NO_USES)
        assert isinstance(count, int)
        assert isinstance(at, int)
        if kind == "exit" or direction == "exit":
            new = replace(old, exits=old.exits + count, last_dir="exit")
        else:
            first = old.first_at is None or at < old.first_at
            new = replace(
                old,
                entries=old.entries + count,
                day_entries=old.day_entries + (count if day.start_ms <= at < day.end_ms else 0),
                first_at=at if first else old.first_at,
                first_gate=str(gate) if first else old.first_gate,
                last_dir="entry",
            )
        uses[ListId(str(name))] = new


def _hex(value: object) -> str:
    assert isinstance(value, bytes)
    return value.hex()
