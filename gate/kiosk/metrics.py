"""Counters as Prometheus text (exposition format 0.0.4). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>[^\n{}]*)\})?")


def exposition(samples: Mapping[str, float]) -> str:
    """Prometheus text of `name` or `name{label="value"}` samples; a name no scraper could read is left out.

    A name that ends in `_total` is a counter, every other one a gauge.
    """
    families: dict[str, list[str]] = {}
    for key, value in samples.items():
        match = _SAMPLE.fullmatch(key)
        if match is not None:
            families.setdefault(match["name"], []).append(f"{key} {float(value):.17g}")
    lines: list[str] = []
    for name, rows in sorted(families.items()):
        lines.append(f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}")
        lines.extend(sorted(rows))
    return "\n".join(lines) + "\n" if lines else ""
