"""atheris, in a folder of its own: the fuzzer is no part of the project's environment. Made on demand, kept in `.cache/`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.verify.oracle.environment import pips

ROOT = Path(__file__).parent.parent.parent
PACKAGE = "atheris==3.0.0"
INSTALL_S = 120


class FuzzerMissing(Exception):
    """The fuzzer could not be had; the message says why."""


def folder() -> Path:
    """Where atheris can be imported from; installs it the first time.

    Raises:
        FuzzerMissing: no pip, no network, or no wheel for this Python.
    """
    home = ROOT / ".cache" / "fuzz" / f"{PACKAGE}-{sys.implementation.cache_tag}"
    if (home / "complete").exists():
        return home
    pip = next(pips(), None)
    if pip is None:
        raise FuzzerMissing("there is no pip")
    shutil.rmtree(home, ignore_errors=True)
    command = [*pip, "--python", sys.executable, "--disable-pip-version-check", "--no-input", "install", "-q"]
    command += ["--only-binary", ":all:", "--no-deps", "--target", str(home), PACKAGE]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired as error:
        raise FuzzerMissing(f"pip took more than {INSTALL_S} s") from error
    if done.returncode != 0:
        raise FuzzerMissing("pip: " + (done.stderr.strip().splitlines() or ["failed"])[-1])
    (home / "complete").touch()
    return home
