"""Controller profiles: what kind of barrier hangs on the relay, as TOML files a technician can read and add to.

A profile bounds what the configuration may ask for. It is read at start and never while the gate runs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gate.config import read_table
from gate.errors import ConfigError
from gate.settings import Settings, key

OWN = Path(__file__).parent / "profiles"
"""The profiles that come with the package."""
SITE = Path("/etc/gate/profiles")
"""A site's own; one of the same name goes before the package's."""

MAX_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of controller."""

    title: str = key("", "what it is, for people")
    mode: str = key("pulse", "pulse = a short contact; level = contact as long as the way is open", choices=("pulse", "level"))  # fmt: skip
    hardware_limit_s: float = key(0.0, "the controller itself closes after this time; 0 = it does not", low=0, high=60)
    pulse_min_ms: int = key(100, "shortest pulse the controller sees, ms", low=100, high=1000)
    pulse_max_ms: int = key(1000, "longest pulse that is one opening, ms", low=100, high=1000)
    rest_ms: int = key(200, "least pause between two pulses, ms", low=0, high=2000)
    long_window_s: float = key(15.0, "window for wheelchairs and prams, s", low=1, high=60)
    feedback: str = key("none", "passage contacts of the controller", choices=("none", "single", "ab"))
    fail: str = key("secure", "power lost: secure = stays shut, safe = opens", choices=("secure", "safe"))
    directions: tuple[str, ...] = key(("entry",), "ways it can release", choices=("entry", "exit"))

    @property
    def max_s(self) -> float:
        """Longest time the relay may be energised in one go, seconds."""
        return self.hardware_limit_s if self.mode == "level" else self.pulse_max_ms / 1000


def load_profile(name: str, folders: Sequence[Path] = (SITE, OWN)) -> Profile:
    """Read `NAME.toml` from the first folder that has it.

    Raises: ConfigError with every problem; level mode without a hardware limit is one.
    """
    where = f"profile.{name}"
    found = None
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name):
        found = next((path for folder in folders if (path := folder / f"{name}.toml").is_file()), None)
    if found is None:
        known = sorted({path.stem for folder in folders for path in folder.glob("*.toml")})
        raise ConfigError([(where, "there is no such profile", f"there are {', '.join(known)}")])
    try:
        with found.open("rb") as file:
            table = tomllib.loads(file.read(MAX_BYTES).decode("utf-8"))
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise ConfigError([(where, f"{found}: {error}", "compare it with strike.toml")]) from error
    profile = read_table(Profile, table, where)
    problems = []
    if profile.mode == "level" and profile.hardware_limit_s <= 0:
        # A process can die while the relay is on; only the controller's own limit closes the way then.
        hint = "declare the limit that the controller itself keeps, or use pulse"
        problems.append((f"{where}.mode", "is level, without a hardware_limit_s", hint))
    if profile.pulse_min_ms > profile.pulse_max_ms:
        problems.append((f"{where}.pulse_min_ms", f"is above pulse_max_ms ({profile.pulse_max_ms})", "swap them"))
    if problems:
        raise ConfigError(problems)
    return profile


def check_profiles(settings: Settings, folders: Sequence[Path] = (SITE, OWN)) -> dict[str, Profile]:
    """The profile of every lane, checked against the lane's own settings.

    Raises: ConfigError with every problem of every lane.
    """
    result: dict[str, Profile] = {}
    problems: list[tuple[str, str, str]] = []
    for name, lane in settings.lanes.items():
        try:
            profile = load_profile(lane.profile, folders)
        except ConfigError as error:
            problems += error.problems
            continue
        result[name] = profile
        low, high = profile.pulse_min_ms, profile.pulse_max_ms
        if profile.mode == "pulse" and not low <= lane.pulse_ms <= high:
            hint = f"profile {lane.profile} takes {low} to {high}"
            problems.append((f"lane.{name}.pulse_ms", f"is {lane.pulse_ms}", hint))
        if profile.mode == "level" and lane.window_s > profile.hardware_limit_s:
            hint = f"profile {lane.profile} closes by itself after {profile.hardware_limit_s:g} s"
            problems.append((f"lane.{name}.window_s", f"is {lane.window_s:g}", hint))
        if name not in profile.directions:
            hint = f"profile {lane.profile} releases {', '.join(profile.directions)}"
            problems.append((f"lane.{name}.profile", f"is {lane.profile}", hint))
    if problems:
        raise ConfigError(problems)
    return result
