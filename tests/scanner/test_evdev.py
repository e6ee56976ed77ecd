"""A reader that types: who is taken, what its keys mean, and that a person's keys, control keys and torn texts are not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import DeviceError
from gate.scanner.profile import Wedge, load_profile, save_profile
from gate.scanner.sources import Line
from gate.scanner.sources.evdev import WedgeSource
from gate.scanner.sources.faults import SourceError
from gate.scanner.sources.keymap import Keys, clean_wedge, layout
from gate.scanner.teach import TEACH, Press, learn, presses_of
from gate.settings import InputSettings
from tests.scanner.conftest import GT1
from tests.scanner.devices import FakeDevices, Uinput, keys

READER = "05e0:1200"


def _settings(**more: Any) -> InputSettings:
    return InputSettings(kind="evdev", **{"device": READER, **more})


def _texts(source: WedgeSource, count: int, reads: int = 20_000) -> list[str]:
    found: list[str] = []
    for _ in range(reads):
        item = source.read()
        if isinstance(item, Line):
            found.append(item.text)
        if len(found) == count:
            break
    return found


@pytest.fixture
def fake() -> FakeDevices:
    return FakeDevices(event0="046d:c31c", event1=READER)


@pytest.fixture
def source(fake: FakeDevices) -> Iterator[WedgeSource]:
    source = WedgeSource(_settings(), fake)
    source.open()
    yield source
    source.close()


def test_only_the_allowed_reader_is_taken_and_grabbed(fake: FakeDevices, source: WedgeSource) -> None:
    assert fake.grabbed == ["event1"]


def test_a_ticket_is_a_text_and_its_time_is_that_of_the_keys(fake: FakeDevices, source: WedgeSource) -> None:
    at = time.monotonic_ns() // 1_000_000
    fake.type("event1", keys(GT1 + "\n"), at_ms=at)
    item = next(item for item in iter(source.read, object()) if item is not None)
    assert item == Line(GT1, at)


def test_two_tickets_in_one_burst_are_two(fake: FakeDevices, source: WedgeSource) -> None:
    fake.type("event1", keys("ABC-1\nABC-2\n"))
    assert _texts(source, 2) == ["ABC-1", "ABC-2"]


def test_a_device_that_is_not_named_is_never_opened_for_use() -> None:
    for device in ("/dev/input/event3", "", "keyboard", "05e0:12"):
        with pytest.raises(SourceError, match="vendor:product") as caught:
            WedgeSource(_settings(device=device), FakeDevices(event1=READER)).open()
        assert caught.value.name == "refused"
    with pytest.raises(SourceError, match="is not there") as caught:
        WedgeSource(_settings(), FakeDevices(event0="046d:c31c")).open()
    assert caught.value.name == "no_source"


def test_several_readers_may_be_allowed() -> None:
    fake = FakeDevices(event4="0c2e:0b61")
    assert WedgeSource(_settings(device=f"{READER},0C2E:0B61"), fake).open().source == "evdev:05e0:1200,0c2e:0b61"
    assert fake.grabbed == ["event4"]


def test_unplugging_is_named(fake: FakeDevices, source: WedgeSource) -> None:
    fake.type("event1", keys("AB"))
    fake.unplug("event1")
    with pytest.raises(SourceError, match="was unplugged") as caught:
        _texts(source, 1)
    assert caught.value.name == "unplugged"


def test_a_text_is_dropped_when_the_kernel_lost_keys(fake: FakeDevices, source: WedgeSource) -> None:
    fake.type("event1", [*keys("AB"), (0, 3, 0), *keys("C\n"), *keys("NEXT\n")])
    assert _texts(source, 1) == ["NEXT"]


def test_control_keys_are_dropped_and_counted(fake: FakeDevices, source: WedgeSource) -> None:
    control_c: list[tuple[int, int, int]] = [(1, 29, 1), (1, 46, 1), (1, 46, 0), (1, 29, 0)]
    others: list[tuple[int, int, int]] = [(1, code, 1) for code in (1, 59, 103, 111, 14, 113)]  # Esc, F1, arrows ...
    fake.type("event1", [*keys("AB"), *control_c, *others, *keys("C\n")])
    assert _texts(source, 1) == ["ABC"]
    assert source.skipped == 7


def test_keys_at_a_persons_speed_are_no_ticket() -> None:
    decoder = Keys(Wedge())
    said = [decoder.key(code, 1, n * 400) for n, code in enumerate((30, 48, 46, 28))]
    assert said == [None] * 4
    assert decoder.dropped == 3


def test_a_torn_text_does_not_join_the_next() -> None:
    decoder = Keys(Wedge())
    assert [decoder.key(30, 1, 0), decoder.key(48, 1, 5)] == [None, None]
    assert [decoder.key(46, 1, 2000), decoder.key(28, 1, 2005)] == [None, "c"]


def test_a_reader_without_suffix_ends_a_text_by_a_pause() -> None:
    decoder = Keys(Wedge(suffix="none"))
    assert [decoder.key(30, 1, 0), decoder.key(48, 1, 5), decoder.idle(100), decoder.idle(160)] == [
        None,
        None,
        None,
        "ab",
    ]


def test_shift_caps_and_repeats() -> None:
    decoder = Keys(Wedge())
    for code, value in ((58, 1), (58, 0), (30, 1), (30, 2), (42, 1), (48, 1), (2, 1), (42, 0), (2, 1)):
        decoder.key(code, value, 0)
    assert decoder.key(28, 1, 0) == "Ab!1"


def test_an_overlong_text_is_cut_and_memory_is_bounded() -> None:
    decoder = Keys(Wedge(), longest=10)
    for n in range(100):
        decoder.key(30, 1, n)
    assert decoder.key(28, 1, 100) == "a" * 10


_wedges = st.builds(
    Wedge,
    prefix=st.text(st.sampled_from("QRx0"), max_size=3),
    suffix=st.sampled_from(["enter", "tab", "none"]),
    aim=st.booleans(),
    caps_swapped=st.booleans(),
    layout=st.sampled_from(["us", "de", "fr"]),
)


def _press(text: str, wedge: Wedge) -> list[Press]:
    """What a reader set like this presses for a symbol's text."""
    if wedge.aim:
        text = "]Q3" + text
    text = wedge.prefix + text
    text = text.swapcase() if wedge.caps_swapped else text
    codes = {char: (code, n) for code, pair in reversed(layout(wedge.layout).items()) for n, char in enumerate(pair)}
    presses: list[Press] = []
    for char in text:
        code, shift = codes[char]
        presses += [Press(42, shift, 0), Press(code, 1, 0), Press(code, 0, 0), Press(42, 0, 0)]
    return presses + {"enter": [Press(28, 1, 0)], "tab": [Press(15, 1, 0)], "none": []}[wedge.suffix]


