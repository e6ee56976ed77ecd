"""How people come in, in Debian's Chromium against the real lane process: pairing, PIN, lock-out, hand-over, roles."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.site import until
from tests.kiosk.staff.browsing import Phones, press_pin
from tests.kiosk.staff.process import LEAVING, LOCKED, PIN_OF, RunningGate


def test_phone_is_paired_by_the_code_on_the_gates_screen_then_one_logs_in_by_pin(
    gate: RunningGate, enter: Phones
) -> None:
    display = enter.display()
    technician = enter("budi")
    technician.get_by_role("button", name="Figures").click()
    technician.get_by_role("button", name="Pair another phone").click()
    code = display.locator(".pair-code").inner_text()
    expect(display.locator(".pair-qr")).to_be_visible()
    box = display.locator(".pair").bounding_box()
    assert box is not None
    assert min(box["x"], box["y"]) >= 0
    assert box["x"] + box["width"] <= 800
    assert box["y"] + box["height"] <= 480
    page = enter(None, query="#pair=" + code.replace("-", ""))
    expect(page.locator("input[name=code]")).to_have_value(code.replace("-", ""))
    assert "pair=" not in page.url, "the code does not stay in the address"
    page.get_by_role("button", name="Pair", exact=True).click()
    page.fill("input[name=staff]", "sari")
    press_pin(page, "111112")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".error")).to_contain_text("wrong")
    press_pin(page, PIN_OF["sari"])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("staff-scan")
    expect(display.locator(".pair")).to_have_count(0)
    until(lambda: gate.said("login")[-1]["actor"] == "sari" and gate.said("paired"), "rows of the way in")
    assert gate.said("paired")[-1]["data"]["via"] == "staff"


def test_wrong_pins_lock_the_person_out_and_the_page_says_for_how_long(gate: RunningGate, enter: Phones) -> None:
    page = enter(LOCKED, login=False)
    page.wait_for_selector("pin-pad")
    page.fill("input[name=staff]", LOCKED)
    for _ in range(5):
        press_pin(page, "111112")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("button", name="Log in")).to_be_enabled()
        expect(page.locator(".error")).to_be_visible()
    expect(page.locator(".error")).to_contain_text("Wait")
    press_pin(page, PIN_OF[LOCKED])
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".error")).to_contain_text("Wait")
    (row,) = until(lambda: gate.said("login_locked"), "the row of the lock-out")
    assert (row["data"]["staff"], row["data"]["wait_s"]) == (LOCKED, 60)


def test_shift_is_handed_over_and_this_phone_is_out(gate: RunningGate, enter: Phones) -> None:
    page = enter(LEAVING)
    page.get_by_role("button", name="Figures").click()
    page.get_by_role("button", name="Hand over").click()
    code = page.locator(".code b").inner_text()
    other = enter(None)
    other.fill("input[name=code]", code)
    other.get_by_role("button", name="Pair", exact=True).click()
    other.wait_for_selector("staff-scan")
    page.locator(".nav").get_by_role("button", name="Scan").click()
    page.evaluate("text => { document.querySelector('staff-page').scan({ text }) }", gate.ticket())
    page.wait_for_selector("pin-pad")
    assert until(lambda: gate.said("paired"), "the row of the pairing")[-1]["data"]["handover"] is True


def test_technicians_page_is_for_technicians(enter: Phones) -> None:
    page = enter("sari", "/tech", "desk")
    expect(page.locator(".note.warn")).to_contain_text("technician")


def test_technician_tests_the_gate_before_doors(gate: RunningGate, enter: Phones) -> None:
    gate.ready()
    before = gate.pulses()
    page = enter("budi", "/tech", "desk")
    page.get_by_role("button", name="Run all tests").click()
    page.wait_for_selector(".t")
    assert page.locator(".t.ok").count() >= 5
    until(lambda: gate.pulses() == before + 1, "the click of the relay")
    assert gate.said("self_test")[-1]["actor"] == "budi"
    page.get_by_role("button", name="Settings").click()
    expect(page.locator("table")).to_contain_text("display_port")
    page.get_by_role("button", name="Log", exact=True).click()
    page.wait_for_selector(".log li")
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


def test_pages_ask_nobody_but_their_gate_and_are_light(gate: RunningGate, enter: Phones) -> None:
    for name, path, ready in (("sari", "/staff", "staff-scan"), ("budi", "/tech", "tech-doctor .st")):
        enter.answers.clear()
        page = enter(name, path)
        page.wait_for_selector(ready)
        page.wait_for_load_state("networkidle")
        assert {answer.url.split("/")[2] for answer in enter.answers} == {gate.lan_url.removeprefix("https://")}
        loaded = [answer for answer in enter.answers if answer.status == 200 and not answer.url.endswith(".wasm")]
        assert 50_000 < sum(int(answer.headers.get("content-length", "0")) for answer in loaded) < 300_000
