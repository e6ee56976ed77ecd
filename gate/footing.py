"""What a lane process stands on before anything runs: its folders, its lock, its ways. Application layer.

Scans are made of a scanner's messages here, too, so that `app` reads as the joining of parts and nothing else.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gate.actuator.profiles import Profile
from gate.errors import DeviceError, StorageError
from gate.lane.machine import LaneMachine
from gate.lane.passage import Way
from gate.model import Direction, Scan
from gate.settings import InputSettings, Settings
from gate.sqlitefile import UMASK

_RELAY_MARGIN_MS = 50


def scan_of(item: InputSettings, message: dict[str, Any]) -> Scan:
    return Scan(
        text=str(message["text"]),
        input=item.name,
        direction=Direction(item.lane),
        captured=float(message["captured"]),
        decoded=float(message["decoded"]),
        presentation=message.get("p"),
        engine=str(message.get("engine", "")),
    )


def unreadable(item: InputSettings, now_ms: float) -> Scan:
    """A symbol that holds no text: refused as `invalid`, journaled like any other code."""
    return Scan(text="", input=item.name, direction=Direction(item.lane), captured=now_ms, decoded=now_ms)


def way_of(settings: Settings, name: str, profile: Profile) -> Way:
    lane = settings.lanes[name]
    level = profile.mode == "level"
    rest_ms = profile.rest_ms + _RELAY_MARGIN_MS
    window_ms = int(lane.window_s * 1000)
    long_ms = max(window_ms, int(profile.long_window_s * 1000))
    return Way(
        machine=LaneMachine(
            pulse_ms=lane.pulse_ms + rest_ms,
            window_ms=window_ms,
            sensor=lane.passage != "none",
            level_rest_ms=rest_ms if level else None,
        ),
        pulse_ms=lane.pulse_ms,
        window_ms=window_ms,
        long_window_ms=min(long_ms, int(profile.hardware_limit_s * 1000)) if level else long_ms,
        level=level,
        two_way=profile.feedback == "ab",
    )


def prepare(state_dir: Path, runtime_dir: Path) -> None:
    """Folders and umask (contracts 3: one group, nobody else)."""
    os.umask(UMASK)
    for folder in (state_dir, state_dir / "manifests", state_dir / "objects", state_dir / "secrets", runtime_dir):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"the folder {folder} cannot be made: {error}") from error


@contextmanager
def only_one(state_dir: Path) -> Iterator[None]:
    """Two lanes on one journal would each admit the same ticket."""
    with (state_dir / "lane.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DeviceError(f"another gate already runs on {state_dir}") from error
        yield
