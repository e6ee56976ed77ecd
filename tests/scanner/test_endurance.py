"""Ninety seconds of frames in simulated time, one long presentation among them; `make prove-scanner` runs eight hours."""

from __future__ import annotations

from tests.scanner.endurance import run


def test_every_presentation_is_one_scan_and_every_frame_is_counted() -> None:
    outcome = run(1.5 / 60, (320, 240), start_s=3530)
    assert outcome.frames == outcome.counted == 90 * 30
    assert outcome.shown == 10 + 1 + 21  # one a second, one held for 58 s, one a second again
    assert outcome.messages["appeared"] == outcome.messages["left"] == outcome.shown
    assert outcome.texts_in_order
    assert outcome.messages["health"] == 90
    assert outcome.dropped == 0
    assert set(outcome.messages) == {"appeared", "left", "health"}
