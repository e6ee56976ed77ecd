"""Hostile texts in everything that the handheld and the technician's page show: no script runs, the layout holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.kiosk.hostile import HOSTILE
from tests.kiosk.staff.browsing import Phones
from tests.kiosk.staff.house import Phone
from tests.kiosk.staff.process import RunningGate
from tests.kiosk.staff.views import TABS, VIEWS, put

KEPT = {"staff", "csrf", "role", "pairing", "paired", "qr", "languages", "tz"}
"""What a page works with and never shows."""
TOLD = ("status", "logs", "config", "staff", "phones")


def spoilt(value: Any, text: str) -> Any:
    """The same answer with every text in it replaced."""
    if isinstance(value, dict):
        return {key: item if key in KEPT else spoilt(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [spoilt(item, text) for item in value]
    return text if isinstance(value, str) else value


class Liar:
    """What the gate answers to somebody, with its texts replaced by `text`."""

    def __init__(self, page: Page, phone: Phone, *paths: str) -> None:
        self.text = ""
        self._real = {path: phone.get(path).json() for path in paths}
        for path in paths:
            page.route(f"**/api/v1/{path}", self._answer)

    def _answer(self, route: Route) -> None:
        real = self._real[route.request.url.partition("/api/v1/")[2]]
        route.fulfill(content_type="application/json", body=json.dumps(spoilt(real, self.text)))


OVER = """(high) => {
  const root = document.documentElement;
  if (root.scrollWidth <= innerWidth && (!high || root.scrollHeight <= innerHeight + 1)) return [];
  return ['too wide or high', ...[...document.querySelectorAll('body *')]
    .filter((part) => part.getBoundingClientRect().right > innerWidth + 1)
    .map((part) => `${part.tagName}.${part.className.baseVal ?? part.className}`).slice(0, 9)];
}"""


def whole(page: Page, what: str, *, high: bool = False) -> None:
    """No script ran, and nothing is wider (`high`: or higher) than the screen."""
    assert page.evaluate(OVER, high) == [], what
    assert page.title() in ("Gate: staff", "Gate: technician"), what
    assert page.locator("main script, main img, header script, header img").count() == 0, what


def answer_of(text: str) -> dict[str, Any]:
    return {
        "verdict": "STOP_USED", "reason": text, "detail": text, "ticket_number": text, "product": {"en": text},
        "text": {"en": text}, "case": text, "ref": text, "first_use": {"time": text, "short": text, "gate": text},
        "count": 2, "attention": [text], "entries": 1, "uses": 1, "at": 0, "dir": "entry", "kind": "refused",
    }  # fmt: skip


@pytest.mark.parametrize("size", ["phone", "small"])
def test_hostile_texts_break_nothing_on_the_handheld(gate: RunningGate, enter: Phones, size: str) -> None:
    page = enter(size=size)
    page.wait_for_selector("staff-page .nav")
    liar = Liar(page, gate.paired("sari"), "recent", "counts", "session")
    for name, text in HOSTILE.items():
        liar.text = text
        page.evaluate("document.querySelector('staff-page').reload()")
        page.wait_for_function("text => document.querySelector('staff-page').session.name === text", arg=text)
        answer = answer_of(text)
        people = [{"event": text, "masked": text, "number": text, "product": text, "state": text}] * 20
        put(page, "staff-page", "denials", [answer])
        put(page, "staff-page", "lane", {"gate": {"short": text}, "mode": text, "sync": {"queue": text}, "clock": text})
        put(page, "staff-page", "pins", {"inputs": {text: True}})
        for view in VIEWS:
            page.evaluate("view => document.querySelector('staff-page').go(view)", view)
            page.wait_for_selector(f"staff-{view} main")
            whole(page, f"{name}: {view}", high=True)
            if view == "search":
                put(page, "staff-search", "people", True)
                put(page, "staff-byname", "people", people)
                whole(page, f"{name}: people", high=True)
                put(page, "staff-byname", "person", people[0])
                put(page, "staff-byname", "full", text)
                whole(page, f"{name}: person", high=True)
        put(page, "staff-page", "result", answer)
        whole(page, f"{name}: result", high=True)
        put(page, "staff-page", "overriding", answer)
        whole(page, f"{name}: override", high=True)
        put(page, "staff-page", "overriding", None)
        put(page, "staff-page", "result", None)


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_hostile_texts_break_nothing_on_the_technicians_page(gate: RunningGate, enter: Phones, size: str) -> None:
    page = enter("budi", "/tech", size)
    page.wait_for_selector("tech-doctor .st")
    liar = Liar(page, gate.paired("budi"), *(f"tech/{what}" for what in TOLD), "session")
    for name, text in HOSTILE.items():
        liar.text = text
        page.evaluate("document.querySelector('tech-page').reload()")
        page.wait_for_function("text => document.querySelector('tech-page').status?.version === text", arg=text)
        for tab in TABS:
            put(page, "tech-page", "tab", tab)
            if tab == "doctor":
                tests = [{"name": text, "state": "bad", "figure": {"why": text, "trust": text, "queue": text}}]
                put(page, "tech-doctor", "tests", tests)
            if tab in ("logs", "config"):
                page.wait_for_selector(".log li, .papers td", state="attached")
            if tab == "people":
                page.wait_for_selector(".pinrow")
            if tab == "network":
                put(page, "tech-papers", "said", [text])
            whole(page, f"{name}: {tab}")
