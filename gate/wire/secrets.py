"""Device secrets: sealed to one device's X25519 key, then signed (contracts 2). Symmetric secrets stand nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gate.errors import FormatError
from gate.model import EventId
from gate.wire import cbor

MAX_BYTES = 256 * 1024
_NONCE = bytes(12)  # fixed: the key is fresh for each box, because the ephemeral key is


def _box_key(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=ephemeral + recipient, info=b"gate/seal/v1").derive(shared)


def seal(plain: bytes, recipient: bytes, aad: bytes, ephemeral: X25519PrivateKey) -> bytes:
    """A box that only the owner of `recipient` (X25519 public, 32 bytes) can open. `ephemeral`: fresh each time."""
    public = ephemeral.public_key().public_bytes_raw()
    key = _box_key(ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient)), public, recipient)
    return public + ChaCha20Poly1305(key).encrypt(_NONCE, plain, aad)


def unseal(box: bytes, private: X25519PrivateKey, aad: bytes) -> bytes:
    """Raises: FormatError when the box is not for this key or was altered."""
    public, sealed = box[:32], box[32:]
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
        key = _box_key(shared, public, private.public_key().public_bytes_raw())
        return ChaCha20Poly1305(key).decrypt(_NONCE, sealed, aad)
    except (InvalidTag, ValueError) as error:
        raise FormatError("the sealed box does not open with this device's key") from error


def secrets_aad(device: str, event: str) -> bytes:
    return f"{device}/{event}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationKey:
    """Validity in Unix seconds, inclusive."""

    nbf: int
    exp: int
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffPin:
    id: str
    name: str
    role: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The plain content, as it stands in `secrets/<event>.cbor` on the gate."""

    salt: bytes = field(repr=False)
    rotating: tuple[RotationKey, ...] = ()
    staff: tuple[StaffPin, ...] = ()

    def encode(self) -> bytes:
        return cbor.dumps(
            {
                "salt": self.salt,
                "rotating": [{"nbf": item.nbf, "exp": item.exp, "key": item.key} for item in self.rotating],
                "staff": [
                    {"id": item.id, "name": item.name, "role": item.role, "pin": item.pin} for item in self.staff
                ],
            }
        )


def parse_secrets(plain: bytes) -> Secrets:
    """Raises: FormatError."""
    fields = cbor.Fields(cbor.loads(plain), "secrets")
    return Secrets(
        salt=fields.octets("salt", 32),
        rotating=tuple(
            RotationKey(nbf=item.integer("nbf"), exp=item.integer("exp"), key=item.octets("key", 32))
            for item in fields.maps("rotating")
        ),
        staff=tuple(
            StaffPin(
                id=item.text("id", 40), name=item.text("name", 200), role=item.text("role", 40), pin=item.text("pin")
            )
            for item in fields.maps("staff")
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSecrets:
    """Payload of the signed object."""

    event: EventId
    version: int
    device: str
    box: bytes

    def payload(self) -> bytes:
        return cbor.dumps(
            {"v": 1, "event": self.event, "version": self.version, "device": self.device, "box": self.box}
        )

    def open(self, private: X25519PrivateKey) -> bytes:
        """The plain bytes. Raises: FormatError."""
        return unseal(self.box, private, secrets_aad(self.device, self.event))


def parse_sealed(payload: bytes) -> SealedSecrets:
    """Raises: FormatError."""
    fields = cbor.Fields(cbor.loads(payload), "secrets")
    fields.version()
    return SealedSecrets(
        event=EventId(fields.ident("event")),
        version=fields.integer("version", 1),
        device=fields.ident("device"),
        box=fields.octets("box"),
    )
