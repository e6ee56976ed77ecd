"""Incidents: what people must be told. A row each, numbered per event; nothing here ever refuses a record."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, insert, select, update

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


def listed(connection: Connection, *, limit: int, event: str | None = None) -> list[dict[str, Any]]:
    """The newest first. `event` "" = those of the server and its devices; None = all."""
    query = select(incident).order_by(incident.c.at.desc(), incident.c.n.desc()).limit(limit)
    if event is not None:
        query = query.where(incident.c.event_id == event)
    return [
        {
            "event": row.event_id,
            "n": row.n,
            "kind": row.kind,
            "gate": row.gate,
            "device": row.device,
            "at": row.at,
            "detail": json.loads(row.detail),
            "ended": row.ended,
        }
        for row in connection.execute(query)
    ]
