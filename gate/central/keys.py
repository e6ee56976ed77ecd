"""Private keys and symmetric secrets as files, 0600 in a folder 0700. The database has only their public halves.

Files: `root.pem`, `<role>-<kid>.pem` (Ed25519, PKCS 8), `seal.raw` (X25519), `<event>.salt` (32 bytes), `<event>.rotating`
(CBOR). Deleting an event's salt makes its ticket keys meaningless: that is how an event is forgotten.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gate.errors import DamagedError, StorageError
from gate.sqlitefile import sync_folder
from gate.wire import cbor
from gate.wire.secrets import RotationKey, StaffPin
from gate.wire.sign1 import kid_of, public_bytes

ROOT = "root"
SEED_BYTES = 32


class KeyStore:
    """Signing keys by kid, read once.

    Args:
        random: gives n random bytes.
    """

    def __init__(self, folder: Path, random: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._random = random
        self._signing: dict[str, Ed25519PrivateKey] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)

    def root(self) -> Ed25519PrivateKey:
        """The root key, made at first use. It signs trust files only, and may be taken offline later."""
        if not (self._folder / f"{ROOT}.pem").exists():
            self._store_signing(ROOT, self._new_signing())
        return self._load_signing(ROOT)

    def new_root(self) -> Ed25519PrivateKey:
        """Another root, beside the one before, which must stay until no gate depends on it."""
        key = self._new_signing()
        self._store_signing(f"{ROOT}-{kid_of(public_bytes(key)).hex()}", key)
        return key

    def root_of(self, public: bytes) -> Ed25519PrivateKey:
        """The root key with this public half. Raises: StorageError: it is not in the folder (taken offline)."""
        for name in (f"{ROOT}-{kid_of(public).hex()}", ROOT):
            if (self._folder / f"{name}.pem").exists() and public_bytes(self._load_signing(name)) == public:
                return self._load_signing(name)
        raise StorageError(
            f"the root key {kid_of(public).hex()} is not in {self._folder}; bring it back to sign with it"
        )

    def staff(self, event: str) -> tuple[StaffPin, ...]:
        """People with a PIN at the gates of an event. The PINs are kept as verifiers only."""
        path = self._folder / f"{event}.staff"
        if not path.exists():
            return ()
        return tuple(
            StaffPin(id=i, name=name, role=role, pin=pin) for i, name, role, pin in cbor.loads(self._read(path))
        )

    def store_staff(self, event: str, staff: tuple[StaffPin, ...]) -> None:
        content = cbor.dumps([[item.id, item.name, item.role, item.pin] for item in staff])
        self._store(self._folder / f"{event}.staff", content, replace=True)

    def new_signing(self, role: str) -> Ed25519PrivateKey:
        """Make and store a key; `signing` finds it by role and kid."""
        key = self._new_signing()
        self._store_signing(f"{role}-{kid_of(public_bytes(key)).hex()}", key)
        return key

    def signing(self, role: str, kid: bytes) -> Ed25519PrivateKey:
        """Raises: StorageError when the file is not there."""
        return self._load_signing(f"{role}-{kid.hex()}")

    def seal(self) -> X25519PrivateKey:
        """The server's own sealing key, for transfer files."""
        path = self._folder / "seal.raw"
        if not path.exists():
            self._store(path, self._random(SEED_BYTES))
        return X25519PrivateKey.from_private_bytes(self._read(path, SEED_BYTES))

    def ensure_salt(self, event: str) -> bytes:
        """Make the event's salt. One that is there already (the database is an older backup) is kept: it is the same event."""
        path = self._folder / f"{event}.salt"
        if not path.exists():
            self._store(path, self._random(SEED_BYTES))
        return self.salt(event)

    def salt(self, event: str) -> bytes:
        """Raises: StorageError: the event was forgotten, or the folder is not the database's."""
        return self._read(self._folder / f"{event}.salt", SEED_BYTES)

    def new_rotating(self, event: str, nbf: int, exp: int) -> None:
        """A key for rotating codes, valid from `nbf` to `exp` (Unix seconds)."""
        keys = [*self.rotating(event), RotationKey(nbf=nbf, exp=exp, key=self._random(SEED_BYTES))]
        content = cbor.dumps([[item.nbf, item.exp, item.key] for item in keys])
        self._store(self._folder / f"{event}.rotating", content, replace=True)

    def rotating(self, event: str) -> tuple[RotationKey, ...]:
        path = self._folder / f"{event}.rotating"
        if not path.exists():
            return ()
        return tuple(RotationKey(nbf=nbf, exp=exp, key=key) for nbf, exp, key in cbor.loads(self._read(path)))

    # ---- files

    def _new_signing(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._random(SEED_BYTES))

    def _store_signing(self, name: str, key: Ed25519PrivateKey) -> None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._store(self._folder / f"{name}.pem", pem)
        self._signing[name] = key

    def _load_signing(self, name: str) -> Ed25519PrivateKey:
        if name not in self._signing:
            path = self._folder / f"{name}.pem"
            try:
                key = load_pem_private_key(self._read(path), None)
            except ValueError as error:
                raise DamagedError(f"{path} is not a private key") from error
            if not isinstance(key, Ed25519PrivateKey):
                raise DamagedError(f"{path} is not an Ed25519 key")
            self._signing[name] = key
        return self._signing[name]

    def _read(self, path: Path, size: int | None = None) -> bytes:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error
        if size is not None and len(content) != size:
            raise DamagedError(f"{path} has {len(content)} bytes, not {size}")
        return content

    def _store(self, path: Path, content: bytes, *, replace: bool = False) -> None:
        """On disk before anybody is told of it: a key that signed something and is lost cannot be made again."""
        fresh = path.with_suffix(path.suffix + ".new")
        try:
            if path.exists() and not replace:
                raise StorageError(f"{path} is there already; a key is never overwritten")
            fresh.unlink(missing_ok=True)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(path)
            sync_folder(path.parent)
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error.strerror}") from error
