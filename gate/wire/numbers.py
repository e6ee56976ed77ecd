"""Numbers that people read aloud: ticket numbers and case numbers, each with a check character (contracts 0)."""

from __future__ import annotations

from gate.errors import FormatError

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NUMBER_BYTES = 5


def check_character(text: str) -> str:
    """ISO 7064 MOD 37,36 over digits and capital letters."""
    product = 36
    for sign in text:
        total = (product + _ALPHABET.index(sign)) % 36 or 36
        product = total * 2 % 37
    return _ALPHABET[(37 - product) % 36]


def ticket_number(key: bytes) -> str:
    """`ZDK4-SE1E-0` of a ticket key: Crockford base32 of its first 5 bytes, grouped, and the check character."""
    value = int.from_bytes(key[:_NUMBER_BYTES], "big")
    digits = "".join(_CROCKFORD[value >> shift & 31] for shift in range(35, -1, -5))
    return f"{digits[:4]}-{digits[4:]}-{check_character(digits)}"


def parse_ticket_number(text: str) -> bytes:
    """The first 5 bytes of the ticket key.

    Raises:
        FormatError: wrong length, a foreign sign, or the check character does not fit.
    """
    plain = text.upper().replace("-", "").replace(" ", "").replace("O", "0").replace("I", "1").replace("L", "1")
    given = text.strip().upper()[-1:]
    digits = plain[:8]
    if len(plain) != 9 or any(sign not in _CROCKFORD for sign in digits):
        raise FormatError("a ticket number has 8 signs and a check sign, such as ZDK4-SE1E-0")
    if check_character(digits) != given:
        raise FormatError("the last sign does not fit: please type the number again")
    value = 0
    for sign in digits:
        value = value << 5 | _CROCKFORD.index(sign)
    return value.to_bytes(_NUMBER_BYTES, "big")


def case_number(short: str, counter: int) -> str:
    """`G2-0147-L`: gate's short name, its counter, check character."""
    return f"{short}-{counter:04d}-{check_character(f'{short}{counter:04d}')}"
