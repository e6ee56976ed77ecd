"""Text to verified claims, beside the `cwt` library on the same COSE bytes, in alternating rounds on one core.

`cwt` is given the COSE bytes, as it knows no base45; our row with text begins at the scanned text (hygiene and base45
included), the other one at the decoded parts. The library runs in an environment of its own.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gate.model import EventId
from gate.verify.formats import gt1, identify, rotating
from gate.verify.keyset import KeySet, TicketKeyRecord
from gate.wire.secrets import RotationKey
from gate.wire.sign1 import Aad, sig_structure, split
from tests.fakes.pretix import code, message
from tests.verify.oracle import cases
from tests.verify.oracle.environment import Oracle, OracleMissing, oracle

ROUNDS, PER_ROUND, WARM_UP = 40, 100, 200
GOAL_RATIO = 1.3
NOW_S = 1798000000
ROTATION = RotationKey(nbf=0, exp=2**40, key=bytes(32))


def timed(work: Callable[[], object], count: int) -> list[float]:
    """Microseconds of each call."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e6)
    return times


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def row(what: str, values: list[float], beside: list[float] | None = None, goal: str | None = None) -> dict[str, Any]:
    median = statistics.median(values)
    other = statistics.median(beside) if beside else None
    return {
        "what": what,
        "unit": "us",
        "median": median,
        "p95": quantile(values, 0.95),
        "p99": quantile(values, 0.99),
        "beside": other,
        "ratio": median / other if other else None,
        "goal": goal,
    }


def keyset() -> KeySet:
    event = EventId("spring")
    public = Ed25519PublicKey.from_public_bytes(cases.PUBLIC)
    record = TicketKeyRecord(kid=cases.KID, event=event, public=public, nbf=0, exp=2**40)
    return KeySet([record], [event], {event: (ROTATION,)})


def main() -> list[dict[str, Any]]:
    keys = keyset()
    text = gt1.encode(cases.KEY, exp=cases.EXP, cti=cases.CTI, product=12, zones=3)
    cose = gt1.to_sign1(text).encode()

    def from_text() -> object:
        return identify(text, keys, NOW_S)

    def from_cose() -> object:
        ticket = split(cose, limit=256)
        assert ticket.payload is not None
        record = keys.find(ticket.kid)
        assert record is not None
        record.public.verify(ticket.signature, sig_structure(ticket.kid, ticket.payload, Aad.TICKET))
        return gt1._claims(ticket.payload, record)

    def base45_only() -> object:
        return gt1.to_sign1(text)

    gr1 = rotating.encode(text, ROTATION.key, cases.CTI, NOW_S)
    sig1 = code(cases.KEY, message())

    def from_rotating() -> object:
        return identify(gr1, keys, NOW_S)

    def from_pretix() -> object:
        return identify(sig1, keys, NOW_S)

    works = {
        "text": from_text,
        "cose": from_cose,
        "base45": base45_only,
        "rotating": from_rotating,
        "pretix": from_pretix,
    }
    ours: dict[str, list[float]] = {name: [] for name in works}
    theirs: list[float] = []
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})  # the child inherits it
        with oracle() as live:
            alternate(live, cose, works, ours, theirs)
    except OracleMissing as error:
        print(f"without the cwt library ({error})")
        for name, work in works.items():
            timed(work, WARM_UP)
            ours[name] = timed(work, ROUNDS * PER_ROUND)
    finally:
        os.sched_setaffinity(0, before)
    return [
        row("verify: text -> verified claims, beside cwt from COSE", ours["text"], theirs, f"<= {GOAL_RATIO}x"),
        row("verify: COSE -> verified claims, beside cwt", ours["cose"], theirs, f"<= {GOAL_RATIO}x"),
        row("verify: of it text -> bytes (form, base45)", ours["base45"]),
        row("verify: rotating text -> verified claims", ours["rotating"]),
        row("verify: pretix sig1 text -> verified claims", ours["pretix"]),
    ]


def alternate(
    live: Oracle, cose: bytes, works: dict[str, Callable[[], object]], ours: dict[str, list[float]], theirs: list[float]
) -> None:
    question = {"cose": cose.hex(), "public": cases.PUBLIC.hex(), "kid": cases.KID.hex(), "aad": cases.AAD}
    live.ask("bench", rounds=WARM_UP, **question)
    for work in works.values():
        timed(work, WARM_UP)
    for _ in range(ROUNDS):
        theirs += [seconds * 1e6 for seconds in live.ask("bench", rounds=PER_ROUND, **question)["seconds"]]
        for name, work in works.items():
            ours[name] += timed(work, PER_ROUND)


if __name__ == "__main__":
    for line in main():
        print(line)
