"""`gate sync`: the process itself, and a look at how it is doing."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from gate import config, logsetup
from gate.said import counted
from gate.sqlitefile import UMASK, open_reader
from gate.sync.ask import ask
from gate.sync.board import to_message
from gate.sync.folders import Folders

app = typer.Typer(name="sync", help="Talk with the server.", no_args_is_help=True, add_completion=False)

ConfigOption = Annotated[
    Path, typer.Option("--config", envvar="GATE_CONFIG", help="Configuration file.", show_default=True)
]
DirOption = Annotated[Path, typer.Argument(metavar="DIR", help="The stick, or the folder gate-transfer on it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object.")]
_DEFAULT = Path("/etc/gate/gate.toml")
_ASK_S = 2.0


@app.command()
def run(path: ConfigOption = _DEFAULT) -> None:
    """Pull manifests and push check-ins until stopped (SIGTERM, Ctrl-C)."""
    os.umask(UMASK)
    settings = config.load(path)
    logsetup.set_up(settings.log.level, as_json=settings.log.json)
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    from gate.sync.worker import Worker  # the HTTP library loads slowly, and `status` does not need it

    worker = Worker(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.run()
    # A thread may still wait in a long poll; it holds nothing, and nothing of it is waited for.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


@app.command()
def status(
    path: ConfigOption = _DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Server, mode, queue, age of the data, last error. Also answers while sync is not running."""
    settings = config.load(path)
    folders = Folders(settings.gate.state_dir, settings.gate.runtime_dir)
    found = _running(folders) or _stored(folders)
    if as_json:
        typer.echo(json.dumps(found))
        return
    age = found["data_age_s"]
    typer.echo(f"server      {found['peer'] or '-'}")
    typer.echo(f"mode        {found['mode']}")
    typer.echo(f"data age    {'no data yet' if age is None else f'{age} s'}")
    typer.echo(f"queue       {found['queue']}")
    typer.echo(f"quarantined {found['quarantined']}")
    typer.echo(f"ignored     {found['tasks_ignored']} remote tasks")
    typer.echo(f"last error  {found['last_error'] or '-'}")


@app.command("import")
def import_(folder: DirOption, path: ConfigOption = _DEFAULT, as_json: JsonOption = False) -> None:
    """Take trust, manifests and changes from a stick. Sync must be stopped; everything is verified as from a server."""
    _transfer("import", folder, path, as_json)


@app.command()
def export(folder: DirOption, path: ConfigOption = _DEFAULT, as_json: JsonOption = False) -> None:
    """Write the records that the server does not have to a stick, sealed for the server. Sync must be stopped."""
    _transfer("export", folder, path, as_json)


def _transfer(way: str, folder: Path, path: Path, as_json: bool) -> None:
    os.umask(UMASK)
    settings = config.load(path)
    folders = Folders(settings.gate.state_dir, settings.gate.runtime_dir)
    from gate.sync import transfer  # loads the HTTP library, slowly
    from gate.sync.clocks import SyncClock, read_boot
    from gate.sync.store import Store
    from gate.sync.worker import only_one

    folders.make()
    guard = only_one(folders)
    store = Store(folders.sync_db)
    try:
        work = transfer.import_from if way == "import" else transfer.export_to
        report = work(folder, folders, store, SyncClock(read_boot()))
    finally:
        store.close()
        os.close(guard)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        done = f"{counted(report.files, 'file')}, {counted(report.records, 'record')}"
        typer.echo(f"{way}ed {done}; {counted(report.ignored, 'name')} ignored")
        for what, problem in report.problems.items():
            typer.echo(f"{what}: {problem}", err=True)
    raise typer.Exit(transfer.exit_code(report))


def _running(folders: Folders) -> dict[str, Any] | None:
    """What the process says of itself; None when there is none."""
    try:
        answer = ask(folders.socket, {"do": "status"}, timeout_s=_ASK_S)
    except (OSError, ValueError):
        return None
    return {key: value for key, value in answer.items() if key not in ("id", "ok")} if answer.get("ok") else None


def _stored(folders: Folders) -> dict[str, Any]:
    """What the last run left. Raises: StorageError."""
    connection = open_reader(folders.sync_db)
    try:
        values = dict(connection.execute("SELECT k, v FROM status").fetchall())
    finally:
        connection.close()
    return to_message(values) | {"mode": "local", "last_error": "sync is not running"}
