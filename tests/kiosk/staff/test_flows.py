"""What an attendant does all day, in Debian's Chromium against the real lane process: page, journal and pins agree."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from gate.wire.numbers import ticket_number
from tests.e2e.site import until
from tests.kiosk.staff.browsing import Phones, line_is_up, press_pin, scan, shown, verdict
from tests.kiosk.staff.process import FILMED, PIN_OF, RunningGate
from tests.kiosk.staff.views import ANSWER, put


def held(page: Page, text: str) -> str:
    """What the page says of a code that its camera read."""
    scan(page, text)
    return verdict(page)


def by_hand(row: dict[str, Any]) -> bool:
    return row["actor"] == "sari" and str(row["input"]).startswith("handheld:")


def test_phone_camera_reads_real_tickets_and_their_verdicts_stand_there(gate: RunningGate, enter: Phones) -> None:
    page = enter(camera=True)
    assert verdict(page) in ("go", "stop_used")
    rows = until(
        lambda: [row for n in FILMED for row in gate.rows_of(n, "admitted")][1:] and gate.rows("admitted"),
        "both tickets of the film",
    )
    assert all(by_hand(row) for row in rows if bytes.fromhex(row["ticket"]) in {gate.state.key(n) for n in FILMED})


def test_keyboard_reader_scans_without_any_field(gate: RunningGate, enter: Phones) -> None:
    n = gate.number()
    page = enter()
    page.wait_for_selector("staff-scan")
    # The page's clock stands still meanwhile: a reader's keys come in one burst, whatever this machine does between them.
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.keyboard.type(gate.state.text(n))
    page.keyboard.press("Enter")
    assert verdict(page) == "go"
    (row,) = gate.rows_of(n)
    assert (row["kind"], by_hand(row), row["data"]["opened"]) == ("admitted", True, False)


def test_number_is_looked_up_before_it_is_admitted(gate: RunningGate, enter: Phones) -> None:
    n = gate.number()
    number = ticket_number(gate.state.key(n))
    page = enter()
    page.wait_for_selector("staff-scan")
    page.keyboard.press("/")
    page.fill("input[name=number]", number.lower())
    page.get_by_role("button", name="Inspect").click()
    page.wait_for_selector("staff-result")
    expect(page.locator(".res > .note")).to_contain_text("not admitted")
    assert gate.rows_of(n) == [], "a look leaves no trace"
    page.keyboard.press("/")
    page.fill("input[name=number]", number)
    page.get_by_role("button", name="Admit").click()
    assert verdict(page) == "go"
    (row,) = gate.rows_of(n)
    assert (row["kind"], row["input"], row["actor"]) == ("admitted", "typed", "sari")
    page.keyboard.press("/")
    page.fill("input[name=number]", "AAAA-AAAA-B")
    page.get_by_role("button", name="Admit").click()
    expect(page.locator(".toast")).to_contain_text("does not fit")


def test_inspecting_is_a_mode_that_changes_nothing(gate: RunningGate, enter: Phones) -> None:
    n = gate.number()
    page = enter()
    page.get_by_role("button", name="Inspect").click()
    assert held(page, gate.state.text(n)) == "go"
    expect(page.locator(".res > .note")).to_contain_text("not admitted")
    assert gate.rows_of(n) == []


def test_used_ticket_shows_when_and_where_and_undo_takes_back(gate: RunningGate, enter: Phones) -> None:
    n = gate.number()
    page = enter()
    assert held(page, gate.state.text(n)) == "go"
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".res > .note")).to_contain_text("Taken back")
    assert held(page, gate.state.text(n)) == "go"
    assert held(page, gate.state.text(n)) == "stop_used"
    expect(page.locator(".verdict .d")).to_contain_text("Gate G2")
    rows = gate.rows_of(n)
    assert [row["kind"] for row in rows] == ["admitted", "annulled", "admitted", "refused"]
    assert (rows[1]["data"]["cause"], rows[1]["actor"]) == ("undo", "sari")


def test_override_asks_for_reason_and_pin_and_is_written_down(gate: RunningGate, enter: Phones) -> None:
    n = gate.number()
    page = enter()
    assert held(page, gate.state.text(n)) == "go"
    assert held(page, gate.state.text(n)) == "stop_used"
    page.keyboard.press("F2")
    page.get_by_text("Came out unscanned").click()
    button = page.get_by_role("button", name="Admit on the record")
    expect(button).to_be_disabled()
    press_pin(page, "111112")
    button.click()
    expect(page.locator(".error")).to_contain_text("wrong")
    assert gate.rows_of(n, "override") == []
    press_pin(page, PIN_OF["sari"])
    button.click()
    page.wait_for_selector("staff-result")
    assert verdict(page) == "go"
    (row,) = gate.rows_of(n, "override")
    assert (row["detail"], row["actor"], row["data"]["opened"]) == ("came_out", "sari", False)
    assert row["ref"].endswith(str(gate.rows_of(n, "refused")[0]["seq"]))


def test_override_offers_the_reasons_of_the_ticket_s_event(enter: Phones) -> None:
    page = enter()
    page.wait_for_selector("staff-scan")
    assert page.evaluate("() => document.querySelector('staff-page').session.gate.reasons") == {"spring": []}
    page.evaluate(
        """() => {
          const page = document.querySelector('staff-page');
          const gate = { ...page.session.gate, reasons: { spring: ['medical', 'lost_child'], autumn: [] } };
          page.session = { ...page.session, gate };
        }"""
    )
    put(page, "staff-page", "overriding", {**ANSWER, "verdict": "STOP", "event": "spring"})
    expect(page.locator(".reason")).to_have_text(["Medical", "lost child"])
    put(page, "staff-page", "overriding", {**ANSWER, "verdict": "STOP", "event": "autumn"})
    expect(page.locator(".reason")).to_have_count(9)
    expect(page.locator(".reason").last).to_have_text("Other, write it")


def test_group_is_one_row_with_a_count_and_fits_whole_or_not(gate: RunningGate, enter: Phones) -> None:
    n, single = gate.number(group=True), gate.number()
    page = enter()

    def people(wanted: int) -> None:
        if page.locator("staff-result").count():
            page.get_by_role("button", name="Next scan").click()
        page.wait_for_selector("staff-scan .seg")
        if page.locator(".stepper").count() == 0:
            page.get_by_role("button", name=re.compile("^Group:")).click()
        for _ in range(wanted - 1):
            page.get_by_role("button", name="One more").click()
        expect(page.locator("output")).to_have_text(f"{wanted} people")

    people(3)
    assert held(page, gate.state.text(n)) == "go"
    (row,) = gate.rows_of(n, "admitted")
    assert row["count"] == 3
    people(2)
    assert held(page, gate.state.text(n)) == "stop_used", "one place is left"
    people(2)
    assert held(page, gate.state.text(single)) == "stop_used", "this ticket is for one"
    assert gate.rows_of(single, "refused")[0]["count"] == 2
    assert held(page, gate.state.text(n)) == "go", "the count is one again after each scan"


def test_exit_is_a_mode_of_its_own(gate: RunningGate, enter: Phones) -> None:
    n = gate.number()
    page = enter()
    assert held(page, gate.state.text(n)) == "go"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Exit").click()
    assert held(page, gate.state.text(n)) == "go"
    (row,) = gate.rows_of(n, "exit")
    assert (row["dir"], by_hand(row)) == ("exit", True)


def test_lane_is_opened_stopped_started_and_sent_away_from_with_a_reason(gate: RunningGate, enter: Phones) -> None:
    gate.ready()
    display = enter.display()
    page = enter()
    page.get_by_role("button", name="Lane", exact=True).click()

    def order(name: str, reason: str) -> None:
        page.get_by_role("button", name=name, exact=True).click()
        page.get_by_role("button", name=reason).click()

    order("Disable", "Cleaning")
    shown(display, "out_of_order")
    expect(page.get_by_role("button", name="Open once")).to_be_disabled()
    order("Enable", "Test")
    shown(display, "out_of_order", "idle")
    order("Out of order", "Fault")
    shown(display, "out_of_order", "idle", "out_of_order")
    order("Enable", "Test")
    shown(display, "out_of_order", "idle", "out_of_order", "idle")
    before = gate.pulses()
    order("Open once", "Pram or wheelchair")
    shown(display, "out_of_order", "idle", "out_of_order", "idle", "go")
    until(lambda: gate.pulses() == before + 1, "a pulse of the relay")
    rows = [row for row in gate.rows("mode") if "do" in row["data"]][-5:]
    assert [row["data"]["do"] for row in rows] == ["disable", "enable", "out_of_order", "enable", "open_once"]
    assert [row["data"]["reason"] for row in rows] == ["cleaning", "test", "fault", "test", "pram"]
    assert {row["actor"] for row in rows} == {"sari"}


def test_admission_that_opens_the_lane_too_pulses_it(gate: RunningGate, enter: Phones) -> None:
    gate.ready()
    n, before = gate.number(), gate.pulses()
    page = enter()
    page.get_by_role("button", name="Open the lane too").click()
    assert held(page, gate.state.text(n)) == "go"
    until(lambda: gate.pulses() == before + 1, "a pulse of the relay")
    assert gate.rows_of(n, "admitted")[0]["data"]["opened"] is True


def test_last_scans_of_this_phone_are_twenty_newest_first(gate: RunningGate, enter: Phones) -> None:
    n, text = gate.number(), gate.ticket()
    phone = gate.paired("sari")
    for _ in range(21):
        phone.scan(text)
    page = enter()
    assert held(page, gate.state.text(n)) == "go"
    page.keyboard.press("Escape")
    page.locator(".last").click()
    rows = page.locator(".overlay .li")
    expect(rows).to_have_count(20)
    expect(rows.first).to_contain_text(ticket_number(gate.state.key(n)))
    rows.first.click()
    assert verdict(page) == "go"


def test_counts_are_those_of_the_journal(gate: RunningGate, enter: Phones) -> None:
    page = enter()
    text = gate.ticket()
    assert held(page, text) == "go"
    assert held(page, text) == "stop_used"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Figures").click()
    people = {
        kind: sum(row["count"] for row in gate.rows(kind)) for kind in ("admitted", "override", "exit", "annulled")
    }
    inside = people["admitted"] + people["override"] - people["annulled"] - people["exit"]
    expect(page.locator(".kpi", has_text="admitted").first).to_contain_text(str(people["admitted"]))
    expect(page.locator(".kpi", has_text="inside").first).to_contain_text(str(inside))
    refused = [row for row in gate.rows("refused") if row["reason"] == "already_redeemed"]
    expect(page.locator(".hb", has_text="USED")).to_contain_text(str(sum(row["count"] > 0 for row in refused)))


def test_refusal_of_the_unattended_gate_is_put_right_from_the_handheld(gate: RunningGate, enter: Phones) -> None:
    gate.ready()
    n = gate.number()
    page = enter()
    assert held(page, gate.state.text(n)) == "go"
    page.keyboard.press("Escape")
    line_is_up(page)
    gate.show(gate.state.text(n))
    expect(page.locator(".badge")).to_have_text("1")
    page.keyboard.press("F4")
    row = page.locator(".denial").first
    expect(row).to_contain_text("G2-")
    row.click()
    assert verdict(page) == "stop_used"
    expect(page.locator(".verdict .d")).to_contain_text("Gate G2")
    before = gate.pulses()
    page.get_by_role("button", name="Override").click()
    page.get_by_text("Gate did not open").click()
    press_pin(page, PIN_OF["sari"])
    page.get_by_role("button", name="Admit on the record").click()
    page.wait_for_selector("staff-override", state="detached")
    assert verdict(page) == "go"
    until(lambda: gate.pulses() == before + 1, "a pulse of the relay")
    refusal, case, override = gate.rows_of(n, "refused", "case", "override")
    assert (refusal["input"], refusal["actor"]) == ("reader", None)
    assert case["ref"] == override["ref"]
    assert (override["detail"], override["data"]["opened"]) == ("not_opened", True)


def test_handheld_without_its_gate_says_that_it_cannot_decide(gate: RunningGate, enter: Phones) -> None:
    page = enter(patient=False)
    page.wait_for_selector("staff-scan")
    page.context.set_offline(True)
    page.evaluate("text => { document.querySelector('staff-page').scan({ text }) }", gate.ticket())
    expect(page.locator(".lost")).to_contain_text("Nothing can be decided")
    expect(page.locator("staff-result")).to_have_count(0)
    page.context.set_offline(False)
    expect(page.locator(".lost")).to_have_count(0)


def test_killed_lane_is_said_and_after_its_return_everything_goes_on(gate: RunningGate, enter: Phones) -> None:
    gate.ready()
    n, used = gate.number(), gate.number()
    display, page = enter.display(patient=False), enter(patient=False)
    assert held(page, gate.state.text(used)) == "go"
    page.keyboard.press("Escape")
    gate.kill()
    shown(display, "lost")
    expect(page.locator(".lost")).to_be_visible()
    page.evaluate("text => { document.querySelector('staff-page').scan({ text }) }", gate.state.text(n))
    expect(page.locator(".toast")).to_contain_text("Nothing is known")
    gate.start()
    shown(display, "lost", "idle")
    expect(page.locator(".lost")).to_have_count(0)
    assert held(page, gate.state.text(used)) == "stop_used", "what was admitted before is known"
    assert held(page, gate.state.text(n)) == "go"
    assert [row["kind"] for row in gate.rows_of(n)] == ["admitted"]
    display = enter.display()
    display.wait_for_selector('gate-display[data-verdict="idle"] .idle-say')
    gate.show(gate.ticket())
    shown(display, "go")
    until(lambda: gate.pulses() == 1, "the first pulse of the new life")
