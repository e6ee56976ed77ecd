"""The staff pages in Debian's Chromium against a whole gate: what an attendant and a technician do all day."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.conftest import need
from tests.kiosk.browser import FLAGS
from tests.kiosk.staff.fakecam import film
from tests.kiosk.staff.house import PINS, House, opened

CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--ignore-certificate-errors"]
SIZES = {"phone": (390, 844), "small": (480, 320), "tablet": (800, 480)}
LANGUAGES = ("en", "id", "zh-Hant")
AXE = Path(__file__).parents[2] / "vendor" / "axe.min.js"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("pages")
    with opened(folder) as made:
        film(folder / "ticket.y4m", [made.state.text(0), made.state.text(1)])
        yield made


@pytest.fixture(scope="module")
def browser(house: House) -> Iterator[Browser]:
    flags = [*FLAGS, *CAMERA, f"--use-file-for-fake-video-capture={house.state.path.parent / 'ticket.y4m'}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=flags)
        yield browser
        browser.close()


Enter = Callable[..., Page]


@pytest.fixture
def enter(browser: Browser, house: House) -> Iterator[Enter]:
    """Opens a page over TLS on a phone of its own that is paired and logged in; complaints of the page fail the test."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def heard(message: ConsoleMessage) -> None:
        expected = ("401", "403", "404", "409", "423", "422", "429", "503", "ERR_", "WebSocket", "SSL")
        if message.type in {"error", "warning"} and not any(word in message.text for word in expected):
            complaints.append(message.text)

    def open_(
        name: str | None = "sari", path: str = "/staff", size: str = "phone", query: str = "", *, camera: bool = False
    ) -> Page:
        house.room.allowance.tries.forget()
        house.room.allowance.all.forget()
        width, height = SIZES.get(size, (1280, 800))
        permissions = ["camera"] if camera else []
        context = browser.new_context(
            viewport={"width": width, "height": height}, has_touch=size != "desk", ignore_https_errors=True,
            permissions=permissions,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        if not camera:
            page.add_init_script(
                "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); }"
            )
        if name is not None:
            code, _ = house.room.access.offer("test")
            assert context.request.post(f"{house.lan_url}/api/v1/pair", data={"code": code}).ok
            assert context.request.post(f"{house.lan_url}/api/v1/login", data={"staff": name, "pin": PINS[name]}).ok
        page.goto(f"{house.lan_url}{path}{query}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def scan(page: Page, text: str) -> None:
    page.wait_for_selector("staff-page .nav, staff-result")
    page.evaluate("document.querySelector('staff-page').go('scan')")
    page.wait_for_selector("phone-camera")
    page.evaluate("text => document.querySelector('staff-page').scan({ text })", text)
    page.wait_for_selector("staff-result")


def verdict(page: Page) -> str:
    page.wait_for_selector("staff-result .verdict")
    return str(page.get_attribute("staff-result .verdict", "data-verdict"))


def press_pin(page: Page, pin: str, pad: str = "pin-pad") -> None:
    for digit in pin:
        page.locator(pad).get_by_role("button", name=digit, exact=True).click()


def test_phone_camera_reads_a_real_ticket_and_the_verdict_stands_there(house: House, enter: Enter) -> None:
    page = enter(camera=True)
    page.wait_for_selector("staff-result .verdict", timeout=15_000)
    assert verdict(page) in ("go", "stop_used")
    until = time.monotonic() + 12
    while len(house.rows("admitted")) < 2 and time.monotonic() < until:
        page.wait_for_timeout(200)
    rows = [row for row in house.rows("admitted") if row["input"].startswith("handheld:")]
    assert {row["actor"] for row in rows} == {"sari"}
    assert {bytes.fromhex(row["ticket"]) for row in rows} == {house.state.key(0), house.state.key(1)}


def test_pairing_by_the_screens_code_then_login_by_pin(house: House, enter: Enter) -> None:
    budi = house.paired("budi")
    budi.command("pair")
    house.desk(lambda _desk: None)
    shown = dict(house.app.view.state())["pair"]
    page = enter(None, query="#pair=" + shown["code"].replace("-", ""))
    expect(page.locator("input[name=code]")).to_have_value(shown["code"].replace("-", ""))
    assert "pair=" not in page.url, "the code does not stay in the address"
    page.get_by_role("button", name="Pair", exact=True).click()
    page.fill("input[name=staff]", "sari")
    press_pin(page, "111112")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".error")).to_contain_text("wrong")
    press_pin(page, PINS["sari"])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("staff-scan")


