"""GT1, the native ticket code: encoder and parser, the only place that knows its bytes (contracts 1).

`GT1:` + base45(kid 4 | payload | signature 64). The signature is over the Sig_structure of a COSE_Sign1 (RFC 9052) whose
fixed parts do not travel; the claims are a CWT map (RFC 8392) in deterministic CBOR.
"""

from __future__ import annotations

import re
from typing import Any

import base45
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.errors import FormatError, TicketError
from gate.model import Claims, Kid, Reason
from gate.verify.keyset import KeySet, TicketKeyRecord
from gate.wire import cbor
from gate.wire.base45 import decode
from gate.wire.sign1 import KID_BYTES, SIGNATURE_BYTES, Aad, Sign1, sig_structure, sign
from gate.wire.ticketkey import cti_input

PREFIX = "GT1:"
CTI_BYTES = 12
FLAG_ROTATING = 1
_EXP, _NBF, _CTI, _GATE = 4, 5, 7, -65537  # CWT claim keys; the last is from the private-use range
_TEXT = re.compile(r"GT1:[0-9A-Z $%*+\-./:]{146,164}")
_TIME_LOW, _TIME_HIGH = 2**30, 2**32 - 1
_MAX_PRODUCT = _MAX_ZONES = 0xFFFF
_MAX_FLAGS = 0xFF


def claims_payload(*, exp: int, cti: bytes, product: int, zones: int, nbf: int | None = None, flags: int = 0) -> bytes:
    """The claim map as deterministic CBOR.

    Args:
        exp: last valid second (Unix). nbf: first valid second, None = valid at once.
        cti: 12 random bytes. product: 0-65535. zones: bitmap of 16. flags: bit 0 = rotating.

    Raises:
        FormatError: a value is out of range.
    """
    gate = [product, zones, flags] if flags else [product, zones]
    claims: dict[int, Any] = {_EXP: exp, _CTI: cti, _GATE: gate}
    if nbf is not None:
        claims[_NBF] = nbf
    _check(claims)
    return cbor.dumps(claims)


def encode(
    key: Ed25519PrivateKey,
    *,
    exp: int,
    cti: bytes,
    product: int,
    zones: int,
    nbf: int | None = None,
    flags: int = 0,
) -> str:
    """Issue a ticket text; arguments as in `claims_payload`."""
    payload = claims_payload(exp=exp, cti=cti, product=product, zones=zones, nbf=nbf, flags=flags)
    return to_text(sign(key, payload, Aad.TICKET))


def to_text(ticket: Sign1) -> str:
    assert ticket.payload is not None
    return PREFIX + str(base45.b45encode(ticket.kid + ticket.payload + ticket.signature), "ascii")


def to_sign1(text: str) -> Sign1:
    """The standard COSE_Sign1 that a text stands for, not yet verified.

    Raises:
        TicketError: `invalid`, detail `case` (a reader changed the letters), `form`, `base45`.
    """
    if not _TEXT.fullmatch(text):
        raise TicketError(Reason.INVALID, "case" if _TEXT.fullmatch(text.upper()) else "form")
    try:
        body = decode(text[len(PREFIX) :])
    except FormatError as error:
        raise TicketError(Reason.INVALID, "base45") from error
    return Sign1(Kid(body[:KID_BYTES]), body[KID_BYTES:-SIGNATURE_BYTES], body[-SIGNATURE_BYTES:])


class Gt1:
    name = "gt1"

    def recognises(self, text: str) -> bool:
        return text[:4].upper() == PREFIX

    def parse(self, text: str, keys: KeySet, now_s: int) -> Claims:
        """Order of checks is design 5's: no CBOR decoder sees bytes whose signature was not checked."""
        ticket = to_sign1(text)
        assert ticket.payload is not None
        record = keys.find(ticket.kid)
        if record is None:
            raise TicketError(Reason.UNKNOWN_KEY)
        try:
            record.public.verify(ticket.signature, sig_structure(ticket.kid, ticket.payload, Aad.TICKET))
        except InvalidSignature as error:
            raise TicketError(Reason.INVALID_SIGNATURE) from error
        claims = _claims(ticket.payload, record)
        check_key(record, keys, now_s)
        return claims


def _claims(payload: bytes, record: TicketKeyRecord) -> Claims:
    try:
        claims = cbor.loads(payload, max_depth=3)
        _check(claims)
    except FormatError as error:
        raise TicketError(Reason.INVALID, "claims") from error
    gate = claims[_GATE]
    return Claims(
        format=Gt1.name,
        key_input=cti_input(claims[_CTI]),
        event=record.event,
        kid=record.kid,
        cti=claims[_CTI],
        product=gate[0],
        zones=gate[1],
        flags=gate[2] if len(gate) == 3 else 0,
        nbf=claims.get(_NBF),
        exp=claims[_EXP],
    )


def _check(claims: Any) -> None:
    """Exactly the claims of contracts 1, each in its range (8 cnf is reserved, so refused like any other)."""
    if not isinstance(claims, dict) or not {_EXP, _CTI, _GATE} <= claims.keys() <= {_EXP, _NBF, _CTI, _GATE}:
        raise FormatError("the claims are not those of a ticket")
    exp, nbf, cti, gate = claims[_EXP], claims.get(_NBF), claims[_CTI], claims[_GATE]
    if not _integer(exp, _TIME_LOW, _TIME_HIGH):
        raise FormatError("exp is out of range")
    if _NBF in claims and not (_integer(nbf, _TIME_LOW, _TIME_HIGH) and nbf < exp):
        raise FormatError("nbf is out of range")
    if not isinstance(cti, bytes) or len(cti) != CTI_BYTES:
        raise FormatError("cti is not 12 bytes")
    if not isinstance(gate, list) or len(gate) not in (2, 3):
        raise FormatError("the gate claim is [product, zones] or [product, zones, flags]")
    if not _integer(gate[0], 0, _MAX_PRODUCT) or not _integer(gate[1], 0, _MAX_ZONES):
        raise FormatError("product or zones are out of range")
    if len(gate) == 3 and not _integer(gate[2], 1, _MAX_FLAGS):
        raise FormatError("flags are out of range")


def _integer(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def check_key(record: TicketKeyRecord, keys: KeySet, now_s: int) -> None:
    """Whether a key that signed well may be believed here and now. Raises: TicketError."""
    if record.event not in keys.served:
        raise TicketError(Reason.WRONG_EVENT, record.event)
    if record.revoked:
        raise TicketError(Reason.UNKNOWN_KEY, "key_revoked")
    if now_s < record.nbf:
        raise TicketError(Reason.UNKNOWN_KEY, "key_not_yet")
    if now_s > record.exp:
        raise TicketError(Reason.UNKNOWN_KEY, "key_expired")
