"""Every fault of a camera with a real process: it gets its own name, the lane keeps running, and it ends by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from gate.scanner.frames import Picture
from gate.scanner.supervisor import ScannerProcess
from tests.scanner.lane import Lane
from tests.scanner.netcam import NetCam


class Fault(NamedTuple):
    """What the camera does, the words that name it (a fault, or a state in `health`), and whether the child must restart."""

    mode: str
    named: frozenset[str]
    restarts: bool


FAULTS = {
    "unplugged": Fault("unplugged", frozenset({"unplugged"}), True),
    "frozen": Fault("frozen", frozenset({"frozen"}), False),
    "black": Fault("black", frozenset({"black"}), False),
    "two frames a second": Fault("slow", frozenset({"slow"}), False),
    "broken pictures": Fault("broken", frozenset({"broken_frames"}), True),
    "endless stall in a read": Fault("stalled", frozenset({"stalled"}), True),
}


STARVED = frozenset({"stalled", "slow"})
"""True words for any camera while the machine has no time for it: they confuse nothing with anything."""


class Rig(NamedTuple):
    camera: NetCam
    lane: Lane
    scanner: ScannerProcess


@pytest.fixture(scope="module")
def rigs(qr: Callable[..., Picture], place: Callable[..., Picture]) -> Iterator[dict[str, Rig]]:
    """All faults at once, each with a camera and a child of its own: most of their time is waiting."""
    made: dict[str, Rig] = {}
    # Read at the first look: a child that was late must not need the retries that only motion brings.
    held = place(qr("GT1:A"), 120, 80, (480, 360))
    for name in FAULTS:
        camera, lane = NetCam(held, fps=20), Lane()
        config = {"name": "cam0", "kind": "url", "device": camera.url, "max_age_ms": 2000}
        scanner = ScannerProcess(config, lane, start_s=120, stall_s=60, backoff_s=(0.1, 0.4))
        made[name] = Rig(camera, lane, scanner)
        scanner.start()
    for rig in made.values():
        rig.lane.wait(lambda rig=rig: bool(rig.lane.of("appeared")) and len(rig.lane.of("health")) >= 2, 120)
    for name, rig in made.items():
        rig.camera.mode = FAULTS[name].mode
    yield made
    for rig in made.values():
        rig.scanner.stop()
        rig.camera.close()


def _words(lane: Lane) -> set[str]:
    return {m["state"] for m in lane.of("health")} | {m["name"] for m in lane.of("fault")}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named_and_ends(rigs: dict[str, Rig], name: str) -> None:
    fault, (camera, lane, scanner) = FAULTS[name], rigs[name]
    lane.wait(lambda: bool(fault.named & _words(lane)))
    others = frozenset().union(*(f.named for f in FAULTS.values())) - fault.named - STARVED
    assert not others & _words(lane)
    causes = {m["name"] for m in lane.of("fault") if m.get("by") == "supervisor"}
    assert causes <= fault.named | STARVED | {"no_source"}
    seen, read = len(lane.messages), len(lane.of("appeared"))
    camera.mode = "ok"

    def well() -> bool:
        states = [m["state"] for m, _ in lane.messages[seen:] if m["t"] == "health"]
        return len(states) > 1 and set(states[-2:]) <= {"ok", "slow"} - fault.named

    lane.wait(well)
    if fault.restarts:
        assert scanner.restarts >= 1
        # a ticket that is still held is a presentation of the new child
        lane.wait(lambda: len(lane.of("appeared")) > read)
