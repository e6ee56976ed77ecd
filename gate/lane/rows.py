"""Drafts of the rows that every way into a lane writes: the answer to a code, and a row about an earlier one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate.lane.gather import Found
from gate.model import Decision, Direction
from gate.ports import Draft
from gate.wire.journal import DEVICE_STREAM, Record


def outcome(
    found: Found,
    decision: Decision,
    direction: Direction,
    *,
    input: str,
    data: Any,
    count: int = 1,
    actor: str | None = None,
    latency: Mapping[str, float] | None = None,
) -> Draft:
    """What was answered, by a reader or by hand. A text of no event goes into the device's own stream."""
    opened = "admitted" if direction is Direction.ENTRY else "exit"
    return Draft(
        event=found.event.id if found.event else DEVICE_STREAM,
        kind=opened if decision.admit else "refused",
        list=found.facts.list,
        direction=direction,
        ticket=found.ticket,
        product=found.facts.product,
        count=count,
        reason=decision.reason,
        detail=decision.detail,
        rule=decision.rule,
        actor=actor,
        input=input,
        facts=found.facts,
        data=data,
        day=found.day,
        latency=latency,
    )


def about(record: Record, kind: str, *, actor: str | None = None, input: str | None = None, data: Any = None) -> Draft:
    """A row with `ref` repeats event, list and ticket (contracts 4)."""
    return Draft(
        event=record.event,
        kind=kind,
        list=record.list,
        direction=Direction(record.dir) if record.dir else None,
        ticket=bytes.fromhex(record.ticket) if record.ticket else None,
        product=record.product,
        count=record.count,
        ref=record.own_ref,
        actor=actor,
        input=input,
        data=data,
    )
