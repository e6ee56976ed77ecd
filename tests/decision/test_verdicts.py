"""The table from reason to verdict to lamp and sound is whole, and says what `verdicts.md` of the design says."""

from __future__ import annotations

import itertools

import pytest

from gate.decision.reasons import SIGNALS, VERDICTS, verdict_of
from gate.model import Decision, Direction, Reason, Verdict

OPENING = {Verdict.GO, Verdict.GO_ATTENTION, Verdict.EMERGENCY}


def test_every_reason_has_a_verdict_and_every_verdict_a_signal() -> None:
    assert set(VERDICTS) == set(Reason)
    assert set(SIGNALS) == set(Verdict)
    assert len(Verdict) == 8


def test_wire_words_of_reasons() -> None:
    """They are journaled, synced and translated: add, never rename."""
    assert {str(reason) for reason in Reason} >= {
        "ok", "invalid", "invalid_signature", "unknown_key", "wrong_event", "revoked", "blocked", "canceled", "unpaid",
        "unapproved", "invalid_time", "product", "already_redeemed", "checkout_required", "no_entry", "rules", "ambiguous",
        "code_expired", "code_required", "capacity", "stale_data", "clock_untrusted", "incomplete", "lane_busy",
        "out_of_service", "error", "annulled", "override",
    }  # fmt: skip


def test_only_ok_and_an_override_look_open() -> None:
    assert {reason for reason, verdict in VERDICTS.items() if verdict in OPENING} == {Reason.OK, Reason.OVERRIDE}


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_never_looks_like_an_admission(reason: Reason, direction: Direction) -> None:
    refused = Decision(admit=False, reason=reason)
    if reason not in {Reason.OK, Reason.OVERRIDE}:
        assert verdict_of(refused, direction) not in OPENING


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("reason", Reason)
def test_an_admission_never_looks_like_a_refusal(reason: Reason, direction: Direction) -> None:
    for attention in (False, True):
        verdict = verdict_of(Decision(admit=True, reason=reason, attention=attention), direction)
        assert verdict is (Verdict.GO if reason is Reason.OK and not attention else Verdict.GO_ATTENTION)


def test_the_lamp_of_every_verdict() -> None:
    """Green steady, amber slow, red double, red steady, blue, off, red slow, green."""
    red, green, blue = (True, False, False), (False, True, False), (False, False, True)
    assert {verdict: signal.rgb for verdict, signal in SIGNALS.items()} == {
        Verdict.GO: green,
        Verdict.GO_ATTENTION: (True, True, False),
        Verdict.STOP_USED: red,
        Verdict.STOP: red,
        Verdict.SEE_STAFF: blue,
        Verdict.WAIT: (False, False, False),
        Verdict.OUT_OF_ORDER: red,
        Verdict.EMERGENCY: green,
    }
    steady = {verdict for verdict, signal in SIGNALS.items() if signal.blink is None}
    assert steady == {Verdict.GO, Verdict.STOP, Verdict.WAIT, Verdict.EMERGENCY}


def test_no_lamp_blinks_at_3_hz_or_faster() -> None:
    for signal in SIGNALS.values():
        for on_s, off_s in signal.blink or ():
            assert on_s + off_s > 1 / 3


def test_no_two_verdicts_sound_alike() -> None:
    """The buzzer alone tells them apart, but for those that are silent."""
    sounding = [signal for signal in SIGNALS.values() if signal.beeps]
    for one, other in itertools.combinations(sounding, 2):
        assert one.beeps != other.beeps
        assert one.sound != other.sound
    silent = {verdict for verdict, signal in SIGNALS.items() if not signal.beeps}
    assert silent == {Verdict.WAIT, Verdict.OUT_OF_ORDER, Verdict.EMERGENCY}


def test_lamp_and_colour_blindness() -> None:
    """STOP and STOP_USED share a colour; they differ in rhythm."""
    assert SIGNALS[Verdict.STOP].blink != SIGNALS[Verdict.STOP_USED].blink
    assert SIGNALS[Verdict.GO].rgb != SIGNALS[Verdict.STOP].rgb
