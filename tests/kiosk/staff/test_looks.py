"""How the staff pages look and can be used: axe, sizes of targets, words that fit, hostile texts; in every language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from gate.model import Verdict
from tests.kiosk.axe import Judge
from tests.kiosk.staff.browsing import LANGUAGES, THEMES, Phones

VIEWS = ("scan", "search", "refused", "lane", "figures")
TABS = ("doctor", "network", "logs", "config", "people", "enrol")
ANSWER: dict[str, Any] = {
    "reason": "ok", "detail": "", "admitted": False, "ticket_number": "ZDK4-SE1E-0", "ref": "g2/9f1c2b7a55d0e312/7",
    "dir": "entry", "count": 1, "product": {"en": "Day ticket"}, "attention": [], "entries": 1, "uses": 3, "at": 0,
    "first_use": {"time": "14:03", "short": "2"}, "case": "G2-0147-L",
}  # fmt: skip
PEOPLE = [{"event": "spring", "masked": "S••• D••••", "number": "ZDK4-SE1E-0", "product": "Day", "state": "valid"}]
LOOK = """async ([element, name, value]) => {
  const page = document.querySelector(element);
  page[name] = value;
  await page.updateComplete;
  await Promise.all([...page.querySelectorAll('*')].map((part) => part.updateComplete));
}"""


def put(page: Page, element: str, name: str, value: Any) -> None:
    """Give a page element a state of its own and wait until it is drawn."""
    page.evaluate(LOOK, [element, name, value])


def each_view(page: Page) -> Iterator[str]:
    """Every view of the handheld in turn, by its name."""
    page.wait_for_selector("staff-page .nav")
    for view in VIEWS:
        page.evaluate("view => document.querySelector('staff-page').go(view)", view)
        page.wait_for_selector(f"staff-{view} main")
        yield view
        if view == "scan":
            put(page, "staff-scan", "grouping", True)
            put(page, "staff-scan", "listing", True)
            yield "last scans"
        if view == "search":
            put(page, "staff-search", "people", PEOPLE)
            yield "names"
        if view == "refused":
            put(page, "staff-page", "denials", [{**ANSWER, "verdict": "STOP_USED"}])
            yield "refused one"
        if view == "lane":
            put(page, "staff-lane", "asking", "out_of_order")
            yield "reason"
    for name in Verdict:
        put(page, "staff-page", "result", {**ANSWER, "verdict": name.value, "admitted": name.value.startswith("GO")})
        yield f"result {name.value}"
    put(page, "staff-page", "overriding", {**ANSWER, "verdict": "STOP", "second_person": True})
    yield "override"
    put(page, "staff-page", "overriding", None)
    put(page, "staff-page", "result", None)
    put(page, "staff-page", "lost", True)
    yield "lost"
    put(page, "staff-page", "lost", False)


def each_door(enter: Phones, size: str = "phone", query: str = "") -> Iterator[tuple[Page, str]]:
    page = enter(None, size=size, query=query)
    page.wait_for_selector("input[name=code]")
    yield page, "pairing"
    page = enter("nobody yet", size=size, query=query, login=False)
    page.wait_for_selector("pin-pad")
    yield page, "login"


def each_tab(page: Page) -> Iterator[str]:
    """Every tab of the technician's page in turn, and the states of the first."""
    for tab in TABS:
        put(page, "tech-page", "tab", tab)
        if tab == "doctor":
            page.wait_for_selector(".st")
        if tab in ("logs", "config"):
            page.wait_for_selector(".log li, .papers td")
        yield tab
        if tab == "doctor":
            for state in ("ok", "bad"):
                put(
                    page,
                    "tech-doctor",
                    "tests",
                    [{"name": "camera", "state": s, "figure": {}} for s in (state, "none")],
                )
                yield f"tested {state}"
            put(page, "tech-doctor", "busy", True)
            yield "testing"
        if tab == "network":
            put(page, "tech-papers", "said", ["fine", "caps"])
            yield "keyboard reader"


def switch(page: Page, element: str, lang: str, theme: str) -> None:
    """To another language and look, as people do it on the page: nothing is loaded again."""
    for name, value in (("lang", lang), ("theme", theme)):
        page.evaluate("([e, n, v]) => document.querySelector(e).setPref(n, v)", [element, name, value])


def test_axe_finds_nothing_serious_on_the_handheld(enter: Phones) -> None:
    page = enter()
    page.wait_for_selector("staff-scan")
    judge = Judge(page)
    for lang in LANGUAGES:
        for theme in THEMES:
            switch(page, "staff-page", lang, theme)
            for view in each_view(page):
                judge(f"{view} {lang} {theme}")
    assert judge.found == []


def test_axe_finds_nothing_serious_before_one_is_in(enter: Phones) -> None:
    for page, door in each_door(enter):
        judge = Judge(page)
        for lang in LANGUAGES:
            for theme in THEMES:
                switch(page, "staff-page", lang, theme)
                put(page, "staff-login", "error", "")
                judge(f"{door} {lang} {theme}")
                put(page, "staff-login", "error", "Not so.")
                judge(f"{door}, an error {lang} {theme}")
        assert judge.found == []


def test_axe_finds_nothing_serious_on_the_technicians_page(enter: Phones) -> None:
    page = enter("budi", "/tech", "desk")
    page.wait_for_selector("tech-doctor .st")
    judge = Judge(page)
    for lang in LANGUAGES:
        for theme in THEMES:
            switch(page, "tech-page", lang, theme)
            for tab in each_tab(page):
                judge(f"{tab} {lang} {theme}")
    assert judge.found == []


SMALL = """() => [...document.querySelectorAll('button, a, input:not([type=radio]), select, label.reason')]
  .filter((e) => e.checkVisibility() && !e.closest('.hidden') && !e.closest('[inert]'))
  .map((e) => [e.getAttribute('aria-label') || e.textContent.trim().slice(0, 20) || e.name, e.getBoundingClientRect()])
  .filter(([, r]) => Math.round(r.width) < 56 || Math.round(r.height) < 56).map(([n, r]) => `${n} ${r.width}x${r.height}`)"""


@pytest.mark.parametrize("size", ["phone", "small", "tablet"])
def test_everything_one_can_press_is_a_thumb_wide(enter: Phones, size: str) -> None:
    small: dict[str, list[str]] = {door: page.evaluate(SMALL) for page, door in each_door(enter, size)}
    page = enter(size=size)
    small |= {view: page.evaluate(SMALL) for view in each_view(page)}
    assert {view: found for view, found in small.items() if found} == {}


def test_words_of_verdicts_fit_the_phone_in_every_language(enter: Phones) -> None:
    page = enter()
    page.wait_for_selector("staff-scan")
    fits = "(e => e.scrollWidth <= e.clientWidth + 1)(document.querySelector('.verdict .w'))"
    for lang in LANGUAGES:
        switch(page, "staff-page", lang, "light")
        for name in Verdict:
            put(page, "staff-page", "result", {**ANSWER, "verdict": name.value})
            assert page.evaluate(fits), (lang, name)
