"""Every screen, in every language, at every size: nothing cut, nothing outside, nothing over something else."""

from __future__ import annotations

from typing import Any

import pytest

from gate.decision.reasons import VERDICTS
from gate.model import Verdict
from tests.fakes.view import SCREENS, FakeView, state_of
from tests.kiosk.browser import Screen
from tests.kiosk.conftest import Open
from tests.kiosk.layout import faults, faults_of_each
from tests.kiosk.words import LANGUAGES, reason_details

SIZES = [(480, 320), (800, 480), (390, 844), (1920, 1080)]
size = pytest.mark.parametrize(("width", "height"), SIZES, ids=[f"{w}x{h}" for w, h in SIZES])

FONT = """const sheet = new CSSStyleSheet();
sheet.replaceSync(`:root { --font-sans: "%s", "Noto Sans CJK TC", sans-serif; --font-word: var(--font-sans); }`);
addEventListener('DOMContentLoaded', () => { document.adoptedStyleSheets = [sheet]; });"""


def house(lang: str) -> list[str]:
    return [lang, *(other for other in LANGUAGES if other != lang)]


@size
def test_every_verdict_fits_in_every_language(
    url: str, view: FakeView, open_page: Open, width: int, height: int
) -> None:
    assert set(SCREENS) == set(Verdict)
    screen = Screen(open_page(url, width, height), view)
    found: list[str] = []
    for verdict in SCREENS:
        for lang in LANGUAGES:
            screen.show(verdict, lang)
            found += [f"{verdict} {lang}: {fault}" for fault in faults(screen.page)]
    assert found == []


@size
@pytest.mark.parametrize("font", ["Liberation Sans", "DejaVu Sans"])
def test_it_holds_with_the_fonts_of_a_bare_system(
    url: str, open_page: Open, width: int, height: int, font: str
) -> None:
    page = open_page(url, width, height, init=FONT % font)
    page.wait_for_selector(".idle-say p")
    assert faults_of_each(page, [state_of(verdict, lang) for verdict in SCREENS for lang in LANGUAGES]) == []


@size
def test_every_reason_line_fits(url: str, open_page: Open, width: int, height: int) -> None:
    page = open_page(url, width, height)
    page.wait_for_selector(".idle-say p")
    states = [
        state_of(VERDICTS[reason], lang, reason=reason, detail=detail, words={"where": None}, next_gate=None)
        for reason, detail in reason_details()
        for lang in LANGUAGES
    ]
    assert faults_of_each(page, states) == []


def test_a_screen_of_four_to_three_holds_too(url: str, open_page: Open) -> None:
    page = open_page(url, 800, 600)
    page.wait_for_selector(".idle-say p")
    idle = [state_of(None, languages=house(lang), **more) for lang in LANGUAGES for more in ({}, AGED)]
    assert faults_of_each(page, idle + [state_of(verdict, lang) for verdict in SCREENS for lang in LANGUAGES]) == []


AGED = {"mode": "local", "data_age_s": None, "clock": "untrusted", "sync": {"queue": 1234567}, "demo": True}
LONG_NAME = {"gate": "north-entrance-2", "gate_name": {"en": "North entrance, hall 12"}, "time": "14:03"}
ATTENTION = ["test", "minor", "accessibility", "vip", "staff", "answers", "attention"]

OTHERS: list[tuple[str | None, dict[str, Any]]] = [
    *((None, {"hint": hint}) for hint in (None, "unread", "crowd", "camera")),
    (None, AGED),
    (None, {"direction": "exit"}),
    *(("GO", {"way": way}) for way in ("left", "up")),
    ("GO", {"direction": "exit", "window_ms": None, "window_end": None}),
    ("GO", {"test": True}),
    ("STOP_USED", {"test": True}),
    ("GO_ATTENTION", {"way": "up"}),
    *(("GO_ATTENTION", {"attention": [kind]}) for kind in ATTENTION),
    ("GO_ATTENTION", {"attention": [], "direction": "exit"}),
    ("EMERGENCY", {"way": "up"}),
    ("STOP", {"reason": "product", "go_to": {"short": "B12", "name": {}}}),
    ("OUT_OF_ORDER", {"next_gate": {"short": "B12"}}),
    ("OUT_OF_ORDER", {"next_gate": {"short": "B12", "way": "right"}}),
    ("OUT_OF_ORDER", {"next_gate": None}),
    ("SEE_STAFF", {"case": None}),
    ("SEE_STAFF", {"words": {"where": None}}),
    ("SEE_STAFF", {"case": None, "words": {"where": None}}),
    ("STOP_USED", {"first_use": LONG_NAME}),
    ("STOP_USED", {"first_use": None}),
]


@size
def test_every_other_screen_fits(url: str, open_page: Open, width: int, height: int) -> None:
    page = open_page(url, width, height)
    page.wait_for_selector(".idle-say p")
    states = [state_of(verdict, lang, languages=house(lang), **more) for verdict, more in OTHERS for lang in LANGUAGES]
    assert faults_of_each(page, states) == []


@size
def test_the_lost_screen_fits(url: str, open_page: Open, width: int, height: int) -> None:
    page = open_page(url, width, height)
    page.wait_for_selector(".idle-say p")
    states = [state_of(None, languages=house(lang)) for lang in LANGUAGES]
    assert faults_of_each(page, states, lost="14:07:32") == []
    assert page.locator("gate-display").get_attribute("data-verdict") == "lost"
    assert faults_of_each(page, states, lost="") == []
