"""Check-ins that came on a stick: taken like a push, once, as far as the gate has signed; hostile files are named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gate.central import boxes, commands
from gate.central.service import Central
from gate.errors import ConfigError
from gate.wire import cbor
from gate.wire.journal import record_from_body
from gate.wire.request import unb64
from gate.wire.transfer import BoxName, pack_box
from tests.central.gateside import Device, Journal, rehashed, words
from tests.central.test_push import incident_kinds


class Stick:
    def __init__(self, folder: Path, central: Central, gate: Device) -> None:
        self.root = folder / "gate-transfer"
        self.central = central
        self.gate = gate
        self.seal = central.keys.seal().public_key().public_bytes_raw()

    def write(
        self,
        records: list[dict[str, Any]],
        head: str | None,
        *,
        name: BoxName | None = None,
        seal: bytes | None = None,
        change: Callable[[bytes], bytes] = lambda data: data,
    ) -> str:
        """Returns: the path below the folder."""
        first = records[0]
        name = name or BoxName(first["event"], first["gate"], first["epoch"], first["seq"], records[-1]["seq"])
        rows = [(record_from_body(item).encode(), bytes.fromhex(item["hash"])) for item in records]
        path = self.root / name.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(change(pack_box(rows, unb64(head) if head else None, seal or self.seal)))
        return name.path

    def take(self) -> dict[str, Any]:
        return dict(commands.run(self.central, "import_stick", {"folder": str(self.root.parent)}))


@pytest.fixture
def stick(tmp_path: Path, central: Central, gate: Device) -> Stick:
    return Stick(tmp_path / "stick", central, gate)


@pytest.fixture
def journal() -> Journal:
    return Journal("g1")


def held(central: Central) -> int:
    return int(commands.run(central, "event_list", {})[0]["records"])


def test_a_stick_brings_what_the_network_did_not_once(
    stick: Stick, gate: Device, journal: Journal, central: Central
) -> None:
    records = journal.many(12)
    assert words(gate.push(records[:3])) == ["stored"] * 3
    stick.write(records[3:8], journal.head(12, gate.journal_key))
    stick.write(records[8:], journal.head(12, gate.journal_key))
    report = stick.take()
    assert report == {
        "ok": True, "files": 2, "records": 9, "stored": 9, "known": 0, "stored_flagged": 0, "quarantined": 0,
        "unsigned": 0, "ignored": 0, "problems": {},
    }  # fmt: skip
    assert held(central) == 12
    again = stick.take()
    assert (again["ok"], again["stored"], again["known"]) == (True, 0, 9)
    # And what the gate pushes later is known too.
    assert words(gate.push(records, heads=[journal.head(12, gate.journal_key)])) == ["known"] * 12
    assert (held(central), incident_kinds(central)) == (12, [])


def test_the_devices_own_stream_and_another_ones_rows(stick: Stick, gate: Device, central: Central) -> None:
    own = Journal("g1", event="")
    stick.write(own.many(2), own.head(2, gate.journal_key))
    assert stick.take()["stored"] == 2
    assert list(stick.root.glob("-/*")) != []


def test_a_long_box_is_taken_in_steps(
    stick: Stick, gate: Device, journal: Journal, central: Central, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "_STEP", 5)
    stick.write(journal.many(23), journal.head(23, gate.journal_key))
    assert stick.take()["stored"] == 23
    assert (held(central), incident_kinds(central)) == (23, [])


def test_a_ticket_used_twice_is_found_in_what_a_stick_brings(
    stick: Stick, gate: Device, other_gate: Device, journal: Journal, central: Central
) -> None:
    assert words(other_gate.push([Journal("g2").add()])) == ["stored"]
    stick.write([journal.add()], journal.head(1, gate.journal_key))
    assert stick.take()["stored"] == 1
    assert incident_kinds(central) == ["duplicate_admission"]


def test_rows_that_nobody_signed_wait(stick: Stick, gate: Device, journal: Journal, central: Central) -> None:
    records = journal.many(6)
    path = stick.write(records, journal.head(4, gate.journal_key))
    report = stick.take()
    assert (report["ok"], report["stored"], report["unsigned"]) == (False, 4, 2)
    assert "2 rows at its end" in report["problems"][path]
    assert held(central) == 4
    stick.write(records, journal.head(6, gate.journal_key))
    report = stick.take()
    assert (report["ok"], report["stored"], report["known"]) == (True, 2, 4)


def test_a_later_head_vouches_only_for_rows_that_lead_up_to_it(
    stick: Stick, gate: Device, journal: Journal, central: Central
) -> None:
    """Whoever gets hold of one signed head must not be able to put rows of their own below it."""
    records = journal.many(5)
    head = journal.head(5, gate.journal_key)
    made_up = Journal("g1")
    path = stick.write(
        [rehashed(records[0], ticket="00" * 16)], head, name=BoxName("spring", "g1", made_up.epoch, 1, 1)
    )
    report = stick.take()
    assert "no head" in report["problems"][path]
    assert held(central) == 0
    assert words(gate.push(records)) == ["stored"] * 5  # no row of the thief stands in the gate's place


def test_an_early_head_beside_later_rows_is_no_trouble(
    stick: Stick, gate: Device, journal: Journal, central: Central
) -> None:
    records = journal.many(9)
    assert words(gate.push(records[:6])) == ["stored"] * 6
    path = stick.write(records[6:], journal.head(2, gate.journal_key))
    good = Journal("g1", epoch="ff" * 8)
    stick.write(good.many(2), good.head(2, gate.journal_key))
    report = stick.take()
    assert "no head" in report["problems"][path]
    assert (report["files"], report["stored"]) == (1, 2)


def _forged_head(stick: Stick, journal: Journal) -> str:
    thief = Ed25519PrivateKey.from_private_bytes(bytes(32))
    return stick.write(journal.many(2), journal.head(2, thief))


def _no_head(stick: Stick, journal: Journal) -> str:
    return stick.write(journal.many(2), None)


def _head_of_another_stream(stick: Stick, journal: Journal) -> str:
    other = Journal("g1", epoch="00" * 8)
    other.many(2)
    return stick.write(journal.many(2), other.head(2, stick.gate.journal_key))


def _changed_row(stick: Stick, journal: Journal) -> str:
    records = journal.many(3)
    records[1] = records[1] | {"ticket": "00" * 16}
    return stick.write(records, journal.head(3, stick.gate.journal_key))


def _made_up_rows(stick: Stick, journal: Journal) -> str:
    """Right in themselves, but not what the gate has signed."""
    records = journal.many(2)
    return stick.write([records[0], rehashed(records[1], ticket="00" * 16)], journal.head(2, stick.gate.journal_key))


def _not_joined(stick: Stick, journal: Journal) -> str:
    records = journal.many(4)
    return stick.write(records[2:], journal.head(4, stick.gate.journal_key))


def _another_name(stick: Stick, journal: Journal) -> str:
    name = BoxName("spring", "g1", "00" * 8, 1, 2)
    return stick.write(journal.many(2), journal.head(2, stick.gate.journal_key), name=name)


def _fewer_rows(stick: Stick, journal: Journal) -> str:
    name = BoxName("spring", "g1", journal.epoch, 1, 9)
    return stick.write(journal.many(2), journal.head(2, stick.gate.journal_key), name=name)


def _unknown_gate(stick: Stick, journal: Journal) -> str:
    journal.gate = "g9"
    return stick.write(journal.many(2), journal.head(2, stick.gate.journal_key))


def _unknown_event(stick: Stick, journal: Journal) -> str:
    journal.event = "winter"
    return stick.write(journal.many(2), journal.head(2, stick.gate.journal_key))


def _revoked(stick: Stick, journal: Journal) -> str:
    stick.central.revoke_device("g1")
    return stick.write(journal.many(2), journal.head(2, stick.gate.journal_key))


def _for_another_server(stick: Stick, journal: Journal) -> str:
    other = X25519PrivateKey.generate().public_key().public_bytes_raw()
    return stick.write(journal.many(2), journal.head(2, stick.gate.journal_key), seal=other)


def _damaged(stick: Stick, journal: Journal) -> str:
    return stick.write(
        journal.many(2), journal.head(2, stick.gate.journal_key), change=lambda data: data[:-1] + bytes([data[-1] ^ 1])
    )


def _cut(stick: Stick, journal: Journal) -> str:
    return stick.write(journal.many(2), journal.head(2, stick.gate.journal_key), change=lambda data: data[:40])


def _huge(stick: Stick, journal: Journal) -> str:
    path = stick.write(journal.many(2), journal.head(2, stick.gate.journal_key))
    os.truncate(stick.root / path, boxes.BOX_BYTES_MAX + 1)
    return path


def _no_rows_in_it(stick: Stick, journal: Journal) -> str:
    from gate.wire import transfer
    from gate.wire.secrets import seal

    name = BoxName("spring", "g1", journal.epoch, 1, 2)
    path = stick.root / name.path
    path.parent.mkdir(parents=True)
    path.write_bytes(seal(cbor.dumps([[7], {}]), stick.seal, transfer._AAD, X25519PrivateKey.generate()))
    return name.path


HOSTILE: dict[str, tuple[Callable[[Stick, Journal], str], str]] = {
    "forged head": (_forged_head, "no head"),
    "no head": (_no_head, "no head"),
    "head of another stream": (_head_of_another_stream, "no head"),
    "changed row": (_changed_row, "does not follow"),
    "made-up rows": (_made_up_rows, "has signed"),
    "not joined to what is here": (_not_joined, "row 2, which it follows"),
    "another name": (_another_name, "does not follow"),
    "fewer rows than its name": (_fewer_rows, "holds 2 rows"),
    "unknown gate": (_unknown_gate, "is the gate g9"),
    "unknown event": (_unknown_event, "no event"),
    "revoked": (_revoked, "is revoked"),
    "for another server": (_for_another_server, ""),
    "damaged": (_damaged, ""),
    "cut": (_cut, ""),
    "huge": (_huge, "no plain file"),
    "no rows in it": (_no_rows_in_it, "rows and heads"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_named_and_changes_nothing(
    stick: Stick, journal: Journal, central: Central, other_gate: Device, name: str
) -> None:
    forge, why = HOSTILE[name]
    path = forge(stick, journal)
    good = Journal("g2")
    stick.write(good.many(2), good.head(2, other_gate.journal_key))
    report = stick.take()
    assert list(report["problems"]) == [path]
    assert why in report["problems"][path]
    assert (report["files"], report["stored"], held(central)) == (1, 2, 2)  # the good one beside it
    assert incident_kinds(central) == []


def test_links_pipes_and_foreign_names_are_ignored_and_counted(
    stick: Stick, journal: Journal, gate: Device, tmp_path: Path
) -> None:
    path = stick.root / stick.write(journal.many(2), journal.head(2, gate.journal_key))
    outside = tmp_path / path.name
    path.rename(outside)
    path.symlink_to(outside)
    (stick.root / "linked").symlink_to(tmp_path)
    os.mkfifo(path.with_name(f"journal-g1-{'0' * 16}-1-2.cbor.box"))
    (stick.root / "spring" / "run.sh").write_text("echo")
    (stick.root / "spring" / "deep" / "deeper").mkdir(parents=True)
    (stick.root / "trust.cbor").write_text("what goes inward is no stranger")
    report = stick.take()
    assert (report["files"], report["ignored"], report["problems"]) == (0, 5, {})


def test_a_stick_of_endless_files_or_none_is_refused(
    stick: Stick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="is no folder"):
        stick.take()
    monkeypatch.setattr(boxes, "FILES_MAX", 5)
    stick.root.mkdir(parents=True)
    for number in range(9):
        (stick.root / str(number)).touch()
    with pytest.raises(ConfigError, match="more than 5"):
        stick.take()
