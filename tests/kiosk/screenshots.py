"""Writes pictures of every screen: `python -m tests.kiosk.screenshots OUT`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from tests.fakes.view import SCREENS, FakeView
from tests.kiosk import demo_data
from tests.kiosk.browser import Screen, chromium, served, started
from tests.kiosk.staff.house import PINS, House, opened

SIZES = {"480x320": (480, 320), "800x480": (800, 480), "390x844": (390, 844), "1920x1080": (1920, 1080)}
VERDICT_SIZES = ("800x480", "1920x1080")
DEMO_SIZES = {"1280x800": (1280, 800), "1920x1080": (1920, 1080), "390x844": (390, 844)}
LANGUAGES = ("en", "id", "zh-Hant")
ANSWER: dict[str, object] = {
    "reason": "ok", "detail": "", "admitted": False, "ticket_number": "ZDK4-SE1E-0", "ref": "g2/9f1c2b7a55d0e312/7", "dir": "entry",
    "count": 1, "product": {"en": "Day ticket", "id": "Tiket harian", "zh-Hant": "一日票"}, "attention": [], "entries": 0, "uses": 1,
    "at": 0,
}  # fmt: skip
ANSWERS: dict[str, dict[str, object]] = {
    "GO": {"admitted": True},
    "GO_ATTENTION": {"admitted": True, "attention": ["minor"]},
    "STOP_USED": {
        "reason": "already_redeemed",
        "detail": "total",
        "entries": 1,
        "first_use": {"time": "14:03", "short": "2"},
    },
    "STOP": {"reason": "invalid_time", "detail": "expired"},
    "SEE_STAFF": {"reason": "unpaid", "case": "G2-0147-L"},
    "WAIT": {"reason": "capacity"},
    "OUT_OF_ORDER": {"reason": "out_of_service"},
}
EXTRAS: dict[str, tuple[str | None, dict[str, object]]] = {
    "idle": (None, {}),
    "idle-local": (None, {"mode": "local", "data_age_s": 2520, "sync": {"queue": 37, "last_error": "timeout"}}),
    "idle-unread": (None, {"hint": "unread"}),
    "idle-crowd": (None, {"hint": "crowd", "demo": True}),
    "go-up": ("GO", {"way": "up"}),
    "go-left": ("GO", {"way": "left"}),
    "go-test": ("GO", {"test": True, "window_ms": None, "window_end": None}),
    "stop-go-to": ("STOP", {"reason": "product", "detail": "gate", "go_to": {"short": "B", "name": {"en": "Hall B"}}}),
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
                for extra, (verdict, more) in EXTRAS.items():
                    screen.show(verdict, "en" if verdict else None, **more)
                    page.screenshot(path=out / f"{extra}-{name}.png")
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
            page.screenshot(path=out / f"demo-{name}.png", full_page=width < 1000)
            page.close()


def staff_pictures(out: Path) -> None:
    """Every view of handheld and technician's page: at its main size in each language, once at the others, light and dark."""
    path = chromium()
    if path is None:
        raise SystemExit("chromium is not installed")
    main_sizes = {"staff": "390x844", "tech": "1280x800"}
    sizes = {**SIZES, "1280x800": (1280, 800)}
    wanted = [(page, size, lang, "light") for page, size in main_sizes.items() for lang in LANGUAGES]
    wanted += [(page, size, "en", "light") for page in main_sizes for size in SIZES if size != main_sizes[page]]
    wanted += [(page, size, "en", "dark") for page, size in main_sizes.items()]
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as house, started(path) as browser:
        for page_name, size, lang, theme in wanted:
            width, height = sizes[size]
            house.room.allowance.tries.forget()
            context = browser.new_context(viewport={"width": width, "height": height}, has_touch=page_name == "staff")
            page = context.new_page()
            query = f"?lang={lang}&theme={theme}"
            page.goto(f"{house.url}/{page_name}{query}")
            page.wait_for_selector("pin-pad")
            tail = f"{lang}-{theme}-{size}.png"
            page.screenshot(path=out / f"{page_name}-login-{tail}")
            who = "sari" if page_name == "staff" else "budi"
            context.request.post(f"{house.url}/api/v1/login", data={"staff": who, "pin": PINS[who]})
            page.reload()
            if page_name == "staff":
                _handheld(page, house, out, tail)
            else:
                _technician(page, out, tail)
            context.close()


def _handheld(page: Page, house: House, out: Path, tail: str) -> None:
    for view in ("scan", "search", "refused", "lane", "figures"):
        page.wait_for_selector("staff-page .nav")
        page.evaluate("view => document.querySelector('staff-page').go(view)", view)
        page.wait_for_timeout(300)
        page.screenshot(path=out / f"staff-{view}-{tail}")
    for verdict, more in ANSWERS.items():
        page.evaluate(
            "answer => (document.querySelector('staff-page').result = answer)", {**ANSWER, "verdict": verdict, **more}
        )
        page.wait_for_selector(f'.verdict[data-verdict="{verdict.lower()}"]')
        page.screenshot(path=out / f"staff-{verdict.lower()}-{tail}")
    page.evaluate("(p => (p.overriding = p.result))(document.querySelector('staff-page'))")
    page.wait_for_selector("staff-override")
    page.screenshot(path=out / f"staff-override-{tail}")
    page.evaluate(
        "(p => { p.overriding = null; p.result = null; p.lost = true; })(document.querySelector('staff-page'))"
    )
    page.wait_for_selector(".lost")
    page.screenshot(path=out / f"staff-lost-{tail}")
    assert house is not None


def _technician(page: Page, out: Path, tail: str) -> None:
    page.wait_for_selector("tech-doctor .st")
    page.evaluate("document.querySelector('tech-doctor button.primary').click()")
    page.wait_for_selector(".t", timeout=20_000)
    for tab in ("doctor", "network", "logs", "config", "people", "enrol"):
        page.evaluate("tab => (document.querySelector('tech-page').tab = tab)", tab)
        page.wait_for_timeout(300)
        page.screenshot(path=out / f"tech-{tab}-{tail}")


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
