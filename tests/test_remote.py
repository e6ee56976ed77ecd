"""Remote tasks at the lane: what staff could do, with the operator in the row, once, and never against a stopped lane."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.errors import StorageError
from gate.kiosk.staff.once import Once
from gate.lane.commands import Desk
from gate.lane.machine import LaneState
from gate.model import GateId
from gate.remote import RemoteTasks
from gate.settings import GateSettings, Settings, SyncSettings
from gate.storage.kioskdb import KioskDb
from tests.lane.rig import PULSE_MS, Rig

ALL = ("pull", "disable", "enable", "open_once")


class House:
    """A rig whose desk is asked in the test's own thread."""

    def __init__(self, folder: Path, *, allowed: tuple[str, ...] = ALL, **more: Any) -> None:
        self.rig = Rig(folder / "gate", **more)
        self.desk = Desk(
            self.rig.lane,
            clock=self.rig.clock,
            tickets=self.rig.book,
            journal=self.rig.journal,
            screens=self.rig.screens,
            find=lambda _event, _prefix: [],
            scan_salt=b"salt",
            clock_policy="admit_marked",
            next_case=lambda: 1,
        )
        self._settings = Settings(
            gate=GateSettings(id=GateId("g2"), state_dir=folder, runtime_dir=folder),
            sync=SyncSettings(remote=allowed),
        )
        self._file = folder / "kiosk.db"
        self.start()

    def run(self, task: Callable[[Desk], Any]) -> Any:
        return task(self.desk)

    def start(self) -> None:
        self._db = KioskDb(self._file)
        self.remote = RemoteTasks(
            self._settings, self, Once(self._db, lambda: self.rig.clock.now().at), self.rig.clock.mono_ms
        )

    def restart(self) -> None:
        self._db.close()
        self.start()

    def close(self) -> None:
        self._db.close()
        self.rig.close()

    def do(self, word: str, name: str = "t1", *, left_ms: int = 20_000) -> None:
        until = int(self.rig.clock.mono_ms()) + left_ms
        self.remote.do({"id": name, "do": word, "by": "operator:ana", "until": until})

    def rows(self) -> list[dict[str, Any]]:
        return self.rig.rows("mode", "config")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., House]]:
    made: list[House] = []

    def build(**more: Any) -> House:
        made.append(House(tmp_path, **more))
        return made[-1]

    yield build
    for house in made:
        house.close()


Make = Callable[..., House]


def test_opening_is_one_ordinary_pulse_and_one_row_with_the_operator(make: Make) -> None:
    house = make()
    before: list[int] = []
    house.rig.actuator.before_pulse = lambda: before.append(len(house.rows()))
    house.do("open_once")
    assert house.rig.actuator.pulses == [("entry", PULSE_MS / 1000)]
    assert before == [1], "the row is on disk before the relay moves"
    (row,) = house.rows()
    assert (row["event"], row["kind"], row["actor"], row["input"]) == ("", "mode", "central:operator:ana", "central")
    assert row["data"] == {"do": "open_once", "lane": "entry", "reason": "remote", "by": "central", "key": "t1"}
    house.rig.wait(10)
    assert house.rig.lane_state() is LaneState.IDLE
    assert len(house.rig.actuator.pulses) == 1


def test_task_that_comes_again_is_not_done_again_also_after_a_restart(make: Make) -> None:
    house = make()
    house.do("open_once")
    house.rig.wait(10)
    house.do("open_once")
    house.restart()
    house.do("open_once")
    assert len(house.rig.actuator.pulses) == len(house.rows()) == 1
    house.do("open_once", "t2")
    assert len(house.rig.actuator.pulses) == 2


def test_many_openings_at_once_open_once_and_hold_nothing(make: Make) -> None:
    house = make()
    for n in range(20):
        house.do("open_once", f"t{n}")
    assert house.rig.actuator.pulses == [("entry", PULSE_MS / 1000)]
    assert [row["data"].get("why") for row in house.rows()] == [None, *["lane"] * 19]


