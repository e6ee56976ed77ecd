"""What may be right and is mostly a mistake: said to whoever asked, refused to nobody. Errors are not here.

A device may come before the policy that names its gate; a product may be added, an end moved, after the import.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from gate.central import devices, events
from gate.central.importing import ImportRow
from gate.said import moment_text

LISTED = 20
_NAMED = 10


def of_device(connection: Connection, device: str) -> list[dict[str, Any]]:
    """Events that a device is to serve and cannot yet: `event`, `gate`, the `gates` of its policy, `problem`, `hint`.

    The organiser's newest policy counts, published or not. A hub is no gate.
    """
    found = devices.get(connection, device)
    if found is None or found.profile == "hub":
        return []
    said: list[dict[str, Any]] = []
    for event in found.events:
        gates = [str(item["id"]) for item in events.policy_of(connection, event)["gates"]]
        about = {"event": event, "gate": found.gate, "gates": gates}
        if found.gate not in gates:
            said.append(
                about
                | {
                    "problem": f"the policy of {event} has no gate {found.gate}, it has {_some(gates)}: "
                    f"{device} stays out of service there",
                    "hint": f"`gate central event policy {event} > policy.json`, add {found.gate} to its gates, "
                    f"`gate central event policy {event} --set policy.json`, `gate central publish {event}`; "
                    f"or add the device again with --gate and one that is there",
                }
            )
        try:
            events.open_policy(connection, event)
        except events.EndedError as error:
            (_, problem, hint) = error.problems[0]
            said.append(about | {"problem": problem, "hint": hint})
    return said


def _some(words: list[str]) -> str:
    return ", ".join(words[:_NAMED]) + (", ..." if len(words) > _NAMED else "") or "none"


class RowDoubts:
    """Rows of an import that will hardly let anybody in. `count` of all, `listed` the first with their lines."""

    def __init__(self, policy: dict[str, Any], now_ms: int) -> None:
        self._products = {item["n"] for item in policy["products"]}
        self._has = _some([str(n) for n in sorted(self._products)])
        self._zone = events.zone_of(policy)
        self._now_s = now_ms // 1000
        self.count = 0
        self.listed: list[dict[str, Any]] = []

    def look(self, row: ImportRow) -> None:
        if row.product not in self._products:
            self._say(row.line, "product", f"the policy has no product {row.product}, it has {self._has}")
        if row.exp is not None and row.exp < self._now_s:
            self._say(row.line, "exp", f"ended already, {moment_text(row.exp * 1000, self._zone)}")

    def _say(self, line: int, column: str, problem: str) -> None:
        self.count += 1
        if len(self.listed) < LISTED:
            self.listed.append({"line": line, "column": column, "problem": problem})
