"""Incidents: what people must be told. A row each, numbered per event; nothing here ever refuses a record."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, insert, update

from gate.central.schema import event_head, incident


def add(
    connection: Connection,
    event: str,
    kind: str,
    now_ms: int,
    *,
    gate: str | None = None,
    device: str | None = None,
    detail: dict[str, Any] | None = None,
    list_: str | None = None,
    ticket: bytes | None = None,
    ref: str | None = None,
) -> int:
    """`kind`: a short stable word (`journal_fork`, `two_boots`, `duplicate_admission`, ...). Returns: its number."""
    number: int = connection.execute(
        update(event_head)
        .where(event_head.c.event_id == event)
        .values(incidents=event_head.c.incidents + 1)
        .returning(event_head.c.incidents)
    ).scalar_one()
    connection.execute(
        insert(incident).values(
            event_id=event,
            n=number,
            kind=kind,
            gate=gate,
            device=device,
            at=now_ms,
            detail=json.dumps(detail or {}),
            list=list_,
            ticket=ticket,
            ref=ref,
        )
    )
    return number
