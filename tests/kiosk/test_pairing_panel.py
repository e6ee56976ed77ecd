"""The certificate's fingerprint, as people compare it with their phone's: whole byte pairs, on any screen."""

from __future__ import annotations

import pytest

from tests.fakes.view import FakeView
from tests.kiosk.browser import Screen
from tests.kiosk.conftest import Open
from tests.kiosk.screenshots import OFFER

# Each pair that stands on two lines, and whatever of the text is outside the panel.
BROKEN = """() => {
  const pairs = document.querySelector('.pair .pairs');
  const panel = document.querySelector('.pair').getBoundingClientRect();
  const found = [];
  let seen = 0;
  for (const node of pairs.childNodes) {
    if (node.nodeType !== Node.TEXT_NODE || !/[0-9A-F]{2}/.test(node.data)) continue;
    seen += 1;
    const range = document.createRange();
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()];
    if (new Set(boxes.map((box) => box.top)).size !== 1) found.push(`broken: ${node.data}`);
    if (boxes.some((box) => box.left < panel.left || box.right > panel.right)) found.push(`outside: ${node.data}`);
  }
  if (seen !== 8) found.push(`${seen} pairs`);
  return found;
}"""


@pytest.mark.parametrize("verdict", [None, "SEE_STAFF"])
def test_a_line_ends_between_two_byte_pairs_only(
    url: str, view: FakeView, open_page: Open, verdict: str | None
) -> None:
    page = open_page(url)
    screen = Screen(page, view)
    for width, height in ((480, 320), (800, 480), (390, 844), (320, 568), (240, 320)):
        page.set_viewport_size({"width": width, "height": height})
        screen.show(verdict, "en" if verdict else None, pair=OFFER)
        assert page.locator(".pair .pairs").text_content() == "3F:9A:22:D0:41:7B:88:0C…"
        assert page.evaluate(BROKEN) == []
