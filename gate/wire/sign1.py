"""COSE_Sign1 (RFC 9052) with Ed25519, the one envelope of every signed object (contracts 2) and, rebuilt, of a ticket.

Reading is by position, not by a CBOR decoder: protected `{1: -19, 4: kid}` and unprotected `{}` leave nothing to choose,
so no decoder ever sees bytes whose signature has not been checked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gate.errors import FormatError, TrustError
from gate.model import Kid
from gate.wire import cbor

SIGNATURE_BYTES = 64
KID_BYTES = 4
_PROTECTED_HEAD = bytes.fromhex("49a201320444")  # bstr of 9: {1: -19 (Ed25519, RFC 9864), 4: kid}
_OBJECT_HEAD = b"\xd2\x84" + _PROTECTED_HEAD  # tag 18, array of 4
_CONTEXT_HEAD = b"\x84\x6aSignature1" + _PROTECTED_HEAD
_SIGNATURE_HEAD = b"\x58\x40"
_LENGTH_BYTES = {0x58: 1, 0x59: 2, 0x5A: 4}


class Aad(Enum):
    """external_aad of each kind of object: what is signed as one kind can never pass as another."""

    TICKET = b"gate/ticket/v1"
    TRUST = b"gate/trust/v1"
    MANIFEST = b"gate/manifest/v1"
    POLICY = b"gate/policy/v1"
    SECRETS = b"gate/secrets/v1"
    DEVICES = b"gate/devices/v1"
    TIME = b"gate/time/v1"
    HEAD = b"gate/head/v1"
    REPORT = b"gate/report/v1"
    TRANSFER = b"gate/transfer/v1"


@lru_cache(maxsize=64)
def kid_of(public: bytes) -> Kid:
    """First 4 bytes of the COSE Key Thumbprint (RFC 9679) of an Ed25519 public key (32 bytes)."""
    return Kid(thumbprint(public)[:KID_BYTES])


def thumbprint(public: bytes) -> bytes:
    return hashlib.sha256(cbor.dumps({1: 1, -1: 6, -2: public})).digest()


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _bstr(data: bytes) -> bytes:
    size = len(data)
    if size < 24:
        return bytes((0x40 | size,)) + data
    if size < 0x100:
        return bytes((0x58, size)) + data
    if size < 0x10000:
        return b"\x59" + size.to_bytes(2, "big") + data
    return b"\x5a" + size.to_bytes(4, "big") + data


def take_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """The byte string that begins at `at`, of definite length in its shortest form, and where it ends.

    Raises:
        FormatError: there is another item, or it is cut.
    """
    head = data[at] if at < len(data) else 0
    if 0x40 <= head < 0x58:
        size, start = head - 0x40, at + 1
    elif head in _LENGTH_BYTES:
        start = at + 1 + _LENGTH_BYTES[head]
        size = int.from_bytes(data[at + 1 : start], "big")
    else:
        raise FormatError("not a byte string")
    content = data[start : start + size]
    if data[at : start + size] != _bstr(content):
        raise FormatError("a byte string is cut, or its length is not in the shortest form")
    return content, start + size


_AAD_BSTR = {aad: _bstr(aad.value) for aad in Aad}


def sig_structure(kid: bytes, payload: bytes, aad: Aad) -> bytes:
    """What is signed (RFC 9052 4.4), byte for byte."""
    return b"".join((_CONTEXT_HEAD, kid, _AAD_BSTR[aad], _bstr(payload)))


@dataclass(frozen=True, slots=True)
class Sign1:
    kid: Kid
    payload: bytes | None
    """None = detached."""
    signature: bytes

    def encode(self) -> bytes:
        payload = b"\xf6" if self.payload is None else _bstr(self.payload)
        return b"".join((_OBJECT_HEAD, self.kid, b"\xa0", payload, _SIGNATURE_HEAD, self.signature))

    def verify(self, public: bytes, aad: Aad, detached: bytes | None = None) -> bytes:
        """Check the signature and hand out the payload.

        Raises:
            TrustError: `signature`; or the payload is detached and was not given.
        """
        payload = self.payload if detached is None else detached
        if payload is None:
            raise TrustError("signature", "the payload is detached and was not given")
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(self.signature, sig_structure(self.kid, payload, aad))
        except (InvalidSignature, ValueError) as error:
            raise TrustError("signature", f"no valid signature of key {self.kid.hex()}") from error
        return payload


def sign(key: Ed25519PrivateKey, payload: bytes, aad: Aad, *, detached: bool = False) -> Sign1:
    kid = kid_of(public_bytes(key))
    return Sign1(kid, None if detached else payload, key.sign(sig_structure(kid, payload, aad)))


def split(data: bytes, *, limit: int) -> Sign1:
    """Take a COSE_Sign1 apart by position.

    Args:
        limit: the most bytes the whole object may have.

    Raises:
        FormatError: it is not exactly one object of this form.
    """
    if len(data) > limit:
        raise FormatError(f"signed object of {len(data)} bytes, at most {limit} are allowed")
    head = len(_OBJECT_HEAD)
    body = head + KID_BYTES + 1
    tail = len(data) - SIGNATURE_BYTES - len(_SIGNATURE_HEAD)
    if data[:head] != _OBJECT_HEAD or data[body - 1 : body] != b"\xa0" or tail < body:
        raise FormatError("not a COSE_Sign1 with Ed25519 and a kid of 4 bytes")
    if data[tail : tail + 2] != _SIGNATURE_HEAD:
        raise FormatError("the signature is not 64 bytes")
    kid, signature = Kid(data[head : body - 1]), data[tail + 2 :]
    middle = data[body:tail]
    if middle == b"\xf6":
        return Sign1(kid, None, signature)
    for skip in (1, 2, 3, 5):
        if _bstr(middle[skip:]) == middle:
            return Sign1(kid, middle[skip:], signature)
    raise FormatError("the payload is not one byte string")
