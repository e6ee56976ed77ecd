"""A virtual device with the kernel's simulated GPIO chip: `python -m tests.device.machine` (`make prove-device`).

A Debian 12 with its own kernel in QEMU, emulated (GATE_DEVICE_ACCEL=kvm: not); made once by
`build.sh`.
What is checked stands in `guest.py`: the real lane on the real lgpio factory, seen from the wire. Optional, in no test run:
needs root, Debian and its packages. Not shown: that a Pi's chip keeps an output driven when its owner dies.
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
from tests.fault.site import make_state
from tests.prove.systemd import BENCH, program

HOME = Path(os.environ.get("GATE_DEVICE") or ROOT / ".cache" / "device")
TIMEOUT_S = 900
SIZE = "3G"
LEFT_OUT = (
    "playwright*",
    "mypy*",
    "*mypyc*",
    "pip*",
    "setuptools*",
    "hypothesis*",
    "schemathesis*",
    "fontTools*",
    "ruff*",
)
"""Of the Python packages: what only tests and lint use, and is large."""
EMULATED_TOLERANCE_S = 0.15
RUN = """#!/bin/bash
export GATE_TOLERANCE_S={tolerance}
cd /opt/gate && exec .venv/bin/python -m tests.device.guest /var/lib/gate-state
"""


def missing() -> str:
    """What this machine lacks for the proof; empty when nothing."""
    lacks = [] if os.geteuid() == 0 else ["root"]
    if not shutil.which("apt-get"):
        lacks.append("Debian's packages")
    if sys.version_info[:2] != (3, 11):
        lacks.append("Python 3.11 (Debian 12's)")
    if os.uname().machine != "x86_64":
        lacks.append("an x86_64 machine")
    return ", ".join(lacks)


def accelerator() -> str:
    """Emulation works everywhere; /dev/kvm may be there and not work, inside another virtual machine."""
    return os.environ.get("GATE_DEVICE_ACCEL") or "tcg"


def run() -> tuple[int, str]:
    """Boot, check, power off. Returns: number of failed checks (99 = it did not come to an end) and the lines."""
    if not (HOME / "built").exists():
        subprocess.run([ROOT / "tests/device/build.sh", HOME, sys.executable], check=True)
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="device-") as name:
        work = Path(name)
        root, image = work / "root", work / "disk.img"
        subprocess.run(["cp", "-a", str(HOME / "rootfs"), str(root)], check=True)
        _fill(root)
        image.touch()
        subprocess.run(["truncate", "-s", SIZE, image], check=True)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", root, image], check=True)
        shutil.rmtree(root)
        with (work / "console").open("wb") as console:
            subprocess.run(
                ["qemu-system-x86_64", "-accel", accelerator(), "-cpu", "max", "-smp", "2", "-m", "1024",
                 "-nographic", "-no-reboot", "-net", "none", "-kernel", HOME / "vmlinuz", "-initrd", HOME / "first.gz",
                 "-append", "console=ttyS0 root=/dev/vda rw quiet systemd.show_status=0",
                 "-drive", f"file={image},format=raw,if=virtio,cache=writeback"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
        code, lines = _read(image, "/bench/rc").strip(), _read(image, "/bench/out.txt")
        if not code:
            lines += (work / "console").read_text(errors="replace")[-3000:]
        return int(code) if code else 99, lines


def _fill(root: Path) -> None:
    program(root)
    site = root / "opt/gate/site"
    shutil.copytree(
        sysconfig.get_path("purelib"), site, symlinks=True, dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__", *LEFT_OUT),
    )  # fmt: skip
    with next((root / "opt/gate/.venv/lib").glob("python3*/site-packages/gate.pth")).open("a") as paths:
        paths.write("/opt/pins\n")
    make_state(root / "var/lib/gate-state", 10)
    bench = root / "bench/run.sh"
    bench.write_text(RUN.format(tolerance=EMULATED_TOLERANCE_S if accelerator() == "tcg" else ""))
    units = root / "etc/systemd/system"
    (units / "bench.service").write_text("[Unit]\nAfter=basic.target\n" + BENCH.replace("280", "infinity"))
    (units / "multi-user.target.wants").mkdir(parents=True, exist_ok=True)
    (units / "multi-user.target.wants/bench.service").symlink_to("../bench.service")


def _read(image: Path, path: str) -> str:
    found = subprocess.run(["debugfs", "-R", f"cat {path}", image], check=False, capture_output=True, text=True)
    return found.stdout


def main() -> None:
    if lacks := missing():
        sys.exit(f"NOT PROVEN: the virtual device needs {lacks}")
    failures, lines = run()
    print(lines)
    print(
        f"device ({accelerator()}): holds" if failures == 0 else f"device ({accelerator()}): DOES NOT HOLD ({failures})"
    )
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
