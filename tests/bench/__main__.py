"""`python -m tests.bench [WORD...]`: runs every `bench_*.py` here (or those whose name has a WORD in it), one table at the end.

A bench module has `main() -> list[dict]`, a row each: `what`, `unit`, `median`, `p95`, `p99`, and where there is one
`beside` (the baseline of the same run), `ratio` to it, and `goal`. A `main()` that returns None has printed a table of
its own. Rows also go to `out/bench.json`.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COLUMNS = ("what", "unit", "median", "p95", "p99", "beside", "ratio", "goal")


def cell(value: object) -> str:
    if value is None:
        return ""
    return (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) < 1000
        else f"{value:,.0f}"
        if isinstance(value, float)
        else str(value)
    )


def show(rows: list[dict[str, Any]]) -> None:
    lines = [COLUMNS, *(tuple(cell(row.get(column)) for column in COLUMNS) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    for line in lines:
        texts = [
            text.ljust(w) if i < 2 else text.rjust(w) for i, (text, w) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(texts).rstrip())


def main(words: list[str]) -> int:
    names = [path.stem for path in sorted(HERE.glob("bench_*.py"))]
    chosen = [name for name in names if not words or any(word in name for word in words)]
    if not chosen:
        print(f"no bench of that name; there are: {', '.join(names) or 'none'}", file=sys.stderr)
        return 2
    rows: list[dict[str, Any]] = []
    failed = []
    for name in chosen:
        print(f"== {name}", flush=True)
        began = time.monotonic()
        sys.argv = [name]  # a module that can run alone reads its own options
        try:
            rows += importlib.import_module(f"tests.bench.{name}").main() or []
        except Exception as error:  # noqa: BLE001 - one broken bench must not hide the others' figures
            failed.append(name)
            print(f"{name} failed: {type(error).__name__}: {error}", file=sys.stderr)
        print(f"   {time.monotonic() - began:.1f} s", flush=True)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if rows:
        print(f"\n{machine}")
        show(rows)
        out = HERE / "out"
        out.mkdir(exist_ok=True)
        text = json.dumps({"machine": machine, "rows": rows}, indent=2, ensure_ascii=False)
        (out / "bench.json").write_text(text + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
