"""The units, checked by systemd's own tools in a folder that pretends to be a machine's root."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gate.config import Settings, load
from tests.conftest import need

UNITS = ("gate.service", "gate-sync.service", "gate-central.service", "gate-kiosk.service")


@pytest.fixture
def machine(tmp_path: Path, root: Path) -> Path:
    """A root folder with our units, systemd's own targets, and something runnable wherever a unit starts a program."""
    etc, own = tmp_path / "etc/systemd/system", tmp_path / "usr/lib/systemd/system"
    etc.mkdir(parents=True)
    own.mkdir(parents=True)
    for target in Path("/usr/lib/systemd/system").glob("*.target"):
        shutil.copy(target, own, follow_symlinks=True)
    for name in UNITS:
        text = (root / "systemd" / name).read_text(encoding="utf-8")
        (etc / name).write_text(text, encoding="utf-8")
        for program in re.findall(r"^Exec\w+=[-+!@:]*(/\S+)", text, re.MULTILINE):
            path = tmp_path / program.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\n", encoding="utf-8")
            path.chmod(0o755)
    return tmp_path


def verify(machine: Path, unit: str) -> str:
    """Everything `systemd-analyze verify` says: it exits 0 on an unknown key, so words count."""
    command = [need("systemd-analyze"), "verify", f"--root={machine}", "--man=no", unit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_has_nothing_to_say_about_the_unit(machine: Path, unit: str) -> None:
    assert verify(machine, unit) == ""


def test_a_misspelt_key_would_be_found(machine: Path) -> None:
    path = machine / "etc/systemd/system/gate.service"
    path.write_text(path.read_text().replace("WatchdogSec", "WachdogSec"))
    assert "WachdogSec" in verify(machine, "gate.service")


@pytest.mark.parametrize(
    ("unit", "most"), [("gate.service", 3.0), ("gate-sync.service", 2.0), ("gate-central.service", 2.0)]
)
def test_the_service_is_shut_in(root: Path, unit: str, most: float) -> None:
    command = [need("systemd-analyze"), "security", "--offline=true", f"--threshold={round(most * 10)}"]
    done = subprocess.run(
        [*command, str(root / "systemd" / unit)], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def unit(root: Path, name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=", comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(root / "systemd" / name, encoding="utf-8")
    return parser


@pytest.mark.parametrize("name", UNITS)
def test_no_unit_waits_for_network_or_time(root: Path, name: str) -> None:
    text = (root / "systemd" / name).read_text(encoding="utf-8")
    assert "network-online" not in text
    assert "time-sync" not in text
    assert "systemd-time-wait" not in text


def test_the_lane_is_watched_restarted_and_followed_by_safe_pins(root: Path) -> None:
    service = unit(root, "gate.service")["Service"]
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) <= 14, "the hardware watchdog of a Pi ends at 14 s"
    assert service["Restart"] == "always"
    assert service["ExecStopPost"].endswith("-m gate.actuator --safe")
    assert unit(root, "gate.service")["Unit"]["StartLimitIntervalSec"] == "0"


def test_only_the_lane_may_touch_devices(root: Path) -> None:
    assert "DeviceAllow" in unit(root, "gate.service")["Service"]
    for name in ("gate-sync.service", "gate-central.service"):
        service = unit(root, name)["Service"]
        assert service["PrivateDevices"] == "yes"
        assert "SupplementaryGroups" not in service


def test_two_users_share_the_state_folder_so_no_unit_owns_it(root: Path) -> None:
    for name in ("gate.service", "gate-sync.service"):
        service = unit(root, name)["Service"]
        assert "StateDirectory" not in service, "systemd would hand the other's files over at each start"
        assert "/var/lib/gate" in service["ReadWritePaths"].split()
        assert service["UMask"] == "0007"


def test_users_and_folders_can_be_made(machine: Path, root: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("systemd-sysusers"):
        pytest.skip("systemd-sysusers needs to be here, and root")
    for kind, folder in (("sysusers", "sysusers.d"), ("tmpfiles", "tmpfiles.d")):
        (machine / "etc" / folder).mkdir()
        shutil.copy(root / "systemd" / f"gate.{kind}.conf", machine / "etc" / folder / "gate.conf")
    for command in (["systemd-sysusers"], ["systemd-tmpfiles", "--create"]):
        done = subprocess.run(
            [*command, f"--root={machine}", "gate.conf"], capture_output=True, text=True, timeout=150, check=False
        )
        assert done.returncode == 0, done.stderr
    users = {line.split(":")[0] for line in (machine / "etc/passwd").read_text().splitlines()}
    assert users == {"gate", "gate-sync", "gate-central", "gate-kiosk"}
    groups = {line.split(":")[0]: line.split(":")[3] for line in (machine / "etc/group").read_text().splitlines()}
    assert groups["gpio"] == "gate", "only the lane's user drives pins"
    mode = (machine / "var/lib/gate").stat().st_mode
    assert oct(mode & 0o7777) == "0o2770"


def test_the_configuration_that_is_installed_is_the_defaults(root: Path) -> None:
    assert load(root / "systemd/gate.toml") == Settings()


def test_the_install_script_names_every_file(root: Path) -> None:
    script = (root / "systemd/install").read_text(encoding="utf-8")
    for path in (root / "systemd").iterdir():
        assert path.name == "install" or path.name in script
    subprocess.run(["sh", "-n", str(root / "systemd/install")], check=True, timeout=60)
