"""`gate demo` from nothing: drawn video, real processes, real browser. One round, compared with the script."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from gate.demo import event, script
from gate.model import Verdict
from gate.wire import cbor
from tests.conftest import need
from tests.e2e.screen import Screen
from tests.e2e.site import free_port, until
from tests.kiosk.browser import HISTORY, PATIENT

ROUND_S = 150
"""One round's video takes about half of that; a slow machine may take longer."""


@dataclass
class RunningDemo:
    folder: Path
    port: int
    process: subprocess.Popen[str]
    lines: list[str]

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return str(answer.read().decode())


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "gate", "demo", "--dir", str(folder), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = RunningDemo(folder, port, process, [])

    def read() -> None:
        assert process.stdout is not None
        running.lines.extend(iter(process.stdout.readline, ""))

    threading.Thread(target=read, daemon=True).start()
    try:
        until(lambda: any("open http" in line for line in running.lines), "the demo's address", 120)
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()


@pytest.fixture(scope="module")
def seen(demo: RunningDemo) -> list[str]:
    """What a real browser showed during the first round: each change of the verdict on the gate display."""
    chromium = need("chromium")
    screen = Screen(demo.port)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        page = browser.new_page(viewport={"width": 800, "height": 480})
        page.add_init_script(HISTORY)
        page.add_init_script(PATIENT)
        page.goto(f"http://127.0.0.1:{demo.port}/")
        until(lambda: len(_scans(demo)) > len(script.expected()), "the second round", ROUND_S)
        # What the round ended with is on the screen before the first verdict of the second.
        page.wait_for_function("wanted => new Set(window.shown).size >= wanted", arg=1 + len({*Verdict}))
        shown: list[str] = page.evaluate("window.shown")
        browser.close()
    screen.close()
    return shown


_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def _rows(demo: RunningDemo) -> list[dict[str, Any]]:
    connection = sqlite3.connect(f"file:{demo.run / 'gate' / 'journal.db'}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT body FROM journal WHERE event=? ORDER BY id", (event.EVENT,)).fetchall()
    finally:
        connection.close()
    return [cbor.loads(body) for (body,) in rows]


def _scans(demo: RunningDemo) -> list[dict[str, Any]]:
    return [row for row in _rows(demo) if row["kind"] in ("admitted", "refused")]


def test_decisions_are_those_of_the_script(demo: RunningDemo, seen: list[str]) -> None:
    first = _scans(demo)[: len(script.expected())]
    found = [{"reason": row["reason"], "detail": row["detail"], "admit": row["kind"] == "admitted"} for row in first]
    assert found == [{key: item[key] for key in ("reason", "detail", "admit")} for item in script.expected()]


def test_browser_showed_every_verdict(seen: list[str]) -> None:
    acts = [item["verdict"].lower() for item in script.expected()]
    verdicts = [word for word in seen if word not in ("", "idle", "lost")]
    # Two acts with the same verdict in a row may be one long picture, and a slow machine's browser may come late.
    from_tickets = _collapsed([word for word in verdicts if word not in ("emergency", "out_of_order")])
    twice = _collapsed(acts + acts)
    assert any(twice[n : n + len(from_tickets)] == from_tickets for n in range(len(acts))), from_tickets
    assert len(from_tickets) >= len(_collapsed(acts)) - 2
    assert set(verdicts) == {
        "go", "go_attention", "stop_used", "stop", "see_staff", "wait", "emergency", "out_of_order"
    }  # fmt: skip


def _collapsed(words: list[str]) -> list[str]:
    return [word for n, word in enumerate(words) if n == 0 or words[n - 1] != word]


def test_relay_was_pulsed_once_for_each_admission(demo: RunningDemo, seen: list[str]) -> None:
    screen = Screen(demo.port)
    try:
        until(lambda: screen.all("demo"), "pins")
        until(lambda: screen.all("demo")[-1]["pins"]["relay"] == {"entry": False}, "a relay at rest")
        admitted = len([row for row in _rows(demo) if row["kind"] == "admitted"])
        pulses = screen.all("demo")[-1]["pins"]["pulses"]["entry"]
        assert admitted - 1 <= pulses <= len([row for row in _rows(demo) if row["kind"] == "admitted"])
        assert pulses >= script.ADMISSIONS
    finally:
        screen.close()


def test_checkins_are_in_centrals_database(demo: RunningDemo, seen: list[str]) -> None:
    first = {(row["epoch"], row["seq"], row["kind"]) for row in _rows(demo)}

    def there() -> bool:
        connection = sqlite3.connect(f"file:{demo.run / 'central' / 'central.db'}?mode=ro", uri=True)
        try:
            query = "SELECT lower(hex(epoch)), seq, kind FROM checkin WHERE event_id=?"
            return first <= set(connection.execute(query, (event.EVENT,)).fetchall())
        finally:
            connection.close()

    until(there, "the rows of the round at central")


def test_commands_look_at_the_running_demo(demo: RunningDemo, seen: list[str]) -> None:
    config = str(demo.run / "gate.toml")
    tickets = json.loads((demo.folder / "seed" / "tickets.json").read_text())

    def gate(*arguments: str) -> tuple[int, Any]:
        done = subprocess.run([sys.executable, "-m", "gate", *arguments], capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout)

    code, verified = gate("verify", tickets["vip"][90], "--config", config, "--json")
    assert (code, verified["reason"], verified["format"]) == (0, "ok", "gt1")
    assert verified["claims"]["product"] == 2
    code, verified = gate("verify", script.forged(tickets["vip"][90]), "--config", config, "--json")
    assert (code, verified["reason"]) == (1, "invalid_signature")
    code, told = gate("explain", tickets["regular"][0], "--config", config, "--json")
    assert (code, told["verdict"], told["reason"]) == (1, "STOP_USED", "already_redeemed")
    last = told["rules"][-1]
    assert (last["name"], last["answer"]) == ("already_redeemed", "already_redeemed/total")
    code, told = gate("explain", tickets["vip"][90], "--config", config, "--json")
    assert (code, told["verdict"]) == (0, "GO_ATTENTION")
    code, checked = gate("journal", "verify", "--config", config, "--json")
    assert (code, checked["ok"]) == (0, True)


def test_metrics_tell_the_time_from_capture_to_pin(demo: RunningDemo, seen: list[str]) -> None:
    found = re.search(r'^gate_capture_to_pin_ms\{quantile="0.5"\} ([0-9.]+)$', demo.get("/metrics"), re.MULTILINE)
    assert found is not None
    assert float(found[1]) > 0


def test_end_leaves_no_process_behind(demo: RunningDemo, seen: list[str]) -> None:
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(60) == 0
    left = subprocess.run(["pgrep", "-f", str(demo.run)], capture_output=True, text=True, check=False)
    assert left.stdout == ""
    assert demo.lines[-1].strip() == "demo: ended"
