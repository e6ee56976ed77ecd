"""A broken journal: found at start, moved aside whole, and what must go on goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.errors import DamagedError, StorageError
from gate.storage import aside
from gate.storage.aside import MARK, mark_damaged, set_aside_if_broken
from tests.fakes.issuer import NOW_S
from tests.storage.rows import check, draft, moment, read, store

NOW_MS = NOW_S * 1000


def filled(path: Path, rows: int = 200) -> Path:
    journal = store(path)
    journal.set_meta("case_next", "148")
    journal.set_meta("scan_salt", "ab" * 32)
    for n in range(rows):
        journal.commit([draft(n)], moment(n))
    journal.close()
    return path / "journal.db"


def spoil(path: Path, page: int, *, size: int = 4096) -> None:
    with path.open("r+b") as file:
        file.seek(page * size)
        file.write(b"\xa5" * size)


def test_journal_that_is_whole_stays(tmp_path: Path) -> None:
    path = filled(tmp_path, 20)
    assert set_aside_if_broken(path, NOW_MS) is None
    assert path.exists()


def test_first_start_has_nothing_to_check(tmp_path: Path) -> None:
    assert set_aside_if_broken(tmp_path / "journal.db", NOW_MS) is None


def test_start_that_was_cut_off_before_the_first_commit_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.touch()
    assert set_aside_if_broken(path, NOW_MS) is None
    store(tmp_path).close()


def test_broken_page_moves_the_file_aside_with_all_its_bytes_and_the_gate_goes_on(tmp_path: Path) -> None:
    path = filled(tmp_path)
    spoil(path, 20)
    content = path.read_bytes()
    moved = set_aside_if_broken(path, NOW_MS)
    assert moved is not None
    assert not path.exists()
    assert (tmp_path / moved.file).read_bytes() == content
    assert moved.why
    assert moved.meta["case_next"] == "148"
    assert moved.meta["scan_salt"] == "ab" * 32
    journal = store(tmp_path, life=2)
    boot = journal.write_boot(moment(), {}, {"set_aside": {"file": moved.file, "why": moved.why}})
    journal.commit([draft(1)], moment(1))
    journal.close()
    assert boot.data["set_aside"]["file"] == moved.file
    assert check(tmp_path).ok


def test_file_that_is_no_database_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"\xff" * 10_000)
    moved = set_aside_if_broken(path, NOW_MS)
    assert moved is not None
    assert moved.meta == {}


def test_two_broken_ones_in_one_second_are_both_kept(tmp_path: Path) -> None:
    names = set()
    for _ in range(2):
        (tmp_path / "journal.db").write_bytes(b"\xff" * 10_000)
        moved = set_aside_if_broken(tmp_path / "journal.db", NOW_MS)
        assert moved is not None
        names.add(moved.file)
    assert len(names) == 2
    assert all((tmp_path / name).exists() for name in names)


def test_big_file_is_checked_whole_only_with_the_mark_of_the_life_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled(tmp_path)
    spoil(path, 20)
    monkeypatch.setattr(aside, "QUICK_CHECK_MIB", 0)
    mark_damaged(path)
    assert aside.broken(path, whole=True)
    moved = set_aside_if_broken(path, NOW_MS)
    assert moved is not None
    assert not (tmp_path / MARK).exists()


def test_wal_that_was_cut_short_keeps_its_whole_frames(tmp_path: Path) -> None:
    journal = store(tmp_path)
    for n in range(20):
        journal.commit([draft(n)], moment(n))
    wal = tmp_path / "journal.db-wal"
    cut = wal.read_bytes()[: wal.stat().st_size // 2]
    main = (tmp_path / "journal.db").read_bytes()
    journal.close()
    (tmp_path / "journal.db").write_bytes(main)
    wal.write_bytes(cut)
    assert set_aside_if_broken(tmp_path / "journal.db", NOW_MS) is None
    left = read(tmp_path, "SELECT count(*) FROM journal")[0][0]
    assert 0 < left < 20
    assert check(tmp_path).ok, "what is left is a whole chain; the server knows what is missing"


def test_page_that_breaks_while_the_gate_works_is_damage_and_not_a_full_disk(tmp_path: Path) -> None:
    journal = store(tmp_path)
    for n in range(300):
        journal.commit([draft(n)], moment(n))
    journal.close()
    for page in range(2, (tmp_path / "journal.db").stat().st_size // 4096):
        spoil(tmp_path / "journal.db", page)
    journal = store(tmp_path, life=2)
    with pytest.raises(DamagedError):
        journal.commit([draft(n) for n in range(300)], moment(1))
    journal.close()


def test_file_that_may_not_be_moved_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"\xff" * 10_000)

    def refused(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(StorageError, match="moved aside"):
        set_aside_if_broken(path, NOW_MS)
