from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.conftest import need
from tests.kiosk.staff.browsing import Phones, flags
from tests.kiosk.staff.fakecam import film
from tests.kiosk.staff.house import House, Phone, opened
from tests.kiosk.staff.process import FILMED, RunningGate


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One gate with staff pages in this process, for a file of tests; each test takes tickets of its own."""
    with opened(Path(tmp_path_factory.mktemp("house"))) as made:
        yield made


@pytest.fixture
def phone(house: House) -> Iterator[Phone]:
    """The gate's own screen, nobody logged in."""
    house.room.allowance.tries.forget()
    with httpx.Client(base_url=house.url, timeout=60) as client:
        yield Phone(client)


@pytest.fixture(scope="module")
def sari(house: House) -> Phone:
    """An attendant on a paired phone."""
    return house.paired("sari")


@pytest.fixture(scope="module")
def budi(house: House) -> Phone:
    """A technician on a paired phone."""
    return house.paired("budi")


@pytest.fixture(scope="package")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    """One gate as a process of its own, for all tests of the pages: each takes tickets of its own."""
    made = RunningGate(tmp_path_factory.mktemp("gate"))
    made.start()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def browser(gate: RunningGate) -> Iterator[Browser]:
    """Chromium whose camera sees two tickets of that gate."""
    path = gate.folder / "tickets.y4m"
    if not path.exists():
        film(path, [gate.state.text(n) for n in FILMED])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=flags(str(path)))
        yield browser
        browser.close()


@pytest.fixture
def enter(browser: Browser, gate: RunningGate) -> Iterator[Phones]:
    """Opens pages of phones; what a page complains about fails the test."""
    phones = Phones(browser, gate)
    yield phones
    phones.close()
    assert phones.complaints == []
