"""What the command line, the control socket and the operators' API can ask of a server: names, JSON in, JSON out.

There is no other way in: each command exists once. Every one that changes something, or hands out the texts of
tickets, is noted, with who asked (`audit`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gate.central import (
    audit,
    boxes,
    doubts,
    events,
    importjob,
    importlog,
    incidents,
    names,
    operators,
    rotation,
    schema,
    sticks,
    tasks,
    tickets,
)
from gate.central.service import Central
from gate.central.tickets import IssuedTicket
from gate.errors import ConfigError, FormatError, GateError
from gate.model import EventMode, TicketKey, TicketRow, TicketState
from gate.wire.numbers import ticket_number

Command = Callable[[Central, dict[str, Any]], Any]
LOCAL = "local"
_ISSUE_MAX = 1_000_000


def run(
    central: Central,
    name: str,
    args: dict[str, Any],
    progress: Callable[[dict[str, Any]], None] | None = None,
    *,
    who: str = LOCAL,
) -> Any:
    """Do a command.

    Args:
        progress: is told how far a long one is.
        who: for the record: `local`, or operator:<name>.

    Raises: ConfigError: no such command, or its own; StorageError.
    """
    command = _COMMANDS.get(name)
    if command is None:
        raise ConfigError([("command", f"{name!r} is unknown", "is the running server of this version?")])
    args = dict(args)
    noted = None if name in _LOOKS else _noted(central, name, args, who)
    if name in _LONG:
        args["progress"] = progress or _silent
    if name == "task_put":
        args["who"] = who
    try:
        result = command(central, args)
    except FormatError as error:
        if noted:
            noted.end("config")
        raise ConfigError([(name, str(error), "see the command's --help")]) from error
    except GateError as error:
        if noted:
            noted.end(error.code)
        raise
    if noted:
        noted.end("ok")
    return result


def _noted(central: Central, name: str, args: dict[str, Any], who: str) -> audit.Noted:
    detail = {key: value for key, value in args.items() if key not in _NOT_NOTED and value is not None}
    if isinstance(policy := args.get("policy"), dict):
        text = json.dumps(policy, sort_keys=True, default=str)
        detail["policy"] = {"event": policy.get("event"), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    event = str(args.get("event") or "")
    return audit.Noted(central.db, event, who, name, detail, central.clock(), central.random(10))


def _event_create(central: Central, args: dict[str, Any]) -> Any:
    return {"event": central.create_event(args["policy"], EventMode(**args["mode"]))}


def _event_list(central: Central, _args: dict[str, Any]) -> Any:
    head = schema.event_head
    query = select(schema.event, head).join(head, head.c.event_id == schema.event.c.event_id)
    rows = central.db.read(lambda connection: connection.execute(query.order_by(schema.event.c.event_id)).all())
    return [
        {
            "event": row.event_id,
            "tz": events.zone_of(json.loads(row.policy)).key,
            "mode": row.mode,
            "ended": row.ended,
            "seq": row.seq,
            "cursor": row.cursor,
            "published": row.issued or None,
            "records": row.checkins,
            "admissions": row.admissions,
            "incidents": row.incidents,
        }
        for row in rows
    ]


def _event_policy(central: Central, args: dict[str, Any]) -> Any:
    return central.policy(args["event"])


def _event_set_policy(central: Central, args: dict[str, Any]) -> Any:
    policy = dict(args["policy"])
    event = args.get("event") or policy.get("event")
    if policy.setdefault("event", event) != event:
        raise ConfigError(
            [("policy.event", f"is {policy['event']!r}, not {event!r}", "leave it out, or make them agree")]
        )
    central.set_policy(policy)
    return {"event": event}


def _event_end(central: Central, args: dict[str, Any]) -> Any:
    central.end_event(args["event"], back=bool(args.get("back")))
    return {"event": args["event"], "ended": not args.get("back")}


def issued_json(ticket: IssuedTicket) -> dict[str, Any]:
    return {"text": ticket.text} | row_json(ticket.row)


def row_json(row: TicketRow) -> dict[str, Any]:
    return {
        "number": ticket_number(row.key),
        "key": row.key.hex(),
        "product": row.product,
        "zones": row.zones,
        "state": TicketState(row.state).name.lower(),
        "flags": int(row.flags),
        "uses": row.uses,
        "nbf": row.nbf,
        "exp": row.exp,
        "lang": row.lang,
    }


def _issue(central: Central, args: dict[str, Any]) -> Any:
    count = args.pop("count")
    if not 1 <= count <= _ISSUE_MAX:
        raise ConfigError([("count", f"{count} is not from 1 to {_ISSUE_MAX}", "issue several times")])
    return [issued_json(ticket) for ticket in central.issue(args.pop("event"), count, **args)]


def _import(central: Central, args: dict[str, Any]) -> Any:
    """The file is read by the process that owns the database."""
    return importjob.run(
        central,
        args["event"],
        Path(args["file"]),
        check=bool(args.get("check")),
        progress=args["progress"],
        name=args.get("name"),
        again=bool(args.get("again")),
    )


def _import_stick(central: Central, args: dict[str, Any]) -> Any:
    """The folder is read by the process that owns the database."""
    return boxes.run(central, Path(args["folder"]), args["progress"])


def _export_stick(central: Central, args: dict[str, Any]) -> Any:
    """The folder is written by the process that owns the database."""
    return sticks.run(central, Path(args["folder"]), args["progress"])


def _imports(central: Central, args: dict[str, Any]) -> Any:
    return importlog.listed(central, args["event"])


def _import_undo(central: Central, args: dict[str, Any]) -> Any:
    return importlog.undo(central, args["event"], args["import"], progress=args["progress"])


def _names_forget(central: Central, args: dict[str, Any]) -> Any:
    event = args["event"]
    return {"event": event, "forgotten": central.db.write(lambda connection: names.forget(connection, event))}


def _key_rotate(central: Central, args: dict[str, Any]) -> Any:
    return rotation.rotate(central, args["role"], args["event"], args["lead_s"])


def _key_retire(central: Central, args: dict[str, Any]) -> Any:
    return rotation.retire(central, args["kid"], args["at"])


def _staff_add(central: Central, args: dict[str, Any]) -> Any:
    return rotation.add_staff(central, args["event"], args["staff"], args["name"], args["role"], args["pin"])


def _staff_list(central: Central, args: dict[str, Any]) -> Any:
    central.policy(args["event"])
    return [{"staff": item.id, "name": item.name, "role": item.role} for item in central.keys.staff(args["event"])]


def _publish(central: Central, args: dict[str, Any]) -> Any:
    done = central.publish(args["event"], rebuild=True if args.get("rebuild") else None)
    return {
        "event": done.event,
        "seq": done.seq,
        "cursor": done.cursor,
        "rows": done.rows,
        "base": done.base_sha256.hex(),
        "size": done.base_size,
        "zst_size": done.zst_size,
        "rebuilt": done.rebuilt,
    }


def _tickets(central: Central, args: dict[str, Any]) -> Any:
    after = bytes.fromhex(args["after"]) if args.get("after") else None
    found = central.issued(args["event"], limit=args["limit"], product=args.get("product"), after=after)
    return [issued_json(ticket) for ticket in found]


def _ticket_set_state(central: Central, args: dict[str, Any]) -> Any:
    row = central.find_ticket(args["event"], args["number"])
    return row_json(central.set_state(args["event"], TicketKey(row.key), args["state"]))


def _ticket_show(central: Central, args: dict[str, Any]) -> Any:
    return row_json(central.db.read(lambda connection: tickets.by_number(connection, args["event"], args["number"])))


def _device_add(central: Central, args: dict[str, Any]) -> Any:
    device = args.pop("device")
    code = central.add_device(device, **args)
    warnings = central.db.read(lambda connection: doubts.of_device(connection, device))
    return {"text": code.text(), "url": code.url, "warnings": warnings}


def _device_list(central: Central, _args: dict[str, Any]) -> Any:
    return [
        {
            "device": item.device,
            "gate": item.gate,
            "short": item.short,
            "profile": item.profile,
            "events": list(item.events),
            "enrolled": item.enrolled,
            "revoked": item.revoked,
            "beat_at": item.beat_at,
        }
        for item in central.device_list()
    ]


def _device_revoke(central: Central, args: dict[str, Any]) -> Any:
    central.revoke_device(args["device"])
    return {"device": args["device"]}


def _task_put(central: Central, args: dict[str, Any]) -> Any:
    now_ms, random = central.clock(), central.random(10)
    return central.db.write(
        lambda connection: tasks.put(connection, args["device"], args["do"], args["who"], now_ms, random)
    )


def _task_list(central: Central, args: dict[str, Any]) -> Any:
    now_ms = central.clock()
    return central.db.read(lambda connection: tasks.listed(connection, args["device"], now_ms))


def _operator_add(central: Central, args: dict[str, Any]) -> Any:
    now_ms = central.clock()
    return central.db.write(
        lambda connection: operators.add(connection, args["operator"], args["role"], now_ms, central.random)
    )


def _operator_revoke(central: Central, args: dict[str, Any]) -> Any:
    now_ms = central.clock()
    central.db.write(lambda connection: operators.revoke(connection, args["operator"], now_ms))
    return {"operator": args["operator"]}


def _incidents(central: Central, args: dict[str, Any]) -> Any:
    return central.db.read(
        lambda connection: incidents.listed(connection, limit=args["limit"], event=args.get("event"))
    )


def _audit(central: Central, args: dict[str, Any]) -> Any:
    return central.db.read(lambda connection: audit.listed(connection, limit=args["limit"], event=args.get("event")))


def _silent(_how_far: dict[str, Any]) -> None:
    return


_LONG = ("import", "import_undo", "import_stick", "export_stick")
_COMMANDS: dict[str, Command] = {
    "event_create": _event_create,
    "event_list": _event_list,
    "event_policy": _event_policy,
    "event_set_policy": _event_set_policy,
    "event_end": _event_end,
    "issue": _issue,
    "import": _import,
    "imports": _imports,
    "import_stick": _import_stick,
    "export_stick": _export_stick,
    "import_undo": _import_undo,
    "names_forget": _names_forget,
    "key_list": lambda central, _args: rotation.listed(central),
    "key_rotate": _key_rotate,
    "key_revoke": lambda central, args: rotation.revoke(central, args["kid"]),
    "key_retire": _key_retire,
    "staff_add": _staff_add,
    "staff_remove": lambda central, args: rotation.remove_staff(central, args["event"], args["staff"]),
    "staff_list": _staff_list,
    "publish": _publish,
    "tickets": _tickets,
    "ticket_set_state": _ticket_set_state,
    "ticket_show": _ticket_show,
    "device_add": _device_add,
    "device_list": _device_list,
    "device_revoke": _device_revoke,
    "task_put": _task_put,
    "task_list": _task_list,
    "operator_add": _operator_add,
    "operator_list": lambda central, _args: central.db.read(operators.listed),
    "operator_revoke": _operator_revoke,
    "incidents": _incidents,
    "audit": _audit,
}
_LOOKS = frozenset(
    ("event_list", "event_policy", "imports", "key_list", "staff_list", "ticket_show", "device_list", "task_list",
     "operator_list", "incidents", "audit")
)  # fmt: skip
"""Commands that change nothing and are not noted. `tickets` changes nothing either, but whoever has a text has the ticket."""
_NOT_NOTED = ("pin", "policy", "progress", "event")
