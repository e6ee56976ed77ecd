"""Signed time (contracts 5, `GET /v1/time?nonce=`): what a gate without a battery clock signs its requests by."""

from __future__ import annotations

import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.errors import TrustError
from gate.wire import cbor
from gate.wire.sign1 import Aad, sign, split

MAX_BYTES = 256
_NONCE = re.compile(r"[0-9a-f]{32}")


def is_nonce(text: str) -> bool:
    """32 hex, chosen by the asker: it makes an old answer useless."""
    return _NONCE.fullmatch(text) is not None


def sign_time(key: Ed25519PrivateKey, nonce: str, now_ms: int) -> bytes:
    """Payload `{v, nonce, now}`: the nonce as it was asked (hex text), now in Unix ms."""
    return sign(key, cbor.dumps({"v": 1, "nonce": nonce, "now": now_ms}), Aad.TIME).encode()


def read_time(data: bytes, public: bytes, nonce: str) -> int:
    """The server's Unix ms. `public`: of a `time` or `manifest` key of the trust file.

    Raises: FormatError, TrustError.
    """
    fields = cbor.Fields(cbor.loads(split(data, limit=MAX_BYTES).verify(public, Aad.TIME)), "time")
    fields.version()
    if fields.text("nonce", 32) != nonce:
        raise TrustError("nonce", "the signed time answers another question")
    return fields.integer("now")
