"""Writes pictures of every screen: `python -m tests.kiosk.screenshots OUT`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import segno
from playwright.sync_api import Page, sync_playwright

from tests.fakes.view import SCREENS, FakeView
from tests.kiosk import demo_data
from tests.kiosk.browser import FLAGS, Screen, chromium, served, started
from tests.kiosk.staff.browsing import CAMERA, LANGUAGES, THEMES, Phones
from tests.kiosk.staff.process import RunningGate
from tests.kiosk.staff.views import each_door, each_tab, each_view, switch

SIZES = {"480x320": (480, 320), "800x480": (800, 480), "390x844": (390, 844), "1920x1080": (1920, 1080)}
VERDICT_SIZES = ("800x480", "1920x1080")
DEMO_SIZES = {"1280x800": (1280, 800), "1600x1000": (1600, 1000), **SIZES}
MAIN_SIZES = {"staff": "390x844", "tech": "1280x800"}
STAFF_SIZES = {**SIZES, "1280x800": (1280, 800)}
_URL = "https://10.0.0.5:8443/staff#pair=7K2MQ4TX"
OFFER = {
    "url": _URL, "host": "https://10.0.0.5:8443", "code": "7K2M-Q4TX", "fingerprint": "3F:9A:22:D0:41:7B:88:0C:" + ":".join(f"{n:02X}" for n in range(24)),
    "qr": ["".join("1" if cell else "0" for cell in row) for row in segno.make(_URL, error="m").matrix],
}  # fmt: skip
EXTRAS: dict[str, tuple[str | None, dict[str, object]]] = {
    "idle": (None, {}),
    "idle-local": (None, {"mode": "local", "data_age_s": 2520, "sync": {"queue": 37, "last_error": "timeout"}}),
    "idle-unread": (None, {"hint": "unread"}),
    "idle-crowd": (None, {"hint": "crowd", "demo": True}),
    "go-up": ("GO", {"way": "up"}),
    "go-left": ("GO", {"way": "left"}),
    "go-test": ("GO", {"test": True, "window_ms": None, "window_end": None}),
    "stop-go-to": ("STOP", {"reason": "product", "detail": "gate", "go_to": {"short": "B", "name": {"en": "Hall B"}}}),
    "idle-stale": (None, {"faults": ["stale"], "data_age_s": 90_000}),
    "pairing": (None, {"pair": OFFER}),
    "pairing-see-staff": ("SEE_STAFF", {"pair": OFFER}),
    "out-of-order-unknown": ("OUT_OF_ORDER", {"next_gate": None}),
}


def display_pictures(out: Path, *, every_size: bool = False) -> None:
    path = chromium()
    if path is None:
        raise SystemExit("chromium is not installed")
    with started(path) as browser:
        for name, (width, height) in SIZES.items():
            view = FakeView()
            with served(view) as url:
                page = browser.new_page(viewport={"width": width, "height": height})
                page.goto(url)
                screen = Screen(page, view)
                if every_size or name in VERDICT_SIZES:
                    for verdict in SCREENS:
                        for lang in LANGUAGES:
                            screen.show(verdict, lang)
                            page.screenshot(path=out / f"{verdict.lower()}-{lang}-{name}.png")
                for theme in THEMES:
                    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
                    for extra, (verdict, more) in EXTRAS.items():
                        screen.show(verdict, "en" if verdict else None, **more)
                        page.screenshot(path=out / f"{extra}-{theme}-{name}.png")
                for lang in LANGUAGES[1:]:
                    house = [lang, *(other for other in LANGUAGES if other != lang)]
                    for extra in ("idle", "pairing"):
                        screen.show(None, None, languages=house, **EXTRAS[extra][1])
                        page.screenshot(path=out / f"{extra}-{lang}-{name}.png")
            page.wait_for_selector('gate-display[data-verdict="lost"]', timeout=5000)
            page.screenshot(path=out / f"lost-{name}.png")
            page.close()


def demo_pictures(out: Path) -> None:
    path = chromium()
    if path is None:
        raise SystemExit("chromium is not installed")
    view = FakeView()
    demo_data.fill(view)
    with served(view, demo=True) as url, started(path) as browser:
        for name, (width, height) in DEMO_SIZES.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(f"{url}/demo")
            page.wait_for_selector(".journal tbody tr")
            view.show("GO", "en", demo=True)
            view.publish(demo_data.preview())
            page.wait_for_selector(".camera polygon")
            page.frame_locator("iframe").locator('gate-display[data-verdict="go"]').wait_for()
            for lang in LANGUAGES if name == "1280x800" else LANGUAGES[:1]:
                page.evaluate("lang => { document.querySelector('demo-page').lang = lang }", lang)
                for theme in THEMES:
                    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
                    page.screenshot(path=out / f"demo-{lang}-{theme}-{name}.png", full_page=width < 1000)
            page.close()


def staff_pictures(out: Path) -> None:
    """Every view of handheld and technician's page: at its main size in each language, once at the others; light and dark."""
    path = chromium()
    if path is None:
        raise SystemExit("chromium is not installed")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        gate = RunningGate(Path(folder))
        gate.start()
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *CAMERA])
        phones = Phones(browser, gate)
        try:
            _some_hours(gate)
            for page, name in each_door(phones):
                _pictures(page, "staff", lambda name=name: iter([name]), out)
            page = phones()
            _pictures(page, "staff", lambda: each_view(page), out)
            desk = phones("budi", "/tech", "desk")
            _pictures(desk, "tech", lambda: each_tab(desk), out)
        finally:
            phones.close()
            browser.close()
            gate.close()


def _pictures(page: Page, what: str, states: Callable[[], Iterator[str]], out: Path) -> None:
    page.wait_for_selector(f"{what}-page > *")
    main = MAIN_SIZES[what]
    sizes = {main: STAFF_SIZES[main], **SIZES}
    for size, (width, height) in sizes.items():
        page.set_viewport_size({"width": width, "height": height})
        for lang in LANGUAGES if size == main else LANGUAGES[:1]:
            for theme in THEMES:
                switch(page, f"{what}-page", lang, theme)
                for state in states():
                    page.screenshot(path=out / f"{what}-{state}-{lang}-{theme}-{size}.png")


def _some_hours(gate: RunningGate) -> None:
    """Scans by hand, as at a door, so that figures and lists are not empty."""
    phone = gate.paired("sari")
    for n in range(8):
        text = gate.ticket()
        for _ in range(1 + (n % 3 == 0)):
            phone.scan(text)
    phone.scan("not a ticket")
    phone.scan(gate.ticket(group=True), count=3)


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit("usage: python -m tests.kiosk.screenshots OUT [--every-size]")
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    display_pictures(out, every_size="--every-size" in sys.argv)
    demo_pictures(out)
    staff_pictures(out)
    print(f"{len(list(out.glob('*.png')))} pictures in {out}")


if __name__ == "__main__":
    main()
