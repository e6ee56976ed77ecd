"""`gate central ...`: the command line of the central server. Each command does its work in `commands`.

A command opens the state folder itself, or, when a server runs on it, asks that server over its control socket.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gate.central.cliadmin import (
    audit,
    device_app,
    export_stick,
    import_stick,
    import_undo,
    imports,
    incidents,
    key_app,
    operator_app,
    staff_app,
)
from gate.central.cliparts import (
    DEFAULT_STATE,
    AsJson,
    Event,
    State,
    do,
    failing,
    how_far,
    moment,
    one_of,
    show,
    table,
    word_of,
)
from gate.errors import ConfigError

if TYPE_CHECKING:
    from gate.central.server import Listen

_DAY_S = 24 * 3600

app = typer.Typer(
    name="central", no_args_is_help=True, help="The central server: events, tickets, manifests, devices, check-ins."
)
event_app = typer.Typer(no_args_is_help=True, help="Make events and edit their policy.")
ticket_app = typer.Typer(no_args_is_help=True, help="Look at one ticket, cancel it, block it, free it.")
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
app.command("imports")(imports)
app.command("import-undo")(import_undo)

Flags = Annotated[str, typer.Option(help="vip, attention, minor, accessibility, staff, test; joined by +.")]


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
    as_json: AsJson = False,
) -> None:
    """Serve gates until stopped. Writes STATE/central.json with address and process id once it answers."""
    with failing(as_json):
        from gate.central.server import Listen

        if (tls_cert is None) != (tls_key is None):
            raise ConfigError([("tls-cert", "certificate and key belong together", "give both, or neither")])
        listen = Listen(
            host=host, port=port, public_url=public_url.rstrip("/"), tls_cert=tls_cert, tls_key=tls_key, live=live
        )
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
    stale_s: Annotated[int, typer.Option(help="Data older than this is stale, seconds.", min=0)] = _DAY_S,
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


# ---- tickets


@app.command()
def issue(
    event: Event,
    state: State = DEFAULT_STATE,
    count: Annotated[int, typer.Option("--count", "-n", help="How many.", min=1)] = 1,
    product: Annotated[int, typer.Option(help="Product number of the policy.", min=0, max=65535)] = 1,
    zones: Annotated[int, typer.Option(help="Bitmap of zones; 1 = zone 0.", min=0, max=65535)] = 1,
    until: Annotated[str, typer.Option(help="Last valid moment: Unix seconds or ISO 8601. Empty = in a year.")] = "",
    since: Annotated[str, typer.Option(help="First valid moment; empty = at once.")] = "",
    flags: Flags = "",
    ticket_state: Annotated[str, typer.Option("--ticket-state", help="valid, unpaid, unapproved, blocked.")] = "valid",
    uses: Annotated[int, typer.Option(help="Entries in total; 0 = unlimited.", min=0)] = 1,
    lang: Annotated[str, typer.Option(help="Language of the visitor, such as id.")] = "",
    out: Annotated[Path | None, typer.Option(help="Write texts and numbers to this .csv or .jsonl, mode 0600.")] = None,
    as_json: AsJson = False,
) -> None:
    """Issue signed ticket codes. Without --out the texts are printed, one line a ticket."""
    with failing(as_json):
        import time

        from gate.central import importing
        from gate.central.tables import write_issued

        args = {
            "event": event,
            "count": count,
            "product": product,
            "zones": zones,
            "exp": moment("until", until) if until else int(time.time()) + 365 * _DAY_S,
            "nbf": moment("since", since) if since else None,
            "flags": word_of("flags", lambda: importing.parse_flags(flags)),
            "state": word_of("ticket-state", lambda: importing.parse_state(ticket_state)),
            "uses": uses,
            "lang": lang or None,
        }
        rows = do(state, "issue", args)
        if out is None:
            for row in rows:
                print(json.dumps(row, ensure_ascii=False) if as_json else row["text"])
            return
        write_issued(out, rows)
        show(as_json, {"issued": len(rows), "out": str(out)}, f"{len(rows)} tickets are in {out}.")


@app.command("import")
def import_(
    event: Event,
    file: Annotated[Path, typer.Argument(help=".csv with a header line, or .jsonl.", exists=True, dir_okay=False)],
    state: State = DEFAULT_STATE,
    check: Annotated[bool, typer.Option("--check", help="Only say what is wrong; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring in tickets. Columns: text, product, zones, state, flags, uses, nbf, exp, lang, ext, name.

    A row with a text is somebody else's ticket; one without is issued here. A name stays on this server. While one row is wrong nothing is written.
    """
    with failing(as_json):
        result = do(state, "import", {"event": event, "file": str(file.absolute()), "check": check}, how_far(as_json))
        if as_json:
            print(json.dumps(result, ensure_ascii=False))
        else:
            for error in result["errors"]:
                print(f"{file.name}:{error['line']}: {error['column']}: {error['problem']}", file=sys.stderr)
            if result["error_count"]:
                print(f"{result['error_count']} errors; nothing was written.", file=sys.stderr)
            elif check:
                for row in result["preview"]:
                    print(
                        f"line {row['line']}: product {row['product']}, {row['state']}, {row['text'] or 'to be issued'}"
                    )
                print(f"{result['rows']} rows are right, {result['new']} are new here; nothing was written.")
            else:
                print(
                    f"{result['created']} new, {result['updated']} changed, {result['unchanged']} as before: import {result['import']}."
                )
        if not result["ok"]:
            raise typer.Exit(1)


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
        show(as_json, result, f"{result['forgotten']} names of {event} are forgotten.")


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
        text = (
            f"{event} is published: {result['rows']} tickets in {result['zst_size']} bytes, change {result['cursor']}."
        )
        show(as_json, result, text)


