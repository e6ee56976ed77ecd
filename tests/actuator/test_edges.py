"""Which edges of a contact count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gate.actuator.edges import Change, EdgeFilter


def test_a_level_counts_once_it_has_held() -> None:
    f = EdgeFilter(0.02)
    assert f.feed(True, 1.0) is None
    assert f.next_change() == 1.02
    assert f.settle(1.019) is None
    assert f.settle(1.02) == Change(True, 1.0)
    assert f.settle(2.0) is None


def test_a_spike_is_no_event() -> None:
    f = EdgeFilter(0.02)
    f.feed(True, 1.0)
    assert f.feed(False, 1.01) is None
    assert f.settle(9.0) is None
    assert f.next_change() is None


def test_a_bouncing_contact_is_one_event_from_its_last_bounce() -> None:
    f = EdgeFilter(0.02)
    changes = [f.feed(i % 2 == 0, 1.0 + i * 0.003) for i in range(7)]
    assert changes == [None] * 7
    assert f.settle(1.1) == Change(True, 1.018)


def test_a_short_true_pulse_read_late_is_still_seen() -> None:
    f = EdgeFilter(0.02)
    assert f.feed(True, 1.0) is None
    # The reader was busy for a second: both edges come at once, with their own times.
    assert f.feed(False, 1.05) == Change(True, 1.0)
    assert f.settle(2.0) == Change(False, 1.05)


def test_reading_the_same_level_again_is_no_edge() -> None:
    f = EdgeFilter(0.02)
    f.feed(True, 1.0)
    assert f.feed(True, 1.015) is None
    assert f.settle(1.02) == Change(True, 1.0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0001, 0.2)), max_size=60))
def test_events_alternate_and_are_as_many_as_the_levels_that_held(edges: list[tuple[bool, float]]) -> None:
    f = EdgeFilter(0.02)
    now, changes, held = 0.0, [], []
    believed, raw, since = False, False, 0.0
    for level, gap in edges:
        now += gap
        if raw != believed and now >= since + 0.02:
            believed = raw
            held.append((raw, since))
        if level != raw:
            raw, since = level, now
        change = f.feed(level, now)
        if change:
            changes.append(change)
    assert [(c.active, c.at) for c in changes] == held
    assert [c.active for c in changes] == [i % 2 == 0 for i in range(len(changes))]
