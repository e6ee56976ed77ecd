"""`gate central ...`: the command line of the central server. Each command does its work in `commands`.

A command opens the state folder itself, or, when a server runs on it, asks that server over its control socket.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gate.central.cliadmin import (
    audit,
    device_app,
    export_stick,
    import_stick,
    incidents,
    key_app,
    operator_app,
    staff_app,
)
from gate.central.cliparts import (
    DAY_S,
    DEFAULT_STATE,
    AsJson,
    Event,
    State,
    do,
    failing,
    of_its_event,
    one_of,
    show,
    table,
)
from gate.central.clitickets import import_, import_undo, imports, issue, ticket_app, tickets
from gate.errors import ConfigError
from gate.said import counted

if TYPE_CHECKING:
    from gate.central.server import Listen

app = typer.Typer(
    name="central", no_args_is_help=True, help="The central server: events, tickets, manifests, devices, check-ins."
)
event_app = typer.Typer(no_args_is_help=True, help="Make events and edit their policy.")
app.add_typer(event_app, name="event")
app.add_typer(ticket_app, name="ticket")
app.add_typer(device_app, name="device")
app.add_typer(key_app, name="key")
app.add_typer(staff_app, name="staff")
app.add_typer(operator_app, name="operator")
app.command("incidents")(incidents)
app.command("audit")(audit)
app.command("import-stick")(import_stick)
app.command("export-stick")(export_stick)
app.command("issue")(issue)
app.command("import")(import_)
app.command("imports")(imports)
app.command("import-undo")(import_undo)
app.command("tickets")(tickets)


@app.command()
def serve(
    state: State = DEFAULT_STATE,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 = any free one.", min=0, max=65535)] = 8460,
    database: Annotated[
        str, typer.Option(help="PostgreSQL URL for a fresh state folder; its commands find it there from then on.")
    ] = "",
    public_url: Annotated[str, typer.Option(help="Address that gates are told, if it is another one.")] = "",
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.", dir_okay=False)] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key of the certificate, PEM.", dir_okay=False)] = None,
    live: Annotated[bool, typer.Option(help="Serve the live page to this machine.")] = True,
    plain_operators: Annotated[
        bool, typer.Option("--plain-operators", help="Take operators' tokens from other machines without TLS, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve gates until stopped. Writes STATE/central.json with address and process id once it answers."""
    with failing(as_json):
        from gate.central.server import Listen

        if (tls_cert is None) != (tls_key is None):
            raise ConfigError([("tls-cert", "certificate and key belong together", "give both, or neither")])
        listen = Listen(
            host=host, port=port, public_url=public_url.rstrip("/"), tls_cert=tls_cert, tls_key=tls_key, live=live,
            plain_operators=plain_operators,
        )  # fmt: skip
        _serve(state, database or None, listen, as_json)


def _serve(state: Path, database: str | None, listen: Listen, as_json: bool) -> None:
    import os

    from gate.central.server import serve as run
    from gate.central.service import Central

    def ready(url: str) -> None:
        print(json.dumps({"url": url, "pid": os.getpid()}) if as_json else f"Central server: {url}", flush=True)

    with Central.open(state, database_url=database) as central:
        run(central, listen, ready)


# ---- events


@event_app.command("create")
def event_create(
    event: Event,
    state: State = DEFAULT_STATE,
    name: Annotated[str, typer.Option(help="Name for people.")] = "",
    tz: Annotated[str, typer.Option(help="IANA time zone of the doors.")] = "UTC",
    policy: Annotated[Path | None, typer.Option(help="Policy as TOML or JSON; else a simple default.")] = None,
    mode: Annotated[str, typer.Option(help="allow_list or signature.")] = "allow_list",
    stale: Annotated[str, typer.Option(help="With stale data: warn, restrict or refuse.")] = "warn",
    warn_s: Annotated[int, typer.Option(help="Data older than this is shown as old, seconds.", min=0)] = 900,
    stale_s: Annotated[int, typer.Option(help="Data older than this is stale, seconds.", min=0)] = DAY_S,
    as_json: AsJson = False,
) -> None:
    """Make an event with its keys. Nothing reaches a gate before `publish`."""
    with failing(as_json):
        from gate.central.events import default_policy, read_policy_file

        one_of("mode", mode, ("allow_list", "signature"))
        one_of("stale", stale, ("warn", "restrict", "refuse"))
        raw = read_policy_file(policy, event) if policy else default_policy(event, name or event, tz)
        modes = {"mode": mode, "warn_s": warn_s, "stale_s": stale_s, "stale": stale}
        result = do(state, "event_create", {"policy": raw, "mode": modes})
        show(as_json, result, f"Event {event} is made. Next: gate central issue {event}, then publish {event}.")


@event_app.command("list")
def event_list(state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """All events with their counters."""
    with failing(as_json):
        table(
            as_json,
            do(state, "event_list", {}),
            ("event", "mode", "ended", "cursor", "records", "admissions", "incidents"),
            times=("ended",),
            zone=lambda: of_its_event(state),
        )


@event_app.command("policy")
def event_policy(
    event: Event,
    state: State = DEFAULT_STATE,
    replace: Annotated[Path | None, typer.Option("--set", help="Replace it by this TOML or JSON file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the policy as JSON, or replace it; a new one is in force after `publish`."""
    with failing(as_json):
        if replace is None:
            print(json.dumps(do(state, "event_policy", {"event": event}), ensure_ascii=False, indent=2))
            return
        from gate.central.events import read_policy_file

        result = do(state, "event_set_policy", {"policy": read_policy_file(replace, event)})
        show(as_json, result, f"The policy of {event} is replaced. Next: gate central publish {event}.")


@event_app.command("end")
def event_end(
    event: Event,
    state: State = DEFAULT_STATE,
    back: Annotated[
        bool, typer.Option("--back", help="Bring an ended event back: gates fetch it as a new one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End an event: gates forget it and destroy its salt. Its tickets, records and keys stay on this server."""
    with failing(as_json):
        result = do(state, "event_end", {"event": event, "back": back})
        show(as_json, result, f"{event} is {'back' if back else 'over'} with the trust file that gates fetch next.")


@event_app.command("forget-names")
def event_forget_names(event: Event, state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """Forget the names of all ticket holders of an event: search by name finds nobody from then on."""
    with failing(as_json):
        result = do(state, "names_forget", {"event": event})
        show(as_json, result, f"{counted(result['forgotten'], 'name')} of {event} forgotten.")


@app.command()
def publish(
    event: Event,
    state: State = DEFAULT_STATE,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make a new base file even if it is not due.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put policy and tickets in force: base file, policy, signed descriptor."""
    with failing(as_json):
        result = do(state, "publish", {"event": event, "rebuild": rebuild})
        size = f"{counted(result['rows'], 'ticket')} in {counted(result['zst_size'], 'byte')}"
        text = f"{event} is published: {size}, change {result['cursor']}."
        show(as_json, result, text)