def test_code_for_pairing_is_on_the_gates_screen(house: House, browser: Browser) -> None:
    house.paired("budi").command("pair")
    page = browser.new_page(viewport={"width": 800, "height": 480})
    page.goto(house.url)
    code = dict(house.app.view.state())["pair"]["code"]
    expect(page.locator(".pair-code")).to_have_text(code)
    expect(page.locator(".pair-qr")).to_be_visible()
    box = page.locator(".pair").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 800
    assert box["y"] + box["height"] <= 480
    page.close()


def test_wrong_pins_lock_the_person_out_and_the_page_says_for_how_long(house: House, enter: Enter) -> None:
    page = enter("sari")
    page.wait_for_selector("staff-scan")
    page.evaluate("document.querySelector('staff-page').logout()")
    page.wait_for_selector("pin-pad")
    page.fill("input[name=staff]", "dewi")
    for _ in range(5):
        press_pin(page, "111112")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("button", name="Log in")).to_be_enabled()
    expect(page.locator(".error")).to_contain_text("Wait")
    house.room._store.remove("lock", "dewi")


def test_used_ticket_shows_when_and_where_and_undo_takes_back(house: House, enter: Enter) -> None:
    page = enter()
    scan(page, house.state.text(2))
    assert verdict(page) == "go"
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".below")).to_contain_text("Taken back")
    scan(page, house.state.text(2))
    assert verdict(page) == "go"
    scan(page, house.state.text(2))
    assert verdict(page) == "stop_used"
    expect(page.locator(".verdict .d")).to_contain_text("Gate G2")


def test_override_asks_for_reason_and_pin_and_is_written_down(house: House, enter: Enter) -> None:
    page = enter()
    scan(page, house.state.text(3))
    scan(page, house.state.text(3))
    page.keyboard.press("F2")
    page.get_by_text("Came out unscanned").click()
    button = page.get_by_role("button", name="Admit on the record")
    expect(button).to_be_disabled()
    press_pin(page, PINS["sari"])
    button.click()
    page.wait_for_selector("staff-result")
    assert verdict(page) == "go"
    assert house.rows("override")[-1]["detail"] == "came_out"


def test_number_is_typed_and_looked_up_before_it_is_admitted(house: House, enter: Enter) -> None:
    from gate.wire.numbers import ticket_number

    page = enter()
    page.wait_for_selector("staff-scan")
    page.keyboard.press("/")
    page.fill("input[name=number]", ticket_number(house.state.key(4)).lower())
    before = len(house.rows("admitted"))
    page.get_by_role("button", name="Inspect").click()
    page.wait_for_selector("staff-result")
    expect(page.locator(".below")).to_contain_text("not admitted")
    assert len(house.rows("admitted")) == before
    page.keyboard.press("/")
    page.fill("input[name=number]", ticket_number(house.state.key(4)))
    page.get_by_role("button", name="Admit").click()
    page.wait_for_selector("staff-result")
    assert len(house.rows("admitted")) == before + 1
    page.keyboard.press("/")
    page.fill("input[name=number]", "AAAA-AAAA-B")
    page.get_by_role("button", name="Admit").click()
    expect(page.locator(".toast")).to_contain_text("does not fit")


def test_search_by_name_is_honest_when_nobody_can_be_asked(enter: Enter) -> None:
    page = enter()
    page.wait_for_selector("staff-scan")
    page.keyboard.press("/")
    page.fill("input[name=name]", "wi")
    page.get_by_role("button", name="Look it up").click()
    expect(page.locator(".byname .note")).to_contain_text("3 letters")
    page.fill("input[name=name]", "wijaya")
    page.get_by_role("button", name="Look it up").click()
    expect(page.locator(".byname .note")).to_contain_text("ticket number")


def test_keyboard_reader_scans_without_any_field(house: House, enter: Enter) -> None:
    page = enter()
    page.wait_for_selector("staff-scan")
    page.keyboard.type(house.state.text(5), delay=1)
    page.keyboard.press("Enter")
    assert verdict(page) == "go"


