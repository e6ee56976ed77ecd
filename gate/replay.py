"""`gate replay`: every decision of a journal taken again from the facts it was stored with, and from a manifest beside.

Reads only. The rules have no memory, so a difference means other rules, other facts, or a row that was tampered with.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from gate.decision.decide import decide
from gate.decision.facts import Facts, facts_from_map
from gate.errors import DamagedError, FormatError
from gate.model import Decision, TicketFlag, TicketState
from gate.sqlitefile import open_immutable, open_reader
from gate.wire import cbor
from gate.wire.journal import Record, decode_record

_ROWS = "SELECT body, facts FROM journal WHERE kind IN ('admitted','refused','exit') AND facts IS NOT NULL ORDER BY id"
_TICKET = "SELECT product, zones, state, flags, uses, nbf, exp, lang FROM ticket WHERE key = ?"
_OF_PRODUCT = TicketFlag.ATTENTION | TicketFlag.VIP | TicketFlag.MINOR | TicketFlag.ACCESSIBILITY | TicketFlag.STAFF


@dataclass(frozen=True, slots=True)
class Difference:
    """`then`, `now`: `admit`, `reason`, `detail`, and under `facts` those that the manifest gives otherwise."""

    ref: str
    then: dict[str, Any]
    now: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"ref": self.ref, "then": self.then, "now": self.now}


@dataclass(frozen=True, slots=True)
class Replay:
    rows: int
    different: tuple[Difference, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "same": self.rows - len(self.different),
            "different": [item.to_json() for item in self.different],
        }


def replay(journal: Path, manifest: Path | None = None) -> Replay:
    """Take every decision of a journal again.

    Args:
        manifest: base file that was in force; None = only the stored facts.

    Raises:
        DamagedError: a row does not read, or its facts are not those of its decision. StorageError: no such file.
    """
    rows, different = 0, []
    base = open_immutable(manifest) if manifest is not None else None
    try:
        for record, facts in _decisions(journal):
            rows += 1
            again = facts if base is None else from_manifest(facts, record.ticket, base)
            difference = _compare(record, facts, again)
            if difference is not None:
                different.append(difference)
    except sqlite3.Error as error:
        raise DamagedError(f"{manifest}: {error}") from error
    finally:
        if base is not None:
            base.close()
    return Replay(rows, tuple(different))


def _decisions(path: Path) -> Iterator[tuple[Record, Facts]]:
    connection = open_reader(path)
    try:
        for body, stored in connection.execute(_ROWS):
            record = decode_record(body)
            if sha256(stored).hexdigest() != record.facts:
                raise DamagedError(f"{path}: the facts of row {record.own_ref} are not those of its decision")
            yield record, facts_from_map(cbor.loads(stored))
    except (FormatError, KeyError, TypeError, ValueError, sqlite3.Error) as error:
        raise DamagedError(f"{path}: {error}; `gate journal verify` names the row") from error
    finally:
        connection.close()


def from_manifest(facts: Facts, ticket: str | None, base: sqlite3.Connection) -> Facts:
    """The facts as a base file gives them; what only the code, the policy or the uses know stays."""
    if facts.problem is not None or ticket is None:
        return facts
    row = base.execute(_TICKET, (bytes.fromhex(ticket),)).fetchone()
    if row is None or row[2] == TicketState.REMOVED:
        return replace(facts, found=False) if facts.found else facts
    product, zones, state, flags, uses, nbf, exp, lang = row
    revoked_by_other = facts.addon == "found" and facts.state == TicketState.REVOKED
    return replace(
        facts,
        found=True,
        product=product,
        zones=zones,
        state=state if not revoked_by_other else facts.state,
        flags=flags | facts.flags & _OF_PRODUCT,
        rotating=facts.rotating or bool(flags & TicketFlag.ROTATING),
        uses=uses,
        nbf=facts.nbf if nbf is None else nbf,
        exp=facts.exp if exp is None else exp,
        lang=lang,
    )


def _compare(record: Record, facts: Facts, again: Facts) -> Difference | None:
    then: dict[str, Any] = {"admit": record.kind != "refused", "reason": record.reason, "detail": record.detail or ""}
    now = _words(decide(again))
    old, new = facts.to_map(), again.to_map()
    changed = [name for name in old if old[name] != new[name]]
    if then == now and not changed:
        return None
    if changed:
        then |= {"facts": {name: old[name] for name in changed}}
        now |= {"facts": {name: new[name] for name in changed}}
    return Difference(record.own_ref, then, now)


def _words(decision: Decision) -> dict[str, Any]:
    return {"admit": decision.admit, "reason": decision.reason.value, "detail": decision.detail}
