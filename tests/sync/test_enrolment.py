"""Becoming a gate: keys first, answer on disk before it is used, and nobody else's trust."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

import pytest

from gate.errors import DamagedError, FormatError, StorageError, TrustError, UplinkError
from gate.sync import enrolment as enrolments
from gate.sync import keys
from gate.sync.clocks import SyncClock, read_boot
from gate.sync.folders import Folders
from gate.wire.enrol import Enrolment, parse_code
from tests.fakes.server import EVENT, Fault, LiveCentral
from tests.sync.conftest import MACHINE


def enrol(folders: Folders, text: str) -> Enrolment:
    return enrolments.enrol(
        text,
        folders,
        journal_pub=bytes(32),
        machine=MACHINE,
        clock=SyncClock(read_boot()),
        nonce=lambda: secrets.token_hex(16),
        timeout_s=60,
    )


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "gate", tmp_path / "gate" / "run")


def test_enrolment_is_on_disk_and_read_back(live: LiveCentral, folders: Folders) -> None:
    text = live.enrolment_text()
    found = enrol(folders, text)
    assert enrolments.load(folders) == found
    assert (found.device, found.gate, found.short, found.events) == ("g2", "g2", "G2", (EVENT,))
    assert (found.url, found.root) == (live.url, parse_code(text).root.hex())
    assert folders.enrolment.stat().st_mode & 0o777 == 0o640
    assert folders.device_key.stat().st_mode & 0o777 == 0o600


def test_a_lost_answer_can_be_asked_for_again(live: LiveCentral, folders: Folders) -> None:
    text = live.enrolment_text()
    live.faults.append(Fault("POST", "/enrol", lost=True, times=1))
    with pytest.raises(UplinkError):
        enrol(folders, text)
    assert enrolments.load(folders) is None
    assert enrol(folders, text).device == "g2"


def test_a_used_code_is_refused_to_another_device(live: LiveCentral, folders: Folders, tmp_path: Path) -> None:
    text = live.enrolment_text()
    enrol(folders, text)
    other = Folders(tmp_path / "other", tmp_path / "other" / "run")
    with pytest.raises(UplinkError, match="409"):
        enrol(other, text)
    assert enrolments.load(other) is None


def test_a_foreign_root_is_refused_and_nothing_is_stored(live: LiveCentral, folders: Folders) -> None:
    from dataclasses import replace

    code = parse_code(live.enrolment_text())
    with pytest.raises(TrustError, match="not of the root"):
        enrol(folders, replace(code, root=os.urandom(32)).text())
    assert enrolments.load(folders) is None


@pytest.mark.parametrize("text", ["", "GE1:", "GE1:AAAA", "GT1:" + "A" * 150, "hello"])
def test_another_text_is_no_enrolment_code(folders: Folders, text: str) -> None:
    with pytest.raises(FormatError):
        enrol(folders, text)
    assert not folders.device_key.exists()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"device":"g2"}'])
def test_an_answer_that_is_none_is_refused(live: LiveCentral, folders: Folders, body: bytes) -> None:
    text = live.enrolment_text()
    live.faults.append(Fault("POST", "/enrol", status=200, body=body))
    with pytest.raises(FormatError):
        enrol(folders, text)
    assert enrolments.load(folders) is None


def test_damaged_files_are_named(folders: Folders) -> None:
    folders.make()
    folders.enrolment.write_text("{")
    with pytest.raises(DamagedError, match="enrolled again"):
        enrolments.load(folders)
    folders.enrolment.write_text(json.dumps({"device": "g2"}))
    with pytest.raises(DamagedError, match=r"enrolment\.gate"):
        enrolments.load(folders)
    with pytest.raises(StorageError, match="cannot be read"):
        keys.load(folders.device_key)
    folders.device_key.write_bytes(b"short")
    with pytest.raises(DamagedError):
        keys.load(folders.device_key)
