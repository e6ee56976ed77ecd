"""How the staff pages look and can be used: axe, sizes of targets, words that fit; in every language."""

from __future__ import annotations

import pytest

from gate.model import Verdict
from tests.kiosk.axe import Judge
from tests.kiosk.staff.browsing import LANGUAGES, THEMES, Phones
from tests.kiosk.staff.views import ANSWER, each_door, each_tab, each_view, put, switch


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
