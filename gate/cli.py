"""The command `gate`: arguments in, exit codes out. Every command imports what it needs when it runs.

Exit codes: 0 yes / done, 1 the answer is no, 2 usage or configuration, 3 environment, 4 network, 5 data damaged.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gate import cliask
from gate.cliargs import At, Config, Json, Text, text_of
from gate.cliout import CONFIG_PATH, fail, print_json, print_table, state_of
from gate.errors import GateError

app = typer.Typer(
    name="gate",
    help="A ticket gate that decides offline. `gate demo` shows it with a drawn camera and simulated pins.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
ticket_app = typer.Typer(help="Look inside a ticket code.", no_args_is_help=True)
journal_app = typer.Typer(help="Read and check the journal of this gate.", no_args_is_help=True)
app.add_typer(ticket_app, name="ticket")
app.add_typer(journal_app, name="journal")

# ---- processes


@app.command()
def run(
    config: Config = CONFIG_PATH,
    demo: Annotated[bool, typer.Option("--demo", hidden=True)] = False,
) -> None:
    """Run this gate: camera, decisions, relay, screen. Ends on Ctrl-C or SIGTERM with the pins at rest."""
    from gate.app import GateApp
    from gate.config import load
    from gate.logsetup import set_up

    settings = load(config)
    set_up(settings.log.level, as_json=settings.log.json)
    gate = GateApp(settings, demo=demo, config=config)
    _on_signals(gate.stop)

    def ready(started: GateApp, port: int) -> None:
        page = "demo" if demo else ""
        print(f"gate: {settings.gate.id} is running, screen at http://127.0.0.1:{port}/{page}", flush=True)
        if demo:
            from gate.demo.hook import follow

            follow(started)

    gate.run(ready)


@app.command("demo")
def demo_command(
    folder: Annotated[Path, typer.Option("--dir", help="Folder of the demo's files.")] = Path(".gate/demo"),
    camera: Annotated[
        str | None,
        typer.Option("--camera", envvar="GATE_CAMERA", help="0, /dev/video0 or an address: instead of the video."),
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Port of the page; the next free one if it is taken.")] = 8080,
) -> None:
    """A sample event on this machine: server, sync and gate as real processes, a drawn camera, simulated pins."""
    from gate.demo.supervisor import Demo

    demo = Demo(folder.absolute(), camera=camera or None, port=port)
    _on_signals(demo.stopping.set)
    demo.run()
    print("demo: ended", flush=True)


@app.command()
def start(
    camera: Annotated[
        str | None, typer.Option("--camera", envvar="GATE_CAMERA", help="0, /dev/video0 or an address.")
    ] = None,
) -> None:
    """What `make run` does: this machine's configured gate, else the demo on a camera, else the demo on its video."""
    config = Path(os.environ.get("GATE_CONFIG") or CONFIG_PATH)
    if config.exists():
        print(f"gate: running as {config} says", flush=True)
        run(config)
        return
    found = camera or next((str(path) for path in sorted(Path("/dev").glob("video[0-9]*")) if _captures(path)), None)
    if found is None:
        print("gate: no configuration and no camera here: this is the demo, with a drawn camera and simulated pins")
    else:
        print(f"gate: no configuration here: the demo event on camera {found}, with simulated pins")
        print(
            "gate: `gate central tickets --state .gate/demo/run/central --sheet tickets.pdf` prints tickets to show to it"
        )
    demo_command(camera=found)


