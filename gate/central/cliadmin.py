"""`gate central device|key|staff|operator ...`, sticks, incidents, audit: the part of the command line that runs the house."""

from __future__ import annotations

import sys
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any

import typer

from gate.central.cliparts import (
    DEFAULT_STATE,
    AsJson,
    Event,
    State,
    Zone,
    do,
    failing,
    how_far,
    local,
    moment,
    of_its_event,
    show,
    table,
    warn,
)
from gate.said import counted, moment_text

device_app = typer.Typer(no_args_is_help=True, help="Register gates, hubs and desks; revoke them.")
key_app = typer.Typer(no_args_is_help=True, help="Signing keys: list, rotate, retire, revoke.")
staff_app = typer.Typer(no_args_is_help=True, help="People with a PIN at the gates of an event.")
operator_app = typer.Typer(no_args_is_help=True, help="Tokens for the HTTP API of operators.")
Kid = Annotated[str, typer.Argument(help="Key id, 8 hex, as in `key list`.")]
Person = Annotated[str, typer.Argument(help="Staff id, such as budi.")]


def import_stick(
    folder: Annotated[
        Path, typer.Argument(help="The stick, as `gate sync export` filled it.", exists=True, file_okay=False)
    ],
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Take check-ins of gates from a stick, as if they had pushed them. May be repeated: what is here is known."""
    with failing(as_json):
        result = do(state, "import_stick", {"folder": str(folder.absolute())}, how_far(as_json))
        if not as_json:
            for name, problem in result["problems"].items():
                print(f"{name}: {problem}", file=sys.stderr)
        text = (
            f"{counted(result['files'], 'file')}, {counted(result['records'], 'record')}: {result['stored']} new, {result['known']} known, "
            f"{result['stored_flagged']} flagged, {result['quarantined']} set aside; "
            f"{counted(result['ignored'], 'name')} ignored."
        )
        show(as_json, result, text)
        if not result["ok"]:
            raise typer.Exit(1)


def export_stick(
    folder: Annotated[Path, typer.Argument(help="The stick's folder.", exists=True, file_okay=False)],
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Write everything that enrolled gates would fetch to a stick, for `gate sync import` at a gate without a network."""
    with failing(as_json):
        result = do(state, "export_stick", {"folder": str(folder.absolute())}, how_far(as_json))
        files, devices = counted(result["files"], "file"), counted(len(result["devices"]), "device")
        text = f"{files} of {', '.join(result['events']) or 'no event'} for {devices}."
        show(as_json, result, text)


@device_app.command("add")
def device_add(
    device: Annotated[str, typer.Argument(help="Device id, such as g2.")],
    short: Annotated[str, typer.Option(help="Short name in case numbers, such as G2; unique on this server.")],
    event: Annotated[list[str], typer.Option(help="Event it serves; repeat for several.")],
    state: State = DEFAULT_STATE,
    profile: Annotated[str, typer.Option(help="gate, hub or desk.")] = "gate",
    gate: Annotated[str, typer.Option(help="Gate of the policy that it is; empty = the device id.")] = "",
    url: Annotated[str, typer.Option(help="Address that the device will use; empty = the server's.")] = "",
    qr: Annotated[Path | None, typer.Option(help="Also write the code as a PNG to show to the camera.")] = None,
    as_json: AsJson = False,
) -> None:
    """Register a device and print its enrolment code: one use, 24 hours. For a device that is there: a new code."""
    with failing(as_json):
        args = {"short": short, "events": event, "profile": profile, "gate": gate or None, "url": url or None}
        result = do(state, "device_add", {"device": device} | args)
        if qr is not None:
            from gate.central.sheet import write_qr

            write_qr(qr, result["text"])
        warn(as_json, "", result["warnings"], len(result["warnings"]))
        show(as_json, result, result["text"])


@device_app.command("list")
def device_list(state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """All devices."""
    with failing(as_json):
        rows = do(state, "device_list", {})
        columns = ("device", "gate", "short", "profile", "events", "enrolled", "revoked", "beat_at")
        table(as_json, rows, columns, times=columns[-3:], zone=lambda: _of_all_its_events(state))


def _of_all_its_events(state: Path) -> Zone:
    """Of a device: the zone of its events where they share one."""
    zone = local(state)

    def of_row(row: dict[str, Any]) -> tzinfo | None:
        found = {zone(event) for event in row["events"]}
        return found.pop() if len(found) == 1 else None

    return of_row


@device_app.command("revoke")
def device_revoke(
    device: Annotated[str, typer.Argument(help="Device id.")], state: State = DEFAULT_STATE, as_json: AsJson = False
) -> None:
    """Answer a device from now on with `revoked`: it stops syncing and wipes its secrets."""
    with failing(as_json):
        result = do(state, "device_revoke", {"device": device})
        show(as_json, result, f"{device} is revoked.")


@device_app.command("task")
def device_task(
    device: Annotated[str, typer.Argument(help="Device id.")],
    word: Annotated[str, typer.Argument(help="pull, disable, enable or open_once; empty = list the last ones.")] = "",
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Put a task for the device's next heartbeat. Given once, within 90 s (open_once: 45) or not at all."""
    with failing(as_json):
        if not word:
            columns = ("task", "do", "by", "made", "given", "state", "why")
            table(as_json, do(state, "task_list", {"device": device}), columns, times=("made", "given"))
            return
        result = do(state, "task_put", {"device": device, "do": word})
        show(as_json, result, f"{word} waits for the next heartbeat of {device}.")


# ---- operators of the HTTP API


@operator_app.command("add")
def operator_add(
    name: Annotated[str, typer.Argument(help="Person or program, such as ana.")],
    role: Annotated[str, typer.Option(help="admin, or reader, who only looks.")] = "reader",
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Make a token for `/v1/admin` and print it, this once. For a name that is there: a new one, and the old one ends."""
    with failing(as_json):
        result = do(state, "operator_add", {"operator": name, "role": role})
        show(as_json, result, result["token"])


@operator_app.command("list")
def operator_list(state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """Who has a token."""
    with failing(as_json):
        columns = ("operator", "role", "created", "revoked")
        table(as_json, do(state, "operator_list", {}), columns, times=("created", "revoked"))


@operator_app.command("revoke")
def operator_revoke(
    name: Annotated[str, typer.Argument(help="As in `operator list`.")],
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """End a token, at once."""
    with failing(as_json):
        show(as_json, do(state, "operator_revoke", {"operator": name}), f"The token of {name} is revoked.")


# ---- what happened

Last = Annotated[int, typer.Option(help="Most rows.", min=1, max=100_000)]
OfEvent = Annotated[str, typer.Option("--event", help="Of this event only.")]


def incidents(event: OfEvent = "", limit: Last = 50, state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """What people must be told, newest first: admitted twice, passed back, a forked journal, a copied card."""
    with failing(as_json):
        rows = do(state, "incidents", {"event": event or None, "limit": limit})
        columns = ("event", "n", "kind", "gate", "at", "ended", "detail")
        table(as_json, rows, columns, times=("at", "ended", "detail"), zone=lambda: of_its_event(state))


def audit(event: OfEvent = "", limit: Last = 50, state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """Who had what done on this server, newest first; names that gates revealed, too."""
    with failing(as_json):
        rows = do(state, "audit", {"event": event or None, "limit": limit})
        columns = ("at", "event", "who", "do", "result", "detail")
        table(as_json, rows, columns, times=("at",), zone=lambda: of_its_event(state))


# ---- keys


@key_app.command("list")
def key_list(state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """All signing keys."""
    with failing(as_json):
        columns = ("kid", "role", "event", "since", "exp", "state")
        rows = do(state, "key_list", {})
        table(as_json, rows, columns, times=("since", "exp"), zone=lambda: of_its_event(state), unit_ms=1000)


@key_app.command("rotate")
def key_rotate(
    role: Annotated[str, typer.Option(help="ticket, manifest, time, rotating or root.")],
    event: Annotated[str, typer.Option(help="Event, for ticket and rotating keys.")] = "",
    lead_s: Annotated[int, typer.Option(help="Seconds until it is used: gates learn it before.", min=0)] = 900,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Make the next key. The old one is believed until it ends, is retired, or is revoked."""
    with failing(as_json):
        result = do(state, "key_rotate", {"role": role, "event": event or None, "lead_s": lead_s})
        since = moment_text(result["since"] * 1000)
        show(as_json, result, f"The next {role} key {result['kid'] or ''} is used from {since} on.")


@key_app.command("retire")
def key_retire(
    kid: Kid,
    at: Annotated[str, typer.Option(help="Last moment: Unix seconds or ISO 8601.")],
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Let a key end: what it signed is believed until then."""
    with failing(as_json):
        result = do(state, "key_retire", {"kid": kid, "at": moment("at", at)})
        show(as_json, result, f"Key {kid} ends {moment_text(result['exp'] * 1000)}.")


@key_app.command("revoke")
def key_revoke(kid: Kid, state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """A key was stolen: nothing that it signed is believed any more, tickets included."""
    with failing(as_json):
        result = do(state, "key_revoke", {"kid": kid})
        show(as_json, result, f"Key {kid} is revoked with trust file {result['trust']}.")


# ---- staff


@staff_app.command("add")
def staff_add(
    event: Event,
    person: Person,
    name: Annotated[str, typer.Option(help="Name, as the handheld greets them.")],
    role: Annotated[str, typer.Option(help="attendant, supervisor or technician.")] = "attendant",
    pin: Annotated[str, typer.Option(help="6 to 12 digits; empty = asked for, or read from the input.")] = "",
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Give a person a PIN, or a new one. It reaches the gates sealed, as a verifier."""
    with failing(as_json):
        if not pin:
            pin = typer.prompt("PIN", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().strip()
        args = {"event": event, "staff": person, "name": name, "role": role, "pin": pin}
        result = do(state, "staff_add", args)
        show(as_json, result, f"{person} is {role} at {event}.")


@staff_app.command("remove")
def staff_remove(event: Event, person: Person, state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """Take a person's PIN away."""
    with failing(as_json):
        show(as_json, do(state, "staff_remove", {"event": event, "staff": person}), f"{person} has no PIN at {event}.")


@staff_app.command("list")
def staff_list(event: Event, state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """People with a PIN."""
    with failing(as_json):
        table(as_json, do(state, "staff_list", {"event": event}), ("staff", "name", "role"))
