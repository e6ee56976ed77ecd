"""Runs in the oracle's own environment: the `cwt` library answers questions about COSE objects, one JSON line each.

Nothing of Gate is imported here; that is the point. Questions: `verify` {cose, public, aad} -> {claims} or {refused};
`sign` {seed, kid, aad, claims} -> {cose}; `bench` {cose, public, aad, rounds} -> {seconds} for one round of that many.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import cbor2
import cwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519 = -19


def key_of(public: bytes, kid: bytes, private: bytes | None = None) -> Any:
    parameters: dict[int, Any] = {1: 1, -1: 6, 3: ED25519, 2: kid, -2: public}
    if private is not None:
        parameters[-4] = private
    return cwt.COSEKey.new(parameters)


def plain(claims: dict[int, Any]) -> dict[str, Any]:
    """JSON-ready, bytes as hex."""
    return {str(name): value.hex() if isinstance(value, bytes) else value for name, value in claims.items()}


def verify(question: dict[str, Any]) -> dict[str, Any]:
    cose, public = bytes.fromhex(question["cose"]), bytes.fromhex(question["public"])
    kid = bytes.fromhex(question["kid"])
    try:
        protected, unprotected, payload = cwt.COSE.new(verify_kid=True).decode_with_headers(
            cose, [key_of(public, kid)], external_aad=question["aad"].encode()
        )
        claims = cwt.Claims.new(cbor2.loads(payload))
    except Exception as error:  # noqa: BLE001 - whatever it says, it has refused
        return {"refused": type(error).__name__}
    return {
        "claims": plain(claims.to_dict()),
        "exp": claims.exp,
        "nbf": claims.nbf,
        "protected": plain(protected),
        "unprotected": plain(unprotected),
    }


def sign(question: dict[str, Any]) -> dict[str, Any]:
    seed, kid = bytes.fromhex(question["seed"]), bytes.fromhex(question["kid"])
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    claims = {
        int(name): bytes.fromhex(value) if isinstance(value, str) else value
        for name, value in question["claims"].items()
    }
    payload = cbor2.dumps(claims, canonical=True)
    cose = cwt.COSE.new(deterministic_header=True).encode(
        payload, key_of(public, kid, seed), protected={1: ED25519, 4: kid}, external_aad=question["aad"].encode()
    )
    return {"cose": cose.hex()}


def bench(question: dict[str, Any]) -> dict[str, Any]:
    """One round of "COSE bytes -> verified claims", the key and the context made before, as a verifier would."""
    cose, aad = bytes.fromhex(question["cose"]), question["aad"].encode()
    keys = [key_of(bytes.fromhex(question["public"]), bytes.fromhex(question["kid"]))]
    context = cwt.COSE.new(verify_kid=True)
    times = []
    for _ in range(question["rounds"]):
        began = time.perf_counter()
        cwt.Claims.new(cbor2.loads(context.decode(cose, keys, external_aad=aad)))
        times.append(time.perf_counter() - began)
    return {"seconds": times}


ANSWERS = {"verify": verify, "sign": sign, "bench": bench}


def main() -> None:
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(ANSWERS[question["do"]](question)), flush=True)


if __name__ == "__main__":
    main()