@pytest.mark.parametrize(("lanes", "opens"), [(("entry", "exit"), "entry"), (("exit",), "exit")])
def test_opening_is_of_the_way_in_where_there_is_one(make: Make, lanes: tuple[str, ...], opens: str) -> None:
    house = make(lanes=lanes)
    house.do("open_once")
    assert [lane for lane, _ in house.rig.actuator.pulses] == [opens]


def test_stop_and_start_are_of_all_ways(make: Make) -> None:
    house = make(lanes=("entry", "exit"))
    house.do("disable", "t1")
    assert {house.rig.lane_state(lane) for lane in ("entry", "exit")} == {LaneState.DISABLED}
    house.do("enable", "t2")
    assert {house.rig.lane_state(lane) for lane in ("entry", "exit")} == {LaneState.IDLE}
    assert [row["data"]["do"] for row in house.rows()] == ["disable", "enable"]
    assert {row["actor"] for row in house.rows()} == {"central:operator:ana"}
    assert house.rig.actuator.pulses == []


def _disabled(house: House) -> None:
    house.rig.pin("staff")


def _out_of_order(house: House) -> None:
    house.rig.actuator.fails.add("pulse")
    house.rig.scan(0)
    house.rig.actuator.fails.clear()


def _emergency(house: House) -> None:
    house.rig.pin("fire")


def _busy(house: House) -> None:
    house.rig.scan(0)


@pytest.mark.parametrize("state", [_disabled, _out_of_order, _emergency, _busy])
def test_lane_that_staff_could_not_open_is_not_opened_and_the_refusal_is_on_record(
    make: Make, state: Callable[[House], None]
) -> None:
    house = make()
    state(house)
    pulses, lane, rows = len(house.rig.actuator.pulses), house.rig.lane_state(), len(house.rows())
    house.do("open_once")
    assert (len(house.rig.actuator.pulses), house.rig.lane_state()) == (pulses, lane)
    (row,) = house.rows()[rows:]
    assert (row["kind"], row["actor"]) == ("config", "central:operator:ana")
    assert row["data"] == {"what": "task_refused", "do": "open_once", "why": "lane", "by": "central", "key": "t1"}
    house.do("open_once")
    assert len(house.rows()) == rows + 1, "said once"


@pytest.mark.parametrize("word", ["enable", "disable"])
def test_nothing_remote_ends_an_emergency(make: Make, word: str) -> None:
    house = make()
    house.rig.pin("fire")
    house.do(word)
    assert house.rig.lane_state() is LaneState.EMERGENCY
    assert house.rows()[-1]["data"]["why"] == "emergency"


def test_opening_that_comes_too_late_is_refused(make: Make) -> None:
    house = make()
    house.do("open_once", left_ms=-1)
    assert house.rig.actuator.pulses == []
    assert house.rows()[-1]["data"]["why"] == "late"


def test_relay_that_does_not_move_puts_the_lane_out_of_order_and_says_so(make: Make) -> None:
    house = make()
    house.rig.actuator.fails.add("pulse")
    house.do("open_once")
    assert house.rig.lane_state() is LaneState.OUT_OF_ORDER
    assert [row["data"].get("why") for row in house.rows()] == [None, "device"]


def test_what_cannot_be_written_down_is_not_done(make: Make) -> None:
    house = make()
    house.rig.journal.fails.add("*")
    for word in ("open_once", "disable"):
        with pytest.raises(StorageError):
            house.do(word, word)
    assert house.rig.actuator.pulses == []
    assert house.rig.lane_state() is LaneState.IDLE


def test_pull_is_sync_s_work_and_one_row_here(make: Make) -> None:
    house = make()
    house.do("pull")
    (row,) = house.rows()
    assert (row["kind"], row["actor"], row["data"]["what"]) == ("config", "central:operator:ana", "pull")


def test_lane_holds_what_is_allowed_itself(make: Make) -> None:
    house = make(allowed=("pull",))
    for word in ("open_once", "disable", "enable", "explode"):
        house.do(word, word)
    assert house.rig.actuator.pulses == []
    assert house.rows() == []
