"""Files on a stick: what a server would have sent, verified alike; hostile sticks; records outward, sealed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gate.central import commands, manifests
from gate.central.keys import KeyStore
from gate.errors import ConfigError, StorageError
from gate.model import TicketState
from gate.sync.cli import app
from gate.sync.stick import Stick
from gate.sync.transfer import Report, export_to, import_from
from gate.sync.worker import only_one
from gate.wire import cbor
from gate.wire.journal import decode_record, row_hash, stream_start
from gate.wire.transfer import FOLDER, open_box
from tests.fakes.server import EVENT, LiveCentral
from tests.sync.conftest import Gate, Lane


def make_stick(gate: Gate, folder: Path) -> Path:
    """As an organiser fills it. Returns: the folder `gate-transfer`."""
    folder.mkdir(exist_ok=True)
    commands.run(gate.live.central, "export_stick", {"folder": str(folder)})
    return folder / FOLDER


@pytest.fixture
def stick(gate: Gate, tmp_path: Path) -> Path:
    key = gate.live.central.issued(EVENT)[0].key
    gate.live.central.set_state(EVENT, key, TicketState.BLOCKED)
    return make_stick(gate, tmp_path / "stick")


def take(gate: Gate, folder: Path) -> Report:
    return import_from(folder, gate.folders, gate.store, gate.clock)


def test_a_gate_without_a_network_gets_everything_from_a_stick(gate: Gate, stick: Path) -> None:
    report = take(gate, stick.parent)
    assert report.problems == {}
    assert report.ignored == 0
    stored = gate.store.event(EVENT)
    assert stored is not None
    assert gate.folders.base(stored.base_sha256).exists()
    assert gate.folders.secrets_of(EVENT).exists()
    assert gate.store._open().execute("SELECT state FROM overlay").fetchall() == [(3,)]
    # The same stick again, or gate-transfer itself: nothing is newer.
    before = gate.state()
    assert take(gate, stick).files == 0
    assert gate.state() == before
    # And the network goes on from there.
    gate.puller = gate.new_puller()
    assert not gate.puller.step(gate.client, 0)


def test_a_stick_with_several_pages_is_read_whole_and_may_be_filled_again(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "PAGE_ROWS", 1)
    root = make_stick(gate, tmp_path / "s")
    boxed = root / EVENT / f"journal-g2-{'0' * 16}-1-1.cbor.box"
    boxed.write_bytes(b"a gate's own")
    for item in gate.live.central.issued(EVENT)[:3]:
        gate.live.central.set_state(EVENT, item.key, TicketState.BLOCKED)
    assert make_stick(gate, tmp_path / "s") == root
    assert len(list((root / EVENT / "changes").iterdir())) == 3
    assert boxed.read_bytes() == b"a gate's own"
    report = take(gate, root)
    assert (report.problems, report.ignored) == ({}, 0)
    assert gate.store._open().execute("SELECT count(*) FROM overlay WHERE state = 3").fetchone() == (3,)
    with pytest.raises(ConfigError, match="no folder"):
        commands.run(gate.live.central, "export_stick", {"folder": str(tmp_path / "nowhere")})


def test_an_older_stick_changes_nothing(gate: Gate, stick: Path) -> None:
    key = gate.live.central.issued(EVENT)[1].key
    gate.live.central.set_state(EVENT, key, TicketState.REVOKED)
    while gate.puller.step(gate.client, 0):
        pass
    before = gate.state()
    take(gate, stick)
    assert gate.state() == before


def test_a_newer_page_on_a_stick_is_applied_to_what_is_there(gate: Gate, tmp_path: Path) -> None:
    gate.puller.step(gate.client, 0)
    key = gate.live.central.issued(EVENT)[1].key
    gate.live.central.set_state(EVENT, key, TicketState.REVOKED)
    report = take(gate, make_stick(gate, tmp_path / "s"))
    assert (report.files, report.problems) == (1, {})
    assert gate.store._open().execute("SELECT state FROM overlay").fetchall() == [(5,)]


def test_only_the_events_of_the_enrolment_are_taken(gate: Gate, stick: Path) -> None:
    (stick / EVENT).rename(stick / "autumn")
    report = take(gate, stick)
    assert report.ignored == 1
    assert gate.store.event(EVENT) is None


# ---- hostile sticks


def _flip(path: Path, at: int = -5) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def _first(stick: Path, pattern: str) -> Path:
    return next(stick.glob(pattern))


def _link(stick: Path) -> None:
    real = stick / EVENT / "descriptor.cbor"
    real.rename(stick.parent / "elsewhere")
    real.symlink_to(stick.parent / "elsewhere")


def _fifo(stick: Path) -> None:
    (stick / EVENT / "descriptor.cbor").unlink()
    os.mkfifo(stick / EVENT / "descriptor.cbor")


def _huge(stick: Path) -> None:
    with (stick / EVENT / "descriptor.cbor").open("wb") as file:
        file.truncate(10**10)  # a hole: it takes no room


def _bomb(stick: Path) -> None:
    import zstandard

    _first(stick, "manifests/*").write_bytes(zstandard.compress(bytes(10**8)))


HOSTILE: dict[str, Callable[[Path], object]] = {
    "descriptor altered": lambda s: _flip(s / EVENT / "descriptor.cbor"),
    "descriptor is a link": _link,
    "descriptor is a pipe": _fifo,
    "descriptor of 10 GB": _huge,
    "base file altered": lambda s: _flip(_first(s, "manifests/*"), 100),
    "base file cut": lambda s: os.truncate(_first(s, "manifests/*"), 100),
    "base file is a bomb": _bomb,
    "policy altered": lambda s: _flip(_first(s, "objects/*")),
    "policy missing": lambda s: _first(s, "objects/*").unlink(),
    "secrets of another device": lambda s: _first(s, "*/secrets-*").rename(s / EVENT / "secrets-g9.cbor"),
    "page altered": lambda s: _flip(_first(s, "*/changes/*"), 60),
    "page missing": lambda s: _first(s, "*/changes/*").unlink(),
    "page is text": lambda s: _first(s, "*/changes/*").write_text("hello"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_stick_changes_nothing(gate: Gate, stick: Path, name: str) -> None:
    HOSTILE[name](stick)
    report = take(gate, stick)
    assert gate.store.event(EVENT) is None
    assert report.problems or report.ignored
    assert not list(gate.folders.manifests.glob("*.sqlite")) or "base" not in name


def test_a_hostile_trust_file_is_named_and_the_rest_is_taken(gate: Gate, stick: Path) -> None:
    (stick / "trust.cbor").write_bytes(cbor.dumps([b"trust me"]))
    before = gate.store.trust_files()
    assert "trust" in take(gate, stick).problems
    assert gate.store.trust_files() == before
    assert gate.store.event(EVENT) is not None


@pytest.mark.parametrize(
    "name",
    ["autorun.inf", "run.sh", f"{EVENT}/../../etc/passwd", "objects/x.cbor", f"{EVENT}/changes/.hidden", "a/b/c/d/e"],
)
def test_names_outside_the_pattern_are_ignored_and_counted(gate: Gate, stick: Path, name: str) -> None:
    path = stick / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    found = Stick(stick, gate.enrolment.device)
    assert found.ignored == (0 if ".." in name else 1)
    assert all(".." not in known for known in found.names)


def test_links_to_folders_are_not_followed(gate: Gate, stick: Path, tmp_path: Path) -> None:
    (stick / "autumn").symlink_to(stick / EVENT, target_is_directory=True)
    assert Stick(stick, "g2").ignored == 1
    assert Stick(stick, "g2").events() == [EVENT]


def test_a_stick_of_endless_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.sync.stick.FILES_MAX", 50)
    for number in range(60):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(StorageError, match="more than 50"):
        Stick(tmp_path, "g2")


# ---- outward


def opened(live: LiveCentral, box: Path) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    return open_box(box.read_bytes(), KeyStore(live.state / "keys", os.urandom).seal())


def test_records_go_out_sealed_for_the_server_with_their_head(gate: Gate, lane: Lane, tmp_path: Path) -> None:
    lane.admit(3)
    gate.push_all()
    lane.admit(4)
    report = export_to(tmp_path, gate.folders, gate.store, gate.clock)
    assert (report.files, report.records) == (1, 4)
    box = tmp_path / FOLDER / EVENT / f"journal-g2-{lane.epoch}-4-7.cbor.box"
    records, heads = opened(gate.live, box)
    assert [decode_record(body).seq for body, _ in records] == [4, 5, 6, 7]
    assert len(heads) == 1
    previous = records[0][1]
    for body, digest in records[1:]:
        assert row_hash(previous, body) == digest
        previous = digest
    assert b"admitted" not in box.read_bytes()
    # It is not delivered before a server says so.
    gate.pusher.look()
    assert gate.pusher.queue() == 4


def test_the_first_record_of_a_stream_chains_to_its_start(gate: Gate, lane: Lane, tmp_path: Path) -> None:
    lane.admit(1, event="", kind="boot")
    export_to(tmp_path, gate.folders, gate.store, gate.clock)
    records, _ = opened(gate.live, tmp_path / FOLDER / "-" / f"journal-g2-{lane.epoch}-1-1.cbor.box")
    start = stream_start(bytes.fromhex(lane.epoch), "")
    assert row_hash(start, records[0][0]) == records[0][1]


def test_the_server_takes_what_a_stick_brings_and_the_gate_hears_known_later(
    gate: Gate, lane: Lane, tmp_path: Path
) -> None:
    lane.admit(3)
    gate.push_all()
    lane.admit(4)
    lane.admit(1, event="", kind="boot")
    export_to(tmp_path, gate.folders, gate.store, gate.clock)
    report = commands.run(gate.live.central, "import_stick", {"folder": str(tmp_path)})
    assert (report["ok"], report["files"], report["stored"]) == (True, 2, 5), report
    assert len(gate.live.checkins()) == 7
    gate.push_all()
    assert gate.pusher.queue() == 0
    assert len(gate.live.checkins()) == 7
    assert commands.run(gate.live.central, "incidents", {"limit": 9}) == []


# ---- the command


@pytest.fixture
def config(gate: Gate) -> Path:
    path = gate.folders.state / "gate.toml"
    path.write_text(f'[gate]\nid = "g2"\nstate_dir = "{gate.folders.state}"\nruntime_dir = "{gate.folders.runtime}"\n')
    return path


def test_the_commands_say_what_they_did(gate: Gate, lane: Lane, stick: Path, config: Path, tmp_path: Path) -> None:
    lane.admit(2)
    gate.close()
    mask = os.umask(0o022)
    os.umask(mask)
    try:
        done = CliRunner().invoke(app, ["import", str(stick), "--config", str(config), "--json"])
        assert (done.exit_code, json.loads(done.stdout)["problems"]) == (0, {})
        done = CliRunner().invoke(app, ["export", str(tmp_path / "out"), "--config", str(config), "--json"])
        assert "mounted" in str(done.exception), "a stick that is not there must not become a folder on the gate's card"
        (tmp_path / "out").mkdir()
        done = CliRunner().invoke(app, ["export", str(tmp_path / "out"), "--config", str(config), "--json"])
        assert (done.exit_code, json.loads(done.stdout)["records"]) == (0, 2)
        _flip(stick / EVENT / "descriptor.cbor")
        done = CliRunner().invoke(app, ["import", str(stick), "--config", str(config)])
        assert done.exit_code in (0, 1)
        done = CliRunner().invoke(app, ["import", str(tmp_path / "nothing"), "--config", str(config)])
        assert isinstance(done.exception, StorageError)
        handle = only_one(gate.folders)
        done = CliRunner().invoke(app, ["import", str(stick), "--config", str(config)])
        assert isinstance(done.exception, StorageError)
        assert "another sync process" in str(done.exception)
        os.close(handle)
    finally:
        os.umask(mask)
        gate.open()
