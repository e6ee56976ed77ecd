"""The admission loop: what waits comes before deadlines, one bad task stops nothing, an unopened manifest is tried again."""

from __future__ import annotations

from typing import Any

import pytest

from gate import app as app_module
from gate.app import GateApp
from gate.ears import Ears
from gate.errors import StorageError
from gate.health import Disk, Health, Parts
from gate.lane.machine import LaneState
from gate.lane.world import World
from gate.model import TicketState
from gate.settings import GateSettings, InputSettings, Settings
from tests.lane.rig import Rig


class _Notifier:
    fed = 0

    def watchdog(self) -> None:
        self.fed += 1

    def status(self, _text: str) -> None:
        return


@pytest.fixture
def app(rig: Rig) -> GateApp:
    """The loop of the real process around the rig's lane."""
    app = GateApp(Settings(gate=GateSettings(runtime_dir=rig.state.path)))
    app.lane, app.clock, app.actuator, app.tickets = rig.lane, rig.clock, rig.actuator, rig.book  # type: ignore[assignment]
    app.notifier = _Notifier()  # type: ignore[assignment]
    parts = Parts(pins=rig.actuator.alive, inputs=dict, disk=lambda: Disk(1 << 40, readonly=False), write=lambda: None)
    app.ears = Ears(lane=rig.lane, view=app.view, inbox=app.inbox, clock=rig.clock, demo=False)
    app._journal = rig.journal.store
    app.health = Health(parts, min_free_mib=64, set_aside=False, now_s=0)
    return app


def test_passage_whose_news_waited_behind_a_stalled_disk_is_not_annulled(app: GateApp, rig: Rig) -> None:
    rig.scan(0)
    rig.wait(1.0)

    def stall() -> None:
        """A commit that takes eight seconds; the guest walks meanwhile, well within his window."""
        app.inbox.put(rig.walk)
        rig.clock.advance(8.0)

    app.inbox.put(stall)
    app._turn()
    assert [row["kind"] for row in rig.rows("passed", "annulled", "tailgated")] == ["passed"]


