"""One browser for a file of tests; a page of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.conftest import need
from tests.fakes.view import FakeView
from tests.kiosk.browser import PATIENT, served, started

Open = Callable[..., Page]


# Not for the session: while it runs there is an event loop in this thread, and other tests start their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started(need("chromium")) as browser:
        yield browser


@pytest.fixture(scope="module")
def lane() -> Iterator[tuple[FakeView, str]]:
    """One server for a file of tests, with the view it shows."""
    view = FakeView()
    with served(view, demo=True) as address:
        yield view, address


@pytest.fixture
def view(lane: tuple[FakeView, str]) -> FakeView:
    """The view of the running server, as new."""
    lane[0].reset()
    return lane[0]


@pytest.fixture
def url(lane: tuple[FakeView, str], view: FakeView) -> str:
    return lane[1]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens pages; whatever a page complains about (script, policy, missing file) fails the test.

    Unless told otherwise they are patient: no silence of a busy machine's lane changes what they show.
    """
    complaints: list[str] = []
    pages: list[Page] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    def open_(address: str, width: int = 800, height: int = 480, *, init: str = "", patient: bool = True) -> Page:
        page = browser.new_page(viewport={"width": width, "height": height})
        pages.append(page)
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        if init:
            page.add_init_script(init)
        if patient:
            page.add_init_script(PATIENT)
        page.goto(address)
        return page

    yield open_
    for page in pages:
        page.close()
    assert complaints == []
