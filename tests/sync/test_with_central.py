"""The whole worker against the real central server: enrol, pull, push, feed."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.model import TicketState
from gate.sqlitefile import open_immutable, open_reader
from gate.sync.folders import Folders
from gate.sync.worker import Worker
from gate.wire import sql
from tests.fakes.server import EVENT, Fault, LiveCentral, live_central, wait_for
from tests.sync.conftest import Lane, settings_for


class Running:
    def __init__(self, state: Path, **sync: object) -> None:
        self.worker = Worker(settings_for(state, **sync))
        self.folders = Folders(state, state / "run")
        self._thread = threading.Thread(target=self.worker.run, daemon=True)
        self._thread.start()
        wait_for(self.folders.socket.exists, "the socket is there")

    def ask(self, **request: object) -> dict[str, object]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(60)
            connection.connect(str(self.folders.socket))
            connection.sendall(json.dumps({"id": 5} | request).encode() + b"\n")
            return dict(json.loads(connection.makefile("rb").readline()))

    def values(self) -> dict[str, str]:
        return self.worker.board.values()

    def stop(self) -> None:
        self.worker.stop()
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "gate"
    folder.mkdir()
    return folder


@pytest.fixture
def running(state: Path) -> Iterator[Running]:
    run = Running(state)
    yield run
    run.stop()


def enrolled(running: Running, live: LiveCentral) -> None:
    answer = running.ask(do="enrol", text=live.enrolment_text(), by="test", journal_pub="00" * 32)
    assert answer == {"id": 5, "ok": True, "device": "g2", "gate": "g2", "org": "Gate", "events": [EVENT]}


def test_an_unenrolled_worker_says_so_and_waits(running: Running) -> None:
    answer = running.ask(do="status")
    assert answer["ok"] is True
    assert answer["enrolled"] is False
    assert answer["mode"] == "local"
    assert "not enrolled" in str(answer["last_error"])


def test_a_new_card_reads_all_check_ins_before_its_first_manifest(live: LiveCentral, state: Path) -> None:
    running = Running(state)
    try:
        # As long as the feed cannot be read, the lane gets no tickets to admit.
        live.faults.append(Fault("GET", "/checkins", status=503))
        enrolled(running, live)
        wait_for(lambda: live.wire.count("GET", "/checkins") > 3, "the feed was asked for")
        assert live.wire.count("GET", "/manifest$") == 0
        assert running.values()["events"] in ("", "{}")
        live.faults.clear()
        wait_for(lambda: running.values()["events"] not in ("", "{}"), "a manifest")
    finally:
        running.stop()


def test_enrol_pull_push_feed(live: LiveCentral, state: Path) -> None:
    lane = Lane(state)
    running = Running(state)
    try:
        answer = running.ask(do="enrol", text=live.enrolment_text(), by="test")
        assert answer["ok"], answer
        wait_for(lambda: running.values()["events"] not in ("", "{}"), "a manifest")
        assert json.loads(running.values()["events"])[EVENT]["rows"] == 10
        wait_for((state / "secrets" / f"{EVENT}.cbor").exists, "secrets")
        assert (state / "secrets" / f"{EVENT}.cbor").stat().st_mode & 0o777 == 0o640

        reader = open_reader(running.folders.sync_db)
        base = reader.execute("SELECT base_sha256 FROM event").fetchone()[0]
        tickets = open_immutable(running.folders.base(base))
        assert tickets.execute("SELECT count(*) FROM ticket").fetchone() == (10,)

        lane.admit(3)
        lane.admit(1, event="", kind="boot")
        running.ask(do="poke")
        wait_for(lambda: len(live.checkins()) == 3, "three check-ins at the server")
        wait_for(lambda: len(live.checkins("")) == 1, "the device's own stream at the server")
        wait_for(lambda: reader.execute("SELECT count(*) FROM remote").fetchone() == (3,), "the feed")
        wait_for(lambda: running.values()["queue"] == "0", "an empty queue")

        key = live.central.issued(EVENT)[0].key
        live.central.set_state(EVENT, key, TicketState.REVOKED)
        wait_for(
            lambda: reader.execute("SELECT state FROM overlay WHERE key=?", (key,)).fetchone() == (5,), "revocation"
        )
        wait_for(lambda: (running.values()["mode"], running.values()["last_error"]) == ("online", ""), "online")
        told = {("enrolled", "yes"), ("peer", "central")}
        wait_for(lambda: told <= set(reader.execute("SELECT k, v FROM status")), "the status for others")
        wait_for(lambda: reader.execute("SELECT source FROM clock").fetchone() == ("server",), "signed time")
    finally:
        running.stop()
        lane.close()


def test_central_gone_for_a_while_everything_arrives_once(lone: LiveCentral, state: Path) -> None:
    live = lone
    lane = Lane(state)
    running = Running(state, backoff_max_s=1)
    try:
        assert running.ask(do="enrol", text=live.enrolment_text(), by="test")["ok"]
        lane.admit(2)
        wait_for(lambda: len(live.checkins()) == 2, "two check-ins")
        live.stop()
        lane.admit(5)
        wait_for(lambda: running.values()["mode"] == "local", "local mode")
        wait_for(lambda: running.values()["queue"] == "5", "five waiting")
        assert running.values()["last_error"]
        live.start()
        wait_for(lambda: len(live.checkins()) == 7, "seven check-ins")
        wait_for(lambda: running.values()["mode"] == "online" and not running.values()["last_error"], "online again")
        assert [seq for _, _, seq, _ in live.checkins()] == [1, 2, 3, 4, 5, 6, 7]
    finally:
        running.stop()
        lane.close()


def test_a_storm_of_errors_is_backed_off_from_and_survived(live: LiveCentral, state: Path) -> None:
    storm = [Fault(method, "/v1/", status=500, body=b"oops") for method in ("GET", "POST")]
    lane = Lane(state)
    running = Running(state, backoff_max_s=1, wait_s=1)
    try:
        enrolled(running, live)
        lane.admit(1)
        wait_for(lambda: len(live.checkins()) == 1, "one check-in")
        live.faults += storm
        lane.admit(1)
        wait_for(lambda: sum(fault.hits for fault in storm) >= 8, "some failures")
        wait_for(lambda: running.values()["mode"] == "local", "local mode")
        wait_for(lambda: "500" in running.values()["last_error"], "a word about it")
        # Seven loops; were there no pauses, there would be thousands of calls by now.
        assert sum(fault.hits for fault in storm) < 200
        live.faults.clear()
        wait_for(lambda: len(live.checkins()) == 2, "delivered after the storm")
        wait_for(lambda: running.values()["last_error"] == "", "no error left")
    finally:
        running.stop()
        lane.close()


def test_a_revoked_gate_stops_wipes_its_secrets_and_keeps_the_journal(live: LiveCentral, state: Path) -> None:
    lane = Lane(state)
    running = Running(state, backoff_max_s=1, wait_s=1)
    try:
        enrolled(running, live)
        wait_for((state / "secrets" / f"{EVENT}.cbor").exists, "secrets")
        lane.admit(2)
        wait_for(lambda: len(live.checkins()) == 2, "two check-ins")
        live.central.revoke_device("g2")
        wait_for(lambda: not any((state / "secrets").iterdir()), "wiped secrets")
        wait_for(lambda: "revoked" in running.values()["last_error"], "a word about it")
        calls = len(live.wire.seen)
        lane.admit(1)
        running.ask(do="poke")
        assert len(live.wire.seen) == calls
        journal = open_reader(state / "journal.db")
        assert journal.execute("SELECT count(*) FROM journal").fetchone() == (3,)
    finally:
        running.stop()
        lane.close()


def test_enrolled_elsewhere_the_former_organisations_data_is_gone(
    live: LiveCentral, state: Path, tmp_path: Path
) -> None:
    lane = Lane(state)
    running = Running(state, wait_s=1)
    try:
        enrolled(running, live)
        lane.admit(2)
        wait_for(lambda: len(live.checkins()) == 2, "two check-ins")
        reader = open_reader(running.folders.sync_db)
        old = reader.execute("SELECT file FROM trust").fetchall()
        with live_central(tmp_path / "other") as other:
            other.make_event(3)
            enrolled(running, other)
            wait_for(
                lambda: json.loads(running.values()["events"] or "{}").get(EVENT, {}).get("rows") == 3, "its manifest"
            )
            new = reader.execute("SELECT file FROM trust").fetchall()
            assert not set(old) & set(new)
            # The journal is the gate's own: the new server gets it whole.
            wait_for(lambda: len(other.checkins()) == 2, "the check-ins at the other server")
    finally:
        running.stop()
        lane.close()


def test_a_second_worker_in_the_same_folder_is_refused(running: Running, state: Path) -> None:
    from gate.errors import StorageError

    with pytest.raises(StorageError, match="another sync process"):
        Worker(settings_for(state))


@pytest.mark.parametrize("do", ["claim", "forget", "nonsense", None])
def test_what_is_not_there_yet_is_answered_as_such(running: Running, do: str | None) -> None:
    answer = running.ask(do=do)
    assert (answer["id"], answer["ok"], answer["code"]) == (5, False, "not_supported")


def test_a_line_that_is_no_request_is_answered(running: Running) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(60)
        connection.connect(str(running.folders.socket))
        connection.sendall(b"hello\n")
        assert json.loads(connection.makefile("rb").readline())["code"] == "format"


def test_schema_of_sync_db_is_the_shared_one(running: Running) -> None:
    reader = open_reader(running.folders.sync_db)
    tables = {row[0] for row in reader.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    assert tables == {
        line.split("(")[0].split()[-1] for line in sql.SYNC.splitlines() if line.startswith("CREATE TABLE")
    }


def test_event_that_the_trust_file_has_no_more_is_forgotten_and_its_salt_destroyed(
    live: LiveCentral, state: Path, running: Running
) -> None:
    enrolled(running, live)
    secrets = running.folders.secrets_of(EVENT)
    wait_for(lambda: "manifest" not in str(running.values().get("last_error")) and secrets.exists(), "secrets")
    wait_for(lambda: counted(state, "event") == 1, "the manifest")
    salt = live.central.keys.salt(EVENT)
    assert salt in secrets.read_bytes()
    kept = secrets.open("rb")  # the blocks themselves, whatever becomes of the name
    live.central.end_event(EVENT)
    running.ask(do="retry")
    wait_for(lambda: not secrets.exists() and counted(state, "event") == 0, "the end of the event")
    assert salt not in kept.read()
    kept.close()
    assert counted(state, "overlay") == counted(state, "remote") == 0
    wait_for(lambda: running.values()["events"] == "{}", "no data of it is spoken of any more")
    assert running.values()["data_age"] == ""
    live.central.end_event(EVENT, back=True)
    running.ask(do="retry")
    wait_for(lambda: secrets.exists() and counted(state, "event") == 1, "the event again")


def counted(state: Path, table: str) -> int:
    connection = open_reader(state / "sync.db")
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()
