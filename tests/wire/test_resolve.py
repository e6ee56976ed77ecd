"""resolve(): one answer for one set of records, whoever asks and in whatever order they came."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.decision.facts import Facts
from gate.decision.rules import already_redeemed, checkout_required
from gate.errors import FormatError
from gate.model import ClockTrust, Direction, Reason
from gate.wire.resolve import BootClock, Limits, Placed, Resolution, Use, clock_from_json, resolve, use_from_json

DAY_MS = 24 * 3600 * 1000
ONCE = Limits()
WHY = {Reason.CHECKOUT_REQUIRED: "inside"}


def day_of(at_ms: int) -> int:
    return at_ms // DAY_MS


def use(gate: str = "g1", seq: int = 1, at: int = 1000, kind: str = "admitted", **more: object) -> Use:
    fields: dict[str, object] = {"boot": gate * 2, "mono": at, "error_ms": 5, "epoch": gate[1] * 16}
    return Use(gate=gate, seq=seq, at=at, kind=kind, **(fields | more))  # type: ignore[arg-type]


def places(result: Resolution) -> list[tuple[str, int]]:
    return [(item.placed.use.gate, item.placed.use.seq) for item in result.duplicates]


def walk(records: Sequence[Use], limits: Limits = ONCE, clocks: Sequence[BootClock] = ()) -> Resolution:
    return resolve(records, clocks, limits, day_of)


def test_one_admission_is_no_duplicate() -> None:
    result = walk([use()])
    assert (result.entries, result.exits, result.duplicates) == (1, 0, ())


def test_the_later_admission_is_the_duplicate_and_names_the_first() -> None:
    (found,) = walk([use("g2", at=5000), use("g1", at=1000)]).duplicates
    assert (found.placed.use.gate, found.first.use.gate, found.why, found.order_unknown) == ("g2", "g1", "total", False)


def test_each_admission_too_many_is_one_duplicate() -> None:
    records = [use("g1", at=1000), use("g2", at=5000), use("g3", at=9000)]
    assert places(walk(records)) == [("g2", 1), ("g3", 1)]
    assert places(walk(records, Limits(uses=2))) == [("g3", 1)]
    assert places(walk(records, Limits(uses=0))) == []
    assert places(walk(records, Limits(uses=0, max_total=1))) == [("g2", 1), ("g3", 1)]
    assert places(walk(records, Limits(multiple=True))) == []


def test_a_group_counts_its_people() -> None:
    records = [use("g1", at=1000, count=3), use("g2", at=5000, count=2)]
    assert places(walk(records, Limits(uses=5))) == []
    assert places(walk(records, Limits(uses=4))) == [("g2", 1)]
    assert places(walk([use(count=3)], Limits(uses=2))) == []  # nobody else was admitted: that is no duplicate


def test_an_annulled_admission_is_dropped_whichever_comes_first() -> None:
    records = [
        use("g1", at=1000),
        use("g1", 2, at=2000, kind="annulled", ref="g1/1111111111111111/1"),
        use("g2", at=3000),
    ]
    for order in (records, records[::-1]):
        result = walk(order)
        assert (result.entries, result.duplicates) == (1, ())
    assert walk(records[1:]).entries == 1  # what it takes back is not here yet


def test_an_annulled_row_takes_back_only_its_own() -> None:
    other = use("g1", 3, at=2000, kind="annulled", ref="g2/2222222222222222/9")
    assert places(walk([use("g1", at=1000), other, use("g2", at=3000)])) == [("g2", 1)]


def test_an_override_counts_and_raises_none() -> None:
    assert places(walk([use("g1", at=1000), use("g2", at=2000, kind="override")])) == []
    assert places(walk([use("g1", at=1000, kind="override"), use("g2", at=2000)])) == [("g2", 1)]


def test_a_paper_entry_counts_and_raises_none() -> None:
    assert places(walk([use("g1", at=1000), use("g2", at=2000, kind="reconciled")])) == []
    assert places(walk([use("g1", at=1000, kind="reconciled"), use("g2", at=2000)])) == [("g2", 1)]


def test_uses_of_a_day() -> None:
    records = [use(seq=n, at=DAY_MS * day + n) for n, day in enumerate((0, 0, 1), 1)]
    assert places(walk(records, Limits(uses=0, max_day=1))) == [("g1", 2)]
    (found,) = walk([*records, use("g2", at=DAY_MS + 900)], Limits(uses=0, max_day=1)).duplicates[1:]
    assert (found.placed.use.gate, found.first.use.seq, found.why) == ("g2", 3, "day")


def test_after_an_exit_the_way_in_is_free_again() -> None:
    limits = Limits(uses=0, reentry="after_exit")
    twice = [use("g1", at=1000), use("g2", at=3000)]
    (found,) = walk(twice, limits).duplicates
    assert found.why == "inside"
    assert places(walk([*twice, use("g1", 2, at=2000, kind="exit", dir="exit")], limits)) == []
    assert places(walk([*twice, use("g1", 2, at=4000, kind="exit", dir="exit")], limits)) == [("g2", 1)]
    assert places(walk(twice, Limits(uses=0, reentry="free"))) == []


def test_who_comes_back_after_an_exit_uses_up_nothing() -> None:
    out = use("g1", 2, at=2000, kind="exit", dir="exit")
    back = [use("g1", at=1000), out, use("g2", at=3000)]
    assert places(walk(back)) == [("g2", 1)]
    for limits in (Limits(reentry="after_exit"), Limits(reentry="free"), Limits(list_reentry=True)):
        assert places(walk(back, limits)) == []
    assert places(walk(back, Limits(reentry="after_exit", max_total=1))) == [("g2", 1)]
    pushed = [use("g1", at=1000), use("g2", at=3000)]
    assert places(walk(pushed, Limits(reentry="free"))) == []
    assert places(walk(pushed, Limits(list_reentry=True))) == [("g2", 1)]


def test_a_ticket_passed_back_is_a_duplicate_where_its_product_says_so() -> None:
    pushed = [use("g1", at=1000), use("g2", at=61_000)]
    for passback, found in (("off", []), ("soft", []), ("hard", ["passback"]), (1, []), (2, ["passback"])):
        assert [item.why for item in walk(pushed, Limits(uses=0, passback=passback)).duplicates] == found
    gone = [*pushed, use("g1", 2, at=2000, kind="exit", dir="exit")]
    assert places(walk(gone, Limits(uses=0, passback="hard"))) == []


def test_an_override_to_let_somebody_out_is_an_exit() -> None:
    result = walk([use("g1", at=1000), use("g1", 2, at=2000, kind="override", dir="exit")])
    assert (result.entries, result.exits) == (1, 1)


def test_time_is_corrected_by_the_best_clock_of_the_boot() -> None:
    records = [use("g1", at=10, mono=10, error_ms=None), use("g2", at=50_000)]
    assert places(walk(records)) == [("g2", 1)]
    clocks = [
        BootClock("g1", "g1g1", 100_000, 9),
        BootClock("g1", "g1g1", 90_000, 9),  # the same error: the lower base
        BootClock("g1", "g1g1", 10, 50),
        BootClock("g1", "another boot", 0, 1),
        BootClock("g2", "g1g1", 0, 1),
    ]
    (found,) = walk(records, clocks=clocks).duplicates
    assert (found.placed.use.gate, found.placed.time, found.placed.error_ms) == ("g1", 90_010, 9)


@pytest.mark.parametrize(
    ("gap", "first", "second", "unknown"),
    [(10, 5, 5, True), (11, 5, 5, False), (10_000, None, 5, True), (10_000, 5, None, True), (0, 0, 0, True)],
)
def test_the_order_is_unknown_while_error_bounds_overlap(
    gap: int, first: int | None, second: int | None, unknown: bool
) -> None:
    records = [use("g1", at=1000, error_ms=first), use("g2", at=1000 + gap, error_ms=second)]
    (found,) = walk(records).duplicates
    assert found.order_unknown is unknown


def test_one_clock_always_knows_its_order() -> None:
    same_boot = [use("g1", at=1000, error_ms=None), use("g1", 1, at=1001, error_ms=None, epoch="f" * 16)]
    same_epoch = [use("g1", at=1000, error_ms=None), use("g1", 2, at=1000, error_ms=None, boot=None)]
    for records in (same_boot, same_epoch):
        (found,) = walk(records).duplicates
        assert found.order_unknown is False


def test_two_that_are_both_too_many_leave_no_doubt_about_the_first() -> None:
    records = [use("g1", at=1000), use("g2", at=9000), use("g3", at=9001)]
    assert [item.order_unknown for item in walk(records).duplicates] == [False, False]


def test_two_records_under_one_number_give_one_answer() -> None:
    fork = [use("g1", at=1000), use("g1", at=9000), use("g2", at=5000)]
    assert walk(fork) == walk(fork[::-1])
    assert walk(fork).entries == 2


# ---- properties

GATES = ("g1", "g2", "g3")
KINDS = ("admitted", "admitted", "override", "exit", "annulled", "reconciled", "refused")


@st.composite
def sets(draw: st.DrawFn) -> tuple[list[Use], list[BootClock], Limits]:
    records = []
    for gate in GATES:
        for seq in range(1, draw(st.integers(0, 4)) + 1):
            kind = draw(st.sampled_from(KINDS))
            target = f"{draw(st.sampled_from(GATES))}"
            records.append(
                use(
                    gate,
                    seq,
                    at=draw(st.integers(0, 3 * DAY_MS)),
                    kind=kind,
                    mono=draw(st.none() | st.integers(0, 10**6)),
                    error_ms=draw(st.none() | st.integers(0, 10**5)),
                    count=draw(st.integers(1, 3)),
                    dir="exit" if kind == "exit" else "entry",
                    ref=f"{target}/{target[1] * 16}/{draw(st.integers(1, 4))}" if kind == "annulled" else None,
                )
            )
    clocks = draw(
        st.lists(st.builds(BootClock, st.sampled_from(GATES), st.sampled_from(("g1g1", "g2g2")), st.integers(0, DAY_MS),
                           st.integers(0, 500)), max_size=4)
    )  # fmt: skip
    limits = Limits(
        uses=draw(st.integers(0, 3)),
        max_total=draw(st.integers(0, 2)),
        max_day=draw(st.integers(0, 2)),
        reentry=draw(st.sampled_from(("none", "after_exit", "free"))),
        passback=draw(st.sampled_from(("off", "soft", "hard", 1, 600))),
        multiple=draw(st.booleans()),
        list_reentry=draw(st.booleans()),
    )
    return records, clocks, limits


@settings(max_examples=300, deadline=None)
@given(sets(), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(
    case: tuple[list[Use], list[BootClock], Limits], chance: random.Random
) -> None:
    records, clocks, limits = case
    expected = walk(records, limits, clocks)
    mixed = records + chance.sample(records, len(records) // 2)
    more_clocks = clocks + clocks[:1]
    chance.shuffle(mixed)
    chance.shuffle(more_clocks)
    assert walk(mixed, limits, more_clocks) == expected


@settings(max_examples=300, deadline=None)
@given(sets())
def test_an_independent_count_agrees(case: tuple[list[Use], list[BootClock], Limits]) -> None:
    """People in and out are counted by hand; duplicates are admissions that count, and none with unlimited tickets."""
    records, clocks, limits = case
    result = walk(records, limits, clocks)
    gone = {record.ref for record in records if record.kind == "annulled"}
    kept = [r for r in records if r.own_ref not in gone and r.kind in ("admitted", "override", "exit", "reconciled")]
    assert result.entries == sum(r.count for r in kept if r.kind != "exit")
    assert result.exits == sum(r.count for r in kept if r.kind == "exit")
    assert [item.time for item in result.order] == sorted(item.time for item in result.order)
    refused = [item.placed.use for item in result.duplicates]
    assert len(set(refused)) == len(refused)
    assert all(r in kept and r.kind == "admitted" for r in refused)
    free = replace(limits, uses=0, max_total=0, max_day=0, reentry="none", passback="off")
    assert walk(records, free, clocks).duplicates == ()
    if limits.multiple:
        assert refused == []


@settings(max_examples=500, deadline=None)
@given(sets())
def test_the_walk_refuses_what_a_gate_that_saw_everything_would(
    case: tuple[list[Use], list[BootClock], Limits],
) -> None:
    """The rules of the decision about one scan, asked again at each admission in order."""
    records, clocks, limits = case
    result = walk([replace(record, count=1) for record in records], limits, clocks)
    expected = []
    seen: list[Placed] = []
    for placed in result.order:
        entries = [item for item in seen if not item.use.is_exit]
        facts = Facts(
            direction=Direction.ENTRY,
            now=placed.time // 1000,
            clock=ClockTrust.SYNCED,
            uses=limits.uses,
            max_total=limits.max_total,
            max_day=limits.max_day,
            reentry=limits.reentry,
            passback=limits.passback,
            list_multiple=limits.multiple,
            list_reentry=limits.list_reentry,
            entries=len(entries),
            day_entries=sum(1 for item in entries if day_of(item.time) == day_of(placed.time)),
            inside=bool(seen) and not seen[-1].use.is_exit,
            last_at=placed.time // 1000 * 1000 - (placed.time - seen[-1].time) if seen else None,
        )
        refused = checkout_required(facts) or already_redeemed(facts)
        if placed.use.kind == "admitted" and not placed.use.is_exit and refused:
            expected.append((placed.use.place, WHY.get(refused.reason) or refused.detail))
        seen.append(placed)
    assert [(item.placed.use.place, item.why) for item in result.duplicates] == expected


@settings(max_examples=200, deadline=None)
@given(sets())
def test_the_first_entry_of_a_ticket_is_never_the_duplicate(case: tuple[list[Use], list[BootClock], Limits]) -> None:
    records, clocks, limits = case
    result = walk(records, limits, clocks)
    entries = [item for item in result.order if not item.use.is_exit]
    assert all(item.placed is not entries[0] for item in result.duplicates)
    assert all(item.first in entries and item.first is not item.placed for item in result.duplicates)


# ---- from the wire

RECORD = {
    "gate": "g1", "epoch": "9f1c2b7a55d0e312", "seq": 7, "kind": "admitted", "list": "main", "dir": "entry", "count": 1,
    "at": 5, "mono": 6, "boot": "4a", "error_ms": None, "ref": None, "ticket": "00",
}  # fmt: skip


def test_records_of_the_feed_are_read() -> None:
    found = use_from_json(RECORD)
    assert (found.place, found.own_ref) == (("g1", "9f1c2b7a55d0e312", 7), "g1/9f1c2b7a55d0e312/7")
    assert clock_from_json(RECORD) is None
    with pytest.raises(FormatError, match="seq"):
        use_from_json(RECORD | {"seq": 0})


@pytest.mark.parametrize("data", [None, {}, {"base_ms": "x", "error_ms": 1}, {"base_ms": 1, "error_ms": -1}, [1]])
def test_a_clock_record_without_sound_data_is_no_clock(data: object) -> None:
    assert clock_from_json(RECORD | {"kind": "clock", "data": data}) is None


def test_a_clock_record_is_read() -> None:
    found = clock_from_json(RECORD | {"kind": "clock", "data": {"base_ms": 9, "error_ms": 2}})
    assert found == BootClock("g1", "4a", 9, 2)
