"""Arguments and options that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gate.model import Direction

Config = Annotated[
    Path, typer.Option("--config", "-c", envvar="GATE_CONFIG", help="Configuration file.", show_default=True)
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object, or one line an item.")]
Text = Annotated[str, typer.Argument(help="Text of the code; `-` reads one line from standard input.", metavar="TEXT")]
Way = Annotated[Direction, typer.Option("--dir", help="Way of walking.")]
At = Annotated[int | None, typer.Option("--at", help="Unix seconds to decide at; default: now.")]


def text_of(text: str) -> str:
    """The argument itself, or for `-` a line of standard input."""
    return sys.stdin.readline().rstrip("\r\n") if text == "-" else text
