"""What a gate tells every half minute: the lane's state as the lane left it, never an old one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gate.sync import lanefile
from gate.sync.heartbeat import Heartbeat
from gate.sync.tasks import Tasks
from tests.fakes.server import Fault
from tests.sync.conftest import Gate

STATUS = {"lane": {"lane": "ready", "faults": []}, "inputs": {"cam0": "ok"}, "counts": {"admitted": 3}}


@pytest.fixture
def beat(gate: Gate) -> Heartbeat:
    def message() -> dict[str, object]:
        return {"queue": 2, "data_age_s": 5, "quarantined": 1, "tasks_ignored": 4}

    spread: list[float] = []
    beat = Heartbeat(
        clock=gate.clock, tasks=Tasks(("pull",), gate.enrolment.url, gate.clock.mono_ms), status=message, pull=lambda: None,
        spread=spread.append, runtime=gate.folders.runtime,
    )  # fmt: skip
    return beat


def sent(gate: Gate) -> dict[str, object]:
    device = next(d for d in gate.live.central.device_list() if d.device == gate.enrolment.device)
    return dict(device.beat)


def test_the_lanes_state_goes_along(gate: Gate, beat: Heartbeat) -> None:
    lanefile.write(gate.folders.runtime, gate.clock.mono_ms(), gate.clock.boot, STATUS)
    beat.step(gate.client)
    told = sent(gate)
    assert told["lane"] == STATUS["lane"]
    assert told["inputs"] == {"cam0": "ok"}
    assert told["counts"] == {"admitted": 3, "quarantined": 1, "tasks_ignored": 4}
    assert told["queue"] == 2


@pytest.mark.parametrize("age_s", [21, -1])
def test_an_old_state_is_no_state(tmp_path: Path, age_s: int) -> None:
    lanefile.write(tmp_path, 100_000 - age_s * 1000, "b", STATUS)
    assert lanefile.read(tmp_path, 100_000, "b") is None


def test_a_state_of_another_boot_is_no_state(tmp_path: Path) -> None:
    lanefile.write(tmp_path, 100_000, "a", STATUS)
    assert lanefile.read(tmp_path, 100_000, "b") is None
    assert lanefile.read(tmp_path, 100_000, "a") is not None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"mono": "x", "boot": "b"}', "[" * 9000])
def test_a_damaged_state_is_no_state(tmp_path: Path, text: str) -> None:
    (tmp_path / lanefile.NAME).write_text(text)
    assert lanefile.read(tmp_path, 1, "b") is None


def test_a_lane_that_is_silent_is_told_as_such(gate: Gate, beat: Heartbeat) -> None:
    beat.step(gate.client)
    assert sent(gate)["lane"] is None


def test_tasks_that_are_not_allowed_are_counted_and_not_done(gate: Gate, beat: Heartbeat) -> None:
    tasks = [{"id": "1", "do": "pull", "by": "a"}, {"id": "2", "do": "open_once", "by": "a"}, "x", {"do": ["pull"]}]
    done: list[int] = []
    beat.pull = lambda: done.append(1)
    body = json.dumps({"now": 0, "tasks": tasks, "reconnect_spread_s": 9}).encode()
    gate.live.faults.append(Fault("POST", "/heartbeat", status=200, body=body))
    beat.step(gate.client)
    assert done == [1]
    assert beat.tasks.ignored == 3
    assert [task["do"] for task in beat.tasks.hand_out()] == ["pull"], "for the journal"
