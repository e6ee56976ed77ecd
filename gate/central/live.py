"""The read-only live page: events, devices, check-ins, incidents. Answers this machine only; it has no login.

Static files lie in `live/`; the colours are those of `kiosk_ui/tokens.css`. Nothing here changes state.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, Response
from sqlalchemy import Connection, func, select

from gate.central import devices, incidents, manifests, schema
from gate.central.http import ApiError, from_this_machine
from gate.central.service import Central
from gate.model import TicketKey
from gate.wire.numbers import ticket_number

_FOLDER = Path(__file__).parent / "live"
_TOKENS = Path(__file__).resolve().parents[2] / "kiosk_ui" / "tokens.css"
_FILES = {
    "app.js": (_FOLDER / "app.js", "text/javascript"),
    "style.css": (_FOLDER / "style.css", "text/css"),
    "tokens.css": (_TOKENS, "text/css"),
    "icon.svg": (_FOLDER / "icon.svg", "image/svg+xml"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_MINUTE_MS = 60_000
_LAST_CHECKINS = 25
_LAST_INCIDENTS = 20


def router(central: Central) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def page(request: Request) -> Response:
        _only_here(request)
        return FileResponse(_FOLDER / "index.html", media_type="text/html", headers=_HEADERS)

    @routes.get("/live/state.json")
    async def state(request: Request) -> Response:
        _only_here(request)
        now_ms = central.clock()
        content = await run_in_threadpool(central.db.read, lambda connection: state_of(connection, now_ms))
        return JSONResponse(content, headers=_HEADERS)

    @routes.get("/live/{name}")
    async def asset(request: Request, name: str) -> Response:
        _only_here(request)
        if name not in _FILES:
            raise ApiError(404, "not_found", "no such file")
        path, media_type = _FILES[name]
        return FileResponse(path, media_type=media_type, headers=_HEADERS)

    return routes


def _only_here(request: Request) -> None:
    """Raises: ApiError 403 for another machine."""
    if not from_this_machine(request):
        raise ApiError(403, "forbidden", "the live page is served to this machine only")


def state_of(connection: Connection, now_ms: int) -> dict[str, Any]:
    """Events, devices, the last check-ins and incidents."""
    head = schema.event_head
    rows = connection.execute(
        select(schema.event, head)
        .join(head, head.c.event_id == schema.event.c.event_id)
        .order_by(schema.event.c.event_id)
    ).all()
    return {
        "now": now_ms,
        "events": [_event(connection, row, now_ms) for row in rows],
        "devices": [_device(device) for device in devices.every(connection)],
        "checkins": _last_checkins(connection),
        "incidents": incidents.listed(connection, limit=_LAST_INCIDENTS),
    }


def _event(connection: Connection, row: Any, now_ms: int) -> dict[str, Any]:
    policy = json.loads(row.policy)
    table = schema.checkin
    recent = connection.execute(
        select(func.coalesce(func.sum(table.c["count"]), 0)).where(
            table.c.event_id == row.event_id,
            table.c.received > now_ms - _MINUTE_MS,
            table.c.kind.in_(("admitted", "override")),
        )
    ).scalar_one()
    base = None if row.base_sha256 is None else manifests.base_of(connection, row.event_id, row.base_sha256)
    return {
        "id": row.event_id,
        "name": policy.get("name", {}),
        "tickets": base.rows if base else 0,
        "records": row.checkins,
        "admissions": row.admissions,
        "last_minute": int(recent),
        "incidents": row.incidents,
        "seq": row.seq,
        "cursor": row.cursor,
        "published": row.issued or None,
    }


def _device(device: devices.Device) -> dict[str, Any]:
    beat = device.beat
    return {
        "device": device.device,
        "gate": device.gate,
        "short": device.short,
        "profile": device.profile,
        "events": device.events,
        "enrolled": device.enrolled,
        "revoked": device.revoked,
        "beat_at": device.beat_at,
        "data_age_s": beat.get("data_age_s"),
        "queue": beat.get("queue"),
        "clock": beat.get("clock"),
        "lane": beat.get("lane"),
    }


def _last_checkins(connection: Connection) -> list[dict[str, Any]]:
    """The newest of each event by its number (an index), then the newest of those."""
    table = schema.checkin
    found: list[Any] = []
    for event in connection.execute(select(schema.event.c.event_id)).scalars().all():
        query = select(table).where(table.c.event_id == event).order_by(table.c.n.desc()).limit(_LAST_CHECKINS)
        found += connection.execute(query).all()
    rows = sorted(found, key=lambda row: (row.received, row.n), reverse=True)[:_LAST_CHECKINS]
    return [
        {
            "event": row.event_id,
            "gate": row.gate,
            "seq": row.seq,
            "kind": row.kind,
            "reason": row.reason,
            "dir": row.dir,
            "number": None if row.ticket is None else ticket_number(TicketKey(row.ticket)),
            "at": row.at,
            "received": row.received,
        }
        for row in rows
    ]
