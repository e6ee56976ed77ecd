"""Rows of gates that came on a stick (contracts 5, File transfer), taken in by the same door as those of a push (`ingest`).

Anybody can seal a box for us. Its rows count only as far as a head reaches that the gate's journal key has signed, in it or in
one that goes on from it row by row, and only when they join what is here, or begin their stream. What is wrong with one file is named; the others go on. No link is
followed. The same folder may be read again: what is here already is `known`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from gate.central import devices, ingest, schema
from gate.central.devices import Device
from gate.central.http import ApiError
from gate.central.pushes import Push, item_of
from gate.central.service import Central
from gate.errors import ConfigError, FormatError, GateError, TrustError
from gate.wire import cbor
from gate.wire.journal import Head, read_head, row_hash, stream_start
from gate.wire.transfer import BOX_BYTES_MAX, FILES_MAX, FOLDER, INWARD, BoxName, box_name, open_box

_STEP = 500
# Rows of one transaction: check-ins over the network are not held up.


class BoxError(GateError):
    """A file that is not taken, with the reason."""

    code = "box"


@dataclass(slots=True)
class Report:
    """`files` taken, of them `records`; by the word of each record; `ignored` names; `problems` by file."""

    files: int = 0
    records: int = 0
    words: dict[str, int] = field(default_factory=dict)
    unsigned: int = 0
    """Rows above the last signed head: nobody vouches for them, so they wait for the gate itself, or a later stick."""
    ignored: int = 0
    problems: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        words = {word: self.words.get(word, 0) for word in ("stored", "known", "stored_flagged", "quarantined")}
        return {
            "ok": not self.problems, "files": self.files, "records": self.records, **words, "unsigned": self.unsigned,
            "ignored": self.ignored, "problems": self.problems,
        }  # fmt: skip


def run(central: Central, folder: Path, progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Take what is on the stick. Raises: ConfigError: there is no such folder, or more files than a stick has."""
    inner = folder / FOLDER
    root = inner if inner.is_dir() and not inner.is_symlink() else folder
    if not root.is_dir():
        raise ConfigError([("folder", f"{folder} is no folder", f"name the stick, or {FOLDER} on it")])
    report = Report()
    found = sorted(_names(root, report))
    vouched = _vouched(central, root, found)
    for name in found:
        try:
            unsigned = _take(central, root, name, vouched.get(name), report)
        except (BoxError, FormatError, ApiError) as error:
            report.problems[name.path] = str(error)
            continue
        report.unsigned += unsigned
        if unsigned:
            report.problems[name.path] = f"{unsigned} rows at its end are not signed yet; they were left out"
        report.files += 1
        progress({"step": "read", "rows": report.records})
    return report.to_json()


def _names(root: Path, report: Report) -> Iterator[BoxName]:
    seen = 0
    with os.scandir(root) as entries:
        folders = [("", list(entries))]
    while folders:
        prefix, entries_of = folders.pop()
        for entry in entries_of:
            seen += 1
            if seen > FILES_MAX:
                raise ConfigError(
                    [("folder", f"more than {FILES_MAX} files are on the stick", "take the others off it")]
                )
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False) and prefix.count("/") < 2:
                with os.scandir(entry.path) as inner:
                    folders.append((f"{path}/", list(inner)))
            elif entry.is_file(follow_symlinks=False) and (name := box_name(path)) is not None:
                yield name
            elif not (entry.is_file(follow_symlinks=False) and INWARD.fullmatch(path)):
                report.ignored += 1


