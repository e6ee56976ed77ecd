"""The wiring sheet in the documentation is the one that is drawn, and its pins are those of the sample configuration."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.prove.sheet import LEFT, RIGHT, SHEET, draw


def test_sheet_is_drawn_anew_when_its_table_changes() -> None:
    assert SHEET.read_text(encoding="utf-8") == draw()


def test_sheet_has_the_pins_of_the_sample_beside_it(root: Path) -> None:
    sample = (root / "docs/wiring.md").read_text(encoding="utf-8").split("```toml")[1].split("```")[0]
    found = tomllib.loads(sample)
    drawn = {int(name.split()[1]) for _, name, _, _ in (*LEFT, *RIGHT) if name.startswith("GPIO")}
    lane, pins = found["lane"]["entry"], found["pins"]
    said = {lane["relay_pin"], lane["passage_pin"], *pins["lamp_pins"]}
    said |= {value for key, value in pins.items() if re.fullmatch(r"\w+_pin", key)}
    assert said <= drawn
