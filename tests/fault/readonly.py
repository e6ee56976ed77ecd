"""A file system that goes read-only under the real lane. Two kinds, for no plain remount is possible while files are open:

`by_error`: ext4 on a loop device with `errors=remount-ro` meets an error, as a card that fails; it comes back by a repair and
a new start. `in_guest`: a user-mode-linux guest remounts its disk in an emergency (its own SysRq) and mounts it writable again;
there the lane comes back by itself. The first needs root, the second Debian's `user-mode-linux`.
`python -m tests.fault.readonly` is a part of `make prove-disk`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fakes.server import wait_for
from tests.fault.disk import can_mount
from tests.fault.process import LaneProcess, free_port
from tests.fault.site import admissions, check, make_state, openings, write_config
from tests.prove import powercut

FAULT = "disk_readonly"
SIZE_MIB = 32
NAMED_S = 60.0
POLICIES = ("refuse", "staff", "paper")
VERDICTS = {"refuse": "OUT_OF_ORDER", "staff": "SEE_STAFF", "paper": "SEE_STAFF"}
INIT = """#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={root}
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmp /run
mount -t ext4 -o rw,noatime /dev/ubda /mnt || echo MOUNTFAIL
ip link set lo up; cd {root}
{python} -m tests.fault.readonly guest {policy}
echo EXIT $?
echo o > /proc/sysrq-trigger; sleep 9
"""
TOLD = "READONLY "


def config_of(folder: Path, state: Path, policy: str, port: int) -> Path:
    return write_config(
        folder / "gate.toml", state=state, run=folder / "run", port=port, journal="min_free_mib = 4",
        pins="lamp_pins = [5, 6, 13]", more=f'\n[decision]\ndisk_full = "{policy}"\n',
    )  # fmt: skip


def watch(lane: LaneProcess, texts: list[str], policy: str, port: int, begin: Callable[[], None]) -> dict[str, object]:
    """Somebody is let in, the disk goes read-only, somebody comes in that very moment and somebody later."""
    before = lane.told(texts[0])
    time.sleep(1.5)  # the window of the first one is over
    relays, at = lane.pulses, time.monotonic()
    begin()
    lane.present(texts[1])
    begins = lane.until(lambda message: FAULT in message.get("faults", ()), NAMED_S)
    named_s = time.monotonic() - at
    # Whoever came in the very moment was told that staff are needed; what the policy says stands when that is over.
    stands = begins and begins["verdict"] == VERDICTS[policy] and begins
    stands = stands or lane.until(lambda message: message.get("verdict") == VERDICTS[policy], NAMED_S)
    lamp = any(map(_lit, lane.heard)) or lane.until(_lit, NAMED_S) is not None
    lane.present(texts[1])
    later = lane.decision(1.0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        metrics = answer.read().decode()
    return {
        "before": before["reason"] if before else None,
        "named_s": round(named_s, 1) if begins else None,
        "verdict": stands["verdict"] if stands else None,
        "lamp": lamp,
        "metrics": f'gate_fault{{name="{FAULT}"}} 1' in metrics,
        "let_in": [m["reason"] for m in lane.answered[1:]] + ([later["reason"]] if later else []),
        "pulses": lane.pulses - relays,
    }


def _lit(message: dict[str, Any]) -> bool:
    return message["t"] == "lamp" and any(message["levels"])


def again(lane: LaneProcess, texts: list[str]) -> list[str | None]:
    """What the two are told when all is well again."""
    told = []
    for text in texts[:2]:
        decision = lane.told(text)
        told.append(decision["reason"] if decision else None)
    return told


def holds(found: dict[str, object], policy: str) -> bool:
    wanted = {"before": "ok", "verdict": VERDICTS[policy], "lamp": True, "metrics": True, "let_in": [], "pulses": 0}
    wanted |= {"again": ["already_redeemed", "ok"], "over": True, "chain": True, "exit": 0}
    return all(found.get(key) == value for key, value in wanted.items()) and found["named_s"] is not None


# ---- an error of ext4 on a loop device


@contextmanager
def loop_disk(folder: Path, image: Path) -> Iterator[str]:
    """Mount an ext4 file. Returns: name of the block device."""
    subprocess.run(["mount", "-o", "loop,errors=remount-ro", image, folder], check=True)
    try:
        source = subprocess.run(["findmnt", "-no", "SOURCE", folder], check=True, capture_output=True, text=True).stdout
        yield Path(source.strip()).name
    finally:
        subprocess.run(["umount", folder], check=False)


def can_fail(folder: Path) -> str:
    """What this machine lacks for `by_error`; empty when nothing."""
    if not can_mount(folder):
        return "root"
    if not shutil.which("mke2fs"):
        return "e2fsprogs"
    image = _image(folder / "try.img")
    (folder / "try").mkdir(exist_ok=True)
    try:
        with loop_disk(folder / "try", image) as device:
            return (
                ""
                if Path(f"/sys/fs/ext4/{device}/trigger_fs_error").exists()
                else "a kernel that fails ext4 when asked"
            )
    except subprocess.CalledProcessError:
        return "loop devices"


def _image(path: Path, content: Path | None = None) -> Path:
    path.touch()
    os.truncate(path, SIZE_MIB << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", *(["-d", content] if content else []), path], check=True)
    return path


def by_error(folder: Path, policy: str = "staff") -> dict[str, object]:
    disk, image, port = folder / "disk", folder / "disk.img", free_port()
    disk.mkdir()
    _image(image)
    with loop_disk(disk, image) as device:
        state = make_state(disk / "state", 4)
        os.sync()  # what the gate was set up with is long on its card
        texts = [state.text(n) for n in (1, 2)]
        config = config_of(folder, state.path, policy, port)
        with LaneProcess(config) as lane:
            assert lane.ready()
            trigger = Path(f"/sys/fs/ext4/{device}/trigger_fs_error")
            found = watch(lane, texts, policy, port, lambda: trigger.write_text("1") and None)
            found["exit"] = lane.stop()
        pulses = lane.pulses
    repaired = subprocess.run(["e2fsck", "-fy", image], check=False, capture_output=True).returncode
    with loop_disk(disk, image):
        with LaneProcess(config) as lane:
            ready = lane.ready()
            found["again"] = again(lane, texts)
            lane.stop()
        found["over"] = ready and repaired < 4 and not any(FAULT in m.get("faults", ()) for m in lane.heard)
        found |= _ledger(state.path, pulses + lane.pulses)
    return found


def _ledger(state: Path, pulses: int) -> dict[str, object]:
    once = all(n == 1 for n in admissions(state).values())
    return {"chain": check(state).ok and once, "all_pulses": pulses, "openings": openings(state)}


# ---- an emergency remount inside a guest


def in_guest(policy: str) -> dict[str, object]:
    """Boot, watch, power off. Returns: what the guest found."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="readonly-") as name:
        work = Path(name)
        make_state(work / "disk" / "state", 4)
        image = _image(work / "data.img", work / "disk")
        init = work / "init"
        init.write_text(INIT.format(root=powercut.ROOT, python=sys.executable, policy=policy))
        init.chmod(0o755)
        kernel = powercut.boot(image, init)
        try:
            out, _ = kernel.communicate(timeout=powercut.TIMEOUT_S)
        finally:
            powercut.cut(kernel)
    lines = out.decode(errors="replace").splitlines()
    told = next((line for line in lines if line.startswith(TOLD)), None)
    found: dict[str, object] = json.loads(told[len(TOLD) :]) if told else {"console": lines[-20:]}
    return found


