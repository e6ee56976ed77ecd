"""PIN verifiers of staff: `scrypt$n$r$p$salt$hash`, salt and hash as hex (contracts 2, secrets.staff). Pure."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gate.errors import FormatError

PIN_MIN, PIN_MAX = 6, 12
ROLES = ("attendant", "supervisor", "technician")
N, R, P = 2**14, 8, 1
"""16 MiB and some 50 ms a try: slow for who guesses, bearable for who waits on a Pi."""
_SALT_BYTES, _HASH_BYTES = 16, 32
_N_MAX, _R_MAX, _P_MAX = 2**16, 16, 4
_MEMORY = 160 * 2**20
_PIN = re.compile(rf"[0-9]{{{PIN_MIN},{PIN_MAX}}}")
_VERIFIER = re.compile(r"scrypt\$([0-9]{1,7})\$([0-9]{1,2})\$([0-9]{1,2})\$([0-9a-f]{16,128})\$([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class _Verifier:
    n: int
    r: int
    p: int
    salt: bytes
    hash: bytes


def valid_pin(pin: str) -> bool:
    """6 to 12 digits, not all the same and no plain run: those are tried first."""
    if not _PIN.fullmatch(pin) or len(set(pin)) == 1:
        return False
    steps = {(int(b) - int(a)) % 10 for a, b in itertools.pairwise(pin)}
    return steps not in ({1}, {9})


def make_verifier(pin: str, salt: bytes) -> str:
    """`salt`: 16 random bytes."""
    digest = _scrypt(pin, salt[:_SALT_BYTES], N, R, P)
    return f"scrypt${N}${R}${P}${salt[:_SALT_BYTES].hex()}${digest.hex()}"


def check_pin(verifier: str, pin: str) -> bool:
    """Compares in constant time; a verifier that cannot be read never fits."""
    try:
        parts = _parse(verifier)
    except FormatError:
        return False
    digest = _scrypt(pin, parts.salt, parts.n, parts.r, parts.p)
    return hmac.compare_digest(digest, parts.hash)


def any_verifier(verifiers: Sequence[str]) -> str:
    """One to spend the same time on as for a person who does not exist."""
    return verifiers[0] if verifiers else f"scrypt${N}${R}${P}${'00' * _SALT_BYTES}${'00' * _HASH_BYTES}"


def _scrypt(pin: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=_HASH_BYTES)


def _parse(verifier: str) -> _Verifier:
    match = _VERIFIER.fullmatch(verifier)
    if match is None:
        raise FormatError("not a PIN verifier")
    n, r, p = (int(match[i]) for i in (1, 2, 3))
    if not (2**10 <= n <= _N_MAX and n & (n - 1) == 0 and 1 <= r <= _R_MAX and 1 <= p <= _P_MAX):
        raise FormatError("a PIN verifier's costs are out of range")
    return _Verifier(n, r, p, bytes.fromhex(match[4]), bytes.fromhex(match[5]))
