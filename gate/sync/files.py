"""Base files: fetched as zstd, proven, unpacked in small steps, looked into, and only then given their name.

Until the rename there is nothing that the lane could open. A download that broke off is resumed where it stopped, also by
the next process. Memory stays at a few MiB whatever the size.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zstandard

from gate import steps
from gate.errors import StorageError, TrustError, UplinkError
from gate.sqlitefile import open_immutable, sync_folder
from gate.sync.client import Client
from gate.sync.folders import GROUP_READ, Folders
from gate.wire.manifest import Descriptor
from gate.wire.sql import BASE_COLUMNS

STEP = 1024 * 1024
"""Read, hash, write and flush so much at a time: a longer write queue would make the lane's fsync wait behind it."""

SIZE_MAX = 4 * 1024**3
"""Of a base file, raw or packed: some 80 million tickets. A descriptor that names more is a mistake."""

_WINDOW_MAX = 8 * 1024 * 1024
# What RFC 8878 asks every decoder to support; a frame that wants more memory is refused.

_SLOWEST = 2048
_SLOW_AFTER_S = 60.0
# Bytes a second, over the first minute and later: below it a 23 MB file takes hours, and a new try is the better bet.

RETIRED_KEEP_S = 60.0
"""A file that no event names any more stays so long: the lane may just be opening it."""

_IOPRIO = {"x86_64": (251, 252), "aarch64": (30, 31), "armv7l": (314, 315)}
# Numbers of ioprio_set and ioprio_get, for which the C library has no functions.
_THIS_THREAD = (1, 0)
_IDLE_CLASS = 3 << 13


@contextmanager
def idle_io() -> Iterator[None]:
    """This thread reads and writes only when nobody else wants the disk. Best effort: without it all works, less gently."""
    numbers = _IOPRIO.get(platform.machine())
    if numbers is None:
        yield
        return
    libc = ctypes.CDLL(None)
    before = libc.syscall(numbers[1], *_THIS_THREAD)
    libc.syscall(numbers[0], *_THIS_THREAD, _IDLE_CLASS)
    try:
        yield
    finally:
        libc.syscall(numbers[0], *_THIS_THREAD, max(before, 0))


