"""All that a decision may depend on, in one frozen value that is journaled with it and read back by explain and replay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from gate.model import (
    CheckinList,
    Claims,
    ClockTrust,
    Direction,
    EventMode,
    GateDef,
    Moment,
    Policy,
    Reason,
    TicketFlag,
    TicketRow,
    TicketState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """How often a ticket was used on one list, everywhere known. `first_*` of the first entry that counts."""

    entries: int = 0
    exits: int = 0
    annuls: int = 0
    day_entries: int = 0
    first_at: int | None = None
    first_gate: str | None = None
    last_dir: str | None = None
    step: int | None = None
    """Newest step of a rotating code that was admitted here."""


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
    list: str | None = None
    signed: bool = False
    rotating: bool = False
    found: bool = False
    """The manifest (base and changes) has the ticket."""
    mode: str = "allow_list"
    state: int = TicketState.VALID
    product: int | None = None
    zones: int = 0
    flags: int = 0
    uses: int = 1
    nbf: int | None = None
    exp: int | None = None
    lang: str | None = None
    list_known: bool = True
    list_products: tuple[int, ...] | None = None
    list_zones: int = 0xFFFF
    list_unpaid: bool = False
    list_multiple: bool = False
    list_rules: bool = False
    list_addon: bool = False
    list_opens: int | None = None
    list_closes: int | None = None
    gate_zones: int = 0xFFFF
    max_day: int = 0
    max_total: int = 0
    entries: int = 0
    exits: int = 0
    day_entries: int = 0
    first_at: int | None = None
    """Unix ms."""
    first_gate: str | None = None
    code_step: int | None = None
    """Step of the rotating code shown, and the newest one admitted here (30 s each, since 1970)."""
    last_step: int | None = None
    data_age_s: int | None = None
    stale_s: int = 0
    stale: str = "warn"
    clock_policy: str = "admit_marked"

    def to_map(self) -> dict[str, Any]:
        """CBOR- and JSON-ready."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def facts_from_map(value: Mapping[str, Any]) -> Facts:
    """Read facts of a journal row; keys of a newer gate are ignored, missing ones take their defaults."""
    known = {item.name for item in fields(Facts)}
    kept: dict[str, Any] = {name: item for name, item in value.items() if name in known}
    if kept.get("list_products") is not None:
        kept["list_products"] = tuple(kept["list_products"])
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


def problem_facts(place: Place, reason: Reason, detail: str) -> Facts:
    """Facts of a text that is no ticket here."""
    return Facts(
        direction=place.direction,
        now=place.moment.seconds,
        clock=place.moment.trust,
        lane=place.lane,
        clock_policy=place.clock_policy,
        problem=reason,
        problem_detail=detail,
    )


def ticket_facts(
    place: Place,
    claims: Claims,
    row: TicketRow | None,
    policy: Policy,
    gate: GateDef,
    mode: EventMode,
    checkin_list: CheckinList | None,
    used: Uses,
    data_age_s: int | None,
) -> Facts:
    """Facts of a ticket. Where row and claims both speak, the row decides; a NULL in the row means "as in the claims"."""
    found = row is not None and row.state != TicketState.REMOVED
    if row is None or not found:
        row = None
    product = row.product if row else claims.product
    kind = policy.products.get(product) if product is not None else None
    chosen = checkin_list or CheckinList(id=_NO_LIST)
    return Facts(
        direction=place.direction,
        now=place.moment.seconds,
        clock=place.moment.trust,
        lane=place.lane,
        clock_policy=place.clock_policy,
        format=claims.format,
        event=policy.event,
        list=chosen.id or None,
        signed=claims.signed,
        rotating=bool(claims.flags & 1) or bool(row and row.flags & TicketFlag.ROTATING),
        found=found,
        mode=mode.mode,
        state=int(row.state) if row else TicketState.VALID,
        product=product,
        zones=row.zones if row else (claims.zones or 0),
        flags=(row.flags if row else 0) | (kind.flags if kind else 0),
        uses=row.uses if row else 1,
        nbf=row.nbf if row and row.nbf is not None else claims.nbf,
        exp=row.exp if row and row.exp is not None else claims.exp,
        lang=row.lang if row else None,
        list_known=checkin_list is not None,
        list_products=chosen.products,
        list_zones=chosen.zones,
        list_unpaid=chosen.include_unpaid,
        list_multiple=chosen.multiple,
        list_rules=chosen.rules is not None,
        list_addon=chosen.addon_of is not None,
        list_opens=chosen.opens,
        list_closes=chosen.closes,
        gate_zones=gate.zones,
        max_day=kind.max_day if kind else 0,
        max_total=kind.max_total if kind else 0,
        entries=used.entries,
        exits=used.exits,
        day_entries=used.day_entries,
        first_at=used.first_at,
        first_gate=used.first_gate,
        code_step=claims.code_step,
        last_step=used.step,
        data_age_s=data_age_s,
        stale_s=mode.stale_s,
        stale=mode.stale,
    )


_NO_LIST: Any = ""
