"""All that a decision may depend on, in one frozen value that is journaled with it and read back by explain and replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from gate.model import ClockTrust, Direction, Moment, Reason, TicketState
from gate.wire import cbor

HISTORY_MAX = 500
"""Times of entries that the facts of a list with rules carry, newest last: bounds the row and the evaluation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """How often a ticket was used on one list, everywhere known. Times are Unix ms.

    `first_*` of the first entry that counts, `last_*` of the newest entry or exit that counts.
    """

    entries: int = 0
    exits: int = 0
    annuls: int = 0
    day_entries: int = 0
    first_at: int | None = None
    first_gate: str | None = None
    last_at: int | None = None
    last_dir: str | None = None
    step: int | None = None
    """Newest step of a rotating code that was admitted here."""

    @property
    def inside(self) -> bool:
        """The newest of its entries and exits is an entry."""
        return self.last_dir == "entry" and self.entries > 0


NO_USES = Uses()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Field names are journaled: add, never rename (at most 23 characters). Times are Unix seconds."""

    direction: Direction
    now: int
    clock: ClockTrust
    lane: str = "ready"
    """ready, busy (somebody is passing) or out (closed, disabled, emergency)."""
    problem: Reason | None = None
    """What `verify` refused the text for; then there is no ticket."""
    problem_detail: str = ""
    format: str | None = None
    event: str | None = None
    gate: str | None = None
    list: str | None = None
    signed: bool = False
    """A signature proves this very ticket (not only the one it hangs on)."""
    rotating: bool = False
    found: bool = False
    """The manifest (base and changes) has the ticket."""
    mode: str = "allow_list"
    state: int = TicketState.VALID
    product: int | None = None
    zones: int = 0
    flags: int = 0
    uses: int = 1
    """Entries allowed in total; 0 = unlimited."""
    nbf: int | None = None
    exp: int | None = None
    lang: str | None = None
    list_known: bool = True
    list_products: tuple[int, ...] | None = None
    list_zones: int = 0xFFFF
    list_unpaid: bool = False
    list_multiple: bool = False
    list_reentry: bool = False
    """The list lets a ticket in again after its exit, whatever the product says."""
    list_rules: bool = False
    list_addon: bool = False
    list_opens: int | None = None
    list_closes: int | None = None
    addon: str = ""
    """On a list of add-ons: `found` (this is the one that fits), `none` or `many`."""
    gate_zones: int = 0xFFFF
    reentry: str = "none"
    """Of the product: none, after_exit or free."""
    passback: str | int = "off"
    """Of the product: off, soft, hard or minutes."""
    max_day: int = 0
    max_total: int = 0
    entries: int = 0
    exits: int = 0
    day_entries: int = 0
    inside: bool = False
    first_at: int | None = None
    """Unix ms."""
    first_gate: str | None = None
    last_at: int | None = None
    """Unix ms of the newest entry or exit."""
    code_step: int | None = None
    """Step of the rotating code shown, and the newest one admitted here (30 s each, since 1970)."""
    last_step: int | None = None
    area_capacity: int = 0
    """Of the gate's area; 0 = nobody counts."""
    area_inside: int = 0
    data_age_s: int | None = None
    stale_s: int = 0
    stale: str = "warn"
    clock_policy: str = "admit_marked"
    # Only where the list has rules:
    rules_text: str | None = None
    """JsonLogic; None although `list_rules`: too long to be carried."""
    rules_product: int | None = None
    """Number that the rules know the product by (a backend's own, else ours)."""
    rules_variation: int | None = None
    rules_history: tuple[int, ...] = ()
    """Entries on this list, oldest first, the newest `HISTORY_MAX`."""
    tz: str = "UTC"
    day_start: int = 0
    """Minutes after midnight."""
    date_from: int | None = None
    """Of the event, or of the ticket's own date in a series."""
    date_to: int | None = None
    date_admission: int | None = None

    def to_map(self) -> dict[str, Any]:
        """CBOR- and JSON-ready."""
        values = {name: getattr(self, name) for name in NAMES}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def encode(self) -> bytes:
        """The map as deterministic CBOR, for each journal row: in the order of its keys, so that the encoder need not sort."""
        return cbor.dumps_ordered(dict(zip(_CANONICAL, _VALUES(self), strict=True)))


NAMES = tuple(item.name for item in fields(Facts))
_CANONICAL = tuple(sorted(NAMES, key=lambda name: (len(name), name)))
_VALUES = attrgetter(*_CANONICAL)
_KNOWN = frozenset(NAMES)
_TUPLES = ("list_products", "rules_history")


def facts_from_map(value: Mapping[str, Any]) -> Facts:
    """Read facts of a journal row; keys of a newer gate are ignored, missing ones take their defaults."""
    kept: dict[str, Any] = {name: item for name, item in value.items() if name in _KNOWN}
    for name in _TUPLES:
        if kept.get(name) is not None:
            kept[name] = tuple(kept[name])
    kept["direction"] = Direction(kept["direction"])
    kept["clock"] = ClockTrust(kept["clock"])
    if kept.get("problem") is not None:
        kept["problem"] = Reason(kept["problem"])
    return Facts(**kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the scan happened, and how fresh the data is: the same for every ticket until something changes."""

    direction: Direction
    moment: Moment
    lane: str
    clock_policy: str