def _read(path: Path) -> bytes:
    """A plain file of the right size. Checked at the open handle: a stick can change under us. Raises: BoxError."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_size > BOX_BYTES_MAX:
                raise BoxError(f"is no plain file of at most {BOX_BYTES_MAX} bytes")
            return file.read(BOX_BYTES_MAX)
    except OSError as error:
        raise BoxError(f"cannot be read: {error.strerror}") from error


def _vouched(central: Central, root: Path, names: list[BoxName]) -> dict[BoxName, tuple[int, bytes]]:
    """Up to which row each box is signed for, and that row's hash.

    A head signs its row and, by their hashes, all before it: so the last box is read first, and one that a signed one goes on
    from is signed for as a whole. Files that cannot be read are named when they are taken.
    """
    vouched: dict[BoxName, tuple[int, bytes]] = {}
    stream: tuple[str, str, str] | None = None
    later: tuple[int, bytes, bytes] | None = None
    keys: list[bytes] = []
    for name in reversed(names):
        if stream != (name.event, name.gate, name.epoch):
            stream, later = (name.event, name.gate, name.epoch), None
            keys = central.db.read(lambda connection, gate=name.gate: devices.journal_key_of_gate(connection, gate))  # type: ignore[misc]
        try:
            rows, heads = open_box(_read(root / name.path), central.keys.seal())
        except (BoxError, FormatError):
            continue
        digests = [digest for _, digest in rows]
        if len(rows) != name.last - name.first + 1 or any(
            row_hash(before, body) != digest for before, (body, digest) in zip(digests, rows[1:], strict=False)
        ):
            continue
        top = max(
            (
                head.seq
                for head in _signed(name, heads, keys).values()
                if name.first <= head.seq <= name.last and digests[head.seq - name.first] == head.hash
            ),
            default=0,
        )
        if later is not None and later[0] == name.last + 1 and row_hash(digests[-1], later[1]) == later[2]:
            top = name.last
        if top:
            vouched[name] = (top, digests[top - name.first])
            later = (name.first, *rows[0])
    return vouched


def _take(central: Central, root: Path, name: BoxName, vouched: tuple[int, bytes] | None, report: Report) -> int:
    """Returns: rows that no head covers. Raises: BoxError, FormatError, ApiError; then nothing of the file is taken."""
    rows, heads = open_box(_read(root / name.path), central.keys.seal())
    if not rows or len(rows) != name.last - name.first + 1:
        raise BoxError(f"holds {len(rows)} rows, not those of its name")
    device, keys, before = central.db.read(lambda connection: _whose(connection, name, rows[0][1]))
    hashes = _chained(rows, before)
    signed = _signed(name, heads, keys)
    for head in signed.values():
        if name.first <= head.seq <= name.last and hashes[head.seq - name.first] != head.hash:
            raise BoxError(f"row {head.seq} is not the one that the gate has signed")
    if vouched is None:
        raise BoxError("no head that the gate's journal key has signed covers any of its rows")
    top, digest_there = vouched
    if hashes[top - name.first] != digest_there:
        raise BoxError("was changed while it was read")
    items = []
    for number, (body, digest) in enumerate(rows[: top - name.first + 1]):
        content = cbor.loads(body)
        if not isinstance(content, dict) or [content.get(part) for part in ("gate", "epoch", "seq")] != [
            name.gate, name.epoch, name.first + number,
        ]:  # fmt: skip
            raise BoxError(f"row {name.first + number} is of another place than its file's name says")
        previous = hashes[number - 1] if number else before
        items.append(item_of(content | {"prev": previous.hex(), "hash": digest.hex()}, number, name.event))
    for start in range(0, len(items), _STEP):
        part = tuple(items[start : start + _STEP])
        reached = part[-1].seq
        vouching = tuple(data for data, head in signed.items() if start + _STEP >= len(items) or head.seq <= reached)
        now_ms = central.clock()
        push = Push(part, vouching)

        def job(connection: Connection, push: Push = push, now_ms: int = now_ms) -> ingest.Outcome:
            return ingest.store(connection, name.event, device, push, now_ms)

        outcome = central.db.write(job)
        for _, _, word in outcome.results:
            report.words[word] = report.words.get(word, 0) + 1
        report.records += len(part)
        if outcome.new:
            central.hints.wake(("checkins", name.event))
    return name.last - top


def _whose(connection: Connection, name: BoxName, first_hash: bytes) -> tuple[Device, list[bytes], bytes]:
    """The device that the rows are of, the journal keys of its gate, and the hash before the first row. Raises: BoxError."""
    found = [item for item in devices.every(connection) if item.gate == name.gate and item.enrolled is not None]
    if not found:
        raise BoxError(f"no device enrolled here is the gate {name.gate}")
    living = [item for item in found if item.revoked is None]
    if not living:
        raise BoxError(f"the device of the gate {name.gate} is revoked; enrol it again to take what it holds")
    before = _before(connection, name, first_hash)
    if before is None:
        raise BoxError(f"row {name.first - 1}, which it follows, is not here: bring the file before it")
    keys = devices.journal_key_of_gate(connection, name.gate)
    return max(living, key=lambda item: item.enrolled or 0), keys, before


def _before(connection: Connection, name: BoxName, first_hash: bytes) -> bytes | None:
    epoch = bytes.fromhex(name.epoch)
    if name.first == 1:
        return stream_start(epoch, name.event)
    table = schema.checkin
    of_stream = (table.c.event_id == name.event, table.c.gate == name.gate, table.c.epoch == epoch)
    row = connection.execute(select(table.c.hash).where(*of_stream, table.c.seq == name.first - 1)).first()
    if row is not None:
        return bytes(row.hash)
    row = connection.execute(
        select(table.c.prev).where(*of_stream, table.c.seq == name.first, table.c.hash == first_hash)
    ).first()
    return None if row is None else bytes(row.prev)


def _chained(rows: list[tuple[bytes, bytes]], before: bytes) -> list[bytes]:
    """The hash of each row, computed anew. Raises: BoxError: one does not follow."""
    hashes = []
    for number, (body, digest) in enumerate(rows):
        before = row_hash(before, body)
        if before != digest:
            raise BoxError(f"row {number + 1} of the file does not follow the one before it: something was changed")
        hashes.append(before)
    return hashes


def _signed(name: BoxName, heads: list[bytes], keys: list[bytes]) -> dict[bytes, Head]:
    """The heads that the gate has signed for this stream."""
    found = {}
    for data in heads:
        for key in keys:
            try:
                head = read_head(data, key)
            except (TrustError, FormatError):
                continue
            if (head.gate, head.event, head.epoch.hex()) == (name.gate, name.event, name.epoch):
                found[data] = head
    return found
