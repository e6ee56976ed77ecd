"""The journal key: signs heads. The private part is the lane's alone; the public part is read by sync at enrolment."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.errors import StorageError
from gate.sqlitefile import sync_folder

_SEED_BYTES = 32


def journal_key(state_dir: Path) -> Ed25519PrivateKey:
    """Read `journal.key` (32 raw bytes, 0600), or make it and `journal.pub` beside it.

    Raises: StorageError.
    """
    path = state_dir / "journal.key"
    try:
        if not path.exists():
            _write(path, os.urandom(_SEED_BYTES), 0o600)
        seed = path.read_bytes()
        if len(seed) != _SEED_BYTES:
            raise StorageError(f"{path.name} is not a key of 32 bytes; restore it, or move it aside for a new one")
        key = Ed25519PrivateKey.from_private_bytes(seed)
        public = state_dir / "journal.pub"
        if not public.exists() or public.read_bytes() != key.public_key().public_bytes_raw():
            _write(public, key.public_key().public_bytes_raw(), 0o640)
    except OSError as error:
        raise StorageError(f"the journal key cannot be read or made: {error}") from error
    return key


def _write(path: Path, data: bytes, mode: int) -> None:
    new = path.with_name(path.name + ".new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    new.replace(path)
    sync_folder(path.parent)
