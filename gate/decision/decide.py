"""The order of rules (contracts 1a): the order is the policy, one row a direction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from gate.decision import rules
from gate.decision.facts import Facts
from gate.decision.rules import Refusal, Rule
from gate.model import Decision, Direction, FirstUse, Reason, TicketFlag, TicketState

RULES: Mapping[Direction, Sequence[Rule]] = {
    Direction.ENTRY: (
        rules.out_of_service,
        rules.lane_busy,
        rules.authentic,
        rules.known,
        rules.ambiguous,
        rules.revoked,
        rules.canceled,
        rules.blocked,
        rules.unapproved,
        rules.window,
        rules.product,
        rules.unpaid,
        rules.code_required,
        rules.code_expired,
        rules.clock_untrusted,
        rules.test_flag,
        rules.rules,
        rules.incomplete,
        rules.stale_data,
        rules.checkout_required,
        rules.already_redeemed,
        rules.capacity,
    ),
    # At an exit only these keep the lane shut by themselves; nobody is kept inside over a clock, a debt or a revocation.
    Direction.EXIT: (rules.out_of_service, rules.lane_busy, rules.authentic, rules.known, rules.test_flag),
}
EXIT_WORDS: Sequence[Rule] = (
    rules.ambiguous,
    rules.revoked,
    rules.canceled,
    rules.blocked,
    rules.unapproved,
    rules.product,
    rules.unpaid,
    rules.no_entry,
)
"""At an exit these only give the word that pretix would give; the lane opens."""

PASSBACK_SOFT = "passback_soft"
"""Detail of an `ok` row: admitted although somebody is inside with this ticket. The incident mark of soft passback."""

_ATTENTION = TicketFlag.ATTENTION | TicketFlag.MINOR | TicketFlag.ACCESSIBILITY


@dataclass(frozen=True, slots=True)
class Step:
    """One rule's answer, for explain."""

    name: str
    answer: str
    """`pass`, or the reason with its detail."""
    looked: tuple[str, ...] = ()
    """Names of the facts that it read, in order of reading."""


def decide(facts: Facts) -> Decision:
    for rule in RULES[facts.direction]:
        if (refusal := rule(facts)) is not None:
            return _refused(facts, rule, refusal)
    return _opened_exit(facts) if facts.direction is Direction.EXIT else _admitted(facts)


def _opened_exit(facts: Facts) -> Decision:
    for rule in EXIT_WORDS:
        if (refusal := rule(facts)) is not None:
            return Decision(admit=True, reason=refusal.reason, detail=refusal.detail, rule=rule.__name__)
    return Decision(admit=True, reason=Reason.OK, attention=bool(facts.flags & _ATTENTION))


def _admitted(facts: Facts) -> Decision:
    """What staff should look at although the lane opens: flags, a debt that this list takes, a soft passback."""
    soft = facts.passback == "soft" and rules.passed_back(facts) and not facts.list_multiple
    attention = soft or facts.state == TicketState.UNPAID or bool(facts.flags & _ATTENTION)
    return Decision(admit=True, reason=Reason.OK, detail=PASSBACK_SOFT if soft else "", attention=attention)


def _refused(facts: Facts, rule: Rule, refusal: Refusal) -> Decision:
    first_use = None
    if refusal.reason is Reason.ALREADY_REDEEMED and facts.first_at is not None:
        first_use = FirstUse(gate=facts.first_gate or "", at=facts.first_at)
    return Decision(
        admit=False,
        reason=refusal.reason,
        detail=refusal.detail,
        rule=rule.__name__,
        first_use=first_use,
    )


# ---- explain


class _Watched:
    """Facts that remember which of them a rule read."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.read: dict[str, None] = {}

    def __getattr__(self, name: str) -> object:
        self.read[name] = None
        return getattr(self._facts, name)


def explain(facts: Facts) -> tuple[Decision, list[Step]]:
    """The decision, and every rule's answer up to the one that decided."""
    return decide(facts), list(_steps(facts))


def _steps(facts: Facts) -> Iterator[Step]:
    for rule in (*RULES[facts.direction], *(EXIT_WORDS if facts.direction is Direction.EXIT else ())):
        watched = _Watched(facts)
        refusal = rule(cast("Facts", watched))
        yield Step(rule.__name__, _words(refusal), tuple(watched.read))
        if refusal is not None:
            return


def _words(refusal: Refusal | None) -> str:
    if refusal is None:
        return "pass"
    return f"{refusal.reason}/{refusal.detail}" if refusal.detail else str(refusal.reason)
