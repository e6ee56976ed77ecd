"""The base file: every ticket of an event as one SQLite file, the same bytes for the same rows, and its zstd form.

Memory stays bounded: rows stream through, files are read in steps of 1 MiB.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from gate.errors import StorageError
from gate.sqlitefile import sync_folder
from gate.wire.sql import BASE, BASE_COLUMNS

STEP = 1024 * 1024
ZSTD_LEVEL = 3
PAGE_BYTES = 4096
# The block of an SD card's file system: a look-up reads the depth of the tree times one block.
_LIBRARY_VERSION = slice(96, 100)
_WRITTEN_VERSION = (3_040_000).to_bytes(4, "big")
# SQLite notes there which library wrote the file, and only for information; fixed, so that another build of the library
# gives the same bytes.
_INSERT = f"INSERT INTO ticket({','.join(BASE_COLUMNS)}) VALUES ({','.join('?' * len(BASE_COLUMNS))})"  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFile:
    """Content hash and sizes in bytes, raw and as zstd."""

    sha256: bytes
    size: int
    zst_sha256: bytes
    zst_size: int
    rows: int


def name_of(sha256: bytes) -> str:
    return f"{sha256.hex()}.sqlite.zst"


def build(folder: Path, event: str, rows: Iterable[tuple[Any, ...]]) -> BaseFile:
    """Write `folder/<sha256>.sqlite.zst`.

    Args:
        rows: in order of key, columns as in `BASE_COLUMNS`; the same rows give the same file.

    Raises: StorageError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    raw, packed = folder / f".{event}.{os.getpid()}.sqlite", folder / f".{event}.{os.getpid()}.zst"
    try:
        count = _write_sqlite(raw, event, rows)
        sha256, size = _digest(raw)
        final = folder / name_of(sha256)
        if not final.exists():
            _pack(raw, packed)
            packed.rename(final)
            sync_folder(folder)
        zst_sha256, zst_size = _digest(final)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"the base file of {event} cannot be written: {error}") from error
    finally:
        raw.unlink(missing_ok=True)
        packed.unlink(missing_ok=True)
    return BaseFile(sha256=sha256, size=size, zst_sha256=zst_sha256, zst_size=zst_size, rows=count)


def _write_sqlite(path: Path, event: str, rows: Iterable[tuple[Any, ...]]) -> int:
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        # Nothing of this file is needed after a crash: no journal, no waiting for the disk.
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode=OFF").fetchone()
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        for statement in filter(str.strip, BASE.split(";")):
            connection.execute(statement)
        count = connection.executemany(_INSERT, rows).rowcount
        count = max(count, 0)
        meta = {"v": "1", "event": event, "rows": str(count)}
        connection.executemany("INSERT INTO meta(k, v) VALUES (?, ?)", sorted(meta.items()))
        connection.execute("COMMIT")
        connection.execute("VACUUM")
    finally:
        connection.close()
    with path.open("r+b") as file:
        file.seek(_LIBRARY_VERSION.start)
        file.write(_WRITTEN_VERSION)
    return count


def _pack(raw: Path, packed: Path) -> None:
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True)
    with raw.open("rb") as source, packed.open("wb") as target:
        compressor.copy_stream(source, target, size=raw.stat().st_size, read_size=STEP, write_size=STEP)
        target.flush()
        os.fsync(target.fileno())


def _digest(path: Path) -> tuple[bytes, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while step := file.read(STEP):
            digest.update(step)
            size += len(step)
    return digest.digest(), size
