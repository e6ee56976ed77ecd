"""base45 (RFC 9285), decoding only: strict, so that every byte string has exactly one text.

The `base45` library decodes a trailing newline (0.4.4), and checking its answer by encoding again costs more than the
whole of this. It still encodes, where tickets are issued, and the tests compare both.
"""

from __future__ import annotations

import struct

from gate.errors import FormatError

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_FOREIGN = 255
_VALUES = bytes(_ALPHABET.find(sign) % 256 for sign in range(256))  # find says -1 for a foreign sign


def decode(text: str) -> bytes:
    """Raises: FormatError for a sign outside the alphabet, a length of 1 mod 3, or a value that no encoder writes."""
    try:
        digits = text.encode("ascii").translate(_VALUES)
        triples, rest = divmod(len(digits), 3)
        if _FOREIGN in digits or rest == 1:
            raise FormatError("not base45")
        low, middle, high = digits[0::3], digits[1::3], digits[2::3]
        # Two signs at the end are one byte, so `zip` leaves them alone; above 65535 `pack` refuses, above 255 `bytes` does.
        data = struct.pack(f">{triples}H", *[c + 45 * d + 2025 * e for c, d, e in zip(low, middle, high, strict=False)])
        return data + bytes((digits[-2] + 45 * digits[-1],)) if rest else data
    except (UnicodeEncodeError, struct.error, ValueError) as error:
        raise FormatError("not base45") from error
