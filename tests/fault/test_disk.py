"""Disks that fail under the real lane process; flushes that fail, and the other policies: `make prove-disk`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fault.disk import broken_page, can_mount, full
from tests.fault.readonly import by_error, can_fail, holds


def test_full_disk_is_named_opens_for_nobody_and_is_over_when_there_is_room(tmp_path: Path) -> None:
    if not can_mount(tmp_path):
        pytest.skip("a small disk can only be mounted by root")
    found = full(tmp_path)
    assert (found["named"], found["refused"], found["over"], found["chain"]) == (True, True, True, True)
    assert (found["before"], found["after"]) == ("ok", "ok")
    assert found["pulses"] == found["openings"] == 2


def test_card_that_fails_and_goes_read_only_is_named_opens_for_nobody_and_is_well_after_a_repair(
    tmp_path: Path,
) -> None:
    if lacks := can_fail(tmp_path):
        pytest.skip(f"a failing card needs {lacks}")
    found = by_error(tmp_path, "refuse")
    assert holds(found, "refuse"), found


def test_gate_with_broken_pages_in_its_journal_keeps_the_file_says_so_and_lets_people_in(tmp_path: Path) -> None:
    found = broken_page(tmp_path)
    assert found == {"ready": True, "named": True, "kept": True, "after": "ok", "chain": True, "admissions": 1}
