"""The configuration file: TOML text -> frozen `Settings`, every problem at once.

Pure but for `load`, which reads the one file named. No environment variable is read here: that is start-up's work.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from gate.errors import ConfigError
from gate.settings import (
    DIRECTIONS,
    PLAIN,
    SECTIONS,
    DecisionSettings,
    GateSettings,
    InputSettings,
    JournalSettings,
    KioskSettings,
    LaneSettings,
    LogSettings,
    PinSettings,
    Rule,
    Settings,
    SyncSettings,
    describe,
    pins_of,
)

__all__ = [
    "DIRECTIONS",
    "SECTIONS",
    "DecisionSettings",
    "GateSettings",
    "InputSettings",
    "JournalSettings",
    "KioskSettings",
    "LaneSettings",
    "LogSettings",
    "PinSettings",
    "Rule",
    "Settings",
    "SyncSettings",
    "describe",
    "load",
    "parse",
    "pins_of",
    "read_table",
]

MAX_BYTES = 256 * 1024
"""A configuration is some 2 KB; more is the wrong file."""

_FILE = "(file)"
"""Stands where a key stands, when the file as a whole is at fault."""

T = TypeVar("T")


def load(path: Path) -> Settings:
    """Read and check the file.

    Raises: ConfigError with every problem; also when the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            [(_FILE, f"{path}: {error.strerror}", "name the file with GATE_CONFIG or --config")]
        ) from error
    if len(data) > MAX_BYTES:
        raise ConfigError([(_FILE, f"{path} is larger than {MAX_BYTES // 1024} KiB", "is it the right file?")])
    try:
        return parse(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError([(_FILE, f"{path} is not UTF-8 at byte {error.start}", "save it as UTF-8")]) from error


def parse(text: str) -> Settings:
    """Check the text of a configuration file.

    Raises: ConfigError with (key, problem, hint) of every problem, in the order of the sections.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            [(_FILE, f"not TOML: {error}", "texts stand in quotes, true and false in small letters")]
        ) from error
    reader = _Reader()
    settings = reader.settings(document)
    if reader.problems:
        raise ConfigError(reader.problems)
    return settings


def read_table(kind: type[T], table: object, prefix: str) -> T:
    """Check one table by the rules of a settings dataclass; for files beside the configuration (controller profiles).

    Raises: ConfigError with every problem, its keys beginning with `prefix`.
    """
    reader = _Reader()
    result = reader.section(kind, table, prefix)
    if reader.problems:
        raise ConfigError(reader.problems)
    return result


class _Reader:
    """Collects problems; a setting with a problem keeps its default, so that reading can go on."""

    def __init__(self) -> None:
        self.problems: list[tuple[str, str, str]] = []

    def settings(self, document: dict[str, Any]) -> Settings:
        known = [*PLAIN, "lane", "input"]
        for name in document:
            if name not in known:
                self._unknown(name, name, known, "sections are " + ", ".join(known))
        plain = {name: self.section(kind, document.get(name, {}), name) for name, kind in PLAIN.items()}
        result = Settings(**plain, **self._lanes(document), **self._inputs(document))
        self._check_together(result)
        return result

    def _lanes(self, document: dict[str, Any]) -> dict[str, Any]:
        if "lane" not in document:
            return {}
        table = document["lane"]
        if not isinstance(table, dict) or not table:
            self._add("lane", "no lane in it", "write [lane.entry] or [lane.exit]")
            return {}
        lanes: dict[str, LaneSettings] = {}
        for name, content in table.items():
            if name in DIRECTIONS:
                lanes[name] = self.section(LaneSettings, content, f"lane.{name}")
            else:
                self._unknown(f"lane.{name}", name, DIRECTIONS, "lanes are lane.entry and lane.exit")
        return {"lanes": lanes}

    def _inputs(self, document: dict[str, Any]) -> dict[str, Any]:
        if "input" not in document:
            return {}
        items = document["input"]
        if not isinstance(items, list):
            self._add("input", "is one table", "write [[input]] with two brackets, one for each input")
            return {}
        return {"inputs": tuple(self.section(InputSettings, item, f"input[{i}]") for i, item in enumerate(items))}

    def section(self, kind: type[T], table: object, prefix: str) -> T:
        if not isinstance(table, dict):
            self._add(prefix, "is not a section", f"write [{prefix}] on a line of its own")
            return kind()
        known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]  # only dataclasses come here
        values: dict[str, Any] = {}
        for name, value in table.items():
            if name not in known:
                homes = [section for section, other in SECTIONS.items() if other is not kind and name in _names(other)]
                hint = f"{name} belongs to [{homes[0]}]" if homes else "see docs/configuration.md"
                self._unknown(f"{prefix}.{name}", name, list(known), hint)
                continue
            default, rule = known[name].default, known[name].metadata["rule"]
            before = len(self.problems)
            checked = self._value(f"{prefix}.{name}", value, default, rule)
            if len(self.problems) == before:
                values[name] = checked
        return kind(**values)

    def _value(self, key: str, value: object, default: object, rule: Rule) -> object:
        match default:
            case bool():
                return value if isinstance(value, bool) else self._add(key, f"is {_show(value)}", "write true or false")
            case int() | float():
                return self._number(key, value, float if isinstance(default, float) else int, rule)
            case Path():
                return self._path(key, value)
            case tuple():
                return self._list(key, value, rule)
        if not isinstance(value, str):
            return self._add(key, f"is {_show(value)}, not a text", 'write it in quotes, like "..."')
        return self._word(key, value, rule)

    def _number(self, key: str, value: object, kind: type[int | float], rule: Rule) -> object:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole and not (kind is float and isinstance(value, float)):
            return self._add(key, f"is {_show(value)}, not a {'whole ' if kind is int else ''}number", _span(rule))
        assert isinstance(value, int | float)
        # Written so that nan, which compares false with everything, is refused too.
        if not (rule.low is None or value >= rule.low) or not (rule.high is None or value <= rule.high):
            return self._add(key, f"is {value}", _span(rule))
        if rule.pin and value == 1:
            return self._add(key, "is 1, the pin of add-on boards' identification chip", _span(rule))
        return kind(value)

    def _path(self, key: str, value: object) -> object:
        if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
            # The lane works in its runtime folder (lgpio wants a writable one): a relative path would mean another place.
            return self._add(key, f"is {_show(value)}, not an absolute path", 'write it like "/var/lib/gate"')
        return Path(value)

    def _list(self, key: str, value: object, rule: Rule) -> object:
        if not isinstance(value, list):
            return self._add(
                key,
                f"is {_show(value)}, not a list",
                "write it like [17, 27]" if rule.pin else 'write it like ["en", "id"]',
            )
        out: list[object] = []
        for i, item in enumerate(value):
            one = f"{key}[{i}]"
            if rule.pin:
                out.append(self._number(one, item, int, rule))
            elif isinstance(item, str):
                out.append(self._word(one, item, rule))
            else:
                self._add(one, f"is {_show(item)}, not a text", 'write it in quotes, like "..."')
            if not rule.pin and item in value[:i]:
                self._add(one, f"{_show(item)} stands twice", "write it once")
        return tuple(out)

    def _word(self, key: str, value: str, rule: Rule) -> object:
        if rule.choices and value not in rule.choices:
            near = get_close_matches(value, rule.choices, n=1)
            hint = f"did you mean {_show(near[0])}? " if near else ""
            return self._add(key, f"is {_show(value)}", f"{hint}one of {', '.join(rule.choices)}")
        if rule.pattern and not re.fullmatch(rule.pattern, value):
            return self._add(key, f"is {_show(value)}", rule.pattern_hint)
        return value

    def _check_together(self, s: Settings) -> None:
        """What no single setting can tell. Keys that have a problem already are left alone."""
        bad = {key for key, _, _ in self.problems}
        for name, lane in s.lanes.items():
            key = f"lane.{name}"
            if bad.isdisjoint({f"{key}.passage", f"{key}.passage_pin"}):
                if lane.passage != "none" and lane.passage_pin == 0:
                    self._add(
                        f"{key}.passage_pin",
                        f"is 0, but passage is {_show(lane.passage)}",
                        'name the pin, or passage = "none"',
                    )
                if lane.passage == "none" and lane.passage_pin != 0:
                    self._add(
                        f"{key}.passage",
                        f"is none, but passage_pin is {lane.passage_pin}",
                        "no = closes, nc = opens when somebody passes",
                    )
        if len(s.pins.lamp_pins) not in (0, 3) and "pins.lamp_pins" not in bad:
            self._add(
                "pins.lamp_pins",
                f"has {len(s.pins.lamp_pins)} pins",
                "three of them: red, green, blue; 0 for a colour that is not there",
            )
        self._check_pins(s, bad)
        names = [i.name for i in s.inputs]
        for i, item in enumerate(s.inputs):
            if item.name in names[:i] and f"input[{i}].name" not in bad:
                self._add(f"input[{i}].name", f"{_show(item.name)} is taken", "each input needs a name of its own")
            if item.lane not in s.lanes and f"input[{i}].lane" not in bad:
                self._add(
                    f"input[{i}].lane", f"there is no [lane.{item.lane}]", f"write one, or use {', '.join(s.lanes)}"
                )
            if not item.device and item.kind != "stdin":
                self._add(f"input[{i}].device", "is empty", f"say which {item.kind}")
        if not s.gate.languages and "gate.languages" not in bad:
            self._add("gate.languages", "is empty", 'write at least one, like ["en"]')
        if s.sync.timeout_s <= s.sync.wait_s and bad.isdisjoint({"sync.timeout_s", "sync.wait_s"}):
            self._add(
                "sync.timeout_s",
                f"is {s.sync.timeout_s}",
                f"more than wait_s ({s.sync.wait_s}): the server answers a long poll that late",
            )
        if s.kiosk.lan and s.kiosk.lan_port == s.kiosk.display_port:
            self._add("kiosk.lan_port", f"is {s.kiosk.lan_port}, as display_port", "two listeners need two ports")

    def _check_pins(self, s: Settings, bad: set[str]) -> None:
        taken: dict[int, str] = {}
        for key, pin in pins_of(s):
            if pin == 0 or key in bad or key.partition("[")[0] in bad:
                continue
            if pin in taken:
                self._add(key, f"pin {pin} is taken by {taken[pin]}", "each pin has one use")
            taken.setdefault(pin, key)

    def _add(self, key: str, problem: str, hint: str) -> object:
        self.problems.append((key, problem, hint))
        return None

    def _unknown(self, key: str, name: str, known: Sequence[str], hint: str) -> None:
        near = get_close_matches(name, known, n=1)
        self._add(key, "unknown", f"did you mean {near[0]}?" if near else hint)


def _names(kind: type[Any]) -> set[str]:
    return {f.name for f in fields(kind)}


def _show(value: object) -> str:
    """The value as TOML would write it, cut to a length that fits a line."""
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _span(rule: Rule) -> str:
    if rule.pin:
        return "a BCM number 2 to 27, or 0 for none"
    return f"from {rule.low:g} to {rule.high:g}" if rule.low is not None and rule.high is not None else "a number"
