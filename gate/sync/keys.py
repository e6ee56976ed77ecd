"""The device's own keys: Ed25519 to sign requests, X25519 to open what is sealed for it. They never leave the device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gate.errors import DamagedError, FormatError, StorageError
from gate.sync.folders import OWNER_ONLY, write_whole
from gate.wire import cbor


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    sign: Ed25519PrivateKey
    seal: X25519PrivateKey

    @property
    def sign_public(self) -> bytes:
        return self.sign.public_key().public_bytes_raw()

    @property
    def seal_public(self) -> bytes:
        return self.seal.public_key().public_bytes_raw()


def load(path: Path) -> DeviceKeys:
    """Raises: StorageError (not there), DamagedError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    try:
        fields = cbor.Fields(cbor.loads(data), "device.key")
        fields.version()
        sign, seal = fields.octets("sign", 32), fields.octets("seal", 32)
    except FormatError as error:
        raise DamagedError(f"{path} is damaged: {error}; the gate must be enrolled again") from error
    return DeviceKeys(Ed25519PrivateKey.from_private_bytes(sign), X25519PrivateKey.from_private_bytes(seal))


def load_or_make(path: Path) -> DeviceKeys:
    """The stored keys; new ones are on disk before they are used, so that a lost answer can be asked for again."""
    if not path.exists():
        sign, seal = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
        content = {"v": 1, "sign": sign.private_bytes_raw(), "seal": seal.private_bytes_raw()}
        write_whole(path, cbor.dumps(content), OWNER_ONLY)
    return load(path)
