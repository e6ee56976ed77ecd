"""`python -m tests.mutation [MINUTES] [PATTERN...]`: does a test notice when a line of verify or decision is another?

mutmut changes one thing at a time in a copy of the project and runs the fast tests that touch it. It lives in a folder of
its own (`.gate/mutmut`), not among the project's tools. One core, lowest priority; after MINUTES (25) what was done is
counted. PATTERN: names of mutants, `gate.decision.rules*`; default all. Prints the survivors with their change.

Left out: texts and documents (`guide`, `words`, `staff`), where a changed letter is no other behaviour.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
WORK = HERE / ".gate" / "mutation"
TOOL = HERE / ".gate" / "mutmut"
PACKAGES = ("gate/verify", "gate/decision")
NOT_MUTATED = {"guide.py", "words.py", "__init__.py"}
LEFT_OUT = {
    *("test_mutations.py", "test_oracle.py", "test_trusted_property.py"),
    *("test_guide.py", "test_tickets_doc.py"),
}
"""Slow ones, and those that read the source texts, which all mutants of a file share."""
COPIED = ("gate", "tests", "kiosk_ui", "docs", "pyproject.toml", "README.md")


def sources() -> list[str]:
    found = [path for package in PACKAGES for path in sorted((HERE / package).rglob("*.py"))]
    return [
        str(path.relative_to(HERE)) for path in found if path.name not in NOT_MUTATED and path.parent.name != "staff"
    ]


def selection() -> list[str]:
    found = [path for name in ("verify", "decision") for path in sorted((HERE / "tests" / name).glob("test_*.py"))]
    return [str(path.relative_to(HERE)) for path in found if path.name not in LEFT_OUT]


def prepare() -> None:
    """A fresh copy with mutmut's settings; the tool itself when it is not there yet."""
    if not (TOOL / "mutmut").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(TOOL), "mutmut>=3.8,<4"]
        subprocess.run(command, check=True)
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", "out", "e2e", ".hypothesis")
    for name in COPIED:
        if (HERE / name).is_dir():
            shutil.copytree(HERE / name, WORK / name, ignore=ignored)
        else:
            shutil.copy(HERE / name, WORK / name)
    settings = {
        "source_paths": sources(),
        "pytest_add_cli_args_test_selection": selection(),
        "pytest_add_cli_args": ["-p", "tests.mutation.profile", "-q", "-k", "not TestAnyLife"],
        "also_copy": list(COPIED),
    }
    with (WORK / "pyproject.toml").open("a") as file:
        file.write("\n[tool.mutmut]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))


def mutmut(*arguments: str, timeout_s: float | None = None) -> str:
    """Returns: what it printed; after the timeout it is stopped as by Ctrl-C, and keeps what it has."""
    environment = os.environ | {"PYTHONPATH": str(TOOL), "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["nice", "-n", "19", sys.executable, "-m", "mutmut", *arguments]
    process = subprocess.Popen(
        command,
        cwd=WORK,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=timeout_s)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)
        return process.communicate()[0]


_RAISED = re.compile(r"^[-+]\s+raise ((?:Unevaluable|FormatError)\(|\w+\(\"\w+\", |\w+\([\w.]+, )", re.MULTILINE)


def _only_words(shown: str) -> bool:
    """The change is in the message of an error, which nobody decides by; a code or reason before it is the same."""
    raised = _RAISED.findall(shown)
    changed = [line for line in shown.splitlines() if line[:2] in ("- ", "+ ") and line[:3] not in ("---", "+++")]
    return len(changed) == len(raised) == 2 and raised[0] == raised[1]


def main(minutes: float, patterns: list[str]) -> int:
    prepare()
    begun = time.monotonic()
    said = mutmut("run", "--max-children", "1", *patterns, timeout_s=minutes * 60)
    if "mutations/second" not in said and "Stopping" not in said and time.monotonic() - begun < minutes * 60:
        print(said[-3000:])
        return 3
    counts: dict[str, int] = {}
    survivors = []
    for line in mutmut("results", "--all", "true").splitlines():
        name, _, status = line.strip().rpartition(": ")
        if name:
            counts[status] = counts.get(status, 0) + 1
            if status == "survived":
                survivors.append(name)
    texts = 0
    for name in survivors:
        shown = mutmut("show", name)
        if _only_words(shown):
            texts += 1
        else:
            print(shown)
    done = {status: count for status, count in counts.items() if status != "not checked"}
    print(
        f"{sum(done.values())} of {sum(counts.values())} mutants in {(time.monotonic() - begun) / 60:.1f} min: {done}"
    )
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 25, sys.argv[2:]))
