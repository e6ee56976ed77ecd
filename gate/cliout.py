"""How the command line speaks: tables for people, JSON for scripts, one line and an exit code for errors."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from gate.errors import ConfigError, GateError

CONFIG_PATH = Path("/etc/gate/gate.toml")


def print_json(value: Any) -> None:
    try:
        print(json.dumps(value, ensure_ascii=False, separators=(",", ":")), flush=True)
    except BrokenPipeError:
        os._exit(0)  # the reader of our output has gone (`| head`), which is its right; the library would call it a no


def print_table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    cells = [[("" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[n]) for row in cells)]) for n, name in enumerate(names)]
    lines = [list(names), *cells] if any(names) else cells
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def fail(code: str, message: str, exit_code: int, *, as_json: bool = False) -> NoReturn:
    if as_json:
        print(json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False), file=sys.stderr)
    else:
        print(f"gate: {message}", file=sys.stderr)
    raise SystemExit(exit_code)


def fail_with(error: GateError, *, as_json: bool = False) -> NoReturn:
    if isinstance(error, ConfigError) and not as_json:
        for key, problem, hint in error.problems:
            print(f"gate: {key}: {problem} ({hint})" if hint else f"gate: {key}: {problem}", file=sys.stderr)
        raise SystemExit(error.exit_code)
    fail(error.code, str(error), error.exit_code, as_json=as_json)


def state_of(config: Path) -> Path:
    """The state folder that a configuration names; the default one where there is no file."""
    from gate.config import load
    from gate.settings import Settings

    return (load(config) if config.exists() else Settings()).gate.state_dir