def remount() -> None:
    """As the kernel does it in an emergency: files that are open for writing do not keep it from that."""
    Path("/proc/sysrq-trigger").write_text("u")
    wait_for(lambda: os.statvfs("/mnt").f_flag & os.ST_RDONLY, "the disk is read-only")


def guest(policy: str) -> None:
    """Inside: the disk is at /mnt, everything else in memory or read-only."""
    from tests.prove.powercut_guest import text

    config = config_of(Path("/run"), Path("/mnt/state"), policy, 8080)
    texts = [text(n) for n in (1, 2)]
    with LaneProcess(config) as lane:
        assert lane.ready()
        found = watch(lane, texts, policy, 8080, remount)
        subprocess.run(["mount", "-o", "remount,rw", "/mnt"], check=True)
        over = lane.until(lambda message: message["t"] == "faults" and FAULT not in message["faults"], NAMED_S)
        found["over"] = over is not None
        found["again"] = again(lane, texts)
        found["exit"] = lane.stop()
    found |= _ledger(Path("/mnt/state"), lane.pulses)
    print(TOLD + json.dumps(found), flush=True)


def run() -> bool:
    """Every policy, both kinds. Returns: whether all held."""
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lacks = can_fail(folder)
        for policy in POLICIES if not lacks else ():
            (folder / policy).mkdir()
            found = by_error(folder / policy, policy)
            bad += not holds(found, policy)
            print(f"read-only by an error, policy {policy}: {found}", flush=True)
        if lacks:
            bad += 1
            print(f"NOT PROVEN: read-only by an error needs {lacks}", flush=True)
    if lacks := powercut.missing():
        bad += 1
        print(f"NOT PROVEN: an emergency remount needs {lacks} (apt-get install user-mode-linux e2fsprogs)", flush=True)
    else:
        for policy in POLICIES:
            found = in_guest(policy)
            bad += not holds(found, policy)
            print(f"remounted read-only in a guest, policy {policy}: {found}", flush=True)
    print("read-only: " + ("DOES NOT HOLD" if bad else "holds"))
    return not bad


if __name__ == "__main__":
    if sys.argv[1:2] == ["guest"]:
        guest(sys.argv[2])
    else:
        sys.exit(0 if run() else 1)
