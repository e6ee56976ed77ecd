"""Writes pictures of every screen: `python -m tests.kiosk.screenshots OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.fakes.view import SCREENS, FakeView
from tests.kiosk import demo_data
from tests.kiosk.browser import Screen, chromium, served, started

SIZES = {"480x320": (480, 320), "800x480": (800, 480), "390x844": (390, 844), "1920x1080": (1920, 1080)}
VERDICT_SIZES = ("800x480", "1920x1080")
DEMO_SIZES = {"1280x800": (1280, 800), "1920x1080": (1920, 1080), "390x844": (390, 844)}
LANGUAGES = ("en", "id", "zh-Hant")
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


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit("usage: python -m tests.kiosk.screenshots OUT [--every-size]")
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    display_pictures(out, every_size="--every-size" in sys.argv)
    demo_pictures(out)
    print(f"{len(list(out.glob('*.png')))} pictures in {out}")


if __name__ == "__main__":
    main()
