"""Any facts at all, as Hypothesis draws them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from gate.decision.facts import Facts
from gate.model import ClockTrust, Direction, Reason, TicketState

PROBLEMS = (Reason.INVALID, Reason.INVALID_SIGNATURE, Reason.UNKNOWN_KEY, Reason.WRONG_EVENT, Reason.AMBIGUOUS)
RULES = (None, '{"==": [1, 1]}', '{"==": [1, 2]}', "{")
moments = st.integers(0, 2**32 - 1)
maybe_moments = st.none() | moments
few = st.integers(0, 3)
bits = st.integers(0, 0xFFFF)


def any_facts(direction: Direction | None = None) -> st.SearchStrategy[Facts]:
    return st.builds(
        Facts,
        direction=st.sampled_from(Direction) if direction is None else st.just(direction),
        now=moments,
        clock=st.sampled_from(ClockTrust),
        lane=st.sampled_from(["ready", "busy", "out"]),
        problem=st.none() | st.sampled_from(PROBLEMS),
        problem_detail=st.sampled_from(["", "form"]),
        format=st.sampled_from([None, "gt1", "opaque", "rotating"]),
        event=st.sampled_from([None, "spring"]),
        list=st.sampled_from([None, "main"]),
        signed=st.booleans(),
        rotating=st.booleans(),
        found=st.booleans(),
        mode=st.sampled_from(["allow_list", "signature"]),
        state=st.sampled_from([*map(int, TicketState), 6]),
        product=st.none() | few,
        zones=bits,
        flags=st.integers(0, 255),
        uses=few,
        nbf=maybe_moments,
        exp=maybe_moments,
        lang=st.sampled_from([None, "id"]),
        list_known=st.booleans(),
        list_products=st.none() | st.lists(few, max_size=3).map(tuple),
        list_zones=bits,
        list_unpaid=st.booleans(),
        list_multiple=st.booleans(),
        list_rules=st.booleans(),
        list_addon=st.booleans(),
        list_opens=maybe_moments,
        list_closes=maybe_moments,
        gate_zones=bits,
        max_day=few,
        max_total=few,
        list_reentry=st.booleans(),
        addon=st.sampled_from(["", "found", "none", "many"]),
        reentry=st.sampled_from(["none", "after_exit", "free"]),
        passback=st.sampled_from(["off", "soft", "hard", 10]),
        inside=st.booleans(),
        last_at=maybe_moments,
        code_step=maybe_moments,
        last_step=maybe_moments,
        area_capacity=few,
        area_inside=few,
        rules_text=st.sampled_from(RULES),
        entries=few,
        exits=few,
        day_entries=few,
        first_at=maybe_moments,
        first_gate=st.sampled_from([None, "g1"]),
        data_age_s=st.none() | st.integers(0, 10_000),
        stale_s=st.sampled_from([0, 3600]),
        stale=st.sampled_from(["warn", "restrict", "refuse"]),
        clock_policy=st.sampled_from(["refuse", "staff", "admit_marked"]),
    )


def recognised(direction: Direction) -> st.SearchStrategy[Facts]:
    """Facts of a ticket that is known here, in any state."""
    return any_facts(direction).map(lambda facts: replace(facts, problem=None, found=True))