@given(_wedges)
def test_the_teach_in_finds_every_setting_and_then_tickets_read_right(wedge: Wedge) -> None:
    # Where the sheet cannot be typed (`]` needs a third level on some keyboards), there is nothing to learn.
    if wedge.aim and wedge.layout != "us":
        return
    lesson = learn(_press(TEACH, wedge))
    assert lesson.wedge == wedge
    assert lesson.tail == ""
    decoder = Keys(wedge)
    said = [text for p in _press(GT1, wedge) if (text := decoder.key(*p)) is not None]
    said += [text for text in [decoder.idle(1000)] if text is not None]
    assert said == [GT1]


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        (TEACH + "#\n", "adds '#'"),
        (TEACH, "no key ends"),
        (TEACH.swapcase() + "\n", "caps lock"),
        ("something else\n", "not recognised"),
        ("", "not recognised"),
    ],
)
def test_the_teach_in_says_what_to_change(typed: str, problem: str) -> None:
    assert any(problem in said for said in learn(presses_of(typed)).problems)


def test_a_slow_reader_is_told() -> None:
    presses = [Press(p.code, p.value, n * 150) for n, p in enumerate(presses_of(TEACH + "\n"))]
    assert any("inter-character delay" in said for said in learn(presses).problems)


def test_what_was_learnt_is_kept_in_the_profile_and_used(tmp_path: Any) -> None:
    path = tmp_path / "reader.json"
    save_profile(path, wedge=Wedge(prefix="QR", suffix="tab", aim=True))
    assert load_profile(str(path)).wedge == Wedge(prefix="QR", suffix="tab", aim=True)
    fake = FakeDevices(event1=READER)
    source = WedgeSource(_settings(profile=str(path)), fake)
    source.open()
    fake.type("event1", keys("QR]Q3ABC\t"))
    assert _texts(source, 1) == ["ABC"]


@pytest.mark.parametrize(
    "text", ["{}", "[]", "no json", '{"v":1,"wedge":{"layout":"dvorak"}}', '{"v":1,"wedge":{"aim":1}}']
)
def test_a_damaged_profile_is_refused_with_its_name(tmp_path: Any, text: str) -> None:
    path = tmp_path / "reader.json"
    path.write_text(text)
    with pytest.raises(Exception, match=r"reader\.json"):
        WedgeSource(_settings(profile=str(path)))


def test_an_aim_identifier_is_taken_off_only_where_it_was_taught() -> None:
    assert clean_wedge("]Q3ABC", Wedge(aim=True)) == "ABC"
    assert clean_wedge("]Q3ABC", Wedge()) == "]Q3ABC"


def test_a_real_input_device_is_found_grabbed_and_read() -> None:
    try:
        reader = Uinput(0x05E0, 0x1200)
    except OSError as error:
        pytest.skip(f"no uinput here: {error}")
    source = WedgeSource(_settings())
    try:
        source.open()
        reader.type(GT1 + "\n")
        assert _texts(source, 1) == [GT1]
        other = WedgeSource(_settings())
        with pytest.raises(DeviceError, match="does another program hold it"):
            other.open()
    finally:
        source.close()
        reader.close()
