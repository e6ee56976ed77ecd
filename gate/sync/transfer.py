"""`gate sync import DIR` and `gate sync export DIR`: files on a stick in place of a server (contracts 5, File transfer).

Sync must not be running: sync.db has one writer. What was exported is not counted as delivered; only a server says that.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from gate.errors import GateError, StorageError
from gate.model import EventId
from gate.sync import enrolment as enrolments
from gate.sync import keys as device_keys
from gate.sync.client import Client
from gate.sync.clocks import SyncClock
from gate.sync.files import BaseFiles
from gate.sync.folders import Folders, write_whole
from gate.sync.outbox import Outbox
from gate.sync.pull import EventPuller
from gate.sync.stick import Stick
from gate.sync.store import Store
from gate.sync.trusted import TrustKeeper
from gate.wire.enrol import Enrolment
from gate.wire.transfer import BOX_ROWS, FOLDER, BoxName, pack_box

_STEPS_MAX = 10_000


@dataclass(slots=True)
class Report:
    """`files` taken or written, `records` in them, `ignored` names on the stick, `problems` by event or `trust`."""

    files: int = 0
    records: int = 0
    ignored: int = 0
    problems: dict[str, str] = field(default_factory=dict)


def import_from(folder: Path, folders: Folders, store: Store, clock: SyncClock) -> Report:
    """Take what is newer on the stick; whatever is wrong with one event leaves that event as it was.

    Raises: StorageError, DamagedError, TrustError (the stored trust files).
    """
    enrolment, keeper = _enrolled(folders, store, clock)
    stick = Stick(folder, enrolment.device)
    client = Client("http://stick", clock=clock, timeout_s=60.0, nonce=lambda: "0" * 32, transport=stick)
    report = Report(ignored=stick.ignored)
    if "trust.cbor" in stick.names:
        try:
            report.files += keeper.refresh(client)
        except GateError as error:
            report.problems["trust"] = str(error)
    for name in stick.events():
        if name not in enrolment.events:
            report.ignored += 1
            continue
        puller = EventPuller(
            EventId(name), device=enrolment.device, keys=device_keys.load(folders.device_key), store=store,
            folders=folders, files=BaseFiles(folders), keeper=keeper, clock=clock,
        )  # fmt: skip
        try:
            puller.load()
            for _ in range(_STEPS_MAX):
                if not puller.step(client, 0.0):
                    break
                report.files += 1
        except GateError as error:
            report.problems[name] = str(error)
    client.close()
    return report


def export_to(folder: Path, folders: Folders, store: Store, clock: SyncClock) -> Report:
    """Write every record that the server has not acknowledged, sealed for the server.

    Raises: StorageError: also when the trust file names no server to seal for; nothing is written then.
    """
    if not folder.is_dir():
        raise StorageError(f"{folder} is no folder: is the stick mounted?")
    enrolment, keeper = _enrolled(folders, store, clock)
    trust = keeper.current
    recipient = next((s.seal for s in (trust.servers if trust else ()) if s.id == enrolment.server), None)
    if recipient is None:
        raise StorageError("the trust file names no key of the server to seal the records for")
    outbox, acks, report = Outbox(folders.journal_db), store.acks(enrolment.server), Report()
    if not outbox.look():
        return report
    try:
        for (event, epoch), top in outbox.tops.items():
            ack = acks.get((event, epoch))
            after = ack.upto if ack is not None else 0
            # Before the rows: the lane goes on, and a head above the last row of its box would sign for none of them.
            while (head := outbox.head(event, epoch), rows := outbox.rows(event, epoch, after, BOX_ROWS))[1]:
                first, after = rows[0][0], rows[-1][0]
                box = pack_box([row[1:] for row in rows], head, recipient)
                place = folder / FOLDER / BoxName(event, enrolment.gate, epoch.hex(), first, after).path
                _make(place.parent)
                write_whole(place, box)
                report.files += 1
                report.records += len(rows)
                if after >= top:
                    break
    finally:
        outbox.close()
    return report


def _enrolled(folders: Folders, store: Store, clock: SyncClock) -> tuple[Enrolment, TrustKeeper]:
    enrolment = enrolments.load(folders)
    if enrolment is None:
        raise StorageError("this gate is not enrolled: its first trust comes with the enrolment code")
    keeper = TrustKeeper(bytes.fromhex(enrolment.root), store, clock)
    keeper.load(enrolment.trust)
    return enrolment, keeper


def _make(place: Path) -> None:
    try:
        os.makedirs(place, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{place} cannot be made: {error.strerror}") from error


def exit_code(report: Report) -> int:
    """Of contracts 8: 1 = something was refused."""
    return 1 if report.problems else 0
