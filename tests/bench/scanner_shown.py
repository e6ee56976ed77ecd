"""Simulated presentations: what share is read within 0.3 s and within 1 s, by every reader on the same frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import base45
import numpy as np

from gate.scanner.simulator.conditions import CONDITIONS
from gate.scanner.simulator.presentation import Presentation
from tests.bench.scanner_readers import Reader

FIRST_SEED = 9001
"""Seeds 1 to 3 were used for tuning; these and above never."""
_SOON = 9
"""Frame number at 300 ms and 30 fps."""


@dataclass
class Score:
    soon: int = 0
    read: int = 0
    wrong: list[str] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)
    by_condition: dict[str, int] = field(default_factory=dict)


def presentations(seeds: range) -> Iterator[Presentation]:
    """Each condition and severity once for each seed, each with a ticket of its own."""
    for seed in seeds:
        for condition in CONDITIONS:
            for severity in range(3):
                rng = np.random.default_rng((seed, 77, list(CONDITIONS).index(condition), severity))
                # The size and alphabet of a signed ticket: 97 bytes in base45, 41 modules at level M.
                text = "GT1:" + base45.b45encode(rng.bytes(97)).decode()
                yield Presentation(text=text, condition=condition, severity=severity, seed=seed)


def compare(seeds: range, readers: tuple[Reader, ...]) -> dict[str, Any]:
    """Every reader over every presentation; a reader stops at its first text, right or wrong."""
    scores = {reader.name: Score() for reader in readers}
    count = 0
    for shown in presentations(seeds):
        count += 1
        before, frames = shown.before(), list(shown.frames())
        for reader in readers:
            score, read = scores[reader.name], reader.stream()
            read(before)
            for n, frame in enumerate(frames):
                began = time.thread_time()
                texts, _ = read(frame)
                score.ms.append((time.thread_time() - began) * 1000)
                if not texts:
                    continue
                if shown.text not in texts:
                    score.wrong.append(f"{shown.label}, seed {shown.seed}: {texts}")
                else:
                    score.read += 1
                    score.soon += n <= _SOON
                    score.by_condition[shown.condition] = score.by_condition.get(shown.condition, 0) + 1
                break
    return {
        "presentations": count,
        "rows": {
            name: {
                "read": s.read,
                "rate 1 s": s.read / max(1, count),
                "rate 0.3 s": s.soon / max(1, count),
                "wrong": s.wrong,
                "ms median": float(np.median(s.ms)),
                "ms p95": float(np.percentile(s.ms, 95)),
                "by condition": s.by_condition,
            }
            for name, s in scores.items()
        },
    }
