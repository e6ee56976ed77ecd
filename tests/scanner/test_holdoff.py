"""Presence makes presentations: one scan however long a ticket is held, a new one after it was away."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gate.scanner.holdoff import Appeared, Crowd, Event, HoldOff, Left, Sighting, Unread

_CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))
_STEP = 33


def _seen(text: str, side: float = 200) -> Sighting:
    return Sighting(text, "zxing", _CORNERS, side)


def _play(holdoff: HoldOff, frames: list[list[Sighting]], start: int = 0, candidate: bool = False) -> list[Event]:
    return [e for n, f in enumerate(frames) for e in holdoff.see(start + n * _STEP, f, candidate=candidate)]


def _texts(events: list[Event]) -> list[str]:
    return [e.sighting.text for e in events if isinstance(e, Appeared)]


def test_a_ticket_held_for_ten_minutes_is_one_presentation() -> None:
    events = _play(HoldOff(), [[_seen("A")]] * (600_000 // _STEP))
    assert _texts(events) == ["A"]
    assert len(events) == 1


def test_it_appears_in_its_first_frame() -> None:
    assert HoldOff().see(1000, [_seen("A")]) == [Appeared(1, _seen("A"), 1)]


def test_out_of_view_for_the_time_is_left_and_comes_back_as_a_new_presentation() -> None:
    holdoff = HoldOff(gone_ms=500)
    assert holdoff.see(0, [_seen("A")]) == [Appeared(1, _seen("A"), 1)]
    assert _play(holdoff, [[]] * 15, start=_STEP) == []
    assert holdoff.see(_STEP * 16, []) == [Left(1, _STEP * 16)]
    assert holdoff.see(_STEP * 17, [_seen("A")]) == [Appeared(2, _seen("A"), 1)]


def test_missed_frames_shorter_than_the_time_do_not_end_it() -> None:
    flicker = ([[_seen("A")]] + [[]] * 14) * 40
    assert _texts(_play(HoldOff(gone_ms=500), flicker)) == ["A"]


def test_a_stalled_source_has_seen_nobody_leave() -> None:
    holdoff = HoldOff(gone_ms=500)
    holdoff.see(0, [_seen("A")])
    assert holdoff.see(60_000, []) == []
    assert holdoff.see(60_033, [_seen("A")]) == []


def test_two_codes_in_view_admit_none_and_say_so_each_second() -> None:
    events = _play(HoldOff(), [[_seen("A"), _seen("B", 190)]] * 61)
    assert _texts(events) == []
    assert [e for e in events if isinstance(e, Crowd)] == [Crowd(2), Crowd(2)]


def test_the_clearly_nearer_of_two_is_the_one_presented() -> None:
    assert _texts(_play(HoldOff(), [[_seen("far", 100), _seen("near", 160)]] * 5)) == ["near"]


def test_codes_that_are_read_in_turns_are_still_two_in_view() -> None:
    holdoff = HoldOff()
    first = holdoff.see(0, [_seen("A")])
    later = _play(holdoff, [[_seen("B")], [_seen("A")]] * 20, start=_STEP)
    assert _texts(first + later) == ["A"]
    assert Crowd(2) in later


def test_when_one_of_two_goes_away_the_other_appears() -> None:
    holdoff = HoldOff()
    _play(holdoff, [[_seen("A"), _seen("B")]] * 5)
    assert _texts(_play(holdoff, [[_seen("B")]] * 10, start=5 * _STEP)) == ["B"]


def test_the_next_ticket_does_not_wait_for_the_first_to_be_gone() -> None:
    holdoff = HoldOff(gone_ms=500, crowd_ms=150)
    _play(holdoff, [[_seen("A")]] * 5)
    events = _play(holdoff, [[_seen("B")]] * 8, start=5 * _STEP)
    assert _texts(events) == ["B"]


def test_a_code_seen_for_two_seconds_and_not_read_asks_for_help_and_again() -> None:
    events = _play(HoldOff(), [[]] * 130, start=990, candidate=True)
    assert events == [Unread(990), Unread(990)]


def test_a_code_that_was_read_is_not_unread() -> None:
    holdoff = HoldOff(gone_ms=500)
    for n in range(200):
        events = holdoff.see(n * _STEP, [_seen("A")] if n % 10 == 0 else [], candidate=n % 10 != 0)
        assert not any(isinstance(e, Unread) for e in events)


def test_a_short_look_like_a_code_says_nothing() -> None:
    holdoff = HoldOff()
    for n in range(300):
        assert holdoff.see(n * _STEP, [], candidate=n % 60 < 30) == []


def test_clear_ends_every_presentation() -> None:
    holdoff = HoldOff()
    holdoff.see(0, [_seen("A")])
    assert holdoff.clear(99) == [Left(1, 99)]
    assert holdoff.present == 0


_frame = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(20, 400)), max_size=3, unique_by=lambda pair: pair[0])


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 2000), _frame, st.booleans()), max_size=80), st.integers(100, 1500))
def test_presentations_open_and_close_in_order_whatever_is_seen(
    frames: list[tuple[int, list[tuple[str, int]], bool]], gone_ms: int
) -> None:
    holdoff = HoldOff(gone_ms=gone_ms)
    at, last_p = 0, 0
    open_by_text: dict[str, int] = {}
    for step, codes, candidate in frames:
        at += step
        for event in holdoff.see(at, [_seen(text, side) for text, side in codes], candidate=candidate):
            if isinstance(event, Appeared):
                assert event.p == last_p + 1
                assert event.sighting.text in dict(codes)
                assert event.sighting.text not in open_by_text
                assert event.frames >= 1
                last_p = event.p
                open_by_text[event.sighting.text] = event.p
            elif isinstance(event, Left):
                (text,) = [text for text, p in open_by_text.items() if p == event.p]
                assert text not in dict(codes)
                del open_by_text[text]
            elif isinstance(event, Crowd):
                assert event.n >= 2
            else:
                assert event.since <= at - 2000
        assert holdoff.present == len(open_by_text)


@given(st.lists(st.integers(1, 249), min_size=1, max_size=60))
def test_a_ticket_in_view_at_least_every_half_time_is_one_presentation(steps: list[int]) -> None:
    holdoff, at = HoldOff(gone_ms=500), 0
    events = holdoff.see(at, [_seen("A")])
    for n, step in enumerate(steps):
        at += step
        events += holdoff.see(at, [_seen("A")] if n % 2 else [])
    assert [type(e) for e in events] == [Appeared]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 120), st.sets(st.sampled_from("ABCD"), min_size=2)), min_size=1, max_size=80))
def test_of_codes_that_are_equally_near_none_is_ever_admitted(frames: list[tuple[int, set[str]]]) -> None:
    holdoff, at = HoldOff(), 0
    for step, texts in frames:
        at += step
        events = holdoff.see(at, [_seen(text, 200) for text in sorted(texts)])
        assert not any(isinstance(event, Appeared) for event in events)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 200), st.booleans()), min_size=1, max_size=200), st.integers(200, 1500))
def test_nobody_has_left_before_the_time_was_seen_without_the_code(
    frames: list[tuple[int, bool]], gone_ms: int
) -> None:
    """Against a plain model: absence is summed over consecutive frames without the code, and ends with a sighting."""
    holdoff, at, absent, here, scans = HoldOff(gone_ms=gone_ms), 0, 0, False, 0
    for step, shown in frames:
        at += step
        events = holdoff.see(at, [_seen("A")] if shown else [])
        absent = 0 if shown else absent + min(step, gone_ms // 2)
        left = any(isinstance(event, Left) for event in events)
        appeared = any(isinstance(event, Appeared) for event in events)
        assert left == (here and not shown and absent >= gone_ms)
        assert appeared == (shown and not here)
        scans += appeared
        here = shown or (here and not left)
    assert holdoff.present == here


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 100), st.booleans()), min_size=1, max_size=200))
def test_help_is_asked_only_for_what_has_been_seen_unread_for_two_seconds(frames: list[tuple[int, bool]]) -> None:
    holdoff, at, first = HoldOff(), 0, None
    absent = 0
    for step, candidate in frames:
        at += step
        events = holdoff.see(at, [], candidate=candidate)
        absent = 0 if candidate else absent + step
        first = at if candidate and first is None else first
        for event in events:
            assert isinstance(event, Unread)
            assert candidate
            assert first is not None
            assert at - event.since >= 2000
            assert event.since >= first
