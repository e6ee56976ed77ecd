"""`gate central issue|import|imports|tickets|ticket ...`: the ticket desk on the command line. Its work is in `commands`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gate.central.cliparts import (
    DAY_S,
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
    show,
    table,
    warn,
    word_of,
)
from gate.said import counted, moment_text

ticket_app = typer.Typer(no_args_is_help=True, help="Look at one ticket, cancel it, block it, free it.")
Flags = Annotated[str, typer.Option(help="vip, attention, minor, accessibility, staff, test; joined by +.")]


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
            "exp": moment("until", until) if until else int(time.time()) + 365 * DAY_S,
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
        show(as_json, {"issued": len(rows), "out": str(out)}, f"{_are(len(rows), 'in')} {out}.")


def import_(
    event: Event,
    file: Annotated[Path, typer.Argument(help=".csv with a header line, or .jsonl.", exists=True, dir_okay=False)],
    state: State = DEFAULT_STATE,
    check: Annotated[bool, typer.Option("--check", help="Only say what is wrong; write nothing.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Issue tickets to rows without a text although an import did so before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring in tickets. Columns: text, product, zones, state, flags, uses, nbf, exp, lang, ext, name.

    A row with a text is somebody else's ticket; one without is issued here. A name stays on this server. While one row is wrong nothing is written.
    """
    with failing(as_json):
        args = {"event": event, "file": str(file.absolute()), "check": check, "again": again}
        result = do(state, "import", args, how_far(as_json))
        warn(as_json, file.name, result["warnings"], result["warning_count"])
        if as_json:
            print(json.dumps(result, ensure_ascii=False))
        else:
            _import_told(file.name, result, check)
        if not result["ok"]:
            raise typer.Exit(1)


def _import_told(name: str, result: dict[str, Any], check: bool) -> None:
    for error in result["errors"]:
        print(f"{name}:{error['line']}: {error['column']}: {error['problem']}", file=sys.stderr)
    if result["error_count"]:
        print(f"{counted(result['error_count'], 'error')}; nothing was written.", file=sys.stderr)
        return
    if not check:
        there = f"{result['created']} new, {result['updated']} changed, {result['unchanged']} already there"
        print(f"{there}: import {result['import']}.")
        return
    for row in result["preview"]:
        print(f"line {row['line']}: product {row['product']}, {row['state']}, {row['text'] or 'to be issued'}")
    new, present = result["new"], result["present"]
    print(f"{counted(result['rows'], 'row')} can be read: {new} new, {present} already there; nothing was written.")
    if result["repeats"] is not None:
        print(f"Import {result['repeats']} issued tickets to these rows before: without --again they are refused.")


def _are(count: int, more: str) -> str:
    return f"{counted(count, 'ticket')} {'is' if count == 1 else 'are'} {more}"


def imports(event: Event, state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """List the imports of an event. One without `done` was cut off."""
    with failing(as_json):
        columns = ("n", "file", "at", "created", "updated", "unchanged", "done", "undone")

        def zone() -> Zone:
            here = local(state)(event)
            return lambda _row: here

        table(as_json, do(state, "imports", {"event": event}), columns, times=("at", "done", "undone"), zone=zone)


def import_undo(
    event: Event,
    number: Annotated[int, typer.Argument(help="Number of the import, as in `imports`.", min=1)],
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Take an import back. Tickets that were changed since are left as they are."""
    with failing(as_json):
        result = do(state, "import_undo", {"event": event, "import": number}, how_far(as_json))
        show(as_json, result, f"{_are(result['restored'], 'as before')}; {result['left']} changed since.")


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
        show(
            as_json,
            {"tickets": len(rows), "files": [str(file) for file in files]},
            f"{counted(len(rows), 'ticket')}: {names}",
        )


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
        zone = None if as_json else local(state)(event)
        said = {name: moment_text(row[name] * 1000, zone) for name in ("nbf", "exp") if row[name] is not None}
        text = "\n".join(f"{name}: {value}" for name, value in (row | said).items() if value is not None)
        show(as_json, row, text)


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
