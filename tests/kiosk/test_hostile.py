"""Hostile texts on the screens without a login: no script runs, the layout holds."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.fakes.view import FakeView
from tests.kiosk.browser import Screen
from tests.kiosk.conftest import Open
from tests.kiosk.hostile import HOSTILE
from tests.kiosk.words import LANGUAGES


@pytest.mark.parametrize("size", [(480, 320), (390, 844)], ids=str)
def test_hostile_text_stays_text_and_the_layout_holds(
    url: str, view: FakeView, open_page: Open, size: tuple[int, int]
) -> None:
    page = open_page(url, *size)
    screen = Screen(page, view)
    for text in HOSTILE.values():
        show_hostile(screen, text, size)


def show_hostile(screen: Screen, text: str, size: tuple[int, int]) -> None:
    page = screen.page
    each = {lang: text for lang in LANGUAGES}
    gate = {"id": text, "short": text, "name": each, "event_name": each}
    hostile: dict[str, Any] = {
        "gate": gate,
        "words": {"where": each},
        "case": text,
        "detail": text,
        "time": text,
        "first_use": {"gate": text, "gate_name": each, "time": text},
        "go_to": {"short": text, "name": each},
        "next_gate": {"short": text, "way": "left"},
        "attention": [text],
    }
    for verdict in (None, "STOP_USED", "STOP", "SEE_STAFF", "OUT_OF_ORDER", "GO_ATTENTION"):
        screen.show(verdict, "en" if verdict else None, **hostile)
        seen = page.evaluate(_LOOK)
        while seen["strip"] is None:  # a busy machine's page lost the lane meanwhile, and says so
            screen.show(verdict, "en" if verdict else None, **hostile)
            seen = page.evaluate(_LOOK)
        assert (seen["title"], seen["markup"], seen["fits"], seen["scroll"]) == ("Gate display", 0, True, 0)
        assert re.search("[\u202a-\u202e\u2066-\u2069\x1b\x00]", seen["text"]) is None
        assert len(seen["text"]) < 600
        assert seen["strip"] <= size[1] + 1


_LOOK = """() => {
  const display = document.querySelector("gate-display");
  return {
    title: document.title,
    markup: display.querySelectorAll("img, script, b:not(.status b)").length,
    fits: document.documentElement.scrollWidth <= innerWidth,
    scroll: scrollY,
    text: display.innerText,
    strip: display.querySelector(".strip")?.getBoundingClientRect().bottom ?? null,
  };
}"""
"""All of it at one moment."""


@pytest.mark.parametrize("size", [(480, 320), (800, 480), (390, 844)], ids=str)
def test_hostile_offer_to_pair_stays_text_inside_its_panel(
    url: str, view: FakeView, open_page: Open, size: tuple[int, int]
) -> None:
    page = open_page(url, *size)
    screen = Screen(page, view)
    for name, text in HOSTILE.items():
        offer = {"url": text, "host": text, "code": text, "fingerprint": text, "qr": ["01" * 20] * 40}
        for verdict in (None, "SEE_STAFF"):
            screen.show(verdict, "en" if verdict else None, pair=offer)
            assert page.title() == "Gate display", name
            assert page.locator("gate-display img, gate-display script").count() == 0, name
            assert page.evaluate(_INSIDE) == [], name
        screen.show(None, pair={**offer, "qr": [text] * 30})
        assert page.locator(".pair svg").count() == 0, "no picture is drawn of what is no code"


_INSIDE = """() => [...document.querySelectorAll('.pair, .pair *')].filter((part) => {
  const box = part.getBoundingClientRect();
  return box.left < 0 || box.top < 0 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1;
}).map((part) => part.className.baseVal ?? part.className)"""
