"""What a set of check-ins of one (event, list, ticket) means (contracts 5): who was first, and which admission was one too many.

Pure: the same set gives the same answer on gate, hub and central, in whatever order and however often it arrived. No
database, no clock; time zones come in as a function.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gate.errors import FormatError
from gate.wire.cbor import Fields
from gate.wire.journal import ref_of

USE_KINDS = ("admitted", "override", "exit", "reconciled")
"""Kinds that count. `annulled` takes one of them back; `clock` says when they happened."""
ENTRY_KINDS = ("admitted", "override", "reconciled")
Place = tuple[str, str, int]
"""(gate, epoch, seq): the one name of a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The fields of a record that matter here. `epoch` 16 hex, `at` Unix ms, `mono` ms since boot, `ref` = gate/epoch/seq."""

    gate: str
    epoch: str
    seq: int
    kind: str
    dir: str | None = "entry"
    count: int = 1
    at: int
    mono: int | None = None
    boot: str | None = None
    error_ms: int | None = None
    ref: str | None = None

    @property
    def place(self) -> Place:
        return self.gate, self.epoch, self.seq

    @property
    def own_ref(self) -> str:
        return ref_of(self.gate, self.epoch, self.seq)

    @property
    def is_exit(self) -> bool:
        return self.kind == "exit" or self.dir == "exit"


@dataclass(frozen=True, slots=True)
class BootClock:
    """A `clock` record: Unix ms at monotonic 0 of one boot of a gate, and its error bound in ms."""

    gate: str
    boot: str
    base_ms: int
    error_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the organiser allows. Numbers: 0 = unlimited.

    `reentry`: none, after_exit, free. `passback`: off, soft, hard or minutes. Of the list: `multiple` counts nothing,
    `list_reentry` lets in again after an exit. The rules of the decision about one scan say the same (a test holds both).
    """

    uses: int = 1
    max_total: int = 0
    max_day: int = 0
    reentry: str = "none"
    passback: str | int = "off"
    multiple: bool = False
    list_reentry: bool = False

    def exceeded(self, entries: int, inside: bool) -> bool:
        """Whether so many entries are too many in all. Who may come back uses up nothing of `uses`."""
        returns = self.reentry == "free" or (not inside and (self.reentry == "after_exit" or self.list_reentry))
        return 0 < self.max_total < entries or (0 < self.uses < entries and not returns)

    def passed_back(self, since_last_ms: int) -> bool:
        """Whether somebody who is inside may not enter again so long after the last entry."""
        if isinstance(self.passback, str):
            return self.passback == "hard"
        return since_last_ms < self.passback * 60_000


