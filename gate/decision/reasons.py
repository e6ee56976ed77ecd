"""The one table from reason to verdict, and from verdict to lamp and sound.

Screen words per language stand in `kiosk_ui/i18n/`, keyed by the values here; a test holds both together.
"""

from __future__ import annotations

from dataclasses import dataclass

from gate.model import Decision, Direction, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Signal:
    """How a verdict looks on the lamp and sounds on the buzzer.

    Attributes:
        rgb: which of red, green, blue are lit.
        blink: (on_s, off_s) per period, None = steady. Under 3 Hz, so that nobody is harmed by it.
        beeps: (on_s, off_s) once each, in order.
    """

    rgb: tuple[bool, bool, bool]
    blink: tuple[tuple[float, float], ...] | None = None
    beeps: tuple[tuple[float, float], ...] = ()
    sound: str = ""


_SLOW = ((0.7, 0.7),)
_DOUBLE = ((0.2, 0.2), (0.2, 0.9))
_EVEN = ((0.4, 0.4),)

SIGNALS: dict[Verdict, Signal] = {
    Verdict.GO: Signal((False, True, False), None, ((0.1, 0.0),), "go"),
    Verdict.GO_ATTENTION: Signal((True, True, False), _SLOW, ((0.1, 0.08), (0.1, 0.0)), "go_attention"),
    Verdict.STOP_USED: Signal((True, False, False), _DOUBLE, ((0.2, 0.12), (0.2, 0.0)), "stop_used"),
    Verdict.STOP: Signal((True, False, False), None, ((0.6, 0.0),), "stop"),
    Verdict.SEE_STAFF: Signal((False, False, True), _EVEN, ((0.08, 0.08), (0.08, 0.08), (0.08, 0.0)), "see_staff"),
    Verdict.WAIT: Signal((False, False, False)),
    Verdict.OUT_OF_ORDER: Signal((True, False, False), _SLOW),
    Verdict.EMERGENCY: Signal((False, True, False)),
}

VERDICTS: dict[Reason, Verdict] = {
    Reason.OK: Verdict.GO,
    Reason.OVERRIDE: Verdict.GO,
    Reason.INVALID: Verdict.STOP,
    Reason.INVALID_SIGNATURE: Verdict.STOP,
    Reason.UNKNOWN_KEY: Verdict.STOP,
    Reason.WRONG_EVENT: Verdict.STOP,
    Reason.REVOKED: Verdict.STOP,
    Reason.BLOCKED: Verdict.STOP,
    Reason.CANCELED: Verdict.STOP,
    Reason.INVALID_TIME: Verdict.STOP,
    Reason.PRODUCT: Verdict.STOP,
    Reason.RULES: Verdict.STOP,
    Reason.NO_ENTRY: Verdict.STOP,
    Reason.CODE_EXPIRED: Verdict.STOP,
    Reason.CODE_REQUIRED: Verdict.STOP,
    Reason.ALREADY_REDEEMED: Verdict.STOP_USED,
    Reason.UNPAID: Verdict.SEE_STAFF,
    Reason.UNAPPROVED: Verdict.SEE_STAFF,
    Reason.CHECKOUT_REQUIRED: Verdict.SEE_STAFF,
    Reason.AMBIGUOUS: Verdict.SEE_STAFF,
    Reason.STALE_DATA: Verdict.SEE_STAFF,
    Reason.CLOCK_UNTRUSTED: Verdict.SEE_STAFF,
    Reason.INCOMPLETE: Verdict.SEE_STAFF,
    Reason.ERROR: Verdict.SEE_STAFF,
    Reason.ANNULLED: Verdict.WAIT,
    Reason.CAPACITY: Verdict.WAIT,
    Reason.LANE_BUSY: Verdict.WAIT,
    Reason.OUT_OF_SERVICE: Verdict.OUT_OF_ORDER,
}


def verdict_of(decision: Decision, direction: Direction) -> Verdict:
    """The screen for a decision. At an exit an opened lane with any other word than `ok` asks for attention."""
    if decision.admit:
        plain = decision.reason is Reason.OK and not decision.attention
        return Verdict.GO if plain else Verdict.GO_ATTENTION
    if direction is Direction.EXIT and decision.reason is not Reason.OUT_OF_SERVICE:
        return Verdict.WAIT if decision.reason is Reason.LANE_BUSY else Verdict.SEE_STAFF
    return VERDICTS[decision.reason]
