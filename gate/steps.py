"""Named steps on the way of a scan, so that a proof can stop the gate exactly there. Nothing else belongs here.

A gate at work does nothing at a step: no setting, no variable and no file can change that. A proof, in a process of its
own, puts its own function in place of `reach` before it builds the gate (`tests/fault/lane.py`).
"""

from __future__ import annotations

from collections.abc import Callable

STEPS = (
    "app.journal",  # journal open, nothing written in this life
    "app.booted",  # boot row on disk
    "app.ready",  # everything answers, no scanner yet
    "app.turn",  # the admission thread begins its next turn
    "scan.heard",  # a text reached the admission thread
    "scan.decided",  # the answer is known, nothing is written
    "journal.begun",  # inside the transaction, nothing written
    "journal.row",  # the row is written, its use is not counted
    "journal.counted",  # row and use are written, not committed
    "journal.committed",  # on disk, nobody knows yet
    "scan.committed",  # before the relay
    "pin.on",  # in the pins' owner: the relay has just been energised
    "scan.pulsed",  # the lane knows that the pin changed
    "scan.shown",  # screen, lamp and buzzer are told
    "passage.heard",  # somebody passed, nothing is written
    "pin.off",  # in the pins' owner: the relay has just gone to rest
)


def _nothing(_step: str) -> None:
    return


reach: Callable[[str], None] = _nothing
"""Call as `steps.reach("scan.heard")`, never by a name of one's own: the module's attribute is what a proof replaces."""
