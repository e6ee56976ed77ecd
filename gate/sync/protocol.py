"""What to send, what an answer means, how long to wait: the rules of sync, pure.

No socket, no file, no clock, no random of its own. Contracts 5 has the messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from gate.errors import FormatError
from gate.wire import cbor

BATCH_BYTES = 256 * 1024
"""Of JSON in one push: on a 1 Mbit/s uplink some 2 s, so a lost answer costs little, and far below the server's 1 MiB."""

PAGE_LIMIT = 5000
"""Changes or check-ins asked for in one page: about 500 KiB, one transaction of some 50 ms."""

HEARTBEAT_S = 30.0
"""As in the contract; central calls a gate silent after a few of them."""

TRUST_EVERY_S = 60.0
"""Trust files are rare, a revoked key is urgent: a minute is what one 304 a minute costs."""

TIME_EVERY_S = 1200.0
"""A server offset counts for an hour; three tries fit in, and a crystal drifts under 0.15 s in 20 minutes."""

RETRY_BASE_S = 0.5
"""First pause: long enough for a server to be restarted under us once or twice, short enough not to be noticed."""

OUTAGE_AFTER = 3
"""Failures in a row that make an outage, some 2 to 4 s: a lost packet or two must not cost half a minute of silence."""

GROW_AFTER_POISON = 2
"""A batch that went through doubles the next one, until it has its normal size again."""

RANGES_MAX = 100
"""Missing ranges taken from one answer; what is still missing stands in the next one."""

SPREAD_MAX_S = 600.0
"""No server may silence a gate for longer than this by `reconnect_spread_s` or `Retry-After`."""


class Outcome(Enum):
    """What an HTTP status (with the error code of the body) asks of us."""

    OK = "ok"
    NOT_MODIFIED = "not_modified"
    REFETCH = "must_refetch"
    CLOCK = "clock"
    REVOKED = "revoked"
    POISON = "poison"
    """The content is at fault: sending it again cannot help, halving can."""
    REFUSED = "refused"
    """We are not allowed, or it is not there: people must look; we go on asking, slowly."""
    RETRY = "retry"
    """The server is busy, or away behind its door: the same again, later."""
    FAILING = "failing"
    """The server made an error: the same again, later; if it fails at one thing only, that thing may be the reason."""


def classify(status: int, code: str = "") -> Outcome:
    """Table of contracts 5. `code`: of the error body, empty when there was none."""
    if status in (304, 204):
        return Outcome.NOT_MODIFIED
    if 200 <= status < 300:
        return Outcome.OK
    if status == 401:
        return {"clock": Outcome.CLOCK, "revoked": Outcome.REVOKED}.get(code, Outcome.REFUSED)
    if status == 410:
        return Outcome.REFETCH
    if status in (408, 425, 429, 503):
        return Outcome.RETRY
    if status >= 500:
        return Outcome.FAILING
    if status in (400, 413, 422):
        return Outcome.POISON
    return Outcome.REFUSED


@dataclass(slots=True)
class Backoff:
    """Full jitter: a pause is anything from 0 to a limit that doubles, so that gates which fell together do not return
    together. `Retry-After` is a floor, with the jitter on top.

    Args:
        random: gives a float in [0, 1).
        cap_s: the longest pause of our own choice.
        spread_s: over which the server wants the gates to come back after an outage.
    """

    random: Callable[[], float]
    cap_s: float
    base_s: float = RETRY_BASE_S
    failures: int = 0
    spread_s: float = 0.0

    def next(self, retry_after_s: float | None = None) -> float:
        """Seconds to wait after one more failure."""
        limit = min(self.cap_s, self.base_s * 2.0 ** min(self.failures, 30))
        if self.failures >= OUTAGE_AFTER:
            limit = max(limit, self.spread_s)
        self.failures += 1
        floor = min(max(retry_after_s or 0.0, 0.0), SPREAD_MAX_S)
        return floor + limit * self.random()

    def reset(self) -> None:
        self.failures = 0


_SECONDS = re.compile(r"[0-9]{1,9}")


def retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After` header. Dates are not read: they need a clock that we may not have."""
    if value is None or not _SECONDS.fullmatch(value.strip()):
        return None
    return float(value)


@dataclass(slots=True)
class BatchSize:
    """Records in the next push: halved when a batch is refused for its content, grown again when one passes."""

    most: int
    now: int = 0

    def __post_init__(self) -> None:
        self.now = self.most

    def shrink(self, sent: int) -> bool:
        """A batch of `sent` records was refused. Returns: whether the one record in it is the poison."""
        self.now = max(1, sent // 2)
        return sent == 1

    def grow(self) -> None:
        self.now = min(self.most, self.now * GROW_AFTER_POISON)


def fits(sizes: Iterable[int], most: int, most_bytes: int = BATCH_BYTES) -> int:
    """How many of the records with these sizes (bytes of JSON) go into one batch: at least one when there is one."""
    count = total = 0
    for size in sizes:
        total += size
        if count >= most or (count and total > most_bytes):
            break
        count += 1
    return count


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAnswer:
    """`durable`, `upstream`: epoch to number. `missing`: epoch to ranges, both ends included. `now`: server's Unix ms."""

    results: tuple[tuple[str, int, str], ...]
    durable: Mapping[str, int] = field(default_factory=dict)
    upstream: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    now: int = 0


def parse_push_answer(value: Any) -> PushAnswer:
    """Raises: FormatError."""
    fields = cbor.Fields(value, "answer")
    results = []
    for item in fields.items("results"):
        if not isinstance(item, list) or len(item) < 3 or not isinstance(item[0], str) or type(item[1]) is not int:
            raise FormatError("answer.results holds [epoch, seq, word]")
        results.append((item[0], item[1], str(item[2])))
    return PushAnswer(
        results=tuple(results),
        durable=_numbers(fields, "durable"),
        upstream=_numbers(fields, "upstream"),
        missing={} if fields.raw("missing") is None else _ranges(fields),
        now=fields.maybe_integer("now") or 0,
    )


def _numbers(fields: cbor.Fields, key: str) -> dict[str, int]:
    if fields.raw(key) is None:
        return {}
    found = fields.mapping(key)
    if not all(type(number) is int and number >= 0 for number in found.values()):
        raise FormatError(f"answer.{key} holds numbers")
    return dict(found)


def _ranges(fields: cbor.Fields) -> dict[str, tuple[tuple[int, int], ...]]:
    ranges = {}
    for epoch, items in fields.mapping("missing").items():
        if not isinstance(items, list):
            raise FormatError("answer.missing holds lists of ranges")
        for item in items:
            if not (isinstance(item, list) and len(item) == 2 and all(type(n) is int and n > 0 for n in item)):
                raise FormatError("answer.missing holds [from, to]")
        ranges[epoch] = tuple((low, high) for low, high in items[:RANGES_MAX])
    return ranges


DELIVERED = ("stored", "known", "stored_flagged")
QUARANTINED = "quarantined"


@dataclass(slots=True)
class Ack:
    """What one peer holds of one stream. `upto` is kept in sync.db, the rest is found out again after a restart.

    A number is *settled* when the peer said that it has it, or when it is quarantined, or not in the journal (any more).
    """

    upto: int = 0
    upstream: int = 0
    settled: set[int] = field(default_factory=set)
    """Settled numbers above `upto`."""
    asked: set[int] = field(default_factory=set)
    """Sent again once because the peer missed them: a peer that never stops asking must not make us loop."""
    again: set[int] = field(default_factory=set)
    """Settled numbers to be offered once more: to see whether the peer still has them, or now takes them."""

    def settle(self, numbers: Iterable[int]) -> None:
        self.settled.update(number for number in numbers if number > self.upto)
        while self.upto + 1 in self.settled:
            self.upto += 1
            self.settled.discard(self.upto)

    def durable(self, number: int, top: int) -> None:
        """The peer holds everything up to `number`; never more than the `top` of our own journal."""
        number = min(number, top)
        if number > self.upto:
            self.upto = number
            self.settled = {n for n in self.settled if n > number}
            self.settle(())

    def missing(self, low: int, high: int, top: int, quarantined: set[int]) -> None:
        """The peer lacks low..high. `upto` falls below them, so that they are sent again even after a restart."""
        lost = {n for n in range(low, min(high, top) + 1) if n not in quarantined and n not in self.asked}
        if not lost:
            return
        self.asked |= lost
        first = min(lost)
        if first <= self.upto:
            self.settled |= set(range(first, self.upto + 1))
            self.upto = first - 1
        self.settled -= lost

    def pending(self, top: int) -> int:
        """How many numbers up to `top` are not settled."""
        return max(0, top - self.upto - len(self.settled))

    def first(self, top: int) -> int | None:
        """The first number that is not settled."""
        return next(self.open_numbers(top), None)

    def open_numbers(self, top: int) -> Iterator[int]:
        return (n for n in range(self.upto + 1, top + 1) if n not in self.settled)