def test_task_that_fails_stops_neither_the_next_nor_the_deadlines(app: GateApp, rig: Rig) -> None:
    rig.scan(0)
    rig.clock.advance(1.0)
    app.inbox.put(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    done: list[int] = []
    app.inbox.put(lambda: done.append(1))
    app._turn()
    assert done == [1]
    assert rig.lane_state() is LaneState.WINDOW
    assert app.notifier.fed == 1  # type: ignore[attr-defined]


def test_deadlines_come_although_new_tasks_never_end(app: GateApp, rig: Rig) -> None:
    rig.scan(0)
    rig.clock.advance(1.0)

    def again() -> None:
        app.inbox.put(again)

    app.inbox.put(again)
    app._turn()
    assert rig.lane_state() is LaneState.WINDOW


def test_manifest_whose_file_could_not_be_opened_is_tried_again(
    app: GateApp, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.clock.raise_floor = lambda _at: None  # type: ignore[attr-defined]
    tries: list[World] = []

    def use(world: World) -> None:
        tries.append(world)
        if len(tries) < 3:
            raise StorageError("too many open files")

    monkeypatch.setattr(app, "tickets", _Book(use))
    new = World(missing="manifest")
    app._use(new)
    assert rig.lane.world is not new
    for _ in range(3):
        rig.clock.advance(3.0)
        app._turn()
    assert rig.lane.world is new
    assert len(tries) == 3


class _Book:
    def __init__(self, use: Any) -> None:
        self.use = use


@pytest.mark.parametrize("part", ["pins", "input", "journal"])
def test_watchdog_is_not_fed_for_a_gate_with_a_dead_part(app: GateApp, rig: Rig, part: str) -> None:
    class Scanner:
        name, watched, alive = "cam0", part != "input", False

    app.ears.scanners.append(Scanner())  # type: ignore[arg-type]
    if part == "pins":
        rig.actuator.alive = lambda: False  # type: ignore[method-assign]
    app.health.damaged = part == "journal"
    app._turn()
    assert app.notifier.fed == 0  # type: ignore[attr-defined]


def test_watchdog_is_fed_while_a_camera_is_gone_and_somebody_tries_to_get_it_back(app: GateApp) -> None:
    class Scanner:
        name, watched, alive = "cam0", True, False

    app.ears.scanners.append(Scanner())  # type: ignore[arg-type]
    app._turn()
    assert app.notifier.fed == 1  # type: ignore[attr-defined]


def test_input_that_ended_for_good_needs_nobody(app: GateApp) -> None:
    class Scanner:
        name, watched, alive = "stdin", False, False

    app.ears.scanners.append(Scanner())  # type: ignore[arg-type]
    app.ears._ended.add("stdin")
    app._turn()
    assert app.notifier.fed == 1  # type: ignore[attr-defined]


def _shows(app: GateApp, rig: Rig, number: int, p: int) -> None:
    """A code comes into the camera's view, as the scanner says it."""
    now = rig.clock.mono_ms()
    app.ears.of(InputSettings(name="cam0"))(
        {"t": "appeared", "p": p, "text": rig.state.text(number), "captured": now, "decoded": now}, None
    )
    app._turn()


def test_who_waits_with_the_code_in_view_is_let_in_once_the_lane_is_free(app: GateApp, rig: Rig) -> None:
    _shows(app, rig, 0, 1)
    _shows(app, rig, 1, 2)
    assert rig.shown()["verdict"] == "WAIT"
    app._turn()
    assert [row["reason"] for row in rig.rows("admitted", "refused")] == ["ok", "lane_busy"]
    rig.walk()
    rig.clock.advance(30.0)
    app._turn()
    assert [row["reason"] for row in rig.rows("admitted", "refused")] == ["ok", "lane_busy", "ok"]
    assert rig.shown()["verdict"] == "GO"
    rig.walk()
    app._turn()
    assert len(rig.rows("admitted", "refused")) == 3, "asked again once, not for ever"


@pytest.mark.parametrize("gone", [{"t": "left", "p": 2}, {"t": "fault", "name": "stalled"}])
def test_who_left_is_not_let_in_later(app: GateApp, rig: Rig, gone: dict[str, Any]) -> None:
    _shows(app, rig, 0, 1)
    _shows(app, rig, 1, 2)
    app.ears.of(InputSettings(name="cam0"))({"t": "left", "p": 1}, None)  # somebody else's
    app.ears.of(InputSettings(name="cam0"))(gone, None)
    app._turn()
    rig.walk()
    app._turn()
    assert [row["kind"] for row in rig.rows("admitted", "refused")] == ["admitted", "refused"]


def test_who_waits_keeps_the_turn_when_another_code_is_answered(app: GateApp, rig: Rig) -> None:
    _shows(app, rig, 0, 1)
    _shows(app, rig, 1, 2)
    app.ears.of(InputSettings(name="cam0"))({"t": "binary"}, None)
    _shows(app, rig, 0, 3)  # the one who walks, seen once more
    rig.walk()
    rig.clock.advance(30.0)
    app._turn()
    assert [row["ticket"] for row in rig.rows("admitted")] == [rig.state.key(n).hex() for n in (0, 1)]


def test_nobody_is_let_in_again_before_all_news_was_heard(
    app: GateApp, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a long stall the news that they left may be far behind in the line."""
    monkeypatch.setattr(app_module, "_TASKS_MAX", 1)
    _shows(app, rig, 0, 1)
    _shows(app, rig, 1, 2)
    rig.walk()
    rig.clock.advance(30.0)
    for _ in range(3):
        app.inbox.put(lambda: None)
    app.ears.of(InputSettings(name="cam0"))({"t": "left", "p": 2}, None)
    for _ in range(4):
        app._turn()
    assert len(rig.rows("admitted")) == 1


def test_code_shown_while_a_new_manifest_is_opened_waits_for_it(app: GateApp, rig: Rig) -> None:
    """Sync has swapped base and changes; the lane has the old base still. Neither is right without the other."""
    rig.state.publish([rig.state.row(0, state=TicketState.REVOKED), rig.state.row(1)])
    _shows(app, rig, 0, 1)
    _shows(app, rig, 1, 2)
    assert rig.rows("admitted", "refused") == []
    app.inbox.put(rig.use_world)
    app._turn()
    assert [row["reason"] for row in rig.rows("admitted", "refused")] == ["revoked", "ok"]


def test_code_is_sent_to_staff_when_the_new_manifest_does_not_come(app: GateApp, rig: Rig) -> None:
    rig.state.publish([rig.state.row(1)])
    _shows(app, rig, 1, 1)
    rig.clock.advance(1.6)
    app._turn()
    assert rig.rows("admitted", "refused") == []
    assert (rig.shown()["verdict"], rig.shown()["detail"]) == ("SEE_STAFF", "storage")
    app._turn()
    assert app.ears._held == []
