"""Remote tasks for a device: put by an operator, taken along by its next heartbeat, once.

A task whose answer is lost on the way is lost: an opening that comes late or twice is worse than one that does not come.
What a gate does with it is the gate's (`[sync] remote`), and stands in its journal.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update

from gate.central import devices, events, schema
from gate.errors import ConfigError
from gate.wire import cbor
from gate.wire.journal import DEVICE_STREAM, uuid7

WORDS = ("pull", "disable", "enable", "open_once")
LIFE_MS = 90_000
"""Three heartbeats. Who is not there then is told nothing of it later: it may be the opposite of what is wanted by then."""
OPENING_LIFE_MS = 45_000
"""One heartbeat and a slow one: nobody waits at that lane any longer."""
_WAITING_MAX = 20
"""As many as a gate reads of one answer."""
_ROWS_MAX = 1_000
# Of the gate's journal, looked through for what became of its tasks; each leaves one or two.


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
    return {"task": task, "device": device, "do": do, "expires": now_ms + _life_ms(do)}


def take(connection: Connection, device: str, now_ms: int) -> list[dict[str, Any]]:
    """What this heartbeat takes along (contracts 5); from then on it counts as given."""
    table = schema.task
    waiting = _waiting(connection, device, now_ms)
    if waiting:
        names = [row.id for row in waiting]
        connection.execute(update(table).where(table.c.device == device, table.c.id.in_(names)).values(given=now_ms))
    return [{"id": row.id, "do": row.do, "by": row.who} for row in waiting]


def listed(connection: Connection, device: str, now_ms: int, limit: int = 50) -> list[dict[str, Any]]:
    """Newest first; `state`: waiting, given (nothing is heard of it yet, or the gate ignored it), done, refused (`why`: the
    gate's word for it), expired. Raises: NotHereError."""
    found = devices.get(connection, device)
    if found is None:
        raise events.NotHereError([("device", f"there is no device {device!r}", "see `gate central device list`")])
    table = schema.task
    query = select(table).where(table.c.device == device).order_by(table.c.id.desc()).limit(limit)
    rows = connection.execute(query).all()
    came = _outcomes(connection, found.gate, min((row.given for row in rows if row.given), default=None))
    return [
        {
            "task": row.id, "do": row.do, "by": row.who, "made": row.made, "given": row.given,
            "state": _state(row, came.get(row.id), now_ms), "why": came.get(row.id, ""),
        }
        for row in rows
    ]  # fmt: skip


def _state(row: Any, came: str | None, now_ms: int) -> str:
    if came is not None:
        return "refused" if came else "done"
    if row.given:
        return "given"
    return "waiting" if row.made + _life_ms(row.do) > now_ms else "expired"


def _outcomes(connection: Connection, gate: str, since: int | None) -> dict[str, str]:
    """What the gate's journal says of its tasks, by their id: empty = done, else why not. The last word counts."""
    if since is None:
        return {}
    table = schema.checkin
    query = select(table.c.body).where(
        table.c.event_id == DEVICE_STREAM,
        table.c.gate == gate,
        table.c.kind.in_(("mode", "config")),
        table.c.received >= since,
    )
    found: dict[str, str] = {}
    for body in connection.scalars(query.order_by(table.c.n.desc()).limit(_ROWS_MAX)):
        row = cbor.loads(bytes(body))
        data = row.get("data")
        if isinstance(data, dict) and str(row.get("actor")).startswith("central:"):
            found.setdefault(str(data.get("key")), str(data.get("why") or ""))
    return found


def _life_ms(do: str) -> int:
    return OPENING_LIFE_MS if do == "open_once" else LIFE_MS


def _waiting(connection: Connection, device: str, now_ms: int) -> list[Any]:
    table = schema.task
    query = select(table).where(table.c.device == device, table.c.given.is_(None), table.c.made > now_ms - LIFE_MS)
    rows = connection.execute(query.order_by(table.c.id).with_for_update()).all()
    return [row for row in rows if row.made + _life_ms(row.do) > now_ms]
