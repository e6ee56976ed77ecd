"""Every view and state of the staff pages in turn, with realistic content: what axe judges, thumbs press and pictures show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page

from tests.kiosk.staff.browsing import Phones

VIEWS = ("scan", "search", "refused", "lane", "figures")
TABS = ("doctor", "network", "logs", "config", "people", "enrol")
DAY = {"en": "Day ticket", "id": "Tiket harian", "zh-Hant": "一日票"}
NOON = 1_798_000_020_000
ANSWER: dict[str, Any] = {
    "reason": "ok", "detail": "", "admitted": False, "ticket_number": "ZDK4-SE1E-0", "ref": "g2/9f1c2b7a55d0e312/7",
    "dir": "entry", "count": 1, "product": DAY, "attention": [], "entries": 0, "uses": 1, "at": NOON, "case": None,
    "first_use": None, "event": "spring",
}  # fmt: skip
USED = {"reason": "already_redeemed", "detail": "total", "entries": 1, "first_use": {"time": "14:03", "short": "2"}}
ANSWERS: dict[str, dict[str, Any]] = {
    "GO": {"admitted": True},
    "GO_ATTENTION": {"admitted": True, "attention": ["minor"]},
    "STOP_USED": USED,
    "STOP": {"reason": "invalid_time", "detail": "expired"},
    "SEE_STAFF": {"reason": "unpaid", "case": "G2-0147-L"},
    "WAIT": {"reason": "capacity"},
    "OUT_OF_ORDER": {"reason": "out_of_service"},
    "EMERGENCY": {"reason": "out_of_service"},
}
"""What each verdict on the handheld says beside it."""
DENIALS = [
    {**ANSWER, **USED, "verdict": "STOP_USED", "case": "G2-0148-T", "ref": "g2/9f1c2b7a55d0e312/9"},
    {**ANSWER, **ANSWERS["SEE_STAFF"], "verdict": "SEE_STAFF", "ref": "g2/9f1c2b7a55d0e312/8"},
    {**ANSWER, **ANSWERS["STOP"], "verdict": "STOP", "case": "G2-0146-K"},
]
_PERSON = {
    "event": "spring",
    "masked": "S••• D••••",
    "number": "ZDK4-SE1E-0",
    "product": "Day ticket",
    "state": "valid",
}
PEOPLE = [
    _PERSON,
    {**_PERSON, "masked": "S••••• W•••••", "number": "7QX0-PB4M-K", "product": "VIP"},
    {**_PERSON, "masked": "A•• S•••••", "number": "09VN-T3HC-7", "state": "unpaid"},
]
TESTS = [
    {"name": "camera", "state": "ok", "figure": {"fps": 29.8, "decode_ms": 6.4}},
    {"name": "relay_entry", "state": "ok", "figure": {"pulse_ms": 300}},
    {"name": "lamp", "state": "ok", "figure": {"look": True}},
    {"name": "tamper", "state": "none", "figure": {}},
    {"name": "journal", "state": "ok", "figure": {"ms": 4.2, "free_mib": 20480}},
    {"name": "clock", "state": "warn", "figure": {"trust": "holdover", "error_ms": 120}},
]
_PUT = """async ([element, name, value]) => {
  const page = document.querySelector(element);
  page[name] = value;
  await page.updateComplete;
  await Promise.all([...page.querySelectorAll('*')].map((part) => part.updateComplete));
}"""


def put(page: Page, element: str, name: str, value: Any) -> None:
    """Give a page element a state of its own and wait until it is drawn."""
    page.evaluate(_PUT, [element, name, value])


def switch(page: Page, element: str, lang: str, theme: str) -> None:
    """To another language and look, as people do it on the page: nothing is loaded again."""
    for name, value in (("lang", lang), ("theme", theme)):
        page.evaluate("([e, n, v]) => document.querySelector(e).setPref(n, v)", [element, name, value])


def each_view(page: Page) -> Iterator[str]:
    """Every view of the handheld, by its name."""
    page.wait_for_selector("staff-page .nav")
    for view in VIEWS:
        page.evaluate("view => document.querySelector('staff-page').go(view)", view)
        page.wait_for_selector(f"staff-{view} main")
        if view == "refused":
            put(page, "staff-page", "denials", [])
        if view == "figures":
            page.wait_for_selector(".kpi b:not(:text('–'))")
        yield view
        yield from _states(page, view)
    for verdict, more in ANSWERS.items():
        put(page, "staff-page", "result", {**ANSWER, "verdict": verdict, **more})
        yield verdict.lower()
    put(page, "staff-page", "result", {**ANSWER, "verdict": "GO", "inspected": True})
    yield "inspected"
    put(page, "staff-page", "overriding", {**ANSWER, **USED, "verdict": "STOP_USED"})
    yield "override"
    put(page, "staff-page", "overriding", {**ANSWER, "verdict": "STOP", "reason": "revoked", "second_person": True})
    yield "override-second"
    put(page, "staff-page", "overriding", None)
    put(page, "staff-page", "result", None)
    page.evaluate("document.querySelector('staff-page').go('scan')")
    put(page, "staff-page", "lost", True)
    yield "lost"
    put(page, "staff-page", "lost", False)


def _states(page: Page, view: str) -> Iterator[str]:
    """What a view becomes when something in it is tapped."""
    if view == "scan":
        put(page, "staff-page", "count", 4)
        put(page, "staff-scan", "grouping", True)
        yield "group"
        put(page, "staff-page", "count", 1)
        put(page, "staff-scan", "listing", True)
        yield "last"
    if view == "search":
        put(page, "staff-search", "people", True)
        yield "by-name"
        put(page, "staff-byname", "people", PEOPLE)
        yield "names"
        put(page, "staff-byname", "person", PEOPLE[0])
        yield "person"
        put(page, "staff-byname", "asking", True)
        yield "person-why"
        put(page, "staff-byname", "asking", False)
        put(page, "staff-byname", "full", "Sari Dewi")
        yield "person-shown"
    if view == "refused":
        put(page, "staff-page", "denials", DENIALS)
        yield "refused-three"
    if view == "lane":
        put(page, "staff-lane", "asking", "out_of_order")
        yield "lane-why"


def each_door(enter: Phones, size: str = "phone") -> Iterator[tuple[Page, str]]:
    """What stands before the views, each on a page of its own."""
    page = enter(None, size=size)
    page.wait_for_selector("input[name=code]")
    yield page, "pairing"
    page = enter("nobody yet", size=size, login=False)
    page.wait_for_selector("pin-pad")
    yield page, "login"


def each_tab(page: Page) -> Iterator[str]:
    """Every tab of the technician's page, and what becomes of it."""
    for tab in TABS:
        put(page, "tech-page", "tab", tab)
        if tab == "doctor":
            page.wait_for_selector(".st")
        if tab in ("logs", "config"):
            page.wait_for_selector(".log li, .papers td")
        if tab == "people":
            page.wait_for_selector(".pinrow")
        yield tab
        if tab == "doctor":
            put(page, "tech-doctor", "busy", True)
            yield "testing"
            put(page, "tech-doctor", "busy", False)
            put(page, "tech-doctor", "tested", NOON)
            put(page, "tech-doctor", "tests", TESTS)
            yield "passed"
            put(page, "tech-doctor", "tests", [*TESTS[:1], {**TESTS[1], "state": "bad", "figure": {"why": "busy"}}])
            yield "failed"
        if tab == "network":
            put(page, "tech-papers", "said", ["caps", "no_suffix"])
            yield "keyboard-reader"
