"""GR1, the rotating code: a GT1 ticket with a code in front that changes every 30 seconds (contracts 1).

`GR1:` + 8 digits TOTP + 10 digits Unix seconds + the base45 body of the GT1 text. It defeats screenshots, not somebody who
takes the secret out of the wallet. Whether the step is one of now, and newer than the last one seen, needs a clock and a
memory: that is the decision's question.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gate.errors import TicketError
from gate.model import Claims, Reason
from gate.verify.formats import gt1
from gate.verify.keyset import KeySet
from gate.wire.secrets import RotationKey

PREFIX = "GR1:"
STEP_S = 30
DIGITS = 8
SECRET_BYTES = 20
_TIME_DIGITS = 10
_KEYS_TRIED = 2
"""One key ends while the next begins; more at one moment are a fault of the server and only cost time."""
_TEXT = re.compile(rf"GR1:[0-9]{{{DIGITS + _TIME_DIGITS}}}[0-9A-Z $%*+\-./:]{{146,164}}")
_BODY = len(PREFIX) + DIGITS + _TIME_DIGITS


def ticket_secret(rotation_key: bytes, cti: bytes) -> bytes:
    """The ticket's own TOTP secret (20 bytes): HKDF-SHA256 (RFC 5869) without salt. A wallet gets this, never the key."""
    info = b"gate/rotating/v1" + cti
    return HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(rotation_key)


def totp(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """HOTP-SHA1 (RFC 4226 5.3) of a step number (RFC 6238 4.2), with leading zeros.

    SHA-1, because wallets that can show a code that changes know no other; HMAC does not need its collision resistance.
    """
    return truncated(hmac.digest(secret, step.to_bytes(8, "big"), "sha1"), digits)


def truncated(mac: bytes, digits: int) -> str:
    """RFC 4226 5.3: 31 bits of the MAC as decimal digits."""
    offset = mac[-1] & 15
    value = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(value % 10**digits).zfill(digits)


def encode(ticket: str, rotation_key: bytes, cti: bytes, at_s: int) -> str:
    """The text that a wallet shows at `at_s` (Unix seconds) for the GT1 text `ticket`."""
    code = totp(ticket_secret(rotation_key, cti), at_s // STEP_S)
    return f"{PREFIX}{code}{at_s:0{_TIME_DIGITS}}{ticket[len(gt1.PREFIX) :]}"


class Rotating:
    name = "rotating"

    def recognises(self, text: str) -> bool:
        return text[:4].upper() == PREFIX

    def parse(self, text: str, keys: KeySet, now_s: int) -> Claims:
        """The ticket inside is proven first, by GT1's own parser: no code is computed for a text that is not ours."""
        if not _TEXT.fullmatch(text):
            raise TicketError(Reason.INVALID, "case" if _TEXT.fullmatch(text.upper()) else "form")
        claims = gt1.Gt1().parse(gt1.PREFIX + text[_BODY:], keys, now_s)
        assert claims.cti is not None
        assert claims.event is not None
        at_s = int(text[_BODY - _TIME_DIGITS : _BODY])
        given = text[len(PREFIX) : len(PREFIX) + DIGITS]
        _check_code(given, claims.cti, at_s, keys.rotation.get(claims.event, ()))
        return replace(claims, format=self.name, code_step=at_s // STEP_S)


def _check_code(given: str, cti: bytes, at_s: int, keys: Iterable[RotationKey]) -> None:
    tried = list(islice((item.key for item in keys if item.nbf <= at_s <= item.exp), _KEYS_TRIED))
    if not tried:
        raise TicketError(Reason.UNKNOWN_KEY, "rotation")
    # Every key is tried, and compared in constant time: how long a refusal takes says nothing about the right code.
    fits = [hmac.compare_digest(totp(ticket_secret(key, cti), at_s // STEP_S), given) for key in tried]
    if not any(fits):
        raise TicketError(Reason.INVALID_SIGNATURE, "totp")
