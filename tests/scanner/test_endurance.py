"""Three minutes of frames at 30 a second in simulated time; `make prove-scanner` runs eight hours of the same."""

from __future__ import annotations

from tests.scanner.endurance import run


def test_every_presentation_is_one_scan_and_every_frame_is_counted() -> None:
    outcome = run(3 / 60)
    assert outcome.frames == outcome.counted == 3 * 60 * 30
    assert outcome.shown == 180
    assert outcome.messages["appeared"] == outcome.messages["left"] == outcome.shown
    assert outcome.texts_in_order
    assert outcome.messages["health"] == 180
    assert outcome.dropped == 0
    assert set(outcome.messages) == {"appeared", "left", "health"}
