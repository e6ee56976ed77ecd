"""What is asked of the oracle: tickets of ours, spoilt ones among them, and claims that it is to sign."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.verify.formats import gt1
from gate.wire.sign1 import Aad, kid_of, public_bytes, sign

SEED = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = public_bytes(KEY)
KID = kid_of(PUBLIC)
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
AAD = Aad.TICKET.value.decode()
EXP = 1798761600
CTI = bytes(range(0x10, 0x1C))


def _ticket(**changes: Any) -> str:
    return gt1.encode(KEY, **({"exp": EXP, "cti": CTI, "product": 12, "zones": 3} | changes))


def issued() -> dict[str, dict[str, str]]:
    """Name -> {text, cose, kid, public, aad}: what `verify` is asked."""
    texts = {
        "plain": _ticket(),
        "middle": _ticket(product=255, zones=255),
        "largest": _ticket(product=0xFFFF, zones=0xFFFF, nbf=1798000000, flags=255),
        "nbf": _ticket(nbf=1798000000),
        "rotating": _ticket(flags=1),
        "long ago": _ticket(exp=2**30),
        "far ahead": _ticket(exp=2**32 - 1),
        "zeros": _ticket(cti=bytes(12), product=0, zones=0),
    }
    cases = {
        name: {"text": text, "cose": gt1.to_sign1(text).encode().hex(), "aad": AAD} for name, text in texts.items()
    }
    good = bytes.fromhex(cases["plain"]["cose"])
    payload = gt1.to_sign1(texts["plain"]).payload
    assert payload is not None
    stranger = sign(OTHER, payload, Aad.TICKET)
    forged = gt1.Sign1(KID, payload, stranger.signature)
    cases |= {
        "signature altered": {"cose": (good[:-1] + bytes([good[-1] ^ 1])).hex(), "aad": AAD},
        "payload altered": {"cose": good.replace(b"\x82\x0c\x03", b"\x82\x0c\x04").hex(), "aad": AAD},
        "kid altered": {"cose": good.replace(KID, b"kidd").hex(), "aad": AAD},
        "no external_aad": {"cose": good.hex(), "aad": ""},
        "external_aad of a manifest": {"cose": good.hex(), "aad": Aad.MANIFEST.value.decode()},
        "another key under this kid": {"text": gt1.to_text(forged), "cose": forged.encode().hex(), "aad": AAD},
        "another key under its own kid": {"text": gt1.to_text(stranger), "cose": stranger.encode().hex(), "aad": AAD},
    }
    return {name: case | {"public": PUBLIC.hex(), "kid": KID.hex()} for name, case in cases.items()}


def to_sign() -> dict[str, dict[str, Any]]:
    """Name -> {claims, aad, seed, kid, ours}: what `sign` is asked, and whether Gate must take it (else its reason)."""
    gate = [12, 3]
    good: dict[str, Any] = {"4": EXP, "7": CTI.hex(), "-65537": gate}
    cases: dict[str, dict[str, Any]] = {
        "plain": {"claims": good},
        "nbf": {"claims": good | {"5": 1798000000}},
        "rotating": {"claims": good | {"-65537": [*gate, 1]}},
        "largest": {"claims": good | {"5": 1798000000, "-65537": [0xFFFF, 0xFFFF, 255]}},
        "flags 0 written": {"claims": good | {"-65537": [*gate, 0]}, "ours": "invalid claims"},
        "an extra claim": {"claims": good | {"6": 1798000000}, "ours": "invalid claims"},
        "cti too long": {"claims": good | {"7": CTI.hex() + "00"}, "ours": "invalid claims"},
        "nbf after exp": {"claims": good | {"5": EXP + 1}, "ours": "invalid claims"},
        "no external_aad": {"claims": good, "aad": "", "ours": "invalid_signature"},
        "external_aad of a manifest": {"claims": good, "aad": "gate/manifest/v1", "ours": "invalid_signature"},
        "another key under this kid": {"claims": good, "seed": bytes(range(1, 33)).hex(), "ours": "invalid_signature"},
    }
    return {
        name: {"aad": AAD, "seed": SEED.hex(), "kid": KID.hex(), "ours": "accepted"} | case
        for name, case in cases.items()
    }
