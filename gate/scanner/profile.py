"""The small file that a doctor writes for one input and its source reads: exposure of a camera, habits of a reader.

JSON, `v` 1; unknown fields are ignored, missing ones keep their default.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from gate.errors import ConfigError

LAYOUTS = ("us", "de", "fr")
SUFFIXES = ("enter", "tab", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What calibration found. Times in ms; 0 = automatic."""

    short_ms: float = 0.0
    """For bright screens and hands in motion."""
    normal_ms: float = 0.0
    """For paper."""
    focus: int = -1
    """Position of a manual focus, in the driver's units; -1 = leave alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wedge:
    """How a reader that types puts a code into keys."""

    prefix: str = ""
    suffix: str = "enter"
    aim: bool = False
    """The text begins with an AIM identifier such as `]Q3`."""
    caps_swapped: bool = False
    """Letters come in the other case: caps lock is on in the reader."""
    layout: str = "us"
    """Keyboard the reader believes to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputProfile:
    exposure: Exposure = field(default_factory=Exposure)
    wedge: Wedge = field(default_factory=Wedge)


def load_profile(path: str) -> InputProfile:
    """The profile of a file; no path = the defaults. Raises: ConfigError naming the file and what is wrong."""
    if not path:
        return InputProfile()
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(raw, dict) or raw.get("v") != 1:
            raise ValueError("it is no profile of version 1")
        return InputProfile(exposure=_part(Exposure, raw), wedge=_wedge(raw))
    except (OSError, ValueError) as error:
        hint = "let `gate doctor` write it again, or take input.profile out"
        raise ConfigError([("input.profile", f"{path}: {error}", hint)]) from error


def save_profile(path: Path, **parts: Exposure | Wedge) -> None:
    """Write the parts given and keep the others; the file changes whole or not at all."""
    raw: dict[str, Any] = {"v": 1}
    if path.exists():
        load_profile(str(path))
        raw |= json.loads(path.read_text(encoding="utf-8"))
    raw |= {name: asdict(part) for name, part in parts.items()}
    part_file = path.with_name(path.name + ".part")
    with part_file.open("w", encoding="utf-8") as file:
        json.dump(raw, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    part_file.replace(path)


def _part(kind: type[Exposure | Wedge], raw: dict[str, Any]) -> Any:
    table = raw.get(kind.__name__.lower(), {})
    if not isinstance(table, dict):
        raise ValueError(f"{kind.__name__.lower()} is no table")  # noqa: TRY004 - the file's fault, not a caller's
    values: dict[str, Any] = {}
    for f in fields(kind):
        if f.name in table:
            value = table[f.name]
            wanted = (int, float) if f.type == "float" else {"str": str, "bool": bool, "int": int}[str(f.type)]
            if not isinstance(value, wanted) or (f.type != "bool" and isinstance(value, bool)):
                raise ValueError(f"{f.name} is {value!r}")
            values[f.name] = value
    return kind(**values)


def _wedge(raw: dict[str, Any]) -> Wedge:
    wedge: Wedge = _part(Wedge, raw)
    if wedge.layout not in LAYOUTS or wedge.suffix not in SUFFIXES:
        raise ValueError(f"layout {wedge.layout!r} or suffix {wedge.suffix!r} is not known")
    return wedge