class BaseFiles:
    """One folder of base files. One thread at a time fetches a given file; sweep may be called by any."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._retired: dict[str, float] = {}

    def fetch(self, client: Client, descriptor: Descriptor) -> Path:
        """The file that a verified descriptor names, in place and proven.

        Raises:
            UplinkError: not reached, broken off (what came is kept), too slow.
            TrustError: `hash`, `size`, `content`; the download begins anew next time.
            StorageError: the disk.
        """
        base = descriptor.base
        if not 0 < base.size <= SIZE_MAX or not 0 < base.zst_size <= SIZE_MAX:
            raise TrustError("size", f"a base file of {base.size} bytes is refused")
        final = self._folders.base(base.sha256)
        try:
            if final.exists():
                if _digest(final) == (base.sha256, base.size):
                    return final
                final.unlink()
            part = self._folders.manifests / f".{base.zst_sha256.hex()}.part"
            raw = self._folders.manifests / f".{base.sha256.hex()}.raw"
            with idle_io():
                _download(client, f"/manifests/{base.sha256.hex()}.sqlite.zst", part, base.zst_sha256, base.zst_size)
                steps.reach("base.fetched")
                try:
                    _unpack(part, raw, base.sha256, base.size)
                    check(raw, descriptor)
                    steps.reach("base.proven")
                    raw.rename(final)
                    sync_folder(final.parent)
                    steps.reach("base.named")
                finally:
                    raw.unlink(missing_ok=True)
                    part.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"the base file cannot be stored: {error.strerror or error}") from error
        return final

    def sweep(self, in_use: set[bytes], now_s: float) -> None:
        """Remove files that no event has named for `RETIRED_KEEP_S`. `now_s`: monotonic seconds."""
        keep = {f"{sha256.hex()}.sqlite" for sha256 in in_use}
        there = {
            path.name
            for path in self._folders.manifests.iterdir()
            if path.suffix in (".sqlite", ".part", ".raw", ".tag")
        }
        self._retired = {name: since for name, since in self._retired.items() if name in there and name not in keep}
        for name in there - keep:
            if now_s - self._retired.setdefault(name, now_s) >= RETIRED_KEEP_S:
                (self._folders.manifests / name).unlink(missing_ok=True)
                del self._retired[name]


def check(path: Path, descriptor: Descriptor) -> None:
    """Does the file hold what its descriptor says: the table with its columns, the event, the number of rows, a look-up.

    Raises: TrustError `content`.
    """
    try:
        connection = open_immutable(path)
    except StorageError as error:
        raise TrustError("content", f"the base file does not open: {error}") from error
    try:
        columns = tuple(row[1] for row in connection.execute("PRAGMA table_info(ticket)"))
        if columns != BASE_COLUMNS:
            raise TrustError("content", "the base file has other columns")
        meta = dict(connection.execute("SELECT k, v FROM meta"))
        if meta.get("event", descriptor.event) != descriptor.event:
            raise TrustError("content", f"the base file is of event {meta['event']}")
        rows = connection.execute("SELECT count(*) FROM ticket").fetchone()[0]
        if rows != descriptor.base.rows:
            raise TrustError("content", f"the base file has {rows} rows, its descriptor says {descriptor.base.rows}")
        connection.execute("SELECT product FROM ticket WHERE key = ?", (bytes(16),)).fetchone()
    except sqlite3.Error as error:
        raise TrustError("content", f"the base file is damaged: {error}") from error
    finally:
        connection.close()


def _digest(path: Path) -> tuple[bytes, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(STEP):
            digest.update(chunk)
            size += len(chunk)
    return digest.digest(), size


def _download(client: Client, path: str, part: Path, sha256: bytes, size: int) -> None:
    """Complete `part`. Raises: UplinkError, TrustError `hash`, OSError."""
    tag = part.with_suffix(".tag")
    have = part.stat().st_size if part.exists() else 0
    if have > size:
        part.unlink()
        have = 0
    headers: dict[str, str] = {}
    if 0 < have < size and tag.exists():
        headers = {"Range": f"bytes={have}-", "If-Range": tag.read_text(encoding="ascii")}
    if have < size:
        with client.stream(path, headers) as response:
            if response.status_code == 206 and headers:
                if not response.headers.get("content-range", "").startswith(f"bytes {have}-"):
                    raise UplinkError("range", "the server resumed the base file at another place")
            elif response.status_code == 200:
                have = 0
                _note_tag(tag, response.headers.get("etag"))
            else:
                if response.status_code == 416:
                    part.unlink(missing_ok=True)
                raise UplinkError(
                    "download", f"the base file is not there ({response.status_code})", status=response.status_code
                )
            if response.headers.get("content-encoding", "identity") != "identity":
                raise UplinkError("encoding", "the server packed the base file once more")
            _write_steps(response.iter_raw(), part, have, size)
    found = _digest(part)
    if found != (sha256, size):
        part.unlink()
        if found[1] < size:
            raise UplinkError("download", f"the base file ended after {found[1]} of {size} bytes")
        raise TrustError("hash", "the base file is not the one that its descriptor names")
    tag.unlink(missing_ok=True)


def _note_tag(tag: Path, etag: str | None) -> None:
    """Only a strong tag can be resumed by (RFC 9110 13.1.5)."""
    if etag and not etag.startswith("W/") and etag.isascii() and len(etag) < 200:
        tag.write_text(etag, encoding="ascii")
    else:
        tag.unlink(missing_ok=True)


def _write_steps(chunks: Iterator[bytes], part: Path, at: int, size: int) -> None:
    started, first, flushed = time.monotonic(), at, at
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, GROUP_READ)
    try:
        os.ftruncate(handle, at)
        os.lseek(handle, at, os.SEEK_SET)
        for chunk in chunks:
            at += len(chunk)
            if at > size:
                raise UplinkError("too_large", f"the base file is larger than the {size} bytes of its descriptor")
            _write_all(handle, chunk)
            steps.reach("base.part")
            if at - flushed >= STEP:
                os.fdatasync(handle)
                flushed = at
            elapsed = time.monotonic() - started
            if elapsed > _SLOW_AFTER_S and (at - first) / elapsed < _SLOWEST:
                raise UplinkError("slow", "the base file comes too slowly")
    finally:
        os.close(handle)


def _unpack(part: Path, raw: Path, sha256: bytes, size: int) -> None:
    """Raises: TrustError `hash`, OSError."""
    digest, total = hashlib.sha256(), 0
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_MAX)
    handle = os.open(raw, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, GROUP_READ)
    try:
        with part.open("rb", buffering=0) as file, decompressor.stream_reader(file, read_size=STEP) as reader:
            while chunk := reader.read(STEP):
                total += len(chunk)
                if total > size:
                    raise TrustError("hash", "the base file unpacks to more than its descriptor says")
                digest.update(chunk)
                _write_all(handle, chunk)
                os.fdatasync(handle)
                steps.reach("base.raw")
        os.fsync(handle)
    except zstandard.ZstdError as error:
        raise TrustError("hash", f"the base file does not unpack: {error}") from error
    finally:
        os.close(handle)
    if total != size or digest.digest() != sha256:
        raise TrustError("hash", "the unpacked base file is not the one that its descriptor names")


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
