"""Drafts and journals for the tests of the storage."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gate.decision.facts import Facts
from gate.model import ClockTrust, Direction, Moment
from gate.ports import Draft
from gate.storage.check import Check, verify_journal
from gate.storage.journal import JournalStore
from gate.wire.sign1 import public_bytes
from tests.fakes.clock import BOOT
from tests.fakes.issuer import NOW_S, key

KEY = key("journal")
PUBLIC = public_bytes(KEY)


def counting(life: int) -> Callable[[int], bytes]:
    """Bytes that never repeat, in no life of a gate, and are the same every time."""
    numbers = itertools.count(life << 40)
    return lambda size: next(numbers).to_bytes(size, "big")


def store(path: Path, *, life: int = 1, head_every: int = 100) -> JournalStore:
    return JournalStore(path / "journal.db", gate="g2", key=KEY, random=counting(life), head_every=head_every)


def moment(ms: int = 0, trust: ClockTrust = ClockTrust.SYNCED) -> Moment:
    return Moment(at=NOW_S * 1000 + ms, mono=1_000 + ms, boot=BOOT, trust=trust, error_ms=40)


def ticket(n: int) -> bytes:
    return n.to_bytes(16, "big")


def draft(
    n: int = 1, kind: str = "admitted", *, event: str = "spring", day: str | None = "2026-12-23", **changes: Any
) -> Draft:
    """A row about ticket `n`."""
    direction = Direction.EXIT if kind == "exit" else Direction.ENTRY
    facts = Facts(direction=direction, now=NOW_S, clock=ClockTrust.SYNCED, event=event, entries=n)
    values: dict[str, Any] = {
        "event": event, "kind": kind, "list": "main", "direction": direction, "ticket": ticket(n), "product": 12,
        "reason": "ok", "detail": "", "rule": "", "input": "cam0", "facts": facts, "day": day,
    }  # fmt: skip
    return Draft(**(values | changes))


def read(path: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """By a connection of its own, as another process would."""
    connection = sqlite3.connect(f"file:{path / 'journal.db'}?mode=ro", uri=True)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def check(path: Path) -> Check:
    return verify_journal(path / "journal.db", PUBLIC)
