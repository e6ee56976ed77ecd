"""What can be wrong with the gate itself: each fault by its name, and what a lane with it still answers. Pure.

The names are shown (`state.faults`), counted (`gate_fault` in `/metrics`), journaled (kind `mode`) and explained in
`docs/failure-guide.md`. Who finds them is `gate.health`.
"""

from __future__ import annotations

from enum import StrEnum

from gate.model import Reason, Verdict


class Fault(StrEnum):
    """Worst first: the first one that stands is the one the screen speaks of."""

    PINS = "pins"
    """The relay cannot be driven, or its owner does not answer."""
    JOURNAL = "journal"
    """The journal took no row."""
    DISK_READONLY = "disk_readonly"
    DISK_FULL = "disk_full"
    """Less free space than `journal.min_free_mib`, or the disk said so."""
    NOT_IN_POLICY = "not_in_policy"
    """The policy in force does not name this gate: the organiser has taken it out."""
    CAMERA = "camera"
    """No camera or reader of this gate gives anything."""
    INPUT = "input"
    """One of several cameras or readers is gone."""
    SET_ASIDE = "set_aside"
    """The journal was broken at start and was moved aside; uses that the server does not know are not known here."""
    CLOCK = "clock"
    """Nobody stands for the time."""
    STALE = "stale"
    """The manifest is older than the organiser's warning age, or its trust file has expired."""


NO_RECORD = (Fault.JOURNAL, Fault.DISK_READONLY, Fault.DISK_FULL)
"""With one of these an entry could not be put on record, so none is given."""
JOURNALED = frozenset(
    {
        Fault.PINS,
        Fault.DISK_READONLY,
        Fault.DISK_FULL,
        Fault.JOURNAL,
        Fault.NOT_IN_POLICY,
        Fault.CAMERA,
        Fault.INPUT,
    }
)
"""Begin and end of these are rows of kind `mode`; the others stand in every row (`clock`) or in the boot row."""


def no_record(faults: tuple[Fault, ...]) -> Fault | None:
    return next((fault for fault in faults if fault in NO_RECORD), None)


def answer_without_record(fault: Fault, policy: str) -> tuple[Verdict, Reason, str]:
    """What every entry is told (`decision.disk_full`): verdict, reason, detail."""
    if policy == "refuse":
        return Verdict.OUT_OF_ORDER, Reason.OUT_OF_SERVICE, fault.value
    return Verdict.SEE_STAFF, Reason.ERROR, "paper" if policy == "paper" else fault.value


def lamp_of(faults: tuple[Fault, ...]) -> Verdict | None:
    """For a lamp that has no verdict to show."""
    return Verdict.SEE_STAFF if Fault.CAMERA in faults else None
