"""`gate rehearse`: every ticket of the manifest through a gate's rules at a chosen time, before any guest is there.

The rules have no memory and look at few things of a ticket, so tickets that cannot differ in the answer are asked once:
the first of them goes the way of a scan, the others are counted with it. A ticket with uses, add-ons or rules of its own
is asked by itself.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gate.decision.decide import decide
from gate.decision.facts import Place
from gate.decision.rules import CODE_STEP_S
from gate.errors import ConfigError, StorageError
from gate.lane.gather import gather_key
from gate.lane.world import ServedEvent, World
from gate.model import (
    Claims,
    ClockTrust,
    Day,
    Direction,
    EventId,
    GateId,
    Kid,
    ListId,
    Moment,
    Reason,
    TicketFlag,
    TicketKey,
    TicketRow,
    TicketState,
)
from gate.ports import Lookup, Tickets
from gate.sqlitefile import open_immutable, open_reader
from gate.storage.tickets import TicketBook, base_path

_COLUMNS = "key, product, zones, state, flags, uses, nbf, exp, parent, lang, ext"
_BASE = f"SELECT {_COLUMNS} FROM ticket"  # noqa: S608 - names of ours
_OVERLAY = f"SELECT {_COLUMNS} FROM overlay WHERE event = ?"  # noqa: S608
_USED = "SELECT DISTINCT ticket FROM uses WHERE event = ?"
_USED_ELSEWHERE = "SELECT DISTINCT ticket FROM remote WHERE event = ?"
_BOOT = "0" * 32


@dataclass(slots=True)
class Rehearsal:
    """Counts by reason, and by `reason/detail`."""

    tickets: int = 0
    admitted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    details: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, answer: tuple[bool, str, str], count: int = 1) -> None:
        admit, reason, detail = answer
        self.tickets += count
        self.admitted += count if admit else 0
        if not admit:
            self.refused[reason] += count
        if reason != Reason.OK or detail:
            self.details[f"{reason}/{detail}" if detail else reason] += count

    def to_json(self) -> dict[str, Any]:
        return {
            "tickets": self.tickets,
            "admitted": self.admitted,
            "refused": dict(self.refused.most_common()),
            "details": dict(self.details.most_common()),
            "seconds": round(self.seconds, 3),
        }


class _Rows:
    """`ports.Tickets` of rows that are at hand: a ticket that was never used, in an area where nobody is yet."""

    def __init__(self, book: Tickets | None, hanging: Mapping[bytes, list[TicketRow]]) -> None:
        self._book = book
        self._hanging = hanging
        self.row: TicketRow | None = None

    def look_up(self, event: EventId, lists: Sequence[ListId], key: TicketKey, day: Day) -> Lookup:
        if self._book is None:
            return Lookup(self.row, {})
        return Lookup(self.row, self._book.look_up(event, lists, key, day).uses)

    def addons(self, _event: EventId, parent: TicketKey) -> Sequence[TicketRow]:
        return self._hanging.get(parent, ())

    def entries(self, event: EventId, name: ListId, key: TicketKey) -> Sequence[int]:
        return () if self._book is None else self._book.entries(event, name, key)

    def inside(self, _event: EventId, _gates: Sequence[GateId]) -> int:
        return 0


def rehearse(
    state_dir: Path, world: World, book: TicketBook, *, at_s: int, gate: str | None, direction: Direction
) -> Rehearsal:
    """Ask every ticket of every event served.

    The guest shows what was sold (a rotating ticket as a fresh code), the clock is right, the data is fresh, the lane is
    free: what comes out is what the tickets and the policy make of it.

    Args:
        book: the uses known here. at_s: Unix seconds. gate: id of the policy's gate; None = this one.

    Raises:
        StorageError: a file cannot be read. ConfigError: the policy has no such gate.
    """
    result, begun = Rehearsal(), time.monotonic()
    for event in world.events:
        _Event(state_dir, _at_gate(event, gate, at_s), book, at_s, direction).ask(result)
    result.seconds = time.monotonic() - begun
    return result


def _at_gate(event: ServedEvent, gate: str | None, at_s: int) -> ServedEvent:
    known = event.policy.gates
    if gate is not None and gate not in known:
        raise ConfigError([("--gate", f"{event.id} has no gate {gate}", f"there are: {', '.join(known)}")])
    return replace(event, gate=known[GateId(gate)] if gate is not None else event.gate, issued_ms=at_s * 1000)


class _Event:
    def __init__(self, state_dir: Path, event: ServedEvent, book: TicketBook, at_s: int, direction: Direction) -> None:
        self._state_dir = state_dir
        self._event = event
        self._book = book
        self._at_s = at_s
        moment = Moment(at=at_s * 1000, mono=0, boot=_BOOT, trust=ClockTrust.SYNCED, error_ms=0)
        self._place = Place(direction=direction, moment=moment, lane="ready", clock_policy="admit_marked")
        lists = [event.policy.lists[name] for name in event.gate.lists]
        self._by_ext = any(item.rules is not None for item in lists)
        self._with_addons = any(item.addon_of is not None for item in lists)

    def ask(self, result: Rehearsal) -> None:
        try:
            self._ask(result)
        except sqlite3.Error as error:
            raise StorageError(f"the manifest of {self._event.id} cannot be read: {error}") from error

    def _ask(self, result: Rehearsal) -> None:
        used = self._used()
        hanging = self._hanging() if self._with_addons else {}
        fresh, known = _Rows(None, hanging), _Rows(self._book, hanging)
        answers: dict[tuple[Any, ...], tuple[bool, str, str]] = {}
        now, by_ext = self._at_s, self._by_ext
        for row in self._rows():
            key, product, zones, state, flags, uses, nbf, exp, _, _, ext = row
            if key in used or key in hanging:
                result.add(self._answer(row, known))
                continue
            # All that the answer can depend on: of its window a ticket has only before, within and after.
            kind = (
                product,
                zones,
                state,
                flags,
                uses,
                nbf is None or nbf <= now,
                exp is None or now <= exp,
                by_ext and ext,
            )
            answer = answers.get(kind)
            if answer is None:
                answer = answers[kind] = self._answer(row, fresh)
            result.add(answer)

    def _answer(self, row: Sequence[Any], tickets: _Rows) -> tuple[bool, str, str]:
        tickets.row = _ticket(row)
        rotating = bool(tickets.row.flags & TicketFlag.ROTATING)
        claims = Claims(
            format="rotating" if rotating else "gt1",
            key_input=b"",
            event=self._event.id,
            kid=Kid(b""),
            flags=int(rotating),
            code_step=self._at_s // CODE_STEP_S if rotating else None,
        )
        decision = decide(gather_key(tickets.row.key, claims, self._event, self._place, tickets).facts)
        return decision.admit, decision.reason.value, decision.detail

    def _rows(self) -> Iterator[Sequence[Any]]:
        """Every ticket once: of the changes, then of the base what they do not change."""
        changed = {}
        with closing(open_reader(self._state_dir / "sync.db")) as sync:
            for row in sync.execute(_OVERLAY, (self._event.id,)):
                changed[row[0]] = row
        for row in changed.values():
            if row[3] != TicketState.REMOVED:
                yield row
        if self._event.base_sha256 is None:
            return
        with closing(open_immutable(base_path(self._state_dir, self._event.base_sha256))) as base:
            cursor = base.execute(_BASE)
            while rows := cursor.fetchmany(10_000):
                for row in rows:
                    if row[3] != TicketState.REMOVED and row[0] not in changed:
                        yield row

    def _hanging(self) -> dict[bytes, list[TicketRow]]:
        found: dict[bytes, list[TicketRow]] = {}
        for row in self._rows():
            if row[8] is not None:
                found.setdefault(row[8], []).append(_ticket(row))
        return found

    def _used(self) -> set[bytes]:
        """Tickets that somebody has used somewhere."""
        found: set[bytes] = set()
        for name, statement in (("journal.db", _USED), ("sync.db", _USED_ELSEWHERE)):
            if not (self._state_dir / name).exists():
                continue  # not started yet
            with closing(open_reader(self._state_dir / name)) as connection:
                found |= {key for (key,) in connection.execute(statement, (self._event.id,))}
        return found


def _ticket(row: Sequence[Any]) -> TicketRow:
    key, product, zones, state, flags, uses, nbf, exp, parent, lang, ext = row
    return TicketRow(
        key=TicketKey(key), product=product, zones=zones, state=state, flags=flags, uses=uses, nbf=nbf, exp=exp,
        parent=parent, lang=lang, ext=ext,
    )  # fmt: skip
