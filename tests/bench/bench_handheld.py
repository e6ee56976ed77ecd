"""How soon a verdict is visible: on the gate's screen after the decision, and on a handheld after its scan; in Chromium."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

from playwright.sync_api import Page, sync_playwright

from gate.lane.screen import Shown
from gate.model import Reason, Verdict
from tests.fakes.state import StateFolder
from tests.kiosk.browser import FLAGS, chromium
from tests.kiosk.staff.house import PINS, House, opened

ROUNDS = 60
_SCAN = """async (text) => {
  const page = document.querySelector('staff-page');
  page.go('scan');
  await page.updateComplete;
  const began = performance.now();
  await page.scan({ text });
  await page.updateComplete;
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  if (!document.querySelector('staff-result .verdict')) throw new Error('no verdict');
  return performance.now() - began;
}"""


def _row(what: str, values: list[float], goal: str) -> dict[str, Any]:
    cuts = quantiles(values, n=100)
    return {"what": what, "unit": "ms", "median": cuts[49], "p95": cuts[94], "p99": cuts[98], "goal": goal}


def _display(house: House, page: Page) -> list[float]:
    """From the moment the lane tells its screens to the painted frame, by one clock of this machine."""
    page.goto(house.url)
    page.wait_for_selector('gate-display[data-verdict="idle"]')
    lags = []
    for _ in range(ROUNDS):
        decided: list[float] = []

        def show(desk: Any, decided: list[float] = decided) -> None:
            decided.append(time.time() * 1000)
            desk.lane._show(Shown(verdict=Verdict.STOP, reason=Reason.INVALID, until_ms=10**12))

        page.evaluate(
            """() => { window.seen = new Promise((done) => {
              const gate = document.querySelector('gate-display');
              const look = new MutationObserver(() => {
                if (gate.dataset.verdict !== 'stop') return;
                look.disconnect();
                requestAnimationFrame(() => setTimeout(() => done(performance.timeOrigin + performance.now()), 0));
              });
              look.observe(gate, { attributes: true, attributeFilter: ['data-verdict'] });
            }); }"""
        )
        house.desk(show)
        lags.append(float(page.evaluate("window.seen")) - decided[0])
        house.desk(lambda desk: desk.lane._show(None))
        page.wait_for_selector('gate-display[data-verdict="idle"]')
    return lags


def main() -> list[dict[str, Any]]:
    path = chromium()
    if path is None:
        raise SystemExit("chromium is not installed")
    with tempfile.TemporaryDirectory() as folder:
        state = StateFolder(Path(folder) / "rows")
        rows = [state.row(n) for n in range(ROUNDS)]
        with opened(Path(folder), tickets=rows) as house, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, "--ignore-certificate-errors"])
            display = _display(house, browser.new_page(viewport={"width": 800, "height": 480}))
            context = browser.new_context(viewport={"width": 390, "height": 844}, ignore_https_errors=True)
            code, _ = house.room.access.offer("bench")
            context.request.post(f"{house.lan_url}/api/v1/pair", data={"code": code})
            context.request.post(f"{house.lan_url}/api/v1/login", data={"staff": "sari", "pin": PINS["sari"]})
            page = context.new_page()
            page.goto(f"{house.lan_url}/staff")
            page.wait_for_selector("staff-scan")
            scans = [float(page.evaluate(_SCAN, house.state.text(n))) for n in range(ROUNDS)]
            browser.close()
    return [
        _row("verdict painted on the gate's screen after the decision, Chromium", display, "p95 <= 100"),
        _row("handheld: text read to verdict painted, over TLS, with its commit", scans, "p95 <= 300"),
    ]
