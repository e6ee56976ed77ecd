"""Remote tasks for a device: put by an operator, taken along by its next heartbeat, once.

A task whose answer is lost on the way is lost: an opening that comes late or twice is worse than one that does not come.
What a gate does with it is the gate's (`[sync] remote`), and stands in its journal.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update

from gate.central import devices, events, schema
from gate.errors import ConfigError
from gate.wire.journal import uuid7

WORDS = ("pull", "disable", "enable", "open_once")
LIFE_MS = 90_000
"""Three heartbeats. Who is not there then is told nothing of it later: nobody waits at that lane any more."""
_WAITING_MAX = 20
"""As many as a gate reads of one answer."""


def put(connection: Connection, device: str, do: str, who: str, now_ms: int, random: bytes) -> dict[str, Any]:
    """Raises: NotHereError; ConfigError: an unknown word, a device that cannot take it, too many are waiting."""
    if do not in WORDS:
        raise ConfigError([("do", f"{do!r} is unknown", "one of " + ", ".join(WORDS))])
    found = devices.get(connection, device)
    if found is None:
        raise events.NotHereError([("device", f"there is no device {device!r}", "see `gate central device list`")])
    if found.enrolled is None or found.revoked is not None or (found.profile != "gate" and do != "pull"):
        raise ConfigError(
            [("device", f"{device} cannot take this task", "it must be enrolled, and a gate to move a lane")]
        )
    if len(_waiting(connection, device, now_ms)) >= _WAITING_MAX:
        raise ConfigError(
            [("device", f"{_WAITING_MAX} tasks wait for {device}", "it does not answer; see its heartbeat")]
        )
    task = uuid7(now_ms, random)
    connection.execute(insert(schema.task).values(device=device, id=task, do=do, who=who, made=now_ms))
    return {"task": task, "device": device, "do": do, "expires": now_ms + LIFE_MS}


def take(connection: Connection, device: str, now_ms: int) -> list[dict[str, Any]]:
    """What this heartbeat takes along (contracts 5); from then on it counts as given."""
    table = schema.task
    waiting = _waiting(connection, device, now_ms)
    if waiting:
        names = [row.id for row in waiting]
        connection.execute(update(table).where(table.c.device == device, table.c.id.in_(names)).values(given=now_ms))
    return [{"id": row.id, "do": row.do, "by": row.who} for row in waiting]


def listed(connection: Connection, device: str, now_ms: int, limit: int = 50) -> list[dict[str, Any]]:
    """Newest first; `state`: waiting, given, expired. Raises: NotHereError."""
    if devices.get(connection, device) is None:
        raise events.NotHereError([("device", f"there is no device {device!r}", "see `gate central device list`")])
    table = schema.task
    rows = connection.execute(select(table).where(table.c.device == device).order_by(table.c.id.desc()).limit(limit))
    return [
        {
            "task": row.id, "do": row.do, "by": row.who, "made": row.made, "given": row.given,
            "state": "given" if row.given else "waiting" if row.made + LIFE_MS > now_ms else "expired",
        }
        for row in rows
    ]  # fmt: skip


def _waiting(connection: Connection, device: str, now_ms: int) -> list[Any]:
    table = schema.task
    query = select(table).where(table.c.device == device, table.c.given.is_(None), table.c.made > now_ms - LIFE_MS)
    return list(connection.execute(query.order_by(table.c.id).with_for_update()).all())
