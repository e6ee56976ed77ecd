"""The units under a real systemd: `python -m tests.prove.systemd` (`make prove-systemd`).

A Debian 12 is made once by mmdebstrap and booted in a container by systemd-nspawn, with this project in /opt/gate; what is
checked stands in `systemd_run.sh`. Needs root, `systemd-container`, `mmdebstrap` and a Python 3.11 (Debian 12's) here.
Not shown: limits of memory (not enforced in a container), real pins, real devices.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.fault.process import ROOT
from tests.fault.site import make_state, write_config

ROOTFS = Path(os.environ.get("GATE_ROOTFS") or ROOT / ".cache" / "rootfs-bookworm")
PACKAGES = "systemd,systemd-sysv,dbus,python3,procps,iproute2"
TIMEOUT_S = 300
BENCH = """[Service]
Type=oneshot
TimeoutStartSec=280
ExecStart=/bin/sh -c "bash /bench/run.sh >/bench/out.txt 2>&1; echo $$? >/bench/rc; systemctl poweroff --no-block"
"""


def missing() -> str:
    """What this machine lacks for the proof; empty when nothing."""
    lacks = [name for name in ("systemd-nspawn", "mmdebstrap") if not shutil.which(name)]
    if os.geteuid() != 0:
        lacks.append("root")
    if sys.version_info[:2] != (3, 11):
        lacks.append("Python 3.11")
    return ", ".join(lacks)


def build() -> None:
    """The container's root, once."""
    if not (ROOTFS / "usr").is_dir():
        ROOTFS.parent.mkdir(parents=True, exist_ok=True)
        command = ["mmdebstrap", "-q", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(ROOTFS)]
        subprocess.run(command, check=True)


def run() -> tuple[int, str]:
    """Boot, check, power off. Returns: number of failed checks (99 = it did not come to an end) and the lines."""
    build()
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="systemd-") as name:
        root = Path(name) / "root"
        subprocess.run(["cp", "-a", str(ROOTFS), str(root)], check=True)
        bench = root / "bench"
        bench.mkdir()
        shutil.copy(ROOT / "tests/prove/systemd_run.sh", bench / "run.sh")
        make_state(bench / "state", 10)
        write_config(bench / "gate.toml", state=Path("/var/lib/gate"), run=Path("/run/gate"), port=8080)
        program(root)
        etc = root / "etc/systemd/system"
        (etc / "bench.service").write_text(BENCH)
        (etc / "multi-user.target.wants").mkdir(parents=True, exist_ok=True)
        (etc / "multi-user.target.wants/bench.service").symlink_to("../bench.service")
        with (Path(name) / "console").open("wb") as console:
            command = ["systemd-nspawn", "-q", "-D", str(root), "--boot", "--register=no", "--keep-unit"]
            command += ["--private-network", f"--bind-ro={sysconfig.get_path('purelib')}:/opt/gate/site"]
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, timeout=TIMEOUT_S, check=False
            )
        code = bench / "rc"
        return int(code.read_text()) if code.exists() else 99, (bench / "out.txt").read_text()


def program(root: Path) -> None:
    """The project in /opt/gate as `.ci/setup run` leaves it, on the container's own Python."""
    home = root / "opt/gate"
    home.mkdir(parents=True)
    for part in ("gate", "kiosk_ui", "systemd", "tests"):
        shutil.copytree(ROOT / part, home / part, ignore=shutil.ignore_patterns("__pycache__", "out"))
    (home / "site").mkdir()
    venv = ["chroot", str(root), "/usr/bin/python3", "-m", "venv", "--without-pip", "/opt/gate/.venv"]
    subprocess.run(venv, check=True)
    packages = next((home / ".venv/lib").glob("python3*/site-packages"))
    (packages / "gate.pth").write_text("/opt/gate\n/opt/gate/site\n")
    script = home / ".venv/bin/gate"
    script.write_text("#!/opt/gate/.venv/bin/python\nfrom gate.cli import main\n\nmain()\n")
    script.chmod(0o755)


def main() -> None:
    if lacks := missing():
        sys.exit(f"NOT PROVEN: {lacks} is not here (apt-get install systemd-container mmdebstrap, and be root)")
    failures, lines = run()
    print(lines)
    print("systemd: holds" if failures == 0 else f"systemd: DOES NOT HOLD ({failures})")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
