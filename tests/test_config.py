"""The configuration file: defaults as documented, every problem at once, hints that help."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.config import MAX_BYTES, Settings, describe, load, parse, pins_of
from gate.errors import ConfigError


def problems(text: str) -> dict[str, tuple[str, str]]:
    """key -> (problem, hint)."""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return {key: (problem, hint) for key, problem, hint in caught.value.problems}


def test_an_empty_file_gives_the_defaults() -> None:
    s = parse("")
    assert s == Settings()
    assert s.gate.state_dir == Path("/var/lib/gate")
    assert (s.lanes["entry"].relay_pin, s.lanes["entry"].pulse_ms, s.lanes["entry"].window_s) == (17, 300, 5.0)
    assert list(s.lanes) == ["entry"]
    assert [i.name for i in s.inputs] == ["cam0"]
    assert s.sync.remote == ("pull",)
    assert s.pins.factory == "lgpio"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        parse("").gate.id = "other"  # type: ignore[misc]


def test_every_section_is_read() -> None:
    s = parse(
        """
        [gate]
        id = "g2"
        events = ["spring", "autumn"]
        [lane.exit]
        profile = "tripod"
        relay_pin = 22
        passage_pin = 23
        passage = "nc"
        window_s = 8
        [pins]
        factory = "mock"
        lamp_pins = [5, 6, 0]
        [[input]]
        name = "reader"
        kind = "serial"
        device = "/dev/ttyACM0"
        lane = "exit"
        [decision]
        disk_full = "paper"
        [sync]
        backend = "none"
        [kiosk]
        lan = true
        [journal]
        head_every = 10
        [log]
        json = true
        """
    )
    assert s.gate.id == "g2"
    assert s.gate.events == ("spring", "autumn")
    assert list(s.lanes) == ["exit"]
    assert s.lanes["exit"].window_s == 8.0
    assert isinstance(s.lanes["exit"].window_s, float)
    assert s.pins.lamp_pins == (5, 6, 0)
    assert (s.inputs[0].kind, s.inputs[0].fps) == ("serial", 30)
    assert s.log.json is True


def test_all_problems_are_told_at_once() -> None:
    found = problems(
        """
        [gate]
        id = "Gate 2"
        [lane.entry]
        pulse_ms = 20
        [[input]]
        kind = "camera"
        [[input]]
        name = "cam1"
        kind = "camra"
        [sync]
        batch = true
        """
    )
    assert set(found) == {"gate.id", "lane.entry.pulse_ms", "input[1].kind", "sync.batch"}
    assert found["lane.entry.pulse_ms"] == ("is 20", "from 100 to 1000")
    assert "camera" in found["input[1].kind"][1]


UNKNOWN = {
    "misspelt key": ("[lane.entry]\npulsems = 300", "lane.entry.pulsems", "did you mean pulse_ms?"),
    "misspelt section": ("[gates]", "gates", "did you mean gate?"),
    "key of another section": ("[gate]\nfire_pin = 4", "gate.fire_pin", "fire_pin belongs to [pins]"),
    "third lane": ("[lane.side]\nrelay_pin = 4", "lane.side", "lanes are lane.entry and lane.exit"),
    "key without a section": ("pulse_ms = 300", "pulse_ms", "sections are"),
}


@pytest.mark.parametrize(("text", "key", "hint"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_word_is_refused_with_a_hint(text: str, key: str, hint: str) -> None:
    problem, given_hint = problems(text)[key]
    assert problem == "unknown"
    assert given_hint.startswith(hint)


REFUSED = {
    "text for a number": ('[lane.entry]\npulse_ms = "300"', "lane.entry.pulse_ms"),
    "float for a whole number": ("[lane.entry]\npulse_ms = 300.0", "lane.entry.pulse_ms"),
    "bool for a number": ("[lane.entry]\nrelay_pin = true", "lane.entry.relay_pin"),
    "number for a bool": ("[kiosk]\nlan = 1", "kiosk.lan"),
    "number for a text": ("[gate]\nid = 2", "gate.id"),
    "not a number": ("[lane.entry]\nwindow_s = nan", "lane.entry.window_s"),
    "infinite": ("[lane.entry]\nwindow_s = inf", "lane.entry.window_s"),
    "pulse too long": ("[lane.entry]\npulse_ms = 1001", "lane.entry.pulse_ms"),
    "pin beyond the header": ("[pins]\nfire_pin = 28", "pins.fire_pin"),
    "pin of the identification chip": ("[pins]\nfire_pin = 1", "pins.fire_pin"),
    "two lamp pins": ("[pins]\nlamp_pins = [5, 6]", "pins.lamp_pins"),
    "list item of a wrong type": ("[gate]\nevents = [1]", "gate.events[0]"),
    "list item twice": ('[gate]\nevents = ["a", "a"]', "gate.events[1]"),
    "no language": ("[gate]\nlanguages = []", "gate.languages"),
    "relative folder": ('[gate]\nstate_dir = "state"', "gate.state_dir"),
    "unknown remote command": ('[sync]\nremote = ["reboot"]', "sync.remote[0]"),
    "lane without content": ("lane = {}", "lane"),
    "input with one bracket": ('[input]\nname = "cam0"', "input"),
    "section that is a value": ("pins = 4", "pins"),
    "relay and sensor on one pin": ('[lane.entry]\npassage_pin = 17\npassage = "no"', "lane.entry.passage_pin"),
    "two relays on one pin": ("[lane.entry]\n[lane.exit]", "lane.exit.relay_pin"),
    "lamp on the relay's pin": ("[pins]\nlamp_pins = [5, 6, 17]", "pins.lamp_pins[2]"),
    "sensor without a pin": ('[lane.entry]\npassage = "no"', "lane.entry.passage_pin"),
    "pin without a sensor": ("[lane.entry]\npassage_pin = 4", "lane.entry.passage"),
    "two inputs of one name": ("[[input]]\n[[input]]", "input[1].name"),
    "input of a lane that is not there": ('[[input]]\nlane = "exit"', "input[0].lane"),
    "input without a device": ('[[input]]\ndevice = ""', "input[0].device"),
    "call shorter than the long poll": ("[sync]\ntimeout_s = 20", "sync.timeout_s"),
    "two listeners on one port": ("[kiosk]\nlan = true\nlan_port = 8080", "kiosk.lan_port"),
}


@pytest.mark.parametrize(("text", "key"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_value_is_refused_by_its_key(text: str, key: str) -> None:
    found = problems(text)
    assert set(found) == {key}
    assert all(found[key]), "a problem needs words and a hint"


def test_a_setting_with_a_problem_causes_no_second_problem() -> None:
    found = problems('[lane.entry]\nrelay_pin = "x"\n[pins]\nfire_pin = 17')
    assert set(found) == {"lane.entry.relay_pin"}


def test_zero_means_no_pin_and_never_clashes() -> None:
    s = parse("[lane.entry]\nrelay_pin = 0\n[pins]\nlamp_pins = [0, 5, 0]")
    assert {pin for _, pin in pins_of(s)} == {0, 5}


def test_a_text_that_is_no_toml_is_one_problem() -> None:
    assert "line 2" in problems("[gate]\nid = demo")["(file)"][0]


def test_a_file_that_cannot_be_read_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    for name, content in (("big.toml", b"#" * (MAX_BYTES + 1)), ("latin.toml", b'[gate]\nid = "\xe9"'), ("none", None)):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert caught.value.problems[0][0] == "(file)"


def test_a_good_file_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text('[gate]\nid = "g7"\n', encoding="utf-8")
    assert load(path).gate.id == "g7"


def test_every_setting_says_what_it_means_and_has_a_valid_default() -> None:
    for section, key, default, rule in describe():
        assert rule.what, f"{section}.{key}"
        assert default is not None


VALUES = st.recursive(
    st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=8)), lambda inner: st.lists(inner, max_size=3)
)


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return repr(value)
        case str():
            return '"' + "".join(f"\\U{ord(c):08X}" for c in value if not 0xD800 <= ord(c) <= 0xDFFF) + '"'
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value)


@given(st.sampled_from([(s, k) for s, k, _, _ in describe()]), VALUES)
def test_any_value_is_taken_or_refused_by_name_and_never_crashes(key: tuple[str, str], value: object) -> None:
    section, name = key
    header = "[[input]]" if section == "input" else f"[{section}]"
    try:
        parse(f"{header}\n{name} = {_toml(value)}\n")
    except ConfigError as error:
        assert all(problem and hint for _, problem, hint in error.problems)  # noqa: PT017 - both ways are right here
