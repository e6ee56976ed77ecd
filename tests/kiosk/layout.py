"""Looks at a rendered screen for texts that are cut, boxes outside the screen and boxes over one another."""

from __future__ import annotations

from playwright.sync_api import Page

_CHECK = """() => {
  const faults = [];
  const wide = document.documentElement.clientWidth, high = document.documentElement.clientHeight;
  const gate = document.querySelector('gate-display');
  const name = (el) => `${el.className.baseVal ?? el.className} "${el.textContent.trim().slice(0, 40)}"`;
  const inside = '.v-word span, .v-detail span, .v-why, .v-case > span, .strip-alt, .strip-test, .plate, .way, .v-mark, ' +
    '.idle-say p, .status, .clock, .idle-name';
  for (const el of gate.querySelectorAll(inside)) {
    const range = document.createRange();
    range.selectNodeContents(el);
    const boxes = el.textContent.trim() ? [...range.getClientRects()] : [el.getBoundingClientRect()];
    for (const box of boxes) {
      if (box.width && (box.left < -1 || box.right > wide + 1)) faults.push(`outside: ${name(el)}`);
    }
    const own = el.getBoundingClientRect();
    if (own.top < -1 || own.bottom > high + 1) faults.push(`above or below: ${name(el)}`);
  }
  for (const el of gate.querySelectorAll('[data-fit], .v-why, .v-word, .idle-say p, .idle-name, .strip')) {
    if (el.scrollWidth > el.clientWidth + 1) faults.push(`cut at the end: ${name(el)} ${el.scrollWidth} > ${el.clientWidth}`);
  }
  for (const el of gate.querySelectorAll('.v-why')) {
    if (el.scrollHeight > el.clientHeight + 2) faults.push(`cut below: ${name(el)}`);
  }
  const parts = [...gate.querySelectorAll('.v-mark, .v-text, .v-case, .v-why, .way, .hazard, .strip, .idle-top, .idle-say')];
  const boxes = parts.map((el) => {
    // The mark is drawn in a box of its own; the word's column is wider than the word.
    const box = el.getBoundingClientRect();
    return { el, left: box.left, right: box.right, top: box.top, bottom: box.bottom };
  });
  for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
    const a = boxes[i], b = boxes[j];
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 2 && down > 2) faults.push(`over one another by ${down.toFixed(0)} px: ${name(a.el)} and ${name(b.el)}`);
  }
  return faults;
}"""

NO_FAULTS = f"() => ({_CHECK})().length === 0"
"""For `wait_for_function` of a page or frame."""

_EACH = """async (cases) => {
  const check = %s;
  const gate = document.querySelector('gate-display');
  const found = [];
  for (const { state, lost } of cases) {
    gate.state = state;
    gate.lost = lost;
    await gate.updateComplete;
    const way = gate.querySelector('gate-way');
    if (way) await way.updateComplete;
    found.push(check());
  }
  return found;
}"""


def faults_of_each(page: Page, states: list[dict[str, object]], lost: str | None = None) -> list[str]:
    """What is wrong with each of these states, given to the display without the line between."""
    each = page.evaluate(_EACH % _CHECK, [{"state": state, "lost": lost} for state in states])
    return [
        f"{state['verdict']} {state['lang']} {state['reason']} {state['detail']}: {fault}"
        for state, found in zip(states, each, strict=True)
        for fault in found
    ]


def faults(page: Page) -> list[str]:
    """What is wrong with the gate display of this page; empty = nothing."""
    found: list[str] = page.evaluate(_CHECK)
    return found
