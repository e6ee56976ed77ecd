"""axe-core on a page: what it calls serious or critical, by the name of the state it was found in."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

_AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"
_RUN = """async () => {
  const answer = await axe.run(document, { resultTypes: ['violations'] });
  return answer.violations.filter((v) => ['serious', 'critical'].includes(v.impact))
    .map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).slice(0, 3).join(' | ')}`);
}"""


class Judge:
    """Attributes: `found` what is serious, with the state's name before it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.found: list[str] = []
        page.evaluate(_AXE.read_text(encoding="utf-8"))  # as a debugger does, so that the policy need not be loosened

    def __call__(self, name: str) -> None:
        self.found += [f"{name}: {item}" for item in self._page.evaluate(_RUN)]
