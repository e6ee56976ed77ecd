"""A writer that is killed, a file system that takes no more, and what a commit costs: each in a process of its own."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gate.errors import StorageError
from gate.storage import journal as journal_module
from tests.storage.rows import check, draft, moment, read, store, ticket

COMMITS = 150


def child(word: str, path: Path, *more: str, wrapper: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [*wrapper, sys.executable, "-m", "tests.storage.test_crash", word, str(path), *more]
    root = Path(__file__).parent.parent.parent
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}
    )


def said(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == word


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert process.stdout is not None
    process.stdout.close()


def tickets_admitted(path: Path) -> list[bytes]:
    return [key for (key,) in read(path, "SELECT ticket FROM journal WHERE kind='admitted' ORDER BY id")]


def test_writer_killed_between_begin_and_commit_leaves_only_what_was_committed(tmp_path: Path) -> None:
    process = child("half", tmp_path)
    said(process, "half")
    kill(process)
    journal = store(tmp_path, life=2)
    assert tickets_admitted(tmp_path) == [ticket(1)]
    assert read(tmp_path, "SELECT count(*) FROM uses") == [(1,)]
    boot = journal.write_boot(moment(), {}, {})
    assert [(event, seq) for event, _, seq, _ in boot.data["streams"]] == [("spring", 1)]
    journal.close()
    assert check(tmp_path).ok


def test_writer_killed_right_after_a_commit_has_it(tmp_path: Path) -> None:
    process = child("count", tmp_path)
    said(process, "1")
    kill(process)
    assert ticket(1) in tickets_admitted(tmp_path)
    store(tmp_path, life=2).close()
    assert check(tmp_path).ok


def test_writer_killed_at_any_moment_keeps_every_answer_and_a_whole_chain(tmp_path: Path) -> None:
    answered = 0
    for life in range(1, 6):
        process = child("count", tmp_path, str(life))
        assert process.stdout is not None
        # It writes on while it is killed: what it stands at then is nobody's choice.
        for n in range(1, 5 * life + 1):
            said(process, str(n))
        process.send_signal(signal.SIGKILL)
        last = int([str(5 * life), *process.stdout.read().split()][-1])
        process.wait(60)
        process.stdout.close()
        answered += last
        found = check(tmp_path)
        assert found.ok, found.first_bad
        assert answered <= found.rows <= answered + 1, "nothing answered is lost; at most one was not answered yet"
        answered = found.rows
    assert answered >= 5 + 10 + 15 + 20 + 25


def test_file_system_that_takes_no_more_refuses_and_keeps_the_chain(tmp_path: Path) -> None:
    process = child("full", tmp_path)
    assert process.wait(120) == 0
    assert process.stdout is not None
    assert process.stdout.read().split() == ["refused", "refused", "goes", "on"]
    process.stdout.close()
    assert check(tmp_path).ok


def test_commit_waits_for_the_disk_exactly_once(tmp_path: Path) -> None:
    """Besides, each checkpoint of the WAL (every 1,000 pages) costs its few; reads and idle cost none."""
    strace = shutil.which("strace")
    if not strace:
        pytest.skip("strace is not on this machine")
    counts = {}
    for commits in (10, 10 + COMMITS):
        path, log = tmp_path / str(commits), tmp_path / f"{commits}.log"
        path.mkdir()
        process = child(
            "commits", path, str(commits), wrapper=(strace, "-f", "-o", str(log), "-e", "trace=fsync,fdatasync")
        )
        said(process, str(commits))
        assert process.wait(120) == 0
        assert process.stdout is not None
        process.stdout.close()
        lines = log.read_text().splitlines()
        if not any("sync(" in line for line in lines):
            pytest.skip("strace may not trace here")
        counts[commits] = sum(re.search(r"\bf(data)?sync\(.*= 0", line) is not None for line in lines)
    more = counts[10 + COMMITS] - counts[10]
    print(f"{COMMITS} commits: {more} waits for the disk")
    assert COMMITS <= more <= COMMITS + 4 * (COMMITS // 60 + 1)


# ---- the children


def _half(path: Path) -> None:
    journal = store(path)
    journal.commit([draft(1)], moment())

    def hang(*_: object) -> None:
        print("half", flush=True)
        time.sleep(600)

    journal_module.apply_use = hang  # the row is written, its uses are not, nothing is committed
    journal.commit([draft(2)], moment())


def _count(path: Path, life: int) -> None:
    journal = store(path, life=life)
    for n in range(1, 100_000):
        journal.commit([draft(n % 50 + 1 if n > 1 else 1)], moment(n))
        print(n, flush=True)


def _full(path: Path) -> None:
    journal = store(path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    done = refused = 0
    while refused < 2:
        try:
            journal.commit([draft(done)], moment(done))
            done += 1
        except StorageError:
            refused += 1
            print("refused", flush=True)
        assert done < 10_000
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (record,) = journal.commit([draft(done)], moment(done))
    assert record.seq == done + 1
    print("goes on", flush=True)
    journal.close()


def _commits(path: Path, commits: int) -> None:
    journal = store(path)
    for n in range(commits):
        journal.commit([draft(n)], moment(n))
    print(commits, flush=True)
    os._exit(0)  # closing would checkpoint: not what is counted here


if __name__ == "__main__":
    word, folder, *rest = sys.argv[1:]
    if word == "half":
        _half(Path(folder))
    elif word == "count":
        _count(Path(folder), int(rest[0]) if rest else 1)
    elif word == "full":
        _full(Path(folder))
    elif word == "commits":
        _commits(Path(folder), int(rest[0]))
