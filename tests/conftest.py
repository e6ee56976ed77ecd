"""Shared by all tests: parts of the machine a test needs, and whether their absence may be passed over.

`GATE_REQUIRE=zbar,chromium` turns the skips of those parts into failures: on a machine that should have them, a skipped
test is a hole nobody sees.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine may stop a test for seconds: how long one example took says nothing. (With a deadline of None the health
# check of slow generation allows 30 s.) What else was chosen before, on the command line or by CI, stays.
settings.register_profile("gate", settings(), deadline=None)
settings.load_profile("gate")


_REAL_TIME = ("actuator", "kiosk", "scanner")
"""Tests of screens, pins and pictures against the real clock."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where the real clock counts, a machine that stood still for seconds fails a test for nothing: once more, and the
    summary shows the first try with its traceback, because such a test is a defect to be mended. At most a handful a run
    (`--max-suite-reruns`): what fails often is no stall. What proves that nothing is lost or doubled is asked once."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in _REAL_TIME:
            item.add_marker(pytest.mark.flaky(reruns=1))


def _zbar() -> str:
    return ctypes.util.find_library("zbar") or ""


def _chromium() -> str:
    return shutil.which("chromium") or shutil.which("chromium-browser") or ""


def _spin() -> str:
    return (shutil.which("spin") or "") if shutil.which("cc") else ""


def _postgres() -> str:
    """Folder of PostgreSQL's server programs: on the path, or where Debian keeps each version of them."""
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), Path(shutil.which("initdb") or "/nowhere").parent]
    found = [place for place in places if (place / "postgres").exists() and (place / "initdb").exists()]
    return str(max(found, key=lambda place: int(place.parent.name) if place.parent.name.isdigit() else 0, default=""))


def _systemd_analyze() -> str:
    return shutil.which("systemd-analyze") or ""


PARTS: dict[str, Callable[[], str]] = {
    "chromium": _chromium,
    "postgres": _postgres,
    "spin": _spin,
    "systemd-analyze": _systemd_analyze,
    "zbar": _zbar,
}
"""How to find each part: its path or name, empty when it is not here."""


def required() -> frozenset[str]:
    """The parts that must be here, from the environment."""
    return frozenset(word.strip() for word in os.environ.get("GATE_REQUIRE", "").split(",") if word.strip())


def need(part: str) -> str:
    """Where the part is. Skips the test when it is missing, fails it when the part is required.

    Use it as the first line of a test or fixture: `chromium = need("chromium")`; from a test module
    `from tests.conftest import need`.
    """
    found = PARTS[part]()
    if not found:
        message = f"{part} is not on this machine"
        if part in required():
            pytest.fail(f"{message}, and GATE_REQUIRE names it")
        pytest.skip(message)
    return found


@pytest.fixture
def chromium() -> str:
    """Path of Chromium."""
    return need("chromium")


@pytest.fixture
def zbar() -> str:
    """Name of the zbar library."""
    return need("zbar")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).parent.parent
