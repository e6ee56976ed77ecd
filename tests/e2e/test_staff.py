"""Staff against the real lane process: people from the command line, a scan by hand, a killed lane, one use."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import httpx

from tests.e2e.site import Site, until


def test_scan_by_hand_survives_the_death_of_the_lane_and_is_one_use(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.make(5)
    site.config.write_text(site.config.read_text() + "local_staff = true\n")
    site.state.mkdir(exist_ok=True)
    pin = re.search(r"PIN (\d{6})", site.gate("staff", "add", "sari", "--config", str(site.config)))
    assert pin is not None
    try:
        site.start_all()
        assert "running" in _refusal(site), "the lane is the only writer while it runs"
        with httpx.Client(base_url=f"http://127.0.0.1:{site.port}/api/v1", timeout=10) as client:
            csrf = client.post("/login", json={"staff": "sari", "pin": pin[1]}).json()["csrf"]
            headers = {"x-gate-csrf": csrf}
            body = {"text": site.tickets[0].text, "key": "first-of-all"}
            first = client.post("/scans", json=body, headers=headers).json()
            assert first["verdict"] == "GO"
            site.kill("lane", signal.SIGKILL)
            site.start("lane")
            site.wait_ready()
            again = client.post("/scans", json=body, headers=headers).json()
            assert (again["repeated"], again["ref"]) == (True, first["ref"]), (
                "the session and the answer are still there"
            )
            other = client.post("/scans", json=body | {"key": "second-one-1"}, headers=headers).json()
            assert other["verdict"] == "STOP_USED"
        until(lambda: site.central_rows() == site.journal_rows(), "all rows at central")
        assert [row["actor"] for row in site.journal("admitted")] == ["sari"]
    finally:
        site.close()


def _refusal(site: Site) -> str:
    import subprocess
    import sys

    command = [sys.executable, "-m", "gate", "staff", "add", "budi", "--config", str(site.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stderr + done.stdout
