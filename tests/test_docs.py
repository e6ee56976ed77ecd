"""The documentation says what the code does: every setting with its default, every target, every unit."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from gate.actuator.profiles import OWN, Profile
from gate.config import describe
from gate.settings import Rule

SETTINGS = list(describe())
HEADINGS = {"lane.entry": "[lane.entry] and [lane.exit]", "input": "[[input]]"}


def toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | Path():
            return f'"{value}"'
        case tuple():
            return "[" + ", ".join(map(toml, value)) + "]"
    return str(value)


def rows(text: str) -> dict[str, list[str]]:
    """First cell of each table row -> the other cells."""
    table = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]
    return {cells[0].strip("`"): cells[1:] for cells in table}


def limits(rule: Rule) -> str:
    if rule.pin:
        return "0, 2 to 27"
    if rule.choices:
        return ", ".join(f"`{word}`" for word in rule.choices)
    return "" if rule.low is None else f"{rule.low:g} to {rule.high:g}"


@pytest.fixture(scope="session")
def configuration(root: Path) -> str:
    return (root / "docs/configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("section", "key", "default", "rule"), SETTINGS, ids=[f"{s}.{k}" for s, k, _, _ in SETTINGS])
def test_every_setting_is_documented_as_it_is(
    configuration: str, section: str, key: str, default: Any, rule: Rule
) -> None:
    heading = f"### `{HEADINGS.get(section, f'[{section}]')}`\n"
    assert heading in configuration
    table = rows(configuration.split(heading)[1].split("\n#")[0])
    assert table[key] == [f"`{toml(default)}`", limits(rule), rule.what]


def test_no_setting_is_documented_that_does_not_exist(configuration: str) -> None:
    parts = configuration.split("## All settings")[1].split("## Controller profiles")
    assert set(rows(parts[0])) == {key for _, key, _, _ in SETTINGS}
    assert set(rows(parts[1])) == {f.name for f in fields(Profile)}


@pytest.mark.parametrize("f", fields(Profile), ids=lambda f: f.name)
def test_every_key_of_a_profile_is_documented_as_it_is(configuration: str, f: Any) -> None:
    rule = f.metadata["rule"]
    table = rows(configuration.split("## Controller profiles")[1])
    assert table[f.name] == [f"`{toml(f.default)}`", limits(rule), rule.what]


def test_every_profile_of_the_package_is_in_the_wiring_sheet(root: Path) -> None:
    text = (root / "docs/wiring.md").read_text(encoding="utf-8")
    for path in OWN.glob("*.toml"):
        assert f"`{path.stem}`" in text


def test_every_pin_setting_is_in_the_wiring_sheet(root: Path) -> None:
    text = (root / "docs/wiring.md").read_text(encoding="utf-8")
    for _section, key, _default, rule in SETTINGS:
        assert not rule.pin or f"`{key}`" in text, key


def test_every_unit_is_in_the_installation(root: Path) -> None:
    text = (root / "docs/install.md").read_text(encoding="utf-8")
    for path in (root / "systemd").glob("*.service"):
        assert path.stem in text


def test_every_toml_block_of_the_docs_is_valid(root: Path) -> None:
    for path in (root / "docs").rglob("*.md"):
        for block in re.findall(r"```toml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            tomllib.loads(block)


def test_links_between_the_documents_lead_somewhere(root: Path) -> None:
    for path in [*(root / "docs").rglob("*.md"), *root.glob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
