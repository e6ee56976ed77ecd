"""The gate display in a real browser: what people see, hear, and cannot do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from gate.kiosk import KioskServer, create_app, find_ui
from tests.fakes.view import SCREENS, FakeView, decision_of, state_of
from tests.kiosk.browser import PATIENT, Screen, served
from tests.kiosk.conftest import Open
from tests.kiosk.layout import faults
from tests.kiosk.words import LANGUAGES, load

STALE_MS = 2000

# How many lines to the lane are open.
LINES = """(() => {
  const Plain = WebSocket;
  window.lines = 0;
  window.WebSocket = class extends Plain {
    constructor(url) {
      super(url);
      window.lines += 1;
      this.addEventListener('close', () => { window.lines -= 1; });
    }
  };
})();"""

DRAINING = "() => document.querySelector('.way-left').getAnimations().length === 1"

# Counts the notes instead of playing them.
EAR = """(() => {
  window.notes = 0;
  class Param { setValueAtTime() {} linearRampToValueAtTime() {} }
  window.AudioContext = class { constructor() { this.state = '%s'; this.currentTime = 0; this.destination = {}; }
    resume() { return Promise.resolve(); } };
  window.OscillatorNode = class { connect(next) { return next; } start() { window.notes += 1; } stop() {} };
  window.GainNode = class { constructor() { this.gain = new Param(); } connect(next) { return next; } disconnect() {} };
})();"""


def text_of(page: Page, selector: str) -> str:
    return " ".join(page.locator(selector).inner_text().split())


def is_shown(page: Page, verdict: str) -> None:
    expect(page.locator("gate-display")).to_have_attribute("data-verdict", verdict)


def test_each_verdict_is_told_by_field_mark_and_word(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url)
    screen = Screen(page, view)
    for verdict in SCREENS:
        for lang in LANGUAGES:
            screen.show(verdict, lang)
            is_told(page, verdict, lang)


def is_told(page: Page, verdict: str, lang: str) -> None:
    key = "OUT_OF_ORDER_TO" if verdict == "OUT_OF_ORDER" else verdict
    words = {other: " ".join(load(other)["verdict"][key]["lines"]).replace("{gate}", "3") for other in LANGUAGES}
    assert text_of(page, ".v-word") == words[lang]
    assert page.locator(".v-word span").first.is_visible()
    assert page.locator(".v-mark svg *").count() >= 2
    others = {re.sub(r"\s", "", part) for part in page.locator(".strip-alt").all_inner_texts()}
    assert others == {re.sub(r"\s", "", words[other]) for other in LANGUAGES if other != lang}
    field = page.evaluate("getComputedStyle(document.querySelector('gate-display')).backgroundColor")
    tokens = {"GO": (0, 158, 115), "GO_ATTENTION": (255, 176, 0), "STOP_USED": (163, 22, 33), "STOP": (163, 22, 33)}
    tokens |= {"SEE_STAFF": (0, 90, 140), "WAIT": (43, 49, 53), "OUT_OF_ORDER": (0, 0, 0), "EMERGENCY": (0, 105, 60)}
    assert field == "rgb({}, {}, {})".format(*tokens[verdict])


def test_details_tell_what_happened_and_where_to_go(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url)
    screen = Screen(page, view)
    screen.show("STOP_USED", "id")
    assert text_of(page, ".v-detail") == "14.03 Gerbang 2"
    assert text_of(page, ".v-why") == "Bukan Anda? Silakan ke meja B."
    screen.show("STOP_USED", "en", first_use={"gate": "g7", "gate_name": {"en": "East door"}, "time": "09:15"})
    assert text_of(page, ".v-detail") == "09:15 East door"
    screen.show("STOP", "en", reason="product", detail="gate", go_to={"short": "B", "name": {"en": "Hall B"}})
    assert text_of(page, ".v-why") == "Ticket is for Gate B. Please go there."
    assert text_of(page, ".v-detail") == "Gate B"
    screen.show("STOP", "en", reason="from_a_newer_lane", detail="x", words={"where": None})
    assert text_of(page, ".v-why") == "The gate has a problem. Ask staff."
    screen.show("SEE_STAFF", "zh-Hant")
    assert text_of(page, ".v-case") == "G2-0147-L B 服務台"
    screen.show("GO_ATTENTION", "en")
    assert text_of(page, ".v-why") == "Child ticket. Show it to staff."


def test_house_language_is_large_when_the_visitors_is_unknown(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url)
    screen = Screen(page, view)
    screen.show("STOP", None, languages=["id", "en"])
    assert text_of(page, ".v-word") == "BERHENTI"
    assert page.locator(".strip-alt").all_inner_texts() == ["STOP"]
    view.show("STOP", "fr", languages=["id", "en"], case="seen")
    page.wait_for_function("() => document.querySelector('gate-display').state.case === 'seen'")
    assert text_of(page, ".v-word") == "BERHENTI"
    screen.show(None, languages=["id", "en"])
    assert page.locator(".idle-say p").first.inner_text() == load("id")["idle"]["entry"]


def test_idle_is_honest_about_its_data(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url)
    screen = Screen(page, view)
    screen.show(None)
    assert text_of(page, ".status") == "Online · list 12 s old"
    assert text_of(page, ".clock") == "14:07"
    assert "warn" not in (page.locator(".status").get_attribute("class") or "")
    screen.show(None, mode="local", data_age_s=2520, sync={"queue": 37, "last_error": "x"}, clock="untrusted")
    assert text_of(page, ".status") == "Working locally · list 42 min old · 37 to send · clock not set"
    assert "warn" in (page.locator(".status").get_attribute("class") or "")
    screen.show(None, data_age_s=None)
    assert text_of(page, ".status") == "Online · no list yet"
    screen.show(None, hint="unread")
    assert page.locator(".idle-say p").first.inner_text() == load("en")["idle"]["unread"]
    assert page.locator(".pic-sun").count() == 1


def test_small_faults_of_the_gate_have_words_of_their_own(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url, 480, 320)
    screen = Screen(page, view)
    for lang in LANGUAGES:
        for fault in ("input", "set_aside", "stale"):
            screen.show(None, languages=[lang], faults=[fault], hint=fault)
            expect(page.locator(".status.warn")).to_contain_text(
                load(lang)["status"][f"fault_{fault}"].replace(" ", "\u00a0")
            )
            expect(page.locator(".idle-say p").first).to_have_text(load(lang)["idle"]["entry"])
            assert faults(page) == [], (lang, fault)


def test_lane_states_without_a_verdict_have_their_screens(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url)
    for lane, verdict in {"disabled": "out_of_order", "out_of_order": "out_of_order", "emergency": "emergency"}.items():
        view.publish({**state_of(None), "lane": lane})
        is_shown(page, verdict)
    view.publish({**state_of("GO"), "lane": "emergency"})
    expect(page.locator(".v-word")).to_have_text("EXIT")
    view.show("STOP")
    is_shown(page, "stop")
    view.show(None)
    is_shown(page, "idle")


def test_a_test_ticket_is_marked_on_any_screen(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url)
    screen = Screen(page, view)
    screen.show("GO", "en", test=True)
    assert text_of(page, ".strip-test") == "TEST TICKET"
    frame = page.evaluate("getComputedStyle(document.querySelector('gate-display'), '::after').borderTopColor")
    assert frame == "rgb(106, 44, 145)"
    screen.show("GO", "en")
    assert page.locator(".strip-test").count() == 0


@pytest.mark.parametrize("way", ["right", "left", "up"])
def test_the_arrow_points_to_the_lane_and_drains_from_its_tail(
    url: str, view: FakeView, open_page: Open, way: str
) -> None:
    page = open_page("about:blank")
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto(url)
    Screen(page, view).show("GO", "en", way=way, window_ms=4000, window_end=1900)
    page.wait_for_function(DRAINING)
    assert page.locator(".way-s").inner_text() == "2"
    # Where it stands when 500 ms are gone; the browser's animations have a clock of their own.
    page.evaluate(
        "() => { const [run] = document.querySelector('.way-left').getAnimations(); run.pause(); run.currentTime = 500; }"
    )
    boxes: dict[str, Any] = (
        page.evaluate("""() => Object.fromEntries(['.way-left', '.way-shaft', '.way-head'].map((s) =>
        [s, document.querySelector(s).getBoundingClientRect().toJSON()]))""")
    )
    left, shaft, head = boxes[".way-left"], boxes[".way-shaft"], boxes[".way-head"]
    size = "height" if way == "up" else "width"
    assert left[size] / shaft[size] == pytest.approx(1400 / 4000, abs=0.02)
    near = {"right": "right", "left": "left", "up": "top"}[way]
    assert abs(left[near] - shaft[near]) < 1, "what is left of the shaft stays at the head"
    if way == "right":
        assert head["left"] > shaft["left"]
    elif way == "left":
        assert head["left"] <= shaft["left"]
    else:
        assert head["top"] < shaft["top"]
    page.clock.run_for(1000)
    expect(page.locator(".way-s")).to_have_text("1")


def test_a_repeated_state_does_not_start_the_countdown_again(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page("about:blank")
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto(url)
    screen = Screen(page, view)
    screen.show("GO", "en", window_ms=60_000, window_end=60_000)
    page.wait_for_function(DRAINING)
    page.evaluate("() => { window.first = document.querySelector('.way-left').getAnimations()[0]; }")
    page.clock.run_for(100)
    screen.show("GO", "en", window_ms=60_000, window_end=59_950)
    assert page.evaluate("() => document.querySelector('.way-left').getAnimations()[0] === window.first") is True


def test_without_a_window_the_arrow_is_solid(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url)
    screen = Screen(page, view)
    screen.show("GO", "en", window_ms=5000, window_end=4000)
    screen.show("GO", "en", window_ms=None, window_end=None)
    page.wait_for_function("() => !document.querySelector('.way-s')")
    full = "() => { const [a, b] = ['.way-left', '.way-shaft'].map((s) => document.querySelector(s).offsetWidth); return a === b; }"
    assert page.evaluate(full) is True
    assert page.evaluate("() => document.querySelector('.way-left').getAnimations().length") == 0


def test_a_killed_lane_clears_the_verdict_within_two_seconds_and_comes_back(browser: Browser) -> None:
    """By the page's own clock, which stands still until it is moved: no stall of this machine counts."""
    view = FakeView()
    server = KioskServer(create_app(view, ui_dir=find_ui(), demo=False), port=0)
    port = server.start()
    page = browser.new_page(viewport={"width": 800, "height": 480})
    page.add_init_script(LINES)
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto(f"http://127.0.0.1:{port}")
    Screen(page, view).show("GO", "en")
    server.stop()
    page.wait_for_function("() => window.lines === 0")  # whatever the lane said has been heard
    page.clock.run_for(STALE_MS // 2)
    assert page.locator("gate-display").get_attribute("data-verdict") == "go", "a hiccup is no loss"
    page.clock.run_for(STALE_MS // 2)
    assert page.locator("gate-display").get_attribute("data-verdict") == "lost"
    assert text_of(page, ".v-word") == "ASK STAFF"
    assert "lost its gate at 14:07:00" in text_of(page, ".v-why")
    again = KioskServer(create_app(view, ui_dir=find_ui(), demo=False), port=port)
    again.start()
    try:
        page.clock.resume()
        is_shown(page, "go")
    finally:
        page.close()
        again.stop()


def test_a_line_that_is_open_but_silent_is_lost_too(url: str, open_page: Open) -> None:
    page = open_page("about:blank", patient=False)
    lines: list[WebSocketRoute] = []

    def mute(line: WebSocketRoute) -> None:
        lines.append(line)
        if len(lines) != 2:  # the second line opens and says nothing at all
            line.send(json.dumps({**state_of("GO"), "n": 1}))

    page.route_web_socket("**/ws/display", mute)
    page.goto(url)
    is_shown(page, "go")
    is_shown(page, "lost")
    is_shown(page, "go")
    assert len(lines) >= 3, "a silent line is given up"


@pytest.mark.parametrize("second", ['{"t":"alive","n":3}', "{half a mess"], ids=["gap", "broken"])
def test_a_gap_or_a_broken_message_asks_for_the_whole_state_again(url: str, open_page: Open, second: str) -> None:
    page = open_page("about:blank")
    starts = iter(("GO", "STOP"))

    def serve(line: WebSocketRoute) -> None:
        line.send(json.dumps({**state_of(next(starts, "STOP")), "n": 1}))
        line.send(second)

    page.route_web_socket("**/ws/display", serve)
    page.goto(url)
    is_shown(page, "stop")


def test_a_lane_that_was_never_there_is_said_so(url: str, open_page: Open) -> None:
    page = open_page("about:blank", patient=False)
    page.route_web_socket("**/ws/display", lambda line: None)
    page.goto(url)
    is_shown(page, "lost")
    assert text_of(page, ".v-why") == "This screen has not found its gate. Follow the lamp."


def test_nothing_a_visitor_does_has_any_effect(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url)
    Screen(page, view).show("STOP", "en")
    before = page.content()
    for key in ("Space", "Enter", "Escape", "F1", "Tab", "Backspace", "a", "ArrowDown", "Control+s", "Alt+ArrowLeft"):
        page.keyboard.press(key)
    for x, y in ((10, 10), (400, 240), (790, 470)):
        page.mouse.click(x, y)
        page.mouse.click(x, y, button="right")
    page.mouse.wheel(0, 500)
    assert page.content() == before
    assert page.url.rstrip("/") == url
    assert page.evaluate("() => getSelection().toString()") == ""
    assert page.evaluate("() => [scrollX, scrollY, getComputedStyle(document.documentElement).cursor]") == [
        0,
        0,
        "none",
    ]


def test_sounds_follow_verdicts_once_each(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url, init=EAR % "running")
    screen = Screen(page, view)

    def notes() -> int:
        count: int = page.evaluate("() => { const n = window.notes; window.notes = 0; return n; }")
        return count

    expected = {
        "GO": 1,
        "GO_ATTENTION": 2,
        "STOP_USED": 2,
        "STOP": 1,
        "SEE_STAFF": 3,
        "WAIT": 0,
        "OUT_OF_ORDER": 0,
        "EMERGENCY": 0,
    }
    screen.show(None)
    for verdict, count in expected.items():
        view.publish(decision_of(1, verdict))
        screen.show(verdict)
        screen.show(verdict)
        assert notes() == count, verdict
        screen.show(None)
    assert notes() == 0


def test_refused_sound_is_said_once_and_disturbs_nothing(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page("about:blank", init=EAR % "suspended")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(url)
    screen = Screen(page, view)
    for verdict in ("GO", "STOP", "GO"):
        screen.show(verdict)
    assert len([text for text in said if "no sound" in text]) == 1


def test_real_web_audio_takes_every_sound(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url)
    screen = Screen(page, view)
    for verdict in SCREENS:
        screen.show(verdict)


def test_a_screen_does_not_grow(url: str, view: FakeView, open_page: Open) -> None:
    page = open_page(url, init=EAR % "running")
    page.wait_for_selector(".idle-say p")
    devtools = page.context.new_cdp_session(page)
    rounds = """async ([states, times]) => {
      const gate = document.querySelector('gate-display');
      for (let i = 0; i < times; i++) for (const state of states) { gate.state = state; await gate.updateComplete; }
    }"""
    states = [state_of(verdict, lang) for verdict in (None, *SCREENS) for lang in LANGUAGES]

    def counters() -> tuple[int, int]:
        devtools.send("HeapProfiler.collectGarbage")
        found = devtools.send("Memory.getDOMCounters")
        return found["nodes"], found["jsEventListeners"]

    page.evaluate(rounds, [states, 5])
    before = counters()
    page.evaluate(rounds, [states, 40])
    after = counters()
    assert after[1] <= before[1]
    assert after[0] <= before[0] + 50


def test_dark_halls_get_a_dark_idle_screen(url: str, open_page: Open) -> None:
    page = open_page(f"{url}/?theme=dark")
    page.wait_for_selector(".idle-say p")
    assert (
        page.evaluate("() => getComputedStyle(document.querySelector('gate-display')).backgroundColor")
        == "rgb(12, 17, 20)"
    )


def test_nothing_is_fetched_from_elsewhere_and_all_of_it_is_small(browser: Browser) -> None:
    view = FakeView()
    with served(view, demo=True) as url:
        for path in ("/", "/demo"):
            page = browser.new_page()
            page.add_init_script(PATIENT)
            asked: list[str] = []
            sizes: list[int] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("response", lambda response, sizes=sizes: sizes.append(len(response.body())))
            page.goto(f"{url}{path}")
            page.wait_for_load_state("networkidle")
            page.close()
            assert [address for address in asked if not address.startswith(url)] == []
            assert sum(sizes) < 300_000