def test_group_of_people_is_one_row_with_a_count(house: House, enter: Enter) -> None:
    page = enter()
    page.get_by_role("button", name="Group: 1 people").click()
    for _ in range(3):
        page.get_by_role("button", name="One more").click()
    expect(page.locator("output")).to_have_text("4 people")
    page.evaluate("text => document.querySelector('staff-page').scan({ text })", house.state.text(6))
    assert verdict(page) == "stop_used", "this ticket is for one"
    assert house.rows("refused")[-1]["count"] == 4


def test_exit_is_a_mode_of_its_own(house: House, enter: Enter) -> None:
    page = enter()
    page.get_by_role("button", name="Exit").click()
    page.evaluate("text => document.querySelector('staff-page').scan({ text })", house.state.text(0))
    page.wait_for_selector("staff-result")
    assert house.rows("exit")[-1]["actor"] == "sari"


def test_lane_orders_ask_why_and_reach_the_gates_screen(house: House, enter: Enter, browser: Browser) -> None:
    display = browser.new_page(viewport={"width": 800, "height": 480})
    display.goto(house.url)
    page = enter()
    page.get_by_role("button", name="Lane", exact=True).click()
    page.get_by_role("button", name="Out of order").click()
    page.get_by_role("button", name="Fault").click()
    display.wait_for_selector('gate-display[data-verdict="out_of_order"]')
    expect(page.get_by_role("button", name="Open once")).to_be_disabled()
    page.get_by_role("button", name="Enable").click()
    page.get_by_role("button", name="Test").click()
    display.wait_for_selector('gate-display:not([data-verdict="out_of_order"])')
    page.get_by_role("button", name="Open once").click()
    page.get_by_role("button", name="Pram or wheelchair").click()
    display.wait_for_selector('gate-display[data-verdict="go"]')
    display.close()
    assert [row["data"]["do"] for row in house.rows("mode")][-3:] == ["out_of_order", "enable", "open_once"]


def test_refusal_of_the_unattended_gate_reaches_the_handheld_with_its_case(house: House, enter: Enter) -> None:
    from gate.model import Direction, Scan

    page = enter()
    page.wait_for_selector("staff-scan")
    text = house.state.text(9)
    scan(page, text)
    page.evaluate("document.querySelector('staff-page').go('scan')")
    deadline = time.monotonic() + 10
    while house.desk(lambda desk: desk.lane.readiness("entry")) != "ready" and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    now = house.app.clock.mono_ms()
    house.app.inbox.put(
        lambda: (
            house.app.lane.scan(Scan(text=text, input="cam0", direction=Direction.ENTRY, captured=now, decoded=now))
            and None
        )
    )
    expect(page.locator(".badge")).to_have_text("1")
    page.keyboard.press("F4")
    row = page.locator(".denial").first
    expect(row).to_contain_text("G2-")
    row.click()
    assert verdict(page) == "stop_used"
    expect(page.get_by_role("button", name="Override")).to_be_visible()


def test_shift_is_handed_over_and_this_phone_is_out(enter: Enter) -> None:
    page = enter("sari")
    page.get_by_role("button", name="Figures").click()
    began = time.monotonic()
    page.get_by_role("button", name="Hand over").click()
    code = page.locator(".code b").inner_text()
    other = enter(None)
    other.fill("input[name=code]", code)
    other.get_by_role("button", name="Pair", exact=True).click()
    other.wait_for_selector("staff-scan")
    assert time.monotonic() - began < 10


def test_handheld_without_its_gate_says_that_it_cannot_decide(house: House, enter: Enter) -> None:
    page = enter()
    page.wait_for_selector("staff-scan")
    page.context.set_offline(True)
    page.evaluate("document.querySelector('staff-page').link.ears.lost(0)")
    page.evaluate("text => { document.querySelector('staff-page').scan({ text }) }", house.state.text(7))
    expect(page.locator(".lost")).to_contain_text("Nothing can be decided")
    expect(page.locator("staff-result")).to_have_count(0)
    page.context.set_offline(False)
    expect(page.locator(".lost")).to_have_count(0, timeout=10_000)