@app.command()
def tickets(
    event: Event,
    state: State = DEFAULT_STATE,
    sheet: Annotated[Path | None, typer.Option(help="Write a printable sheet: .pdf, or .png (a file a page).")] = None,
    limit: Annotated[int, typer.Option(help="Most tickets.", min=1, max=1_000_000)] = 100,
    product: Annotated[int | None, typer.Option(help="Only this product.", min=0, max=65535)] = None,
    as_json: AsJson = False,
) -> None:
    """List issued tickets with their texts, or print them as a sheet of QR codes."""
    with failing(as_json):
        rows = do(state, "tickets", {"event": event, "limit": limit, "product": product})
        if sheet is None:
            table(as_json, rows, ("number", "product", "state", "text"))
            return
        from gate.central.sheet import write_sheet

        files = write_sheet(sheet, rows, do(state, "event_policy", {"event": event}))
        names = ", ".join(str(file) for file in files)
        show(as_json, {"tickets": len(rows), "files": [str(file) for file in files]}, f"{len(rows)} tickets: {names}")


@ticket_app.command("show")
def ticket_show(
    event: Event,
    number: Annotated[str, typer.Argument(help="Ticket number, such as ZDK4-SE1E-0.")],
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """What the organiser says of a ticket."""
    with failing(as_json):
        row = do(state, "ticket_show", {"event": event, "number": number})
        show(as_json, row, "\n".join(f"{name}: {value}" for name, value in row.items() if value is not None))


@ticket_app.command("set-state")
def ticket_set_state(
    event: Event,
    number: Annotated[str, typer.Argument(help="Ticket number, such as ZDK4-SE1E-0.")],
    word: Annotated[str, typer.Argument(help="valid, unpaid, unapproved, blocked, canceled, revoked or removed.")],
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Cancel, block, revoke or free a ticket. A published event tells its gates at once."""
    with failing(as_json):
        from gate.central import importing

        value = word_of("state", lambda: importing.parse_state(word))
        row = do(state, "ticket_set_state", {"event": event, "number": number, "state": value})
        show(as_json, row, f"{row['number']} is {row['state']}.")
