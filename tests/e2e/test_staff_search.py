"""Search by name from the handheld's page through the lane, sync and a real server, until the server is gone."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from gate.central import commands
from gate.central.service import Central
from gate.wire.numbers import ticket_number
from gate.wire.ticketkey import text_input, ticket_key
from tests.conftest import need
from tests.e2e.site import EVENT, POLICY, Site, until
from tests.kiosk.browser import started

PEOPLE = {"PAPER-0001": "Sari Dewi", "PAPER-0002": "Sari Anggraini", "PAPER-0003": "Li Wei"}


def invite(site: Site) -> str:
    """People with names at the server. Returns: the ticket number of the first."""
    file = site.folder / "people.jsonl"
    rows = [{"text": text, "product": 1, "zones": 1, "name": name} for text, name in PEOPLE.items()]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Central.open(site.central_state) as central:
        assert commands.run(central, "import", {"event": EVENT, "file": str(file)})["ok"]
        central.set_policy({"event": EVENT, "name": {"en": "Spring"}, "tz": "Europe/Berlin", **POLICY, "search": "hub"})
        central.publish(EVENT)
        return ticket_number(ticket_key(central.keys.salt(EVENT), text_input("PAPER-0001")))


def enter(browser: Browser, site: Site, pin: str) -> Page:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"http://127.0.0.1:{site.port}/staff")
    page.fill("input[name=staff]", "sari")
    for digit in pin:
        page.locator("pin-pad").get_by_role("button", name=digit, exact=True).click()
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("staff-page .nav")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("button", name="Name", exact=True).click()
    return page


def look_up(page: Page, name: str) -> None:
    page.fill("input[name=name]", name)
    page.get_by_role("button", name="Look it up").click()


def test_person_is_found_shown_on_the_record_and_admitted_by_number(tmp_path: Path) -> None:
    chromium = need("chromium")
    site = Site(tmp_path)
    site.make(1)
    number = invite(site)
    site.config.write_text(site.config.read_text() + "local_staff = true\n")
    site.state.mkdir(exist_ok=True)
    pin = re.search(r"PIN (\d{6})", site.gate("staff", "add", "sari", "--config", str(site.config)))
    assert pin is not None
    try:
        site.start_all()
        with started(chromium) as browser:
            page = enter(browser, site, pin[1])
            look_up(page, "sari")
            expect(page.locator(".person")).to_have_count(2)
            expect(page.locator("staff-byname")).not_to_contain_text("Dewi")
            page.locator(".person", has_text=number).click()
            page.get_by_role("button", name="Show the name").click()
            page.get_by_role("button", name="Lost the phone").click()
            expect(page.locator(".one")).to_contain_text("Sari Dewi")
            (look,) = site.journal("look")
            assert (look["actor"], look["data"]["reason"]) == ("sari", "lost_phone")
            page.locator("staff-byname").get_by_role("button", name="Admit").click()
            page.wait_for_selector('staff-result [data-verdict="go"]')
            assert [row["ticket"] for row in site.journal("admitted")] == [look["ticket"]]
            site.kill("central")
            page.get_by_role("button", name="Next scan").click()
            page.get_by_role("button", name="Search", exact=True).click()
            page.get_by_role("button", name="Name", exact=True).click()
            look_up(page, "sari")
            expect(page.locator("staff-byname .note.warn")).to_contain_text("cannot be reached", timeout=15_000)
            site.kill("sync")
            look_up(page, "sari")
            expect(page.locator("staff-byname .note.warn")).to_contain_text("cannot ask a server now", timeout=15_000)
        until(lambda: len(site.journal("look")) == 1, "one reveal, one row")
    finally:
        site.close()
