"""The fuzzer for a bounded time: bytes it finds by looking at which lines they reach. `GATE_FUZZ_S` for longer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.conftest import required
from tests.fuzz.environment import ROOT, FuzzerMissing, folder

SECONDS = int(os.environ.get("GATE_FUZZ_S", "10"))


@pytest.mark.timeout(240 + 2 * SECONDS)
def test_the_fuzzer_finds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        atheris = folder()
    except FuzzerMissing as error:
        message = f"NOT FUZZED: {error}"
        if "fuzzer" in required():
            pytest.fail(message)
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    # Its own process: libFuzzer ends the one it runs in.
    command = [sys.executable, "tests/fuzz/target.py", f"-max_total_time={SECONDS}", "-max_len=3000", "-timeout=20"]
    command += [
        "-rss_limit_mb=1024",
        "-seed=1",
        "-print_final_stats=1",
        f"-artifact_prefix={tmp_path}/",
        str(tmp_path / "corpus"),
    ]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{atheris}"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=180 + 2 * SECONDS,
    )
    assert done.returncode == 0, done.stderr[-6_000:]
    runs = re.search(r"Done (\d+) runs in (\d+) second", done.stderr)
    reached = re.findall(r"cov: (\d+)", done.stderr)
    assert runs, done.stderr[-2_000:]
    with capsys.disabled():
        print(
            f"\nfuzzer: {int(runs[1]):,} executions in {runs[2]} s, {reached[-1]} places reached, nothing found",
            end=" ",
        )
    assert int(runs[1]) > 500
