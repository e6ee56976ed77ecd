"""Facts: where row and claims both speak the row decides; they keep their names and values in the journal."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from gate.decision.build import Gathered, problem_facts, ticket_facts
from gate.decision.decide import decide
from gate.decision.facts import Facts, Place, Uses, facts_from_map
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
    Reason,
    TicketFlag,
    TicketKey,
    TicketRow,
    TicketState,
)
from gate.wire import cbor
from gate.wire.policy import parse_policy
from tests.decision.good import DAY, NOW
from tests.fakes.issuer import POLICY

PLACE = Place(
    direction=Direction.ENTRY,
    moment=Moment(at=NOW * 1000 + 999, mono=5, boot="b", trust=ClockTrust.SYNCED),
    lane="ready",
    clock_policy="staff",
)
CLAIMS = Claims(
    format="gt1", key_input=b"\x01", event="spring", kid=b"kidd", cti=bytes(12), product=12, zones=3, nbf=NOW, exp=NOW + DAY
)  # fmt: skip
ROW = TicketRow(key=TicketKey(bytes(16)), product=13, zones=4, state=TicketState.BLOCKED, uses=5)
MAIN = CheckinList(id="main")
GATE = GateDef(id="g2", short="G2", name={}, zones=0b0111, lists=("main",))
RULES = Policy(
    event="spring",
    name={},
    tz="UTC",
    day_start=0,
    products={12: Product(n=12, flags=int(TicketFlag.VIP), max_day=2, max_total=7), 13: Product(n=13)},
    lists={"main": MAIN},
    gates={"g2": GATE},
)


def facts(row: TicketRow | None = ROW, claims: Claims = CLAIMS, **changes: Any) -> Facts:
    good = Gathered(claims=claims, row=row, policy=RULES, gate=GATE, mode=EventMode(), list=MAIN, data_age_s=0)
    return ticket_facts(PLACE, replace(good, **changes))


def test_the_row_decides_where_both_speak() -> None:
    found = facts(replace(ROW, nbf=NOW - 5, exp=NOW + 5, lang="id"))
    assert (found.product, found.zones, found.state, found.uses) == (13, 4, TicketState.BLOCKED, 5)
    assert (found.nbf, found.exp, found.lang, found.found) == (NOW - 5, NOW + 5, "id", True)


def test_a_null_in_the_row_means_as_in_the_claims() -> None:
    found = facts()
    assert (found.nbf, found.exp, found.lang) == (NOW, NOW + DAY, None)


def test_without_a_row_the_claims_are_the_facts() -> None:
    found = facts(None)
    assert (found.product, found.zones, found.state, found.uses, found.found) == (12, 3, TicketState.VALID, 1, False)


def test_a_removed_row_is_as_if_absent() -> None:
    assert facts(replace(ROW, state=TicketState.REMOVED)) == facts(None)


def test_flags_of_row_and_product_add_up() -> None:
    with_row = replace(ROW, product=12, flags=int(TicketFlag.MINOR))
    assert facts(with_row).flags == TicketFlag.MINOR | TicketFlag.VIP


def test_limits_are_those_of_the_product_that_decides() -> None:
    assert (facts(None).max_day, facts(None).max_total) == (2, 7)
    assert (facts().max_day, facts().max_total) == (0, 0)


@pytest.mark.parametrize(("claimed", "in_row"), [(1, 0), (0, TicketFlag.ROTATING), (1, TicketFlag.ROTATING)])
def test_rotating_by_the_claims_or_by_the_row_cannot_be_stripped(claimed: int, in_row: int) -> None:
    assert facts(replace(ROW, flags=int(in_row)), replace(CLAIMS, flags=claimed)).rotating
    assert not facts().rotating


def test_an_opaque_text_is_not_signed() -> None:
    opaque = Claims(format="opaque", key_input=b"\x02", event=None)
    found = facts(ROW, opaque)
    assert (found.signed, found.product, found.zones, found.nbf, found.exp) == (False, 13, 4, None, None)
    assert facts(None, opaque).zones == 0


def test_uses_and_list_are_taken_over() -> None:
    used = Uses(entries=3, exits=1, day_entries=2, first_at=77, first_gate="g1", last_at=88, last_dir="entry")
    chosen = CheckinList(
        id="main",
        products=(12,),
        zones=8,
        include_unpaid=True,
        multiple=True,
        addon_of="x",
        rules="{}",
        opens=1,
        closes=2,
    )
    found = facts(used=used, list=chosen)
    assert (found.entries, found.exits, found.day_entries, found.first_at, found.first_gate) == (3, 1, 2, 77, "g1")
    assert (found.list, found.list_products, found.list_zones, found.list_unpaid) == ("main", (12,), 8, True)
    assert (found.list_multiple, found.list_addon, found.list_rules) == (True, True, True)
    assert (found.list_opens, found.list_closes, found.gate_zones) == (1, 2, 0b0111)


def test_no_list_for_the_product_is_a_fact_too() -> None:
    found = facts(replace(ROW, state=TicketState.VALID), list=None)
    assert (found.list, found.list_known) == (None, False)
    assert decide(found).reason is Reason.PRODUCT


def test_time_is_in_whole_seconds_and_age_and_mode_stand_beside() -> None:
    mode = EventMode(mode="signature", warn_s=1, stale_s=60, stale="refuse")
    found = facts(mode=mode, data_age_s=59)
    assert (found.now, found.clock, found.clock_policy) == (NOW, ClockTrust.SYNCED, "staff")
    assert (found.mode, found.stale_s, found.stale, found.data_age_s) == ("signature", 60, "refuse", 59)


def test_a_text_that_is_no_ticket_has_facts_too() -> None:
    found = problem_facts(PLACE, Reason.UNKNOWN_KEY, "key_expired")
    assert facts_from_map(found.to_map()) == found
    assert (decide(found).reason, decide(found).detail) == (Reason.UNKNOWN_KEY, "key_expired")


def test_facts_of_a_newer_and_of_an_older_gate_are_read() -> None:
    kept = facts().to_map()
    assert facts_from_map(kept | {"newer_fact": 1}) == facts()
    del kept["stale"], kept["max_total"]
    assert facts_from_map(kept).stale == "warn"


def test_names_fit_the_journal() -> None:
    """Contracts 0: text keys of 1 to 23 characters."""
    assert all(1 <= len(item.name) <= 23 for item in fields(Facts))


def test_names_of_facts_are_never_renamed() -> None:
    """They stand in journals; a new one is added at its place here, none is taken away."""
    assert {item.name for item in fields(Facts)} >= {
        "direction", "now", "clock", "lane", "problem", "problem_detail", "format", "event", "list", "signed", "rotating",
        "found", "mode", "state", "product", "zones", "flags", "uses", "nbf", "exp", "lang", "list_known", "list_products",
        "list_zones", "list_unpaid", "list_multiple", "list_rules", "list_addon", "list_opens", "list_closes", "gate_zones",
        "max_day", "max_total", "entries", "exits", "day_entries", "first_at", "first_gate", "data_age_s", "stale_s",
        "stale", "clock_policy", "gate", "list_reentry", "addon", "reentry", "passback", "inside", "last_at", "code_step",
        "last_step", "area_capacity", "area_inside", "rules_text", "rules_product", "rules_variation", "rules_history",
        "tz", "day_start", "date_from", "date_to", "date_admission",
    }  # fmt: skip


def test_the_sample_policy_lets_its_own_ticket_in() -> None:
    policy = parse_policy(cbor.dumps(POLICY))
    mode = EventMode(mode="signature")
    assert decide(facts(None, policy=policy, gate=policy.gates["g2"], list=policy.lists["main"], mode=mode)).admit


def test_an_add_on_is_not_proven_by_the_signature_of_its_ticket() -> None:
    assert not facts(addon="found").signed
    assert facts(shown=replace(ROW, state=TicketState.REVOKED)).state == TicketState.REVOKED
