"""The oracle: the `cwt` library in an environment of its own, because it needs another cbor2 than Gate does.

Made on demand in `.cache/oracle/<versions>/`, by `venv --without-pip` and the machine's own pip.
`python -m tests.verify.oracle.environment` makes it and prints its interpreter.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
PACKAGES = ("cwt==3.3.0", "cbor2==5.9.0")
INSTALL_S = 240


class OracleMissing(Exception):
    """The environment could not be made; the message says why."""


def folder() -> Path:
    name = hashlib.sha256("\n".join((*PACKAGES, sys.version)).encode()).hexdigest()[:16]
    return ROOT / ".cache" / "oracle" / name


def pips() -> Iterator[list[str]]:
    """Ways to call a pip that can install into another environment."""
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, str(base), shutil.which("python3")):
        if (
            python
            and subprocess.run([python, "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0
        ):
            yield [python, "-m", "pip"]


def python() -> Path:
    """The oracle's interpreter; makes the environment the first time.

    Raises:
        OracleMissing: no pip, or the packages cannot be had.
    """
    home = folder()
    interpreter = home / "bin" / "python"
    if (home / "complete").exists():
        return interpreter
    pip = next(pips(), None)
    if pip is None:
        raise OracleMissing("there is no pip")
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, capture_output=True)
    command = [*pip, "--python", str(interpreter), "--disable-pip-version-check", "--no-input", "install", "-q"]
    try:
        done = subprocess.run([*command, *PACKAGES], check=False, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired as error:
        raise OracleMissing(f"pip took more than {INSTALL_S} s") from error
    if done.returncode != 0:
        raise OracleMissing("pip: " + (done.stderr.strip().splitlines() or ["failed"])[-1])
    (home / "complete").write_text("\n".join(PACKAGES) + "\n", encoding="ascii")
    return interpreter


class Oracle:
    """Questions to a running agent."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, do: str, **question: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **question}) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))


@contextmanager
def oracle() -> Iterator[Oracle]:
    """Raises: OracleMissing."""
    command = [str(python()), "-I", str(HERE / "agent.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Oracle(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)


if __name__ == "__main__":
    print(python())
