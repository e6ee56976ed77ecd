"""Which faults are found, when they begin and when they end. Every part is told what to say."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate.errors import DamagedError, StorageError
from gate.health import INPUT_GRACE_S, Disk, Health, Parts, disk_of, status_line
from gate.lane.faults import Fault
from gate.lane.world import World
from gate.model import ClockTrust
from tests.fakes.clock import FakeClock

ROOMY = Disk(1 << 30, readonly=False)


class Box:
    """Parts that are well until told otherwise."""

    def __init__(self) -> None:
        self.pins = True
        self.inputs: dict[str, bool] = {}
        self.disk: Disk | OSError = ROOMY
        self.write: Exception | None = None
        self.written = 0
        self.clock = FakeClock()
        self.now = 0.0

    def parts(self) -> Parts:
        return Parts(pins=lambda: self.pins, inputs=lambda: self.inputs, disk=self._disk, write=self._write)

    def health(self, **changes: Any) -> Health:
        return Health(self.parts(), **({"min_free_mib": 64, "set_aside": False, "now_s": 0.0} | changes))

    def look(self, health: Health, seconds: float = 1) -> tuple[Fault, ...]:
        self.now += seconds
        return health.look(self.now, self.clock.now(), World())

    def _disk(self) -> Disk:
        if isinstance(self.disk, OSError):
            raise self.disk
        return self.disk

    def _write(self) -> None:
        self.written += 1
        if self.write is not None:
            raise self.write


def test_gate_that_is_not_in_the_policy_is_a_fault_of_that_name() -> None:
    box = Box()
    world = World(missing=Fault.NOT_IN_POLICY)
    assert box.health().look(1.0, box.clock.now(), world) == (Fault.NOT_IN_POLICY,)
    assert status_line("g2", world, (), {}) == "g2: not ready: not_in_policy"


def test_all_is_well_and_costs_no_commit() -> None:
    box = Box()
    assert box.look(box.health()) == ()
    assert box.written == 0


def test_disk_is_full_below_the_limit_and_well_again_only_clearly_above_it() -> None:
    box = Box()
    health = box.health()
    for mib, full in ((65, False), (63, True), (66, True), (71, False), (65, False)):
        box.disk = Disk(mib << 20, readonly=False)
        assert (box.look(health) == (Fault.DISK_FULL,)) is full, mib
    assert health.free_bytes == 65 << 20


def test_read_only_disk_is_named_so() -> None:
    box = Box()
    health = box.health()
    box.disk = Disk(0, readonly=True)
    health.not_written(StorageError("attempt to write a readonly database"))
    box.write = StorageError("attempt to write a readonly database")
    assert box.look(health) == (Fault.DISK_READONLY,)


def test_row_that_was_not_taken_is_a_fault_until_one_is() -> None:
    box = Box()
    health = box.health()
    health.not_written(StorageError("disk I/O error"))
    box.write = StorageError("disk I/O error")
    assert box.look(health) == (Fault.JOURNAL,)
    box.write = None
    assert box.look(health) == ()
    assert box.written == 2


def test_disk_that_says_full_counts_as_full_whatever_its_figures_say() -> None:
    box = Box()
    health = box.health()
    box.write = StorageError("the journal could not be written: database or disk is full")
    health.not_written(box.write)
    assert box.look(health) == (Fault.DISK_FULL,)
    health.written()
    assert box.look(health) == ()


def test_medium_that_is_gone_is_a_fault_of_the_journal() -> None:
    box = Box()
    box.disk = OSError(5, "Input/output error")
    assert box.look(box.health()) == (Fault.JOURNAL,)


def test_broken_journal_is_not_tried_again_in_this_life() -> None:
    box = Box()
    health = box.health()
    health.not_written(DamagedError("database disk image is malformed"))
    assert box.look(health) == (Fault.JOURNAL,)
    assert (health.damaged, box.written) == (True, 0)


def test_camera_is_gone_after_a_while_and_one_of_two_is_less() -> None:
    box = Box()
    health = box.health()
    box.inputs = {"cam0": False, "cam1": True}
    assert box.look(health) == ()
    assert box.look(health, INPUT_GRACE_S + 1) == (Fault.INPUT,)
    box.inputs["cam1"] = False
    assert box.look(health, INPUT_GRACE_S + 1) == (Fault.CAMERA,)
    box.inputs["cam0"] = True
    assert box.look(health) == (Fault.INPUT,)


def test_pins_clock_and_a_journal_set_aside_in_order_of_weight() -> None:
    box = Box()
    health = box.health(set_aside=True)
    box.pins = False
    box.clock.trust = ClockTrust.UNTRUSTED
    assert box.look(health) == (Fault.PINS, Fault.SET_ASIDE, Fault.CLOCK)


def test_figures_of_a_real_disk(tmp_path: Path) -> None:
    found = disk_of(tmp_path)
    assert found.free_bytes > 0
    assert not found.readonly


def test_disk_that_refuses_a_file_without_saying_so_is_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journal.pub").write_bytes(bytes(32))
    assert not disk_of(tmp_path).readonly
    code = errno.EACCES

    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)
    assert not disk_of(tmp_path).readonly
    code = errno.EROFS
    assert disk_of(tmp_path).readonly


def test_status_line_is_what_a_technician_needs_first() -> None:
    world = World()
    assert status_line("g2", world, (), {}) == "g2: ready"
    assert status_line("g2", world, (Fault.DISK_FULL, Fault.CLOCK), {"admitted": 3}) == (
        "g2: ready, disk_full clock; admitted=3"
    )
    assert status_line("g2", replace(world, missing="manifest"), (), {}) == "g2: not ready: manifest"
