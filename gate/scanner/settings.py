"""The keys of one `[[input]]` as the child gets them. Parsing only; the configuration file is `gate.config`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from gate.errors import FormatError

KINDS = ("camera", "picamera", "url", "video", "images", "evdev", "serial", "stdin")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSettings:
    """One input. Sizes in pixels, `max_age_ms` how old a frame may be when its reading starts, `gone_ms` hold-off."""

    name: str
    kind: str = "camera"
    device: str = "/dev/video0"
    lane: str = "entry"
    width: int = 1280
    height: int = 720
    fps: float = 30
    max_age_ms: int = 150
    gone_ms: int = 500

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> InputSettings:
        """Settings from JSON-ready keys; keys of other parts are left alone.

        Raises: FormatError naming the key that is missing, of another type or out of range.
        """
        known = {f.name for f in fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        if not isinstance(values.get("name"), str) or not values["name"]:
            raise FormatError("input: name is missing")
        for key in ("kind", "device", "lane"):
            if not isinstance(values.get(key, ""), str):
                raise FormatError(f"input {values['name']}: {key} must be text")
        for key in ("width", "height", "fps", "max_age_ms", "gone_ms"):
            value = values.get(key, 1)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
                raise FormatError(f"input {values['name']}: {key} must be a number above 0")
        settings = cls(**values)
        if settings.kind not in KINDS:
            raise FormatError(f"input {settings.name}: unknown kind {settings.kind!r}; one of {', '.join(KINDS)}")
        return settings
