"""The order of rules (contracts 1a): the order is the policy, one row a direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gate.decision import rules
from gate.decision.facts import Facts
from gate.decision.rules import Refusal, Rule
from gate.model import Decision, Direction, FirstUse, Reason, TicketFlag

RULES: Mapping[Direction, Sequence[Rule]] = {
    Direction.ENTRY: (
        rules.out_of_service,
        rules.lane_busy,
        rules.authentic,
        rules.known,
        rules.revoked,
        rules.canceled,
        rules.blocked,
        rules.unapproved,
        rules.window,
        rules.product,
        rules.unpaid,
        rules.code_required,
        rules.clock_untrusted,
        rules.rules,
        rules.incomplete,
        rules.stale_data,
        rules.already_redeemed,
    ),
    # At an exit only these keep the lane shut by themselves; nobody is kept inside over a clock, a debt or a revocation.
    Direction.EXIT: (rules.out_of_service, rules.lane_busy, rules.authentic, rules.known),
}
EXIT_WORDS: Sequence[Rule] = (
    rules.canceled,
    rules.blocked,
    rules.unapproved,
    rules.product,
    rules.unpaid,
    rules.no_entry,
)
"""At an exit these only give the word that pretix would give; the lane opens."""

_ATTENTION = TicketFlag.ATTENTION | TicketFlag.MINOR | TicketFlag.ACCESSIBILITY


@dataclass(frozen=True, slots=True)
class Step:
    """One rule's answer, for explain."""

    name: str
    answer: str
    """`pass`, or the reason with its detail."""


def decide(facts: Facts) -> Decision:
    for rule in RULES[facts.direction]:
        if (refusal := rule(facts)) is not None:
            return _refused(facts, rule, refusal)
    if facts.direction is Direction.EXIT:
        for rule in EXIT_WORDS:
            if (refusal := rule(facts)) is not None:
                return Decision(admit=True, reason=refusal.reason, detail=refusal.detail, rule=rule.__name__)
    return Decision(admit=True, reason=Reason.OK, attention=bool(facts.flags & _ATTENTION))


def explain(facts: Facts) -> tuple[Decision, list[Step]]:
    """The decision, and every rule's answer up to the one that decided."""
    decision = decide(facts)
    ordered = [*RULES[facts.direction], *(EXIT_WORDS if facts.direction is Direction.EXIT else ())]
    steps = []
    for rule in ordered:
        refusal = rule(facts)
        steps.append(Step(rule.__name__, _words(refusal)))
        if rule.__name__ == decision.rule:
            break
    return decision, steps


def _words(refusal: Refusal | None) -> str:
    if refusal is None:
        return "pass"
    return f"{refusal.reason}/{refusal.detail}" if refusal.detail else str(refusal.reason)


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
