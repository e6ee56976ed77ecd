"""`duplicate_admission`: told when a ticket's records grow, in whatever order they come, and taken back when one is annulled."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from sqlalchemy import select

from gate.central import commands, schema
from gate.central.service import Central
from gate.wire.numbers import ticket_number
from tests.central.gateside import BOOT, NOW_MS, POLICY, Clock, Device, Journal, words

OTHER_BOOT = "5b" * 16


def duplicates(central: Central) -> list[tuple[str, bool, dict[str, Any]]]:
    """(ref, still so, detail) of each."""
    table = schema.incident
    query = select(table).where(table.c.kind == "duplicate_admission").order_by(table.c.ref)
    rows = central.db.read(lambda connection: connection.execute(query).all())
    return [(row.ref, row.ended is None, json.loads(row.detail)) for row in rows]


@pytest.fixture
def key(central: Central, spring: str) -> str:
    """A ticket that is good for one entry."""
    return central.issued(spring, limit=1)[0].key.hex()


def test_a_ticket_at_two_gates_is_one_incident_with_both_sides(
    central: Central, gate: Device, other_gate: Device, key: str, clock: Clock
) -> None:
    first, second = Journal("g1"), Journal("g2", epoch="22" * 8)
    clock.ms += 3_000
    assert words(gate.push([first.add(ticket=key, error_ms=40)])) == ["stored"]
    assert duplicates(central) == []
    clock.ms += 3_600_000
    late = second.add(ticket=key, at=NOW_MS + 61_000, error_ms=None, boot=OTHER_BOOT)
    assert words(other_gate.push([late])) == ["stored"]
    ((ref, now, detail),) = duplicates(central)
    assert (ref, now) == (f"g2/{'22' * 8}/1", True)
    assert detail == {
        "list": "main",
        "number": ticket_number(bytes.fromhex(key)),  # type: ignore[arg-type]
        "why": "total",
        "order_unknown": True,
        "first": {
            "gate": "g1", "at": NOW_MS + 1000, "error_ms": 40, "ref": f"g1/{first.epoch}/1", "late_ms": 2000,
            "connected": True,
        },
        "again": {
            "gate": "g2", "at": NOW_MS + 61_000, "error_ms": None, "ref": ref, "late_ms": 3_542_000, "connected": False,
        },
    }  # fmt: skip
    (shown,) = gate.http.get("/live/state.json").json()["incidents"]
    assert (shown["kind"], shown["detail"], shown["ended"]) == ("duplicate_admission", detail, None)


def test_the_order_of_arrival_does_not_matter(central: Central, gate: Device, other_gate: Device, key: str) -> None:
    late, early = Journal("g1"), Journal("g2", epoch="22" * 8)
    gate.push([late.add(ticket=key, at=NOW_MS + 9_000)])
    other_gate.push([early.add(ticket=key, at=NOW_MS + 1_000, boot=OTHER_BOOT)])
    assert [item[0] for item in duplicates(central)] == [f"g1/{late.epoch}/1"]


def test_an_annulled_admission_ends_the_incident(central: Central, gate: Device, other_gate: Device, key: str) -> None:
    first, second = Journal("g1"), Journal("g2", epoch="22" * 8)
    gate.push([first.add(ticket=key)])
    other_gate.push([second.add(ticket=key, at=NOW_MS + 60_000, boot=OTHER_BOOT)])
    gate.push([first.add("annulled", ticket=key, ref=f"g1/{first.epoch}/1")])
    assert [item[1] for item in duplicates(central)] == [False]
    gate.push([first.add(ticket=key, at=NOW_MS + 90_000)])
    assert [item[:2] for item in duplicates(central)] == [(f"g1/{first.epoch}/3", True), (f"g2/{'22' * 8}/1", False)]


def test_a_clock_that_becomes_known_later_turns_the_order_round(
    central: Central, gate: Device, other_gate: Device, key: str
) -> None:
    lost, good = Journal("g1"), Journal("g2", epoch="22" * 8)
    gate.push([lost.add(ticket=key, at=1_000, mono=5_000, clock="untrusted", error_ms=None)])
    other_gate.push([good.add(ticket=key, at=NOW_MS, boot=OTHER_BOOT)])
    assert [item[0] for item in duplicates(central)] == [f"g2/{'22' * 8}/1"]
    gate.push([lost.add("clock", list=None, ticket=None, data={"base_ms": NOW_MS + 10_000, "error_ms": 30})])
    found = duplicates(central)
    assert [item[:2] for item in found] == [(f"g1/{lost.epoch}/1", True), (f"g2/{'22' * 8}/1", False)]
    assert (found[0][2]["again"]["at"], found[0][2]["again"]["error_ms"]) == (NOW_MS + 15_000, 30)
    gate.push([lost.add("clock", list=None, ticket=None, data={"base_ms": 5, "error_ms": 900})])  # a worse one
    assert [item[1] for item in duplicates(central)] == [True, False]


@pytest.mark.parametrize("data", [None, {"base_ms": -1, "error_ms": 1}, {"base_ms": 2**62, "error_ms": 1}, {"x": "y"}])
def test_a_clock_nobody_can_use_is_stored_and_passed_over(central: Central, gate: Device, data: object) -> None:
    assert words(gate.push([Journal("g1").add("clock", list=None, ticket=None, data=data)])) == ["stored"]


def test_an_admission_of_a_time_that_no_calendar_has_is_stored(central: Central, gate: Device, key: str) -> None:
    policy = central.policy("spring")
    policy["products"][0]["max_day"] = 1
    central.set_policy(policy)
    journal = Journal("g1")
    records = [journal.add(ticket=key, at=2**62, boot=BOOT), journal.add(ticket=key, at=5, boot=OTHER_BOOT)]
    assert words(gate.push(records)) == ["stored"] * 2


def test_what_the_organiser_allows_is_no_duplicate(central: Central, gate: Device, other_gate: Device) -> None:
    (twice,) = central.issue("spring", product=1, zones=1, exp=1_900_000_000, uses=2)
    first, second = Journal("g1"), Journal("g2", epoch="22" * 8)
    gate.push([first.add(ticket=twice.key.hex())])
    other_gate.push([second.add(ticket=twice.key.hex(), boot=OTHER_BOOT)])
    assert duplicates(central) == []
    other_gate.push(
        [second.add(ticket=twice.key.hex(), boot=OTHER_BOOT), second.add("override", ticket=twice.key.hex())]
    )
    assert [item[0] for item in duplicates(central)] == [f"g2/{'22' * 8}/2"]


def test_lists_are_counted_apart(central: Central, gate: Device, key: str) -> None:
    journal = Journal("g1")
    gate.push([journal.add(ticket=key), journal.add(ticket=key, list="bar")])
    assert duplicates(central) == []


def test_refusals_of_a_used_ticket_are_no_admissions(central: Central, gate: Device, key: str) -> None:
    journal = Journal("g1")
    gate.push([journal.add(ticket=key), journal.add("refused", ticket=key, reason="already_redeemed")])
    assert duplicates(central) == []


def test_every_order_of_pushes_ends_in_the_same_incidents(central: Central, gate: Device, other_gate: Device) -> None:
    """The same six pushes, in many orders, for a ticket each: the open incidents are always the same."""
    seen = set()
    tickets = central.issue("spring", 24, product=1, zones=1, exp=1_900_000_000)
    orders = list(itertools.permutations(range(4)))[:24]
    for number, (ticket, order) in enumerate(zip(tickets, orders, strict=True)):
        one, two = Journal("g1", epoch=f"{number:016x}"), Journal("g2", epoch=f"{number + 4096:016x}")
        key = ticket.key.hex()
        pushes = [
            (gate, one.add(ticket=key, at=NOW_MS + 500)),
            (gate, one.add(ticket=key, at=NOW_MS + 2_000)),
            (gate, one.add("annulled", ticket=key, ref=f"g1/{one.epoch}/1")),
            (other_gate, two.add(ticket=key, at=NOW_MS + 1_000, boot=OTHER_BOOT)),
        ]
        for index in order:
            device, record = pushes[index]
            device.push([record])
        seen.add(tuple(
            (ref.split("/")[0], ref.split("/")[2]) for ref, now, detail in duplicates(central)
            if now and detail["number"] == ticket.number
        ))  # fmt: skip
    assert seen == {(("g1", "2"),)}


# ---- soft passback


def passbacks(central: Central) -> list[tuple[str, bool, str]]:
    """(ref, still so, gate of the entry before) of each."""
    rows = [row for row in commands.run(central, "incidents", {"limit": 99}) if row["kind"] == "passback_soft"]
    return sorted((row["detail"]["again"]["ref"], row["ended"] is None, row["detail"]["first"]["gate"]) for row in rows)


@pytest.fixture
def soft(central: Central, spring: str) -> str:
    """A ticket of a product that may come and go, and whose passing back is only told."""
    product = {"n": 1, "name": {"en": "Day"}, "reentry": "free", "passback": "soft"}
    central.set_policy(POLICY | {"products": [product]})
    return central.issued(spring, limit=1)[0].key.hex()


def test_a_passed_back_ticket_is_told_although_neither_gate_could_know(
    central: Central, gate: Device, other_gate: Device, soft: str
) -> None:
    first, second = Journal("g1"), Journal("g2", epoch="22" * 8)
    gate.push([first.add(ticket=soft)])
    other_gate.push([second.add(ticket=soft, at=NOW_MS + 60_000, boot=OTHER_BOOT)])
    again = f"g2/{'22' * 8}/1"
    assert passbacks(central) == [(again, True, "g1")]
    assert duplicates(central) == []
    (shown,) = gate.http.get("/live/state.json").json()["incidents"]
    assert (shown["kind"], shown["gate"], shown["detail"]["why"]) == ("passback_soft", "g2", "passback_soft")
    # An exit in between, that came late: nothing was passed back.
    gate.push([first.add("exit", dir="exit", ticket=soft, at=NOW_MS + 30_000)])
    assert passbacks(central) == [(again, False, "g1")]


def test_a_passed_back_ticket_that_is_one_too_many_is_a_duplicate_and_no_more(
    central: Central, gate: Device, soft: str
) -> None:
    product = {"n": 1, "name": {"en": "Day"}, "reentry": "free", "passback": "soft", "max_total": 2}
    central.set_policy(POLICY | {"products": [product]})
    journal = Journal("g1")
    gate.push([journal.add(ticket=soft) for _ in range(3)])
    assert passbacks(central) == [(f"g1/{journal.epoch}/2", True, "g1")]
    assert [item[0] for item in duplicates(central)] == [f"g1/{journal.epoch}/3"]


@pytest.mark.parametrize("passback", ["off", "hard", 5])
def test_only_soft_passback_is_told_so(central: Central, gate: Device, soft: str, passback: object) -> None:
    product = {"n": 1, "name": {"en": "Day"}, "reentry": "free", "passback": passback}
    central.set_policy(POLICY | {"products": [product]})
    journal = Journal("g1")
    gate.push([journal.add(ticket=soft), journal.add(ticket=soft)])
    assert passbacks(central) == []
    assert len(duplicates(central)) == (0 if passback == "off" else 1)


def test_an_override_is_a_persons_own_word(central: Central, gate: Device, soft: str) -> None:
    journal = Journal("g1")
    gate.push([journal.add(ticket=soft), journal.add("override", ticket=soft)])
    assert passbacks(central) == []
    gate.push([journal.add(ticket=soft)])
    assert passbacks(central) == [(f"g1/{journal.epoch}/3", True, "g1")]
