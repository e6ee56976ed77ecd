"""Codes as a pretix server signs them, and any others of that form."""

from __future__ import annotations

from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def octets(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def message(
    seed: str = "bx5SBW5a8",
    item: int = 1,
    variation: int = 0,
    subevent: int = 0,
    valid_from: int = 0,
    valid_until: int = 0,
) -> bytes:
    """The payload; 0 = none. The last two are always there, the ones before only when they are not 0."""
    parts = [octets(1, seed.encode()), number(2, item)]
    parts += [number(field, value) for field, value in ((3, variation), (4, subevent)) if value]
    return b"".join((*parts, number(5, valid_from), number(6, valid_until)))


def text_of(payload: bytes, signature: bytes, version: int = 1, tail: bytes = b"") -> str:
    sizes = len(payload).to_bytes(2, "big") + len(signature).to_bytes(2, "big")
    raw = bytes((version,)) + sizes + payload + signature + tail
    return b64encode(raw).decode()[::-1]


def code(key: Ed25519PrivateKey, payload: bytes) -> str:
    return text_of(payload, key.sign(payload))
