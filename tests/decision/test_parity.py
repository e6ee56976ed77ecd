"""With data or without: a ticket that the manifest describes exactly as its code does is answered alike, by the same rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gate.decision.build import Gathered, ticket_facts
from gate.decision.decide import RULES, decide, explain
from gate.decision.facts import Facts, Place, Uses
from gate.model import (
    CheckinList,
    Claims,
    ClockTrust,
    Direction,
    EventMode,
    GateDef,
    Moment,
    Policy,
    Product,
    TicketFlag,
    TicketKey,
    TicketRow,
)
from tests.decision.good import DAY, NOW

KEY = TicketKey(bytes(16))


def place(direction: Direction, clock: ClockTrust) -> Place:
    moment = Moment(at=NOW * 1000, mono=0, boot="b", trust=clock)
    return Place(direction=direction, moment=moment, lane="ready", clock_policy="staff")


def with_and_without_data(claims: Claims, where: Place, **known: Any) -> tuple[Facts, Facts]:
    """Facts of one code: the manifest says the same as its claims, and the manifest does not have it."""
    row = TicketRow(
        key=KEY,
        product=claims.product or 0,
        zones=claims.zones or 0,
        flags=int(TicketFlag.ROTATING) if claims.flags & 1 else 0,
        nbf=claims.nbf,
        exp=claims.exp,
    )
    with_data = ticket_facts(where, Gathered(claims=claims, row=row, **known))
    return with_data, ticket_facts(where, Gathered(claims=claims, row=None, **known))


small = st.integers(0, 3)
instants = st.integers(NOW - 2 * DAY, NOW + 2 * DAY)


@st.composite
def codes(draw: st.DrawFn) -> Claims:
    rotating = draw(st.booleans())
    return Claims(
        format="rotating" if rotating and draw(st.booleans()) else "gt1",
        key_input=b"",
        event="spring",  # type: ignore[arg-type]
        kid=b"kidd",  # type: ignore[arg-type]
        cti=bytes(12),
        product=draw(small),
        zones=draw(st.integers(0, 7)),
        flags=int(rotating),
        nbf=draw(st.none() | instants),
        exp=draw(instants),
        code_step=NOW // 30 + draw(st.integers(-3, 3)) if rotating else None,
    )


@st.composite
def surroundings(draw: st.DrawFn) -> dict[str, Any]:
    products = {
        n: Product(
            n=n,
            max_day=draw(small),
            max_total=draw(small),
            reentry=draw(st.sampled_from(["none", "after_exit", "free"])),
            passback=draw(st.sampled_from(["off", "soft", "hard", 5])),
        )
        for n in range(3)
    }
    main = CheckinList(
        id="main",  # type: ignore[arg-type]
        products=draw(st.none() | st.lists(small, max_size=3).map(tuple)),
        multiple=draw(st.booleans()),
        reentry=draw(st.booleans()),
        rules=draw(st.sampled_from([None, "{}", '{"<": [{"var": "entries_number"}, 2]}', "["])),
        opens=draw(st.none() | instants),
    ) if draw(st.booleans()) else None  # fmt: skip
    gate = GateDef(id="g2", short="G2", name={}, zones=draw(st.integers(0, 7)), lists=())  # type: ignore[arg-type]
    entries, last_dir = draw(small), draw(st.sampled_from([None, "entry", "exit"]))
    return {
        "policy": Policy(
            event="spring",  # type: ignore[arg-type]
            name={},
            tz="UTC",
            day_start=0,
            products=products,
            lists={},
            gates={},
        ),
        "gate": gate,
        "list": main,
        "mode": EventMode(mode="signature", stale_s=100, stale=draw(st.sampled_from(["warn", "restrict", "refuse"]))),
        "used": Uses(entries=entries, day_entries=draw(st.integers(0, entries)), last_dir=last_dir, last_at=NOW * 1000),
        "data_age_s": draw(st.sampled_from([None, 50, 500])),
        "capacity": draw(small),
        "inside": draw(small),
        "history": (NOW - 60,) * entries,
    }


@given(codes(), surroundings(), st.sampled_from(Direction), st.sampled_from(ClockTrust))
def test_the_same_answer_with_a_row_and_without(
    claims: Claims, known: dict[str, Any], direction: Direction, clock: ClockTrust
) -> None:
    with_data, without = with_and_without_data(claims, place(direction, clock), **known)
    assert replace(with_data, found=False, flags=0) == without
    assert decide(with_data) == decide(without)


@given(codes(), surroundings())
def test_by_the_same_rules_in_the_same_order(claims: Claims, known: dict[str, Any]) -> None:
    with_data, without = with_and_without_data(claims, place(Direction.ENTRY, ClockTrust.SYNCED), **known)
    assert [step.name for step in explain(with_data)[1]] == [step.name for step in explain(without)[1]]


@given(codes(), surroundings())
def test_an_allow_list_needs_the_row(claims: Claims, known: dict[str, Any]) -> None:
    known["mode"] = replace(known["mode"], mode="allow_list")
    _, without = with_and_without_data(claims, place(Direction.ENTRY, ClockTrust.SYNCED), **known)
    assert decide(without).rule == "known"


def test_no_rule_asks_whether_there_is_a_row_but_the_one_that_must() -> None:
    """Parity by construction: `found` is read by `known` alone."""
    readers = set()
    for direction in Direction:
        for found in (True, False):
            facts = Facts(direction=direction, now=NOW, clock=ClockTrust.SYNCED, found=found, signed=True, mode="signature",
                          zones=1)  # fmt: skip
            readers |= {step.name for step in explain(facts)[1] if "found" in step.looked}
    assert readers == {"known"}
    assert any(rule.__name__ == "known" for rule in RULES[Direction.ENTRY])
