"""Facts made of what was gathered: which of row, claims, product and list decides each of them. Looks nothing up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gate.decision.facts import HISTORY_MAX, NO_USES, Facts, Place, Uses
from gate.decision.jsonlogic import MAX_CHARS
from gate.model import (
    CheckinList,
    Claims,
    EventMode,
    GateDef,
    ListId,
    Policy,
    Product,
    Reason,
    TicketFlag,
    TicketRow,
    TicketState,
)

_NO_LIST = CheckinList(id=ListId(""))
_NO_PRODUCT = Product(n=0)
_EXT_MAX = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """All that was looked up for one ticket. Times of `history` are Unix seconds, oldest first."""

    claims: Claims
    row: TicketRow | None
    policy: Policy
    gate: GateDef
    mode: EventMode
    list: CheckinList | None
    """The list that the ticket counts on here; None = no list of this gate takes it."""
    used: Uses = NO_USES
    data_age_s: int | None = None
    addon: str = ""
    shown: TicketRow | None = None
    """The ticket that was shown, where it is an add-on of it that is decided: what makes it void makes both void."""
    capacity: int = 0
    inside: int = 0
    history: tuple[int, ...] = ()


def problem_facts(place: Place, reason: Reason, detail: str) -> Facts:
    """Facts of a text that is no ticket here. Two tickets of one text are known, only not which."""
    return Facts(
        direction=place.direction,
        now=place.moment.seconds,
        clock=place.moment.trust,
        lane=place.lane,
        clock_policy=place.clock_policy,
        problem=reason,
        problem_detail=detail,
        found=reason is Reason.AMBIGUOUS,
    )


def ticket_facts(place: Place, known: Gathered) -> Facts:
    """Facts of a ticket. Where row and claims both speak, the row decides; a NULL in the row means "as in the claims"."""
    claims, used = known.claims, known.used
    row = known.row if known.row is not None and known.row.state != TicketState.REMOVED else None
    product = row.product if row else claims.product
    kind = known.policy.products.get(product, _NO_PRODUCT) if product is not None else _NO_PRODUCT
    chosen = known.list or _NO_LIST
    shown_flags = known.shown.flags if known.shown else 0
    void = known.shown is not None and known.shown.state == TicketState.REVOKED
    flags = (row.flags if row else 0) | kind.flags | shown_flags & TicketFlag.TEST
    return Facts(
        direction=place.direction,
        now=place.moment.seconds,
        clock=place.moment.trust,
        lane=place.lane,
        clock_policy=place.clock_policy,
        format=claims.format,
        event=known.policy.event,
        gate=known.gate.id,
        list=chosen.id or None,
        signed=claims.signed and known.addon != "found",
        rotating=bool(claims.flags & 1 or ((row.flags if row else 0) | shown_flags) & TicketFlag.ROTATING),
        found=row is not None,
        mode=known.mode.mode,
        state=TicketState.REVOKED if void else int(row.state) if row else TicketState.VALID,
        product=product,
        zones=row.zones if row else (claims.zones or 0),
        flags=flags,
        uses=row.uses if row else 1,
        nbf=row.nbf if row and row.nbf is not None else claims.nbf,
        exp=row.exp if row and row.exp is not None else claims.exp,
        lang=row.lang if row else None,
        list_known=known.list is not None,
        list_products=chosen.products,
        list_zones=chosen.zones,
        list_unpaid=chosen.include_unpaid,
        list_multiple=chosen.multiple,
        list_reentry=chosen.reentry,
        list_rules=chosen.rules is not None,
        list_addon=chosen.addon_of is not None,
        list_opens=chosen.opens,
        list_closes=chosen.closes,
        addon=known.addon,
        gate_zones=known.gate.zones,
        reentry=kind.reentry,
        passback=kind.passback,
        max_day=kind.max_day,
        max_total=kind.max_total,
        entries=used.entries,
        exits=used.exits,
        day_entries=used.day_entries,
        inside=used.inside,
        first_at=used.first_at,
        first_gate=used.first_gate,
        last_at=used.last_at,
        code_step=claims.code_step,
        last_step=used.step,
        area_capacity=known.capacity,
        area_inside=known.inside,
        data_age_s=known.data_age_s,
        stale_s=known.mode.stale_s,
        stale=known.mode.stale,
        **(_rules(chosen.rules, known, row, product) if chosen.rules is not None else {}),
    )


def _rules(text: str, known: Gathered, row: TicketRow | None, product: int | None) -> dict[str, Any]:
    """What custom rules may ask for. A backend's own numbers stand in the row's `ext`."""
    ext = _ext(row.ext if row else None)
    dates = known.policy.raw.get("dates")
    dates = dates if isinstance(dates, Mapping) else {}
    item, variation = _whole(ext.get("item")), _whole(ext.get("variation"))
    return {
        "rules_text": text if len(text) <= MAX_CHARS else None,
        "rules_product": item if item is not None else product,
        "rules_variation": variation if variation is not None else known.claims.variation,
        "rules_history": known.history[-HISTORY_MAX:],
        "tz": known.policy.tz,
        "day_start": known.policy.day_start,
        **{
            name: own if (own := _whole(ext.get(name))) is not None else _whole(dates.get(name))
            for name in ("date_from", "date_to", "date_admission")
        },
    }


def _ext(text: str | None) -> dict[str, Any]:
    """A row's `ext`, empty when it is not an object: what is missing, the rule then says."""
    if text is None or len(text) > _EXT_MAX:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int | None:
    return value if type(value) is int and abs(value) < 2**63 else None
