"""Signing of requests by the device key (contracts 5)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gate.errors import FormatError, TrustError

_NONCE = re.compile("[0-9a-f]{32}")
WINDOW_MS = 300_000
"""How far the time of a request may be from the server's."""
TRUST_HEADER = "Gate-Trust"
"""Version of a trust file: the one that the asking gate has, the newest that the answering server has. A hint, not signed."""
NONCE_KEEP_MS = 600_000
"""Twice the window: a nonce is remembered as long as its request could pass again."""


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Raises: FormatError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("not base64url") from error


def signing_lines(method: str, path: str, device: str, time_ms: int, nonce: str, body: bytes) -> bytes:
    """`path` with its query, `body` as sent."""
    digest = hashlib.sha256(body).hexdigest()
    return "\n".join(("gate/request/v1", method, path, device, str(time_ms), nonce, digest)).encode()


def sign_request(
    key: Ed25519PrivateKey, method: str, path: str, *, device: str, time_ms: int, nonce: str, body: bytes
) -> dict[str, str]:
    """The four headers of a signed request. `nonce`: 32 hex, never used before."""
    signature = key.sign(signing_lines(method, path, device, time_ms, nonce, body))
    return {
        "Gate-Device": device,
        "Gate-Time": str(time_ms),
        "Gate-Nonce": nonce,
        "Gate-Signature": b64(signature),
    }


@dataclass(frozen=True, slots=True)
class SignedBy:
    device: str
    time_ms: int
    nonce: str
    signature: bytes

    def verify(self, public: bytes, method: str, path: str, body: bytes) -> None:
        """Raises: TrustError `signature`."""
        lines = signing_lines(method, path, self.device, self.time_ms, self.nonce, body)
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(self.signature, lines)
        except (InvalidSignature, ValueError) as error:
            raise TrustError("signature", "the request is not signed by its device") from error


def read_headers(headers: Mapping[str, str]) -> SignedBy:
    """Raises: FormatError when one of the four is missing or malformed."""
    try:
        device, nonce = headers["gate-device"], headers["gate-nonce"]
        time_ms, signature = int(headers["gate-time"]), unb64(headers["gate-signature"])
    except (KeyError, ValueError) as error:
        raise FormatError("the request is not signed") from error
    if not _NONCE.fullmatch(nonce) or len(device) > 40 or len(signature) != 64:
        raise FormatError("the request's signature headers are malformed")
    return SignedBy(device, time_ms, nonce, signature)
