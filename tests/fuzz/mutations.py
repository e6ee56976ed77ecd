"""The long proof: a million spoiled, forged and foreign texts, none accepted. `make prove-mutations`.

    python -m tests.fuzz.mutations [COUNT] [SEED]

Half are GT1 texts (`tests.verify.mutate`), half the other formats, events and protocols (`others`). Prints a table by kind
and by answer, the slowest text and the memory; ends with 1 when anything was accepted, not caught, or too slow
each time it was tried.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from gate.errors import TicketError
from gate.verify.foreign import family
from gate.verify.formats import identify
from gate.verify.keyset import KeySet
from tests.fakes.issuer import AUTUMN, NOW_S, SPRING
from tests.fuzz.others import ISSUER, Others
from tests.verify.mutate import Mutator

BOUND_S = 0.005
"""The time that one text may take, of the processor's own."""
CHUNK = 20_000
WORKERS = 2
OUT = Path(__file__).parent.parent.parent / ".cache" / "mutations.json"


@dataclass
class Result:
    kinds: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    uncaught: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    slow: list[str] = field(default_factory=list)
    """Texts that take longer than the bound, each time."""
    stalls: int = 0
    """Texts that took longer once."""
    peak_mib: float = 0.0

    def add(self, other: Result) -> None:
        self.kinds += other.kinds
        self.answers += other.answers
        self.accepted += other.accepted
        self.uncaught += other.uncaught
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.slow += other.slow
        self.stalls += other.stalls
        self.peak_mib = max(self.peak_mib, other.peak_mib)


def judge(texts: Iterator[str], keys: KeySet, result: Result) -> None:
    for text in texts:
        began = time.thread_time()
        try:
            claims = identify(text, keys, NOW_S)
            family(text)
        except TicketError as error:
            answer = f"{error.reason} {error.detail}".strip()
        except Exception as error:  # noqa: BLE001 - counted: nothing else may come out, whatever is in the text
            result.uncaught.append(f"{type(error).__name__}: {text!r}")
            answer = "not caught"
        else:
            # A text that no longer looks like any of ours is an opaque one: it proves nothing, the manifest is asked.
            answer = f"{claims.format}, signed" if claims.signed else "opaque, proves nothing"
            if claims.signed:
                result.accepted.append(text)
        took = time.thread_time() - began
        if took > BOUND_S:
            result.stalls += 1
            took = min(_again(text, keys) for _ in range(3))
            result.slow += [text] if took > BOUND_S else []
        result.slowest_s = max(result.slowest_s, took)
        result.answers[answer] += 1


def _again(text: str, keys: KeySet) -> float:
    """A text's own time: what a collection of garbage or a page fault takes is not."""
    began = time.thread_time()
    with contextlib.suppress(TicketError):
        identify(text, keys, NOW_S)
        family(text)
    return time.thread_time() - began


def run(seed: int, count: int) -> Result:
    """`count` texts, half of each source."""
    result = Result()
    mutator, others = Mutator(ISSUER, seed), Others(seed)
    judge(islice(mutator, count - count // 2), ISSUER.keyset(SPRING, AUTUMN), result)
    judge(islice(others, count // 2), ISSUER.keyset(SPRING), result)
    result.kinds.update({f"gt1 {name}": number for name, number in mutator.kinds.items()})
    result.kinds.update(others.kinds)
    result.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


def _chunk(job: tuple[int, int]) -> Result:
    return run(*job)


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 1_000_000
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    os.nice(10)  # others may be using this machine
    jobs = [(seed * 1_000_003 + n, min(CHUNK, count - start)) for n, start in enumerate(range(0, count, CHUNK))]
    total = Result()
    began = time.monotonic()
    with multiprocessing.Pool(min(WORKERS, os.cpu_count() or 1)) as pool:
        for done, part in enumerate(pool.imap_unordered(_chunk, jobs), 1):
            total.add(part)
            if done % 10 == 0:
                print(f"  {total.answers.total():>9,} texts, {time.monotonic() - began:.0f} s", flush=True)
    took = time.monotonic() - began
    for title, table in (("kind", total.kinds), ("answer", total.answers)):
        print(f"\n{title}")
        for name, number in table.most_common():
            print(f"  {name:<32}{number:>10,}")
    print(
        f"\n{total.answers.total():,} texts in {took:.0f} s: {len(total.accepted)} accepted, {len(total.uncaught)} not caught;"
        f" slowest {total.slowest_s * 1000:.2f} ms, {len(total.slow)} above {BOUND_S * 1000:.0f} ms, {total.stalls} once; peak {total.peak_mib:.0f} MiB"
    )
    for text in (*total.accepted[:5], *total.uncaught[:5], *total.slow[:5]):
        print(f"  {text!r}")
    OUT.parent.mkdir(exist_ok=True, parents=True)
    report = {
        "texts": total.answers.total(), "seed": seed, "accepted": len(total.accepted), "not_caught": len(total.uncaught),
        "slowest_ms": round(total.slowest_s * 1000, 3), "slow": len(total.slow), "stalls": total.stalls, "seconds": round(took, 1),
        "kinds": dict(total.kinds), "answers": dict(total.answers),
    }  # fmt: skip
    OUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 1 if total.accepted or total.uncaught or total.slow or total.answers.total() != count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