def test_lane_ends_and_comes_back_and_the_handheld_goes_on_where_it_was(house: House, enter: Enter) -> None:
    page = enter()
    page.wait_for_selector("staff-scan")
    house.stop()
    expect(page.locator(".lost")).to_be_visible(timeout=4_000)
    house.restart()
    expect(page.locator(".lost")).to_have_count(0, timeout=15_000)
    page.evaluate("text => document.querySelector('staff-page').scan({ text })", house.state.text(8))
    assert verdict(page) == "go"
    assert house.rows("admitted")[-1]["actor"] == "sari"


def test_words_of_verdicts_fit_the_phone_in_every_language(enter: Enter) -> None:
    for lang in LANGUAGES:
        page = enter(query=f"?lang={lang}")
        page.wait_for_selector("staff-scan")
        for name in ("GO", "GO_ATTENTION", "STOP_USED", "STOP", "SEE_STAFF", "WAIT", "OUT_OF_ORDER", "EMERGENCY"):
            page.evaluate(
                "verdict => (document.querySelector('staff-page').result = { verdict, reason: 'ok', attention: [], at: 0 })",
                name,
            )
            page.wait_for_selector(f'.verdict[data-verdict="{name.lower()}"]')
            fits = "(e => e.scrollWidth <= e.clientWidth + 1)(document.querySelector('.verdict .w'))"
            assert page.evaluate(fits), (lang, name)


def test_technician_tests_the_gate_before_doors(house: House, enter: Enter) -> None:
    page = enter("budi", "/tech", "desk")
    page.get_by_role("button", name="Run all tests").click()
    page.wait_for_selector(".t", timeout=15_000)
    assert page.locator(".t.ok").count() >= 5
    page.get_by_role("button", name="Settings").click()
    expect(page.locator("table")).to_contain_text("display_port")
    page.get_by_role("button", name="Log", exact=True).click()
    page.wait_for_selector(".papers")
    page.get_by_role("button", name="People and phones").click()
    expect(page.locator("tech-people")).to_contain_text("Sari D.")
    page.get_by_role("button", name="Network").click()
    page.locator(".papers input").focus()
    page.keyboard.type("gt1:abc")
    page.keyboard.press("Enter")
    expect(page.locator(".papers")).to_contain_text("Caps Lock")
    with page.expect_download() as download:
        page.get_by_role("link", name="Support bundle").click()
    assert download.value.suggested_filename.startswith("gate-support-")


def test_technicians_page_is_for_technicians(enter: Enter) -> None:
    page = enter("sari", "/tech", "desk")
    expect(page.locator(".note.warn")).to_contain_text("technician")


VIEWS = ("scan", "search", "refused", "lane", "figures")
SMALL = """() => [...document.querySelectorAll('button, a, input:not([type=radio]), select, label.reason')]
  .filter((e) => e.checkVisibility() && !e.closest('.hidden'))
  .map((e) => [e.getAttribute('aria-label') || e.textContent.trim().slice(0, 20) || e.name, e.getBoundingClientRect()])
  .filter(([, r]) => r.width && (Math.round(r.width) < 56 || Math.round(r.height) < 56)).map(([n, r]) => `${n} ${r.width}x${r.height}`)"""


def _each_view(page: Page, house: House) -> Iterator[str]:
    page.wait_for_selector("staff-scan")
    for view in VIEWS:
        page.evaluate("view => document.querySelector('staff-page').go(view)", view)
        page.wait_for_selector(f"staff-{view}")
        yield view
    scan(page, house.state.text(2))
    yield "result"
    page.evaluate("(p => (p.overriding = p.result))(document.querySelector('staff-page'))")
    page.wait_for_selector("staff-override")
    yield "override"


