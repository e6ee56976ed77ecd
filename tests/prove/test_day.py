"""A quarter of an hour of a troubled day; `make prove-day` is the whole day."""

from __future__ import annotations

from tests.prove.day import run


def test_every_count_of_a_troubled_quarter_of_an_hour_reconciles() -> None:
    found = run(0.25, seed=3, trouble=1 / 20)
    account = found["account"]
    assert found["wrong"] == []
    assert account.faults >= 5
    assert account.restarts >= 1
    assert account.rows["annulled"] > 0
    assert account.rows["admitted"] > 200
