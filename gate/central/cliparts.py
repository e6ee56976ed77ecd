"""What every command of `gate central` shares: asking the server, showing an answer, exit codes. No command is here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from gate.errors import ConfigError, GateError
from gate.said import moment_text

DEFAULT_STATE = Path("/var/lib/gate-central")
DAY_S = 24 * 3600
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


def warn(as_json: bool, place: str, warnings: list[dict[str, Any]], count: int) -> None:
    """Warnings go to stderr, below `place` (a file's name, or nothing); with --json they stand in the result."""
    if as_json:
        return
    for item in warnings:
        where = f"{place}:{item['line']}: {item['column']}: " if place else ""
        hint = f" ({item['hint']})" if "hint" in item else ""
        print(f"warning: {where}{item['problem']}{hint}", file=sys.stderr)
    if count > len(warnings):
        print(f"warning: and {count - len(warnings)} more", file=sys.stderr)


def show(as_json: bool, result: Any, text: str) -> None:
    print(json.dumps(result, ensure_ascii=False) if as_json else text)


Zone = Callable[[dict[str, Any]], tzinfo | None]


def local(state: Path) -> Callable[[str], tzinfo | None]:
    """The time zone of an event by its id; None for what is of no event."""
    return {row["event"]: ZoneInfo(row["tz"]) for row in do(state, "event_list", {})}.get


def of_its_event(state: Path) -> Zone:
    """For rows that name their event."""
    zone = local(state)
    return lambda row: zone(row["event"])


def table(
    as_json: bool,
    rows: list[dict[str, Any]],
    columns: tuple[str, ...],
    *,
    times: tuple[str, ...] = (),
    zone: Callable[[], Zone] | None = None,
    unit_ms: int = 1,
) -> None:
    """One JSON line an item; or tab-separated columns under a header, fit for `cut` and `column`.

    Args:
        times: columns that hold moments, and objects with an `at`; people see them in words.
        zone: makes what gives a row's time zone, where only people ask; None = UTC.
        unit_ms: of the moments; they are Unix time.
    """
    if as_json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
        return
    print("\t".join(columns))
    zone_of = zone() if zone else None
    for row in rows:
        place = zone_of(row) if zone_of else None
        print("\t".join(_cell(_timed(row[name], place, unit_ms) if name in times else row[name]) for name in columns))


def _timed(value: Any, zone: tzinfo | None, unit_ms: int) -> Any:
    if isinstance(value, dict):
        return {
            name: _timed(item, zone, unit_ms) if name == "at" or isinstance(item, dict) else item
            for name, item in value.items()
        }
    return moment_text(value * unit_ms, zone) if isinstance(value, int) else value


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
