"""What is forgotten, when, and that forgetting is told from a deed; what is left of a gate that is given away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gate import footing
from gate.errors import DeviceError, StorageError
from gate.lane.world import World
from gate.storage.retention import forget_old, note_days, unsent, wipe
from gate.sync import worker
from gate.sync.folders import Folders
from tests.fakes.state import StateFolder, edit
from tests.storage.rows import check, draft, moment, read, store

DAY_MS = 86_400_000


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A life with 30 rows of spring and some of autumn; spring is kept for ten days."""
    StateFolder(tmp_path).replace_sync()
    journal = store(tmp_path)
    journal.write_boot(moment(), {}, {})
    for n in range(30):
        journal.commit([draft(n)], moment(n))
    journal.commit([draft(1, event="autumn")], moment(40))
    journal.set_meta("retention.spring", "10")
    journal.close()
    return tmp_path


def upstream(path: Path, upto: int) -> None:
    ((epoch,),) = read(path, "SELECT DISTINCT epoch FROM journal WHERE event='spring'")
    edit(path / "sync.db", "INSERT OR REPLACE INTO acked VALUES ('central', 'spring', ?, ?, ?)", epoch, upto, upto)


def next_life(path: Path, days: float, life: int = 2) -> list[str]:
    journal = store(path, life=life)
    journal.write_boot(moment(int(days * DAY_MS)), {}, {})
    try:
        return forget_old(journal, path, moment(int(days * DAY_MS)))
    finally:
        journal.close()


def test_event_is_forgotten_whole_after_its_days_and_the_journal_still_verifies(old: Path) -> None:
    upstream(old, 30)
    assert next_life(old, 11) == ["spring"]
    assert read(old, "SELECT DISTINCT event FROM journal ORDER BY 1") == [("",), ("autumn",)]
    assert read(old, "SELECT count(*) FROM uses WHERE event='spring'") == [(0,)]
    assert check(old).ok, check(old).first_bad
    journal = store(old, life=3)
    ((epoch,),) = read(old, "SELECT DISTINCT epoch FROM journal WHERE event='autumn'")
    boot = journal.write_boot(moment(12 * DAY_MS), {("spring", epoch.hex()): 30, ("autumn", epoch.hex()): 2}, {})
    assert boot.data["lost_tail"] == [["autumn", epoch.hex(), 2]], "what was forgotten is not lost"
    assert forget_old(journal, old, moment(12 * DAY_MS)) == []
    journal.close()
    bad = check(old).first_bad
    assert bad is not None
    assert (bad.event, bad.epoch, bad.seq) == ("autumn", epoch.hex(), 2), (
        "what was lost is missed, not what was forgotten"
    )


@pytest.mark.parametrize(("days", "upto"), [(9, 30), (11, 29), (11, 0)], ids=["too early", "one unsent", "none sent"])
def test_nothing_is_forgotten_before_its_time_or_before_the_server_has_it(old: Path, days: int, upto: int) -> None:
    upstream(old, upto)
    assert next_life(old, days) == []
    assert read(old, "SELECT count(*) FROM journal WHERE event='spring'") == [(30,)]


def test_rows_that_somebody_took_away_are_still_found(old: Path) -> None:
    next_life(old, 1)
    edit(old / "journal.db", "DELETE FROM journal WHERE event='spring'")
    edit(old / "journal.db", "DELETE FROM uses WHERE event='spring'")
    edit(old / "journal.db", "DELETE FROM head WHERE event='spring'")
    found = check(old).first_bad
    assert found is not None
    assert found.event == "spring"


def test_row_that_says_so_cannot_be_forged(old: Path) -> None:
    upstream(old, 30)
    next_life(old, 11)
    ((body,),) = read(old, "SELECT body FROM journal WHERE kind='mode'")
    edit(old / "journal.db", "UPDATE journal SET body=? WHERE kind='mode'", body.replace(b"spring", b"summer"))
    assert not check(old).ok


def test_event_with_rows_of_this_life_is_not_forgotten(old: Path) -> None:
    journal = store(old, life=2)
    journal.commit([draft(1)], moment(1))
    with pytest.raises(StorageError):
        journal.forget("spring", moment(2))
    journal.close()


def test_days_of_the_policy_are_remembered(tmp_path: Path) -> None:
    journal = store(tmp_path)
    note_days(journal, World())
    assert journal.meta("retention.spring") is None
    journal.close()


def test_wiped_gate_holds_nothing(old: Path) -> None:
    (old / "secrets" / "spring.cbor").write_bytes(b"salt")
    (old / "kiosk-tls").mkdir()
    (old / "kiosk-tls" / "ca.key").write_bytes(b"key")
    (old / "journal.key").write_bytes(bytes(32))
    (old / "journal-broken-20260101T000000.db").touch()
    assert unsent(old) == 31
    gone = wipe(old)
    assert {"journal.key", "ca.key", "spring.cbor", "journal.db", "sync.db", "secrets/"} <= set(gone)
    assert list(old.iterdir()) == []
    assert wipe(old) == []


def test_folder_that_lane_or_sync_works_in_is_not_wiped(old: Path) -> None:
    with footing.only_one(old), pytest.raises(DeviceError, match=r"a gate runs on .*: stop it first") as refused:
        wipe(old)
    assert refused.value.exit_code == 3
    guard = worker.only_one(Folders(old, old / "run"))
    try:
        with pytest.raises(DeviceError, match=r"gate sync runs on .*systemctl stop gate-sync"):
            wipe(old)
    finally:
        os.close(guard)
    assert (old / "journal.db").exists()
    wipe(old)
    assert sorted(path.name for path in old.iterdir()) == ["lane.lock", "sync.lock"]
