"""Where sync's files are, and the one way to write a small one: whole and durable, or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gate import steps
from gate.errors import StorageError
from gate.sqlitefile import sync_folder

GROUP_READ = 0o640
OWNER_ONLY = 0o600
_FOLDER_MODE = 0o2770


@dataclass(frozen=True, slots=True)
class Folders:
    """`state` is `[gate] state_dir`, `runtime` is `[gate] runtime_dir`."""

    state: Path
    runtime: Path

    @property
    def journal_db(self) -> Path:
        return self.state / "journal.db"

    @property
    def sync_db(self) -> Path:
        return self.state / "sync.db"

    @property
    def manifests(self) -> Path:
        return self.state / "manifests"

    @property
    def objects(self) -> Path:
        return self.state / "objects"

    @property
    def secrets(self) -> Path:
        return self.state / "secrets"

    @property
    def enrolment(self) -> Path:
        return self.state / "enrolment.json"

    @property
    def device_key(self) -> Path:
        return self.state / "device.key"

    @property
    def ca(self) -> Path:
        return self.state / "tls" / "ca.pem"

    @property
    def socket(self) -> Path:
        return self.runtime / "sync.sock"

    def base(self, sha256: bytes) -> Path:
        return self.manifests / f"{sha256.hex()}.sqlite"

    def object(self, sha256: bytes) -> Path:
        return self.objects / f"{sha256.hex()}.cbor"

    def secrets_of(self, event: str) -> Path:
        return self.secrets / f"{event}.cbor"

    def make(self) -> None:
        """Raises: StorageError."""
        for folder in (self.state, self.runtime, self.manifests, self.objects, self.secrets):
            try:
                if not folder.is_dir():
                    folder.mkdir(parents=True, mode=_FOLDER_MODE, exist_ok=True)
            except OSError as error:
                raise StorageError(f"{folder} cannot be made: {error.strerror}") from error


def write_whole(path: Path, data: bytes, mode: int = GROUP_READ) -> None:
    """Write, fsync, rename, fsync the folder: after a power cut there is the old content or the new, never half.

    Raises: StorageError.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        try:
            os.fchmod(handle, mode)
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        steps.reach("file.written")
        temporary.replace(path)
        sync_folder(path.parent)
        steps.reach("file.named")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
