"""What every command of `gate central` shares: asking the server, showing an answer, exit codes. No command is here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from gate.errors import ConfigError, GateError

DEFAULT_STATE = Path("/var/lib/gate-central")
State = Annotated[Path, typer.Option("--state", help="Folder of database, keys and files.", file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Event = Annotated[str, typer.Argument(help="Event id, such as spring.", show_default=False)]


def do(state: Path, name: str, args: dict[str, Any], progress: Callable[[dict[str, Any]], None] | None = None) -> Any:
    """Do a command here, or have the running server do it; both open the database that the folder names."""
    from gate.central import commands, control
    from gate.central.folder import InUseError
    from gate.central.service import Central

    try:
        with Central.open(state) as central:
            return commands.run(central, name, args, progress)
    except InUseError:
        return control.ask(state, name, args, progress)


def how_far(as_json: bool) -> Callable[[dict[str, Any]], None]:
    """Progress on a terminal's stderr, one line that is written over."""
    if as_json or not sys.stderr.isatty():
        return lambda _: None

    def tell(step: dict[str, Any]) -> None:
        of = f" of {step['of']}" if "of" in step else ""
        print(f"\r{step['rows']}{of} rows {step['step']}", end="", file=sys.stderr, flush=True)

    return tell


def one_of(key: str, value: str, words: tuple[str, ...]) -> None:
    if value not in words:
        raise ConfigError([(key, f"{value!r} is unknown", "one of " + ", ".join(words))])


def word_of(key: str, parse: Callable[[], int]) -> int:
    try:
        return parse()
    except ValueError as error:
        raise ConfigError([(key, str(error), "see --help")]) from error


def moment(key: str, text: str) -> int:
    from gate.central.importing import parse_time

    return word_of(key, lambda: parse_time(text))


def show(as_json: bool, result: Any, text: str) -> None:
    print(json.dumps(result, ensure_ascii=False) if as_json else text)


def table(as_json: bool, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    """One JSON line an item; or tab-separated columns under a header, fit for `cut` and `column`."""
    if as_json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
        return
    print("\t".join(columns))
    for row in rows:
        print("\t".join(_cell(row[name]) for name in columns))


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return "-" if value is None else str(value)


@contextmanager
def failing(as_json: bool) -> Iterator[None]:
    """Errors to stderr and the exit codes of contracts 8."""
    try:
        yield
    except GateError as error:
        if as_json:
            print(json.dumps({"error": {"code": error.code, "message": str(error)}}), file=sys.stderr)
        elif isinstance(error, ConfigError):
            for key, problem, hint in error.problems:
                print(f"{key}: {problem} ({hint})", file=sys.stderr)
        else:
            print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from error
