"""Power cuts: the real lane on a disk of its own in a user-mode-linux guest, whose kernel is killed at random moments.

`python -m tests.prove.powercut` (`make prove-powercut`). SIGKILL of the guest's kernel loses its page cache, as a power
cut loses memory: what the lane had not brought to the disk is gone. The control runs the same with `synchronous=NORMAL`
and must lose something, else the proof could not see a loss. Not shown: a card that lies about its flush.
Needs Debian's `user-mode-linux` and `e2fsprogs`. The guest sees this machine's files read-only, and a disk image.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.fault.process import ROOT
from tests.fault.site import make_state
from tests.prove.powercut_guest import PER_LIFE

KERNEL = "linux.uml"
LONG, SHORT, CONTROL = 100, 10, 5
BEFORE_READY = 0.2
"""Share of cuts while the gate starts."""
START_S, WORK_S = 6.0, 4.0
TIMEOUT_S = 240
INIT = """#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={root}
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmp /run
mount -t ext4 -o rw,noatime,commit=60 /dev/ubda /mnt || echo MOUNTFAIL
ip link set lo up; cd {root}
{python} -m tests.prove.powercut_guest /mnt {answered} {life} {synchronous} {last}
echo EXIT $?
sync; umount /mnt; echo o > /proc/sysrq-trigger; sleep 9
"""


@dataclass
class Tally:
    """What the host has seen over all lives."""

    answered: list[tuple[str, int]] = field(default_factory=list)
    cuts: int = 0
    lost: int = 0
    """Answered, and not on disk after the cut. In the control they are taken off the list, so each counts once."""
    bad_chain: list[str] = field(default_factory=list)
    again: int = 0
    second_entries: int = 0
    pulses: int = 0
    openings: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        wrong = self.lost or self.bad_chain or self.second_entries or self.problems
        return not wrong and self.pulses <= self.openings and bool(self.answered)

    def line(self) -> str:
        return (
            f"{self.cuts} cuts, {len(self.answered)} answered admissions, {self.lost} lost, "
            f"{len(self.bad_chain)} broken chains, {self.again} presented again and {self.second_entries} let in twice, "
            f"{self.pulses} pulses seen for {self.openings} admissions on disk, {len(self.problems)} other problems"
        )


def missing() -> str:
    """What this machine lacks for the proof; empty when nothing."""
    return ", ".join(name for name in (KERNEL, "mke2fs") if not shutil.which(name))


def run(
    cuts: int, synchronous: str, *, seed: int = 1, early: float = BEFORE_READY, tell: bool = True, to_loss: bool = False
) -> Tally:
    """That many lives with a cut each, then a last one that presents every answered ticket again.

    Args:
        to_loss: no more lives when something is lost; enough for a control.
    """
    chance, tally = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="powercut-") as name:
        work = Path(name)
        make_state(work / "disk" / "state", (cuts + 1) * PER_LIFE)
        image = work / "data.img"
        image.touch()
        os.truncate(image, 192 << 20)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", work / "disk", image], check=True)
        for life in range(cuts + 1):
            began, before = time.monotonic(), len(tally.answered)
            _life(work, life, synchronous, tally, chance, early=chance.random() < early, last=life == cuts)
            if tell:
                took = time.monotonic() - began
                print(f"  life {life}: {len(tally.answered) - before} answered, {took:.0f} s, so far {tally.line()}")
                sys.stdout.flush()
            if to_loss and tally.lost:
                break
    return tally


def boot(image: Path, init: Path) -> subprocess.Popen[bytes]:
    """A guest whose disk is `image`, which runs `init` and speaks on its standard output."""
    return subprocess.Popen(
        [KERNEL, "mem=512M", f"ubd0={image}", "rootfstype=hostfs", "rootflags=/", "ro", "quiet", "con=null",
         "con0=fd:0,fd:1", f"init={init}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        env={**os.environ, "TMPDIR": "/dev/shm"},
    )  # fmt: skip


def cut(kernel: subprocess.Popen[bytes]) -> None:
    """The power is gone."""
    if kernel.poll() is None:
        os.killpg(kernel.pid, signal.SIGKILL)
    kernel.wait()


def _life(
    work: Path, life: int, synchronous: str, tally: Tally, chance: random.Random, *, early: bool, last: bool
) -> None:
    listed = work / "answered"
    listed.write_text("".join(f"{ref} {n}\n" for ref, n in tally.answered))
    init = work / "init"
    word = "last" if last else "cut"
    values = {"root": ROOT, "python": sys.executable, "answered": listed, "life": life, "synchronous": synchronous}
    init.write_text(INIT.format(**values, last=word))
    init.chmod(0o755)
    kernel = boot(work / "data.img", init)
    assert kernel.stdout is not None
    started, cut_at, done = time.monotonic(), None, False
    os.set_blocking(kernel.stdout.fileno(), False)
    buffer, console = b"", []
    try:
        while time.monotonic() - started < TIMEOUT_S and (cut_at is None or time.monotonic() < cut_at):
            try:
                chunk = os.read(kernel.stdout.fileno(), 65536)
            except BlockingIOError:
                time.sleep(0.002)
                continue
            if not chunk:
                break
            *lines, buffer = (buffer + chunk).split(b"\n")
            for line in (raw.decode(errors="replace").strip() for raw in lines):
                console = [*console[-30:], line]
                done = _hear(line, tally) or done
                if not last and early and line == "LIFE":
                    cut_at = time.monotonic() + chance.uniform(0, START_S)
                elif not last and line.startswith(("ANSWER", "AGAIN")) and cut_at is None:
                    cut_at = time.monotonic() + chance.uniform(0, WORK_S)
    finally:
        cut(kernel)
    try:
        buffer += os.read(kernel.stdout.fileno(), 65536)
    except BlockingIOError:
        buffer += b""
    for line in buffer.decode(errors="replace").split("\n")[:-1]:  # the cut may have taken the end of the last one
        _hear(line.strip(), tally)
    kernel.stdout.close()
    if cut_at is not None:
        tally.cuts += 1
    elif not done:
        tally.problems.append(f"life {life} ended by itself: " + " | ".join(console))


def _hear(line: str, tally: Tally) -> bool:
    """Take over one line of the guest's console. Returns: the last life came to its end."""
    word, _, rest = line.partition(" ")
    if word == "ANSWER":
        ref, n = rest.split()
        tally.answered.append((ref, int(n)))
    elif word == "PULSE":
        tally.pulses += 1
    elif word == "AGAIN":
        tally.again += 1
        if rest.split()[1] != "already_redeemed":
            tally.second_entries += 1
    elif word == "CHECK":
        found = json.loads(rest)
        tally.openings = found["openings"]
        tally.lost = max(tally.lost, found["lost"])
        tally.second_entries += found["doubled"]
        if not found["ok"]:
            tally.bad_chain.append(found.get("why", ""))
    elif word in ("NOT", "SILENT", "MOUNTFAIL"):
        tally.problems.append(line)
    return word == "DONE"


def main() -> None:
    parser = argparse.ArgumentParser(description="power cuts in a user-mode-linux guest")
    parser.add_argument("--cuts", type=int, default=LONG)
    parser.add_argument("--control", type=int, default=CONTROL)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if lacks := missing():
        sys.exit(f"NOT PROVEN: {lacks} is not on this machine (apt-get install user-mode-linux e2fsprogs)")
    began = time.monotonic()
    full = run(options.cuts, "FULL", seed=options.seed)
    print(f"power cut, synchronous=FULL: {full.line()} ({time.monotonic() - began:.0f} s)")
    for problem in (*full.problems, *full.bad_chain):
        print(f"  {problem}")
    normal = run(options.control, "NORMAL", seed=options.seed, early=0)
    print(f"control, synchronous=NORMAL: {normal.line()}")
    print(
        f"power cut: {'holds' if full.holds else 'DOES NOT HOLD'}; control: {'loses' if normal.lost else 'SAW NO LOSS'}"
    )
    sys.exit(0 if full.holds and normal.lost else 1)


if __name__ == "__main__":
    main()
