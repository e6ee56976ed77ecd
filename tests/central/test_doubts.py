"""What is mostly a mistake is told with what to do, and done all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gate.central import commands, doubts
from gate.central.service import Central
from tests.central.gateside import POLICY, make_event

URL = "http://127.0.0.1"


def add(central: Central, device: str, events: list[str], **more: Any) -> list[dict[str, Any]]:
    args = {"device": device, "short": device.upper(), "events": events, "url": URL} | more
    result = commands.run(central, "device_add", args)
    assert result["text"].startswith("GE1:")
    return list(result["warnings"])


def test_a_device_whose_gate_no_policy_has_is_told_which_gates_there_are(central: Central, spring: str) -> None:
    (warning,) = add(central, "g3", [spring])
    assert (warning["event"], warning["gate"], warning["gates"]) == ("spring", "g3", ["g1", "g2"])
    assert "no gate g3, it has g1, g2" in warning["problem"]
    assert "gate central event policy spring --set" in warning["hint"]
    assert "gate central publish spring" in warning["hint"]


def test_a_device_that_its_policies_know_and_a_hub_are_not_doubted(central: Central, spring: str) -> None:
    assert add(central, "g1", [spring]) == []
    assert add(central, "door", [spring], short="D", gate="g2") == []
    assert add(central, "h9", [spring], profile="hub") == []
    gates = [*POLICY["gates"], {"id": "g3", "short": "G3", "lists": ["main"]}]
    central.set_policy(POLICY | {"gates": gates})
    assert add(central, "g3", [spring]) == []  # the organiser's newest word, published or not


def test_each_event_of_a_device_is_looked_at_and_one_that_ended_is_named(central: Central, spring: str) -> None:
    make_event(central, "autumn")
    central.end_event("autumn")
    found = add(central, "g7", [spring, "autumn"])
    assert [(item["event"], "ended" in item["problem"]) for item in found] == [
        ("autumn", False), ("autumn", True), ("spring", False),
    ]  # fmt: skip
    assert "--back" in found[1]["hint"]


def load(central: Central, folder: Path, rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    file = folder / "guests.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result: dict[str, Any] = commands.run(central, "import", {"event": "spring", "file": str(file)} | more)
    return result


def test_rows_that_let_nobody_in_are_named_with_their_lines_and_imported(
    central: Central, spring: str, tmp_path: Path
) -> None:
    past = central.clock() // 1000 - 1
    rows = [
        {"text": "A", "product": 1},
        {"text": "B", "product": 9},
        {"text": "C", "product": 1, "exp": past},
        {"text": "D", "product": 2, "exp": past + 1},  # its last second
        {"product": 8, "exp": past},
    ]
    for check in (True, False):
        found = load(central, tmp_path, rows, check=check)
        assert [(item["line"], item["column"]) for item in found["warnings"]] == [
            (2, "product"), (3, "exp"), (5, "product"), (5, "exp"),
        ]  # fmt: skip
        assert (found["warning_count"], found["ok"]) == (4, True)
        assert found["warnings"][0]["problem"] == "the policy has no product 9, it has 1, 2"
        assert found["warnings"][1]["problem"].endswith("+07:00")
    assert found["created"] == 5


def test_of_many_doubtful_rows_the_first_are_listed_and_all_are_counted(
    central: Central, spring: str, tmp_path: Path
) -> None:
    found = load(central, tmp_path, [{"text": f"T{n}", "product": 77} for n in range(50)], check=True)
    assert (len(found["warnings"]), found["warning_count"]) == (doubts.LISTED, 50)
    assert [item["line"] for item in found["warnings"]] == list(range(1, doubts.LISTED + 1))
