"""The sample event: a policy and 1,000 tickets in every state a gate may meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gate.central.service import Central
from gate.central.tickets import IssuedTicket, NewTicket
from gate.model import EventMode, TicketFlag, TicketState

EVENT = "harbour-lights"
GATE, GATE_SHORT = "g1", "G1"
DEVICE = "g1"
_HALL, _TERRACE = 1, 2  # zone bits
_DAY_S = 86_400
VALID_DAYS = 30
LATER_DAYS = 10
"""A ticket of the wrong day is valid only from then on; a kept seed must be younger than this."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One group of tickets: how many, and how they differ from a plain one."""

    count: int
    product: int = 1
    zones: int = _HALL
    state: int = TicketState.VALID
    flags: int = 0
    uses: int = 1
    later: bool = False


KINDS: dict[str, Kind] = {
    "regular": Kind(510),
    "vip": Kind(160, product=2, zones=_HALL | _TERRACE, flags=TicketFlag.VIP | TicketFlag.ATTENTION),
    "child": Kind(160, product=3, flags=TicketFlag.MINOR),
    "staff": Kind(30, product=4, zones=_HALL | _TERRACE, flags=TicketFlag.STAFF, uses=0),
    "accessible": Kind(10, flags=TicketFlag.ACCESSIBILITY),
    "unpaid": Kind(20, state=TicketState.UNPAID),
    "canceled": Kind(20, state=TicketState.CANCELED),
    "revoked": Kind(20, state=TicketState.REVOKED),
    "blocked": Kind(20, state=TicketState.BLOCKED),
    "wrong_day": Kind(20, later=True),
    "wrong_zone": Kind(30, zones=_TERRACE),
}
_LANGUAGES = ("en", "id", "zh-Hant", None)


def policy() -> dict[str, Any]:
    return {
        "event": EVENT,
        "name": {"en": "Harbour Lights Festival", "id": "Festival Cahaya Pelabuhan", "zh-Hant": "港灣燈光節"},
        "tz": "Asia/Taipei",
        "products": [
            {"n": 1, "name": {"en": "Day ticket", "id": "Tiket harian", "zh-Hant": "單日票"}},
            {"n": 2, "name": {"en": "VIP", "id": "VIP", "zh-Hant": "貴賓票"}},
            {"n": 3, "name": {"en": "Child", "id": "Anak", "zh-Hant": "兒童票"}},
            {"n": 4, "name": {"en": "Staff", "id": "Staf", "zh-Hant": "工作證"}, "kind": "staff"},
        ],
        "lists": [{"id": "main"}],
        "gates": [
            {
                "id": GATE,
                "short": GATE_SHORT,
                "name": {"en": "North entrance", "id": "Pintu utara", "zh-Hant": "北側入口"},
                "zones": _HALL,
                "lists": ["main"],
            },
            {
                "id": "g2",
                "short": "G2",
                "name": {"en": "Terrace entrance", "id": "Pintu teras", "zh-Hant": "露台入口"},
                "zones": _HALL | _TERRACE,
                "lists": ["main"],
            },
        ],
    }


def create(central: Central) -> dict[str, list[str]]:
    """Make the event and its tickets.

    Returns: the texts of each kind, in order of issue.
    """
    now_s = central.clock() // 1000
    central.create_event(policy(), EventMode(mode="allow_list", warn_s=900, stale_s=86_400, stale="warn"))
    wanted = [(name, _wanted(kind, now_s, n)) for name, kind in KINDS.items() for n in range(kind.count)]
    issued: Sequence[IssuedTicket] = central.issue_many(EVENT, [item for _, item in wanted])
    texts: dict[str, list[str]] = {name: [] for name in KINDS}
    for (name, _), ticket in zip(wanted, issued, strict=True):
        texts[name].append(ticket.text)
    central.publish(EVENT)
    return texts


def _wanted(kind: Kind, now_s: int, n: int) -> NewTicket:
    return NewTicket(
        product=kind.product,
        zones=kind.zones,
        exp=now_s + VALID_DAYS * _DAY_S,
        nbf=now_s + LATER_DAYS * _DAY_S if kind.later else None,
        state=kind.state,
        flags=kind.flags,
        uses=kind.uses,
        lang=_LANGUAGES[n % len(_LANGUAGES)],
    )
