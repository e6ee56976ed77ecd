"""The settings as types: one dataclass a section, one `key` a setting with default, meaning and limits.

The same table makes the checks (`gate.config`), the hints and the documentation test, so they cannot drift apart.
Values only: no file, no environment variable, and no secret (keys and tokens are files in the state folder).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from gate.model import ID_PATTERN, EventId, GateId

DIRECTIONS = ("entry", "exit")
_ID = ID_PATTERN
_ID_HINT = "small letters, digits and -, at most 40, beginning with a letter or digit"
_LANGUAGE = r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?"
_PIN = {"low": 0, "high": 27, "pin": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a setting may be, and what it means (shown by the documentation)."""

    what: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    pattern_hint: str = ""
    pin: bool = False
    """A BCM pin number: 0 = none, 1 is taken by the identification chip of add-on boards."""


def key(default: Any, what: str, **limits: Any) -> Any:
    return field(default=default, metadata={"rule": Rule(what=what, **limits)})


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """`[gate]`: which gate this is and where its files are."""

    id: GateId = key("demo", "this gate's id, as in the policy", pattern=_ID, pattern_hint=_ID_HINT)
    state_dir: Path = key(Path("/var/lib/gate"), "folder of journal, trust and manifests")
    runtime_dir: Path = key(Path("/run/gate"), "folder of sockets, lost at power-off")
    events: tuple[EventId, ...] = key((), "events in order of look-up; empty = all of the enrolment", pattern=_ID, pattern_hint=_ID_HINT)  # fmt: skip
    languages: tuple[str, ...] = key(("en", "id", "zh-Hant"), "languages of the screens, first = default", pattern=_LANGUAGE, pattern_hint="a language tag like en or zh-Hant")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """`[lane.entry]` and `[lane.exit]`: relay and passage sensor of one way through."""

    profile: str = key("strike", "controller profile", pattern=_ID, pattern_hint=_ID_HINT)
    relay_pin: int = key(17, "BCM pin of the relay; 0 = none", **_PIN)
    active_low: bool = key(False, "the relay board switches on at low level")
    pulse_ms: int = key(300, "length of the relay pulse, ms", low=100, high=1000)
    window_s: float = key(5.0, "time to walk through after an admission, s", low=1.0, high=60.0)
    passage_pin: int = key(0, "BCM pin of the passage sensor; 0 = none", **_PIN)
    passage: str = key("none", "contact of the passage sensor", choices=("none", "no", "nc"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PinSettings:
    """`[pins]`: what the whole unit is wired to."""

    factory: str = key("lgpio", "who drives the pins; never another by itself", choices=("lgpio", "mock"))
    fire_pin: int = key(0, "BCM pin of the fire alarm contact; 0 = none", **_PIN)
    fire_normally_closed: bool = key(True, "the fire contact is closed while all is well; a cut wire is an alarm")
    tamper_pin: int = key(0, "BCM pin of the cabinet contact; 0 = none", **_PIN)
    exit_request_pin: int = key(0, "BCM pin of the request-to-exit button; 0 = none", **_PIN)
    staff_pin: int = key(0, "BCM pin of the staff button (stop this lane now); 0 = none", **_PIN)
    lamp_pins: tuple[int, ...] = key((), "BCM pins of the lamp: red, green, blue; empty = none", **_PIN)
    buzzer_pin: int = key(0, "BCM pin of the buzzer; 0 = none", **_PIN)
    heartbeat_pin: int = key(0, "BCM pin that toggles while the gate lives, for a watchdog relay; 0 = none", **_PIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSettings:
    """`[[input]]`: one camera or reader."""

    name: str = key("cam0", "name of this input", pattern=_ID, pattern_hint=_ID_HINT)
    kind: str = key("camera", "what it is", choices=("camera", "picamera", "url", "video", "images", "evdev", "serial", "stdin"))  # fmt: skip
    device: str = key("/dev/video0", "device, file, folder or address")
    lane: str = key("entry", "the lane its scans belong to", choices=DIRECTIONS)
    width: int = key(1280, "picture width, px", low=160, high=4096)
    height: int = key(720, "picture height, px", low=120, high=4096)
    fps: int = key(30, "pictures a second", low=1, high=120)
    max_age_ms: int = key(150, "older pictures are dropped, ms", low=20, high=5000)
    gone_ms: int = key(500, "a code out of view for so long is gone, ms", low=100, high=10_000)
    fusion: bool = key(True, "lay frames over each other when no single one is read")
    profile: str = key("", "file that `gate doctor` wrote for this input; empty = none")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSettings:
    """`[decision]`: what to do when the gate itself is not well."""

    disk_full: str = key("staff", "when nothing can be recorded", choices=("refuse", "staff", "paper"))
    clock_untrusted: str = key("admit_marked", "rotating codes while the time is unknown", choices=("refuse", "staff", "admit_marked"))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSettings:
    """`[sync]`: talk with the server."""

    backend: str = key("central", "kind of server", choices=("central", "pretix", "none"))
    poll_ms: int = key(1000, "how often new journal rows are looked for, ms", low=100, high=60_000)
    wait_s: int = key(25, "length of a long poll, s", low=1, high=120)
    batch: int = key(200, "check-ins in one push", low=1, high=1000)
    timeout_s: int = key(30, "a call is given up after this time, s; more than wait_s", low=2, high=300)
    backoff_max_s: int = key(60, "longest pause between tries, s", low=1, high=3600)
    remote: tuple[str, ...] = key(("pull",), "remote commands that are obeyed", choices=("pull", "disable", "enable", "open_once"))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class KioskSettings:
    """`[kiosk]`: screens and handhelds."""

    display_port: int = key(8080, "port of the gate display, loopback only", low=1, high=65535)
    local_staff: bool = key(False, "staff pages on the gate's own touch screen")
    lan: bool = key(False, "staff pages for handhelds on the LAN")
    lan_port: int = key(8443, "port of the LAN listener", low=1, high=65535)
    name: str = key("", "name that phones reach this gate by, besides its addresses; empty = only those")
    tls_cert: str = key("", "certificate of that name (PEM with its chain); empty = the gate makes its own")
    tls_key: str = key("", "private key of that certificate (PEM)")
    session_min: int = key(30, "a staff login ends after this idle time, min", low=1, high=720)
    pin_tries: int = key(5, "wrong PINs until lock-out", low=1, high=20)
    lockout_s: int = key(60, "length of a lock-out, s", low=5, high=86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """`[journal]`: the record of every decision."""

    head_every: int = key(100, "rows between signed heads", low=1, high=10_000)
    min_free_mib: int = key(64, "below this free space the disk counts as full, MiB", low=1, high=1_048_576)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """`[log]`: for repair; never evidence, never ticket texts."""

    level: str = key("info", "least important message shown", choices=("debug", "info", "warning", "error"))
    json: bool = key(False, "one JSON object a line")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration. `Settings()` is what an empty file gives."""

    gate: GateSettings = GateSettings()
    lanes: Mapping[str, LaneSettings] = field(default_factory=lambda: {"entry": LaneSettings()})
    pins: PinSettings = PinSettings()
    inputs: tuple[InputSettings, ...] = (InputSettings(),)
    decision: DecisionSettings = DecisionSettings()
    sync: SyncSettings = SyncSettings()
    kiosk: KioskSettings = KioskSettings()
    journal: JournalSettings = JournalSettings()
    log: LogSettings = LogSettings()


PLAIN: dict[str, type[Any]] = {
    "gate": GateSettings,
    "pins": PinSettings,
    "decision": DecisionSettings,
    "sync": SyncSettings,
    "kiosk": KioskSettings,
    "journal": JournalSettings,
    "log": LogSettings,
}
SECTIONS: dict[str, type[Any]] = {
    **PLAIN,
    "lane.entry": LaneSettings,
    "lane.exit": LaneSettings,
    "input": InputSettings,
}


def describe() -> Iterator[tuple[str, str, Any, Rule]]:
    """Every setting as (section, key, default, rule); `lane.exit` has the keys of `lane.entry` and is left out."""
    for section, kind in SECTIONS.items():
        if section != "lane.exit":
            for f in fields(kind):
                yield section, f.name, f.default, f.metadata["rule"]


def pins_of(settings: Settings) -> Iterator[tuple[str, int]]:
    """Every pin setting as (key, BCM number); 0 = not wired."""
    for name, lane in settings.lanes.items():
        yield f"lane.{name}.relay_pin", lane.relay_pin
        yield f"lane.{name}.passage_pin", lane.passage_pin
    for f in fields(PinSettings):
        value = getattr(settings.pins, f.name)
        if f.name == "lamp_pins":
            yield from ((f"pins.lamp_pins[{i}]", pin) for i, pin in enumerate(value))
        elif f.metadata["rule"].pin:
            yield f"pins.{f.name}", value
