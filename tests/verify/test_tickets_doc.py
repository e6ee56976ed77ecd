"""docs/tickets.md names every format, family and refusal that the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gate.verify import foreign
from gate.verify.formats import FORMATS


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "tickets.md").read_text(encoding="utf-8")


def test_every_format_is_there_in_order_of_asking(page: str) -> None:
    table = re.findall(r"^\| `(\w+)` \|", page.split("## Formats", 1)[1], re.MULTILINE)
    assert table[: len(FORMATS)] == [item.name for item in FORMATS]


def test_every_family_is_there_and_no_other(page: str) -> None:
    families = {name for name, _ in foreign._FAMILIES} | {"goods", "lookalike"}
    assert set(re.findall(r"`foreign_(\w+)`", page)) == families


def test_every_refusal_of_verification_is_there(page: str, root: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", page, re.MULTILINE)
    documented = {(reason, detail) for reason, details in rows for detail in re.findall(r"`(\w+)`", details) or [""]}
    for file in (root / "gate" / "verify").rglob("*.py"):
        for reason, details in re.findall(
            r"TicketError\(Reason\.(\w+)(?:, ([^)\n]*))?\)", file.read_text(encoding="utf-8")
        ):
            for detail in re.findall(r'"(\w+)"', details) or [""]:
                if reason != "WRONG_EVENT":
                    assert (reason.lower(), detail) in documented, file.name