def _captures(path: Path) -> bool:
    """A video device that gives pictures; a Pi has a dozen that only convert them."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    try:
        return bool(capture.isOpened() and capture.read()[0])
    finally:
        capture.release()


def _on_signals(stop: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop())


@app.command()
def enrol(text: Text, config: Config = CONFIG_PATH, json_: Json = False) -> None:
    """Enrol this gate with the code that the central server shows (GE1:...). The sync process must be running."""
    from gate.config import load
    from gate.sync.ask import ask
    from gate.wire.enrol import parse_code

    path = load(config).gate.runtime_dir / "sync.sock"
    code = text_of(text)
    parse_code(code)  # a slip of the typing hand is told here, whether sync runs or not
    try:
        answer = ask(path, {"do": "enrol", "text": code, "by": "command"}, timeout_s=60)
    except (OSError, ValueError) as error:
        fail("sync", f"sync does not answer at {path}: {error}; start it with `gate sync run`", 3, as_json=json_)
    if json_:
        print_json(answer)
    elif answer.get("ok"):
        print(f"enrolled as gate {answer.get('gate')}")
    if not answer.get("ok"):
        fail(str(answer.get("code", "network")), str(answer.get("message", "it was refused")), 4, as_json=json_)


@app.command("check-config")
def check_config(config: Config = CONFIG_PATH, json_: Json = False) -> None:
    """Read the configuration and name every problem with its key and a hint."""
    from gate.actuator.profiles import check_profiles
    from gate.config import load
    from gate.errors import ConfigError

    problems: list[tuple[str, str, str]] = []
    try:
        check_profiles(load(config))
    except ConfigError as error:
        problems = error.problems
    if json_:
        keys = ("key", "problem", "hint")
        print_json({"ok": not problems, "problems": [dict(zip(keys, item, strict=True)) for item in problems]})
    elif problems:
        print_table(("key", "problem", "hint"), problems)
    else:
        print(f"{config}: no problem found")
    raise typer.Exit(2 if problems else 0)


# ---- tickets


@app.command()
def verify(text: Text, config: Config = CONFIG_PATH, at: At = None, json_: Json = False) -> None:
    """What a code says and whether it is authentic. Exit 1 when it is not."""
    from gate.inspect import Desk

    with Desk.open(state_of(config), at) as desk:
        result = desk.verify(text_of(text))
    if json_:
        print_json(result)
    else:
        print_table(("", ""), list(result.items()))
    raise typer.Exit(0 if result["reason"] == "ok" else 1)


cliask.add_to(app)


@app.command("scan-image")
def scan_image(
    files: Annotated[list[Path], typer.Argument(help="Pictures.")],
) -> None:
    """Read the codes in pictures: one JSON line a file. Exit 1 when one has no code, 3 when one cannot be read."""
    from gate.inspect import read_images

    worst = 0
    for line, code in read_images(files):
        print_json(line)
        worst = max(worst, code)
    raise typer.Exit(worst)


@ticket_app.command("cose")
def ticket_cose(text: Text) -> None:
    """Print a GT1 ticket as the standard COSE_Sign1 that it stands for, in hex. Not verified."""
    from gate.errors import TicketError
    from gate.verify.formats import gt1
    from gate.verify.hygiene import clean

    try:
        print(gt1.to_sign1(clean(text_of(text))).encode().hex())
    except TicketError as error:
        fail(error.reason, f"this is not a GT1 ticket: {error.detail}", 1)


# ---- journal


def _journal_path(config: Path, file: Path | None) -> Path:
    path = file or state_of(config) / "journal.db"
    if not path.exists():
        fail("storage", f"there is no journal at {path}", 3)
    return path


File = Annotated[Path | None, typer.Option("--file", help="journal.db; default: this gate's.")]


@journal_app.command("verify")
def journal_verify(config: Config = CONFIG_PATH, file: File = None, json_: Json = False) -> None:
    """Check every row against its chain, and signed heads. Names the first bad row; exit 5 then."""
    from gate.said import counted
    from gate.storage.check import verify_journal

    path = _journal_path(config, file)
    public = path.with_name("journal.pub")
    check = verify_journal(path, public.read_bytes() if public.exists() else None)
    bad = check.first_bad
    if json_:
        first = {"event": bad.event, "epoch": bad.epoch, "seq": bad.seq, "why": bad.why} if bad else None
        print_json({"ok": check.ok, "rows": check.rows, "streams": check.streams, "first_bad": first})
    elif bad is None:
        heads = "" if public.exists() else " (no journal.pub here: heads were not checked)"
        found = f"{counted(check.rows, 'row')} in {counted(check.streams, 'stream')}"
        print(f"{found}, all in {'its chain' if check.rows == 1 else 'their chains'}{heads}")
    else:
        print(f"event {bad.event!r}, epoch {bad.epoch}, row {bad.seq}: {bad.why}")
    raise typer.Exit(0 if check.ok else 5)


@journal_app.command("tail")
def journal_tail(
    config: Config = CONFIG_PATH,
    file: File = None,
    count: Annotated[int, typer.Option("-n", help="How many rows.", min=1)] = 20,
    json_: Json = False,
) -> None:
    """The newest rows, oldest first."""
    from gate.inspect import journal_rows, zones
    from gate.said import moment_text

    path = _journal_path(config, file)
    rows = journal_rows(path, last=count)
    if json_:
        for row in rows:
            print_json(row)
        return
    names = ("event", "seq", "kind", "reason", "detail", "ticket", "input")
    zone = zones(path.parent)
    cells = [
        [moment_text(row["at"], zone.get(row["event"]), exact=True), *(row[name] for name in names)] for row in rows
    ]
    print_table(("at", *names), cells)


@journal_app.command("export")
def journal_export(config: Config = CONFIG_PATH, file: File = None) -> None:
    """Every row as one JSON line, with its hash: what `verify` checks can be checked elsewhere."""
    from gate.inspect import journal_rows

    for row in journal_rows(_journal_path(config, file), last=None):
        print_json(row)


@app.command()
def bench(json_: Json = False) -> None:
    """Measure this machine: decode, verify, decide, commit. Median, p95 and p99 in ms."""
    from gate.bench import measure

    rows = measure()
    if json_:
        print_json(rows)
    else:
        print_table(
            ("what", "median ms", "p95", "p99"),
            [(row["what"], f"{row['median']:.3f}", f"{row['p95']:.3f}", f"{row['p99']:.3f}") for row in rows],
        )


def _mount(arguments: list[str]) -> None:
    """Sub-commands with an import of their own weight come in only when they, or all of the help, are asked for."""
    word = arguments[0] if arguments else "--help"
    if word in ("central", "--help"):
        from gate.central.cli import app as central_app

        app.add_typer(central_app, name="central")
    if word in ("sync", "--help"):
        from gate.sync.cli import app as sync_app

        app.add_typer(sync_app, name="sync")
    if word in ("staff", "--help"):
        from gate.staffcli import app as staff_app

        app.add_typer(staff_app, name="staff")
    if word in ("pins", "--help"):
        from gate.clipins import pins_app

        app.add_typer(pins_app, name="pins")
    if word in ("doctor", "--help"):
        from gate.scanner.doctorcli import doctor_app

        app.add_typer(doctor_app, name="doctor")


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        _mount(sys.argv[1:])
        app()
    except GateError as error:
        from gate.cliout import fail_with

        fail_with(error, as_json="--json" in sys.argv)
