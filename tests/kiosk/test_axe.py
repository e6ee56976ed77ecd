"""axe on the screens without a login: the gate display in every state, the demo page; every language, light and dark."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.fakes.view import SCREENS, FakeView
from tests.kiosk import demo_data
from tests.kiosk.axe import Judge
from tests.kiosk.browser import Screen
from tests.kiosk.conftest import Open
from tests.kiosk.words import LANGUAGES

OFFER = {
    "url": "https://10.0.0.5:8443/staff#pair=7K2MQ4TX", "host": "https://10.0.0.5:8443", "code": "7K2M-Q4TX",
    "fingerprint": "3F:9A:22:D0:41:7B", "qr": ["01" * 20] * 40,
}  # fmt: skip
STATES: dict[str, tuple[str | None, dict[str, Any]]] = {
    **{name: (name, {}) for name in SCREENS},
    "idle": (None, {}),
    "unread": (None, {"hint": "unread"}),
    "crowd": (None, {"hint": "crowd"}),
    "camera": (None, {"hint": "camera"}),
    "local": (None, {"mode": "local", "sync": {"queue": 3}, "clock": "untrusted", "faults": ["stale"]}),
    "pairing": (None, {"pair": OFFER}),
    "test ticket": ("GO", {"test": True}),
    "go elsewhere": ("STOP", {"reason": "product", "go_to": {"short": "B", "name": {"en": "Hall B"}}}),
}


def theme(page: Page, name: str) -> None:
    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", name)


def test_axe_finds_nothing_serious_on_the_gate_display(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url)
    screen, judge = Screen(page, view), Judge(page)
    for lang in LANGUAGES:
        house = [lang, *(other for other in LANGUAGES if other != lang)]
        for look in ("light", "dark"):
            theme(page, look)
            for name, (verdict, more) in STATES.items():
                screen.show(verdict, lang if verdict else None, languages=house, **more)
                judge(f"{name} {lang} {look}")
            page.evaluate("document.querySelector('gate-display').lost = '14:03:09'")
            page.wait_for_selector('gate-display[data-verdict="lost"]')
            judge(f"lost {lang} {look}")
            page.evaluate("document.querySelector('gate-display').lost = null")
    assert judge.found == []


def test_axe_finds_nothing_serious_on_the_demo_page(url: str, view: FakeView, open_page: Open) -> None:
    demo_data.fill(view)
    page = open_page(f"{url}/demo", 1280, 800)
    page.wait_for_selector(".journal tbody tr")
    judge = Judge(page)
    for lang in LANGUAGES:
        page.evaluate(
            "lang => (page => { page.lang = lang; return page.updateComplete; })(document.querySelector('demo-page'))",
            lang,
        )
        for look in ("light", "dark"):
            theme(page, look)
            judge(f"demo {lang} {look}")
    assert judge.found == []
