"""The rules of sync: batches, acks, backoff, meaning of answers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import FormatError
from gate.sync.protocol import (
    SPREAD_MAX_S,
    Ack,
    Backoff,
    BatchSize,
    Outcome,
    classify,
    fits,
    parse_push_answer,
    retry_after,
)


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (200, "", Outcome.OK),
        (206, "", Outcome.OK),
        (304, "", Outcome.NOT_MODIFIED),
        (301, "", Outcome.REFUSED),
        (400, "invalid", Outcome.POISON),
        (401, "clock", Outcome.CLOCK),
        (401, "revoked", Outcome.REVOKED),
        (401, "signature", Outcome.REFUSED),
        (403, "forbidden", Outcome.REFUSED),
        (404, "not_found", Outcome.REFUSED),
        (410, "must_refetch", Outcome.REFETCH),
        (413, "too_large", Outcome.POISON),
        (422, "", Outcome.POISON),
        (429, "", Outcome.RETRY),
        (500, "", Outcome.FAILING),
        (502, "", Outcome.FAILING),
        (503, "busy", Outcome.RETRY),
    ],
)
def test_every_status_has_a_meaning(status: int, code: str, outcome: Outcome) -> None:
    assert classify(status, code) is outcome


def test_backoff_doubles_its_limit_up_to_the_cap_and_starts_again() -> None:
    backoff = Backoff(lambda: 1.0, cap_s=10.0, base_s=1.0)
    assert [backoff.next() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert backoff.next() == 1


def test_after_an_outage_gates_come_back_over_the_time_that_the_server_names() -> None:
    backoff = Backoff(lambda: 1.0, cap_s=60.0, base_s=0.5, spread_s=30.0)
    assert [backoff.next() for _ in range(9)] == [0.5, 1, 2, 30, 30, 30, 32, 60, 60]


def test_backoff_spreads_over_the_whole_range() -> None:
    backoff = Backoff(random.Random(1).random, cap_s=10.0, base_s=10.0)
    pauses = [backoff.next() for _ in range(500)]
    assert min(pauses) < 0.5
    assert max(pauses) > 9.5


def test_retry_after_is_a_floor_and_has_a_limit() -> None:
    assert Backoff(lambda: 0.0, cap_s=10.0).next(30.0) == 30.0
    assert Backoff(lambda: 0.0, cap_s=10.0).next(1e9) == SPREAD_MAX_S
    assert Backoff(lambda: 0.0, cap_s=10.0).next(-5.0) == 0.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), (" 7 ", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None), (None, None)],
)
def test_retry_after_reads_seconds_only(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_a_batch_is_limited_by_records_and_bytes_but_never_empty() -> None:
    assert fits([10] * 300, 200, 10_000) == 200
    assert fits([600] * 300, 200, 10_000) == 16
    assert fits([99_999, 1], 200, 10_000) == 1
    assert fits([], 200) == 0


def test_a_refused_batch_is_halved_down_to_the_poison() -> None:
    size = BatchSize(200)
    sent = 200
    while not size.shrink(sent):
        sent = size.now
    assert sent == 1
    for _ in range(9):
        size.grow()
    assert size.now == 200


def test_acks_advance_without_gaps_only() -> None:
    ack = Ack()
    ack.settle([1, 2, 4, 5])
    assert ack.upto == 2
    assert ack.pending(7) == 3
    assert list(ack.open_numbers(7)) == [3, 6, 7]
    ack.settle([3])
    assert ack.upto == 5
    assert ack.settled == set()


def test_durable_never_passes_our_own_journal() -> None:
    ack = Ack()
    ack.durable(10**9, top=5)
    assert ack.upto == 5


def test_missing_ranges_are_open_again_and_asked_for_once() -> None:
    ack = Ack(upto=10)
    ack.missing(4, 5, 10, quarantined=set())
    assert ack.upto == 3
    assert list(ack.open_numbers(10)) == [4, 5]
    ack.settle([4, 5])
    assert ack.upto == 10
    ack.missing(4, 5, 10, quarantined=set())
    assert ack.upto == 10


def test_a_quarantined_number_is_not_missing() -> None:
    ack = Ack(upto=10)
    ack.missing(4, 5, 10, quarantined={4, 5})
    assert ack.upto == 10


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=8), st.sets(st.integers(1, 30)))
def test_what_is_missing_is_always_sent_again_and_nothing_settled_is_lost(
    ranges: list[tuple[int, int]], quarantined: set[int]
) -> None:
    ack, top = Ack(upto=20), 30
    lost: set[int] = set()
    for low, high in ranges:
        ack.missing(low, high, top, quarantined)
        lost |= set(range(low, high + 1)) - quarantined
    assert set(ack.open_numbers(top)) == lost | set(range(21, 31))
    assert ack.pending(top) == len(set(ack.open_numbers(top)))


def test_an_answer_is_read() -> None:
    answer = parse_push_answer(
        {
            "results": [["9f", 7, "stored"]],
            "durable": {"9f": 7},
            "missing": {"9f": [[4, 5]]},
            "now": 5,
            "more": "ignored",
        }
    )
    assert answer.results == (("9f", 7, "stored"),)
    assert answer.missing == {"9f": ((4, 5),)}
    assert answer.upstream == {}


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        {},
        {"results": [["9f"]]},
        {"results": [], "durable": {"9f": "7"}},
        {"results": [], "missing": {"9f": [[4]]}},
        {"results": [], "missing": {"9f": 3}},
        {"results": [], "durable": [1]},
    ],
)
def test_an_answer_that_is_none_is_refused(bad: object) -> None:
    with pytest.raises(FormatError):
        parse_push_answer(bad)
