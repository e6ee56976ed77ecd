"""`lane.json` in the runtime folder: how the lane is, for the heartbeat. Written by the lane, read by sync; one format, here.

A file and no socket: the lane waits for nobody, and sync sees at once when the lane has stopped writing. Imports nothing
that loads slowly.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NAME = "lane.json"
STALE_S = 20.0
"""The lane writes every 2 s; ten misses in a row, and its last word is worth nothing."""
_SIZE_MAX = 16 * 1024


def write(runtime: Path, mono_ms: int, boot: str, status: dict[str, Any]) -> None:
    """Whole or not at all; not fsynced, the folder is in memory. Raises: OSError."""
    new = runtime / f".{NAME}.new"
    new.write_text(json.dumps({"mono": mono_ms, "boot": boot, **status}), encoding="utf-8")
    new.replace(runtime / NAME)


def read(runtime: Path, mono_ms: int, boot: str) -> dict[str, Any] | None:
    """What the lane says of itself. None: it has said nothing lately, or nothing that can be read."""
    try:
        with (runtime / NAME).open("rb") as file:
            found = json.loads(file.read(_SIZE_MAX))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("boot") != boot or type(found.get("mono")) is not int:
        return None
    return found if 0 <= mono_ms - found["mono"] <= STALE_S * 1000 else None