@dataclass(frozen=True, slots=True)
class Placed:
    """A use with its corrected time, Unix ms, and the bound of its error in ms; None = nobody knows."""

    use: Use
    time: int
    error_ms: int | None

    def overlaps(self, other: Placed) -> bool:
        """Whether either of the two may have been first. Records of one boot, or one epoch, have one clock: they never do."""
        if self.use.gate == other.use.gate and (
            self.use.epoch == other.use.epoch or (self.use.boot is not None and self.use.boot == other.use.boot)
        ):
            return False
        if self.error_ms is None or other.error_ms is None:
            return True
        return abs(self.time - other.time) <= self.error_ms + other.error_ms


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An admission that would have been refused by whoever had seen everything. `why`: inside, total, day or passback.

    `first` is the use that it collides with: the first of all (total), of its day (day), or the last entry before.
    """

    placed: Placed
    first: Placed
    why: str
    order_unknown: bool


@dataclass(frozen=True, slots=True)
class Resolution:
    """`order`: every use that counts, first to last. `entries` and `exits` in people."""

    order: tuple[Placed, ...] = ()
    entries: int = 0
    exits: int = 0
    duplicates: tuple[Duplicate, ...] = ()


def resolve(
    records: Iterable[Use],
    clocks: Iterable[BootClock],
    limits: Limits,
    day_of: Callable[[int], Hashable],
) -> Resolution:
    """Walk a ticket's uses in order of corrected time.

    An admission that the walk refuses counts all the same: somebody went in.

    Args:
        records: of one (event, list, ticket); repetitions and other kinds do no harm.
        clocks: of any gates and boots.
        day_of: local day of the event for a Unix ms.
    """
    known = _distinct(records)
    annulled = {use.ref for use in known.values() if use.kind == "annulled"}
    best = best_clocks(clocks)
    order = sorted(
        (_placed(use, best) for use in known.values() if use.kind in USE_KINDS and use.own_ref not in annulled),
        key=lambda item: (item.time, item.use.place),
    )
    return _walk(tuple(order), limits, day_of)


def best_clocks(clocks: Iterable[BootClock]) -> dict[tuple[str, str], BootClock]:
    """The clock record of each (gate, boot) with the least (error, base)."""
    best: dict[tuple[str, str], BootClock] = {}
    for clock in clocks:
        old = best.get((clock.gate, clock.boot))
        if old is None or (clock.error_ms, clock.base_ms) < (old.error_ms, old.base_ms):
            best[clock.gate, clock.boot] = clock
    return best


def _distinct(records: Iterable[Use]) -> dict[Place, Use]:
    """One record a place. Two different ones (a forged or forked journal) must not make the answer depend on their order."""
    known: dict[Place, Use] = {}
    for use in records:
        other = known.get(use.place)
        if other is None or (other != use and repr(use) < repr(other)):
            known[use.place] = use
    return known


def _placed(use: Use, best: Mapping[tuple[str, str], BootClock]) -> Placed:
    clock = best.get((use.gate, use.boot)) if use.boot is not None else None
    if clock is None or use.mono is None:
        return Placed(use, use.at, use.error_ms)
    return Placed(use, clock.base_ms + use.mono, clock.error_ms)


def _walk(order: tuple[Placed, ...], limits: Limits, day_of: Callable[[int], Hashable]) -> Resolution:
    entries = exits = 0
    days: dict[Hashable, int] = {}
    first_of_day: dict[Hashable, Placed] = {}
    first: Placed | None = None
    last: Placed | None = None
    inside = False
    refused: list[tuple[Placed, Placed, str]] = []
    for placed in order:
        use = placed.use
        if use.is_exit:
            exits += use.count
            inside = False
            continue
        day = day_of(placed.time) if limits.max_day else None
        if use.kind == "admitted" and not limits.multiple and first is not None and last is not None:
            total = entries + use.count
            if inside and limits.reentry == "after_exit":
                refused.append((placed, last, "inside"))
            elif limits.exceeded(total, inside):
                refused.append((placed, first, "total"))
            elif limits.max_day and day in first_of_day and days[day] + use.count > limits.max_day:
                refused.append((placed, first_of_day[day], "day"))
            elif inside and limits.passed_back(placed.time - last.time):
                refused.append((placed, last, "passback"))
        entries += use.count
        days[day] = days.get(day, 0) + use.count
        first_of_day.setdefault(day, placed)
        first, last = first or placed, placed
        inside = True
    granted = {id(item) for item in order} - {id(item) for item, _, _ in refused}
    return Resolution(
        order,
        entries,
        exits,
        tuple(
            Duplicate(item, beside, why, any(id(other) in granted and item.overlaps(other) for other in order))
            for item, beside, why in refused
        ),
    )


# ---- from the wire


def use_from_json(value: Any) -> Use:
    """A record of a push or of the feed. Raises: FormatError."""
    fields = Fields(value, "record")
    return Use(
        gate=fields.text("gate", 40),
        epoch=fields.text("epoch", 16),
        seq=fields.integer("seq", 1),
        kind=fields.text("kind", 40),
        dir=fields.maybe_text("dir"),
        count=fields.integer("count", 1),
        at=fields.integer("at"),
        mono=fields.maybe_integer("mono"),
        boot=fields.maybe_text("boot"),
        error_ms=fields.maybe_integer("error_ms"),
        ref=fields.maybe_text("ref"),
    )


def clock_from_json(value: Any) -> BootClock | None:
    """The clock of a `clock` record; None for every other kind, and for one whose data nobody can use. Raises: FormatError."""
    fields = Fields(value, "record")
    if fields.text("kind", 40) != "clock":
        return None
    try:
        data = fields.inner("data")
        return BootClock(
            fields.text("gate", 40), fields.text("boot", 200), data.integer("base_ms"), data.integer("error_ms")
        )
    except FormatError:
        return None  # an admission is placed by its own clock then
