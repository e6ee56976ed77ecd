"""Real Chromium and a real server for the kiosk's tests and pictures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from gate.kiosk import KioskServer, create_app, find_ui
from tests.fakes.view import FakeView

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--autoplay-policy=no-user-gesture-required",  # as the kiosk's own browser is started
]


def chromium() -> str | None:
    """Path of Debian's Chromium, None when it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def started(path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(view: FakeView, *, demo: bool = False) -> Iterator[str]:
    """The kiosk on a free port. Yields its address."""
    server = KioskServer(create_app(view, ui_dir=find_ui(), demo=demo), port=0)
    port = server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


SHOWN = """([verdict, lang, mark]) => {
  const gate = document.querySelector('gate-display');
  return gate && gate.state && gate.state.mark === mark && gate.dataset.verdict === verdict
    && (!lang || gate.querySelector('.v')?.lang === lang);
}"""


class Screen:
    """One page on the gate display, driven through the fake lane."""

    def __init__(self, page: Page, view: FakeView) -> None:
        self.page = page
        self.view = view
        self._mark = 0

    def show(self, verdict: str | None, lang: str | None = None, **more: object) -> None:
        """Publish a state and wait until it is on the screen."""
        self._mark += 1
        self.view.show(verdict, lang, mark=self._mark, **more)
        name = verdict.lower() if verdict else "idle"
        self.page.wait_for_function(SHOWN, arg=[name, lang if verdict else None, self._mark])
        self.page.evaluate("document.querySelector('gate-display').updateComplete")
