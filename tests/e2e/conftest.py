from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.screen import Screen
from tests.e2e.site import Site, until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An enrolled site of 60 tickets, running."""
    made = Site(tmp_path)
    made.make(60)
    try:
        made.start_all()
        yield made
    finally:
        made.close()


@pytest.fixture
def screen(site: Site) -> Iterator[Screen]:
    shown = Screen(site.port)
    try:
        until(lambda: shown.up, "the lane's line")
        yield shown
    finally:
        shown.close()
