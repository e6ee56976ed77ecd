"""Real Chromium and a real server for the kiosk's tests and pictures."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

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
expect.set_options(timeout=30_000)
"""For every test with a browser: a page on a busy machine may stand still for seconds."""
STALE_MS = int(re.findall(r"STALE_MS = (\d+);", (find_ui() / "components" / "link.js").read_text(encoding="utf-8"))[0])
"""Silence after which a page says that its lane is lost."""
PATIENT = f"""(() => {{
  const plain = window.setTimeout;
  window.setTimeout = (act, ms, ...more) => plain(act, ms === {STALE_MS} ? 3_600_000 : ms, ...more);
}})();"""
"""A page that waits an hour for its lane. For tests of something else: on a busy machine the lane may be silent for long."""
HISTORY = """addEventListener('DOMContentLoaded', () => {
  const gate = document.querySelector('gate-display');
  window.shown = [];
  new MutationObserver(() => {
    if (window.shown.at(-1) !== gate.dataset.verdict) window.shown.push(gate.dataset.verdict);
  }).observe(gate, { attributes: true, attributeFilter: ['data-verdict'] });
});"""
"""A gate display that remembers what it has shown, however short that was."""


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
