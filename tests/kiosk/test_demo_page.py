"""The demo page in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.fakes.view import FakeView, decision_of, state_of
from tests.kiosk import demo_data
from tests.kiosk.conftest import Open
from tests.kiosk.layout import NO_FAULTS
from tests.kiosk.words import LANGUAGES, load

SIZES = [(1600, 1000), (1280, 800), (1920, 1080), (390, 844)]


@pytest.mark.parametrize(("width", "height"), SIZES, ids=[f"{w}x{h}" for w, h in SIZES])
def test_everything_of_a_gate_is_on_one_page(
    url: str, view: FakeView, open_page: Open, width: int, height: int
) -> None:
    demo_data.fill(view)
    page = open_page(f"{url}/demo", width, height)
    expect(page.locator(".decisions tbody tr")).to_have_count(12)
    expect(page.locator(".journal tbody tr").first).to_contain_text("admitted")
    expect(page.locator(".journal .hash").first).to_have_text("53845412")
    expect(page.locator(".facts")).to_contain_text("12 s old")
    view.publish(demo_data.preview())
    expect(page.locator(".camera img")).to_have_js_property("complete", True)
    corners = page.locator(".outline polygon").get_attribute("points")
    assert corners is not None
    assert len(corners.split()) == 4
    page.frame_locator("iframe").locator(".idle-say p").first.wait_for()
    page.frames[1].wait_for_function(NO_FAULTS)
    view.show("GO", "en", demo=True)
    expect(page.frame_locator("iframe").locator("gate-display")).to_have_attribute("data-verdict", "go")
    view.publish({**demo_data.PINS, "t": "pins"})
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth") is True
    if width > 1000:
        assert page.evaluate("() => document.documentElement.scrollHeight <= innerHeight") is True


def test_the_journal_says_when_and_which_chain_a_row_is_of(url: str, view: FakeView, open_page: Open) -> None:
    demo_data.fill(view)
    page = open_page(f"{url}/demo", 1280, 800)
    rows = page.locator(".journal tbody tr")
    expect(rows.nth(0).locator("td").nth(0)).to_have_text("12:27:00")  # in the event's zone
    expect(rows.nth(0).locator("td").nth(1)).to_have_text("128")
    expect(rows.nth(2).locator(".own")).to_have_text("2")
    expect(rows.nth(2)).to_contain_text("mode")
    expect(page.locator(".writing header")).to_contain_text("newest first; 2 marks the gate's own chain")


def test_pins_are_drawn_as_they_change(url: str, view: FakeView, open_page: Open) -> None:
    demo_data.fill(view)
    page = open_page(f"{url}/demo", 1280, 800)
    expect(page.locator(".pin").first).to_have_attribute("data-on", "yes")
    view.demo_data["pins"] = {
        **demo_data.PINS,
        "relay": {"entry": False},
        "lamp": [True, False, False],
        "buzzer": False,
    }
    view.publish({**view.demo_data["pins"], "t": "pins"})
    expect(page.locator(".pin").first).to_have_attribute("data-on", "no")
    expect(page.locator("[data-lamp]")).to_have_attribute("data-lamp", "red")
    expect(page.locator(".input")).to_have_text(["passage", "fire", "staff"])


def test_a_decision_is_there_at_once_and_the_list_stays_short(url: str, view: FakeView, open_page: Open) -> None:
    demo_data.fill(view)
    page = open_page(f"{url}/demo", 1280, 800)
    expect(page.locator(".decisions tbody tr")).to_have_count(12)
    fresh = decision_of(50, "SEE_STAFF", "unpaid")
    view.demo_data["decisions"] = [fresh, *view.demo_data["decisions"]]
    view.publish(fresh)
    row = page.locator(".decisions tbody tr").first
    expect(row.locator(".vc")).to_have_text("SEE STAFF")
    expect(row).to_contain_text("ZDK4-SE1E-0")
    expect(row.locator(".total")).to_have_text("62")
    expect(page.locator(".decisions tbody tr")).to_have_count(12)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_speaks_every_language(url: str, view: FakeView, open_page: Open, lang: str) -> None:
    demo_data.fill(view)
    page = open_page(f"{url}/demo?lang={lang}", 1280, 800)
    expect(page.locator("h2").first).to_have_text(load(lang)["demo"]["camera"])
    expect(page.locator(".decisions .vc").first).to_have_text(" ".join(load(lang)["verdict"]["GO"]["lines"]))


def test_it_is_useful_before_anything_happened(url: str, open_page: Open) -> None:
    page = open_page(f"{url}/demo", 1280, 800)
    expect(page.locator(".camera-says")).to_have_text("Waiting for the first picture")
    expect(page.locator("demo-decisions")).to_have_text("No ticket scanned yet")
    expect(page.locator("demo-journal")).to_have_text("No rows yet")


def test_a_silent_lane_is_said(url: str, open_page: Open) -> None:
    page = open_page("about:blank", 1280, 800, patient=False)
    page.route_web_socket("**/ws/*", lambda line: None)
    page.goto(f"{url}/demo")
    expect(page.locator(".mode.bad")).to_have_text("The lane is silent")


def test_hostile_figures_stay_text(url: str, view: FakeView, open_page: Open) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\">" * 3
    row = {
        "seq": evil,
        "kind": evil,
        "reason": evil,
        "ticket_number": evil,
        "hash": evil,
        "verdict": evil,
        "latency": None,
    }
    view.current = state_of(None, gate={"short": evil, "name": {"en": evil}, "event_name": {"en": evil}})
    view.demo_data = {
        "pins": {"relay": {evil: True}, "lamp": evil, "inputs": {evil: True}, "pulses": {evil: evil}},
        "decisions": [row],
        "journal": [row],
        "sync": {"mode": evil, "queue": evil, "data_age_s": evil, "last_error": evil},
        "input": {"input": evil, "source": evil, "fps": evil},
    }
    page = open_page(f"{url}/demo", 1280, 800)
    expect(page.locator(".journal tbody tr")).to_have_count(1)
    view.publish({"t": "preview", "jpeg": '" onerror="x', "corners": [["a", 1]], "size": evil})
    view.demo_data["decisions"] = [decision_of(3), row]
    view.publish(decision_of(3))
    expect(page.locator(".decisions tbody tr").first).to_contain_text("ok")
    assert page.title() == "Gate demo"
    assert page.locator("demo-page img").count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth") is True
