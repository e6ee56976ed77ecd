"""Who comes to the gate in one round of the demo, and what the gate must answer. Pure.

A round shows every verdict in under a minute; the next one brings fresh tickets. Tests compare the gate's journal with
`expected`, so this table is the demo's specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gate.demo.event import KINDS
from gate.model import Reason, Verdict
from gate.scanner.simulator import Scene
from gate.verify.formats import gt1

PASSAGE_S = 0.9
"""A person walks through so long after the gate has opened."""
SLOW_PASSAGE_S = 3.1
WINDOW_S = 4.0
_FOREIGN = "https://example.org/menu?table=12"
_ALARM_S = 2.5
_ALARM_GAP_S = 3.6


@dataclass(frozen=True, slots=True)
class Act:
    """One presentation. `ticket`: a kind of `event.KINDS`, or again / forged / foreign."""

    ticket: str
    medium: str
    verdict: Verdict
    reason: Reason
    detail: str = ""
    hold_s: float = 1.0
    gap_s: float = 1.1
    slow: bool = False
    """The person dawdles in the lane: who comes next must wait."""
    waits: bool = False
    """The person does as told, keeps the code in view, and is let in once the lane is free."""


ACTS: tuple[Act, ...] = (
    Act("regular", "phone", Verdict.GO, Reason.OK),
    Act("again", "paper", Verdict.STOP_USED, Reason.ALREADY_REDEEMED, "total"),
    Act("vip", "phone", Verdict.GO_ATTENTION, Reason.OK),
    Act("unpaid", "paper", Verdict.SEE_STAFF, Reason.UNPAID),
    Act("regular", "phone_dark", Verdict.GO, Reason.OK, gap_s=0.15, hold_s=0.8, slow=True),
    Act("regular", "paper", Verdict.WAIT, Reason.LANE_BUSY, hold_s=3.4, waits=True),
    Act("forged", "phone", Verdict.STOP, Reason.INVALID_SIGNATURE),
    Act("foreign", "paper", Verdict.STOP, Reason.INVALID, "foreign_url"),
    Act("revoked", "phone", Verdict.STOP, Reason.REVOKED),
    Act("child", "paper", Verdict.GO_ATTENTION, Reason.OK),
    Act("wrong_zone", "phone", Verdict.STOP, Reason.PRODUCT, "zone"),
    Act("wrong_day", "paper", Verdict.STOP, Reason.INVALID_TIME, "not_yet"),
    Act("blocked", "phone_dark", Verdict.STOP, Reason.BLOCKED),
    Act("canceled", "paper", Verdict.STOP, Reason.CANCELED),
    Act("staff", "phone", Verdict.GO, Reason.OK, gap_s=2 * _ALARM_GAP_S),
)
_OPENING = (Verdict.GO, Verdict.GO_ATTENTION)
_ONCE = {act.ticket for act in ACTS if act.verdict in _OPENING and KINDS[act.ticket].uses}
ROUNDS = min(KINDS[name].count // sum(act.ticket == name for act in ACTS) for name in _ONCE)
"""So many rounds have fresh tickets; then the demo begins anew. Refused tickets come back, they are refused for ever."""
ADMISSIONS = sum(act.verdict in _OPENING or act.waits for act in ACTS)


@dataclass(frozen=True, slots=True)
class Cue:
    """Something that happens beside the camera, seconds from the start of the round's video."""

    at_s: float
    do: str
    """`slow` (the next one admitted walks slowly), `fire` or `staff` (a contact held for `for_s`)."""
    for_s: float = 0.0


def texts_of(tickets: Mapping[str, Sequence[str]], number: int) -> list[str]:
    """The code of each act in a round; beyond `ROUNDS` they are used ones."""
    taken: dict[str, int] = {}
    texts: list[str] = []
    for act in ACTS:
        if act.ticket == "again":
            texts.append(texts[-1])
        elif act.ticket == "foreign":
            texts.append(_FOREIGN)
        elif act.ticket == "forged":
            texts.append(forged(tickets["regular"][number]))
        else:
            uses = sum(item.ticket == act.ticket for item in ACTS)
            nth = taken.get(act.ticket, 0)
            taken[act.ticket] = nth + 1
            pool = tickets[act.ticket]
            texts.append(pool[(number * uses + nth) % len(pool)])
    return texts


def forged(text: str) -> str:
    """A real ticket, altered to another product: it looks right to every eye but the signature's."""
    ticket = gt1.to_sign1(text)
    assert ticket.payload is not None
    altered = bytearray(ticket.payload)
    altered[-2] ^= 0x02
    return gt1.to_text(type(ticket)(ticket.kid, bytes(altered), ticket.signature))


def scenes_of(tickets: Mapping[str, Sequence[str]], number: int) -> list[Scene]:
    return [
        Scene(text=text, medium=act.medium, hold_s=act.hold_s, gap_s=act.gap_s)
        for act, text in zip(ACTS, texts_of(tickets, number), strict=True)
    ]


def cues_of(starts_s: Sequence[float], end_s: float) -> list[Cue]:
    """Cues of a round whose acts come into view at `starts_s` and whose last one has left at `end_s`."""
    cues = [Cue(start, "slow") for act, start in zip(ACTS, starts_s, strict=True) if act.slow]
    cues.append(Cue(end_s + 0.8, "fire", _ALARM_S))
    cues.append(Cue(end_s + 0.8 + _ALARM_GAP_S, "staff", 0.3))
    cues.append(Cue(end_s + 0.8 + _ALARM_GAP_S + _ALARM_S, "staff", 0.3))
    return cues


def expected() -> list[dict[str, Any]]:
    """What the journal of one round says of its scans, in order."""
    told = []
    for act in ACTS:
        told.append((act.verdict, act.reason, act.detail))
        if act.waits:
            told.append((Verdict.GO, Reason.OK, ""))
    return [
        {"verdict": verdict.value, "reason": reason.value, "detail": detail, "admit": verdict in _OPENING}
        for verdict, reason, detail in told
    ]
