"""Soft passback (contracts 1a) over a whole set of check-ins: who entered while somebody was inside with the same ticket.

The gate lets them in with attention; whoever sees all gates tells people. Pure, beside `resolve`, on what it has put in order.
"""

from __future__ import annotations

from gate.wire.resolve import Duplicate, Limits, Placed, Resolution

WHY = "passback_soft"


def soft_passbacks(result: Resolution, limits: Limits) -> tuple[Duplicate, ...]:
    """Entries that a product with soft passback lets in although its holder is inside. `first` is the entry before.

    Those that `resolve` calls one too many are that, and nothing else.
    """
    if limits.passback != "soft" or limits.multiple:
        return ()
    too_many = {item.placed.use.place for item in result.duplicates}
    found: list[Duplicate] = []
    last: Placed | None = None
    for placed in result.order:
        if placed.use.is_exit:
            last = None
            continue
        if last is not None and placed.use.kind == "admitted" and placed.use.place not in too_many:
            found.append(Duplicate(placed, last, WHY, placed.overlaps(last)))
        last = placed
    return tuple(found)
