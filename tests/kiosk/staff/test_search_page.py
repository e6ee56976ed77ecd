"""Search on the handheld in Chromium: by number with the signs on the screen, by name with what the server may answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from gate.wire.numbers import ticket_number
from tests.kiosk.staff.browsing import LANGUAGES, Phones, verdict
from tests.kiosk.staff.process import RunningGate
from tests.kiosk.words import load

Answer = dict[str, Any]


def answered(page: Page, path: str, body: Answer, status: int = 200) -> list[Answer]:
    """The server's part, in the shape of the local API. Returns: what the page asks, as it asks."""
    asked: list[Answer] = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json or {})
        route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    page.route(f"**/api/v1/{path}", answer)
    return asked


def look_up(page: Page, name: str) -> None:
    page.wait_for_selector("staff-page .nav")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("button", name="Name", exact=True).click()
    page.fill("input[name=name]", name)
    page.get_by_role("button", name="Look it up").click()


def test_number_is_typed_with_the_signs_on_a_small_touch_screen(gate: RunningGate, enter: Phones) -> None:
    n = gate.number()
    page = enter(size="small")
    page.wait_for_selector("staff-page .nav")
    page.keyboard.press("/")
    for sign in ticket_number(gate.state.key(n)).replace("-", ""):
        page.locator(".signs").get_by_role("button", name=sign, exact=True).click()
    expect(page.locator("input[name=number]")).to_have_value(ticket_number(gate.state.key(n)))
    expect(page.locator("input[name=number]")).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Admit").click()
    assert verdict(page) == "go"
    assert [row["kind"] for row in gate.rows_of(n)] == ["admitted"]


def test_gate_that_can_ask_nobody_says_so(enter: Phones) -> None:
    page = enter()
    look_up(page, "w.i")
    expect(page.locator("staff-byname .note.warn")).to_contain_text("3 letters")
    page.fill("input[name=name]", "wijaya")
    page.get_by_role("button", name="Look it up").click()
    expect(page.locator("staff-byname .note.warn")).to_contain_text("cannot ask a server now")


SENTENCES = {
    "sync_away": "name_away",
    "unreachable": "name_unreachable",
    "not_allowed": "name_off",
    "too_short": "name_short",
    "busy": "name_busy",
    "something new": "name_unreachable",
}


def test_why_nobody_is_found_is_said_in_every_language(enter: Phones) -> None:
    page = enter()
    page.wait_for_selector("staff-page .nav")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("button", name="Name", exact=True).click()
    for code, key in SENTENCES.items():
        page.unroute_all()
        answered(page, "search", {"ok": False, "code": code, "people": [], "more": False, "wait_s": 7})
        for lang in LANGUAGES:
            page.evaluate("lang => document.querySelector('staff-page').setPref('lang', lang)", lang)
            page.fill("input[name=name]", "wijaya")
            page.locator(".byname button").click()
            expect(page.locator("staff-byname .note.warn")).to_have_text(load(lang)["staff"][key].replace("{n}", "7"))


@pytest.fixture
def found(gate: RunningGate) -> tuple[int, Answer]:
    """A ticket of this gate, and what the server says of its holder."""
    n = gate.number()
    number = ticket_number(gate.state.key(n))
    person = {"event": "spring", "masked": "S••• D••••", "number": number, "product": "Day", "state": "valid"}
    return n, {"ok": True, "people": [person, {**person, "number": "ZDK4-SE1E-0", "state": "canceled"}], "more": True}


def test_person_is_masked_until_a_reason_is_given_and_admitted_by_number(
    gate: RunningGate, enter: Phones, found: tuple[int, Answer]
) -> None:
    n, people = found
    page = enter()
    asked = answered(page, "search", people)
    revealed = answered(
        page, "search/reveal", {**people["people"][0], "ok": True, "name": "Sari Dewi", "ref": "g2/0/7"}
    )
    look_up(page, " sari ")
    expect(page.locator(".person")).to_have_count(2)
    assert asked == [{"name": "sari"}]
    expect(page.locator(".person").nth(1)).to_contain_text("canceled")
    expect(page.locator("staff-byname")).to_contain_text("more letters")
    page.locator(".person").first.click()
    expect(page.locator(".one")).to_contain_text("S••• D••••")
    page.get_by_role("button", name="Show the name").click()
    assert revealed == [], "nothing is shown before somebody says why"
    page.get_by_role("button", name="Identity check").click()
    expect(page.locator(".one")).to_contain_text("Sari Dewi")
    number = people["people"][0]["number"]
    assert revealed == [{"event": "spring", "number": number, "reason": "check"}]
    page.locator("staff-byname").get_by_role("button", name="Admit").click()
    assert verdict(page) == "go"
    assert [(row["kind"], row["input"]) for row in gate.rows_of(n)] == [("admitted", "typed")]
    page.get_by_role("button", name="Next scan").click()
    page.keyboard.press("/")
    page.get_by_role("button", name="Name", exact=True).click()
    expect(page.locator("input[name=name]")).to_have_value("")
    kept = (
        "[JSON.stringify(localStorage), JSON.stringify(sessionStorage), location.href, document.body.innerHTML].join()"
    )
    assert "Dewi" not in page.evaluate(kept), "nothing of a name stays behind"


NO_NAME: list[tuple[Answer, int, str]] = [
    ({"ok": False, "code": "not_found"}, 200, "No name is kept"),
    ({"ok": False, "code": "unreachable"}, 200, "cannot be reached"),
    ({"error": {"code": "storage", "message": "", "detail": {}}}, 503, "Nothing was recorded"),
]


def test_name_that_cannot_be_shown_stays_masked(enter: Phones, found: tuple[int, Answer]) -> None:
    page = enter()
    answered(page, "search", found[1])
    look_up(page, "sari")
    page.locator(".person").first.click()
    page.get_by_role("button", name="Show the name").click()
    for body, status, sentence in NO_NAME:
        page.unroute("**/api/v1/search/reveal")
        answered(page, "search/reveal", body, status)
        page.get_by_role("button", name="Identity check").click()
        expect(page.locator("staff-page")).to_contain_text(sentence)
        expect(page.locator(".one")).to_contain_text("S••• D••••")


def test_technician_searches_by_number_alone(enter: Phones) -> None:
    page = enter("budi")
    page.wait_for_selector("staff-page .nav")
    page.keyboard.press("/")
    page.wait_for_selector("input[name=number]")
    expect(page.get_by_role("button", name="Name", exact=True)).to_have_count(0)
