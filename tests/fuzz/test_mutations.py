"""The long proof in small: every kind of spoiled text, every run."""

from __future__ import annotations

import pytest

from tests.fuzz.mutations import run

COUNT = 16_000


def test_no_spoiled_forged_or_foreign_text_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(7, COUNT)
    with capsys.disabled():
        print(f"\n{COUNT} texts of {len(result.kinds)} kinds, {len(result.accepted)} accepted:", end=" ")
        print(dict(result.answers.most_common()), f"slowest {result.slowest_s * 1000:.2f} ms", end=" ")
    assert result.accepted == []
    assert result.uncaught == []
    assert result.slow == []
    assert result.answers.total() == result.kinds.total() == COUNT
    assert len(result.kinds) == 15 + 20
    reasons = {answer.split()[0].rstrip(",") for answer in result.answers}
    assert reasons == {"invalid", "invalid_signature", "unknown_key", "wrong_event", "opaque"}