@pytest.mark.parametrize("size", ["phone", "small", "tablet"])
def test_everything_one_can_press_is_a_thumb_wide(house: House, enter: Enter, size: str) -> None:
    page = enter(size=size)
    small = {view: page.evaluate(SMALL) for view in _each_view(page, house)}
    assert {view: found for view, found in small.items() if found} == {}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(house: House, enter: Enter, lang: str, theme: str) -> None:
    found: dict[str, Any] = {}

    def judge(page: Page, name: str) -> None:
        answer = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        bad = [
            f"{v['id']}: {v['nodes'][0]['html'][:120]}"
            for v in answer["violations"]
            if v["impact"] in ("serious", "critical")
        ]
        if bad:
            found[name] = bad

    def with_axe(page: Page) -> Page:
        page.evaluate(AXE.read_text(encoding="utf-8"))  # as the debugger does, so that the policy need not be loosened
        return page

    page = with_axe(enter(query=f"?lang={lang}&theme={theme}"))
    for view in _each_view(page, house):
        judge(page, view)
    page = with_axe(enter(None, query=f"?lang={lang}&theme={theme}"))
    page.wait_for_selector("form")
    judge(page, "pair")
    page = with_axe(enter("budi", "/tech", "desk", f"?lang={lang}&theme={theme}"))
    page.wait_for_selector("tech-doctor .st")
    for tab in ("doctor", "network", "logs", "config", "people", "enrol"):
        page.evaluate("tab => (document.querySelector('tech-page').tab = tab)", tab)
        page.wait_for_timeout(150)
        judge(page, f"tech {tab}")
    assert found == {}, "\n".join(f"{name}: {item}" for name, items in found.items() for item in items)


HOSTILE = [
    "<img src=x onerror=alert(1)>", "<script>window.hacked=1</script>", "\u202e\u2066drawkcab\u2069", "\x1b[31mred\x07",
    "=HYPERLINK(1)", "e" + "\u0301" * 10_000, "W" * 500, "ﷺ" * 100, "\u200b\ufeff", "${alert(1)}", "{ask}{gate}",
]  # fmt: skip


@pytest.mark.parametrize("size", ["phone", "small"])
def test_hostile_texts_run_nothing_and_break_no_layout(enter: Enter, size: str) -> None:
    page = enter(size=size)
    page.wait_for_selector("staff-scan")
    for text in HOSTILE:
        page.evaluate(
            """text => {
              const p = document.querySelector('staff-page');
              const answer = { verdict: 'STOP_USED', reason: text, detail: text, ticket_number: text, product: { en: text },
                text: { en: text }, case: text, ref: text, first_use: { time: text, short: text, gate: text }, count: 2,
                attention: [text], entries: 1, uses: 1, at: 0, dir: 'entry' };
              p.session = { ...p.session, name: text, gate: { ...p.session.gate, reasons: [text], gate: { short: text, id: text, name: { en: text } } } };
              p.denials = [answer];
              window.hostile = answer;
              p.notice = '';
              p.result = answer;
            }""",
            text,
        )
        page.wait_for_selector("staff-result")
        wide = "document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight + 1"
        assert page.evaluate(wide), text[:20]
        page.evaluate(
            "document.querySelector('staff-page').result = null; document.querySelector('staff-page').view = 'refused'"
        )
        page.wait_for_selector("staff-refused")
        assert page.evaluate(wide), text[:20]
        page.evaluate(
            "(p => { p.view = 'scan'; p.overriding = window.hostile; })(document.querySelector('staff-page'))"
        )
        page.wait_for_selector("staff-override")
        assert page.evaluate(wide), text[:20]
        page.evaluate("document.querySelector('staff-page').overriding = null")
        assert page.evaluate("window.hacked") is None
    assert page.locator("staff-page script, staff-page img").count() == 0


def test_pages_ask_nobody_but_their_gate_and_are_light(house: House, enter: Enter) -> None:
    for path, name in (("/staff", "sari"), ("/tech", "budi")):
        page = enter(None)
        answers: list[Any] = []

        code, _ = house.room.access.offer("test")
        context = page.context
        context.request.post(f"{house.lan_url}/api/v1/pair", data={"code": code})
        context.request.post(f"{house.lan_url}/api/v1/login", data={"staff": name, "pin": PINS[name]})
        page.on("response", lambda answer, kept=answers: kept.append(answer))
        page.goto(house.lan_url + path)
        page.wait_for_selector("staff-scan" if path == "/staff" else "tech-doctor")
        page.wait_for_timeout(400)
        assert {answer.url.split("/")[2] for answer in answers} == {house.lan_url.removeprefix("https://")}
        kept = [answer for answer in answers if answer.status == 200 and not answer.url.endswith(".wasm")]
        assert sum(int(answer.headers.get("content-length", "0")) for answer in kept) < 300_000
