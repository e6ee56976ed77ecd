"""Which family a text belongs to that is no ticket, so that the screen can say "this is not a ticket".

Asked only after every look-up has failed: a family must never keep a ticket out. Only the family's name leaves here; the
text itself may be somebody's health pass or bank code.
"""

from __future__ import annotations

import re
import unicodedata

from gate.verify.hygiene import MAX_CHARACTERS, without_prefix

PREFIX = "foreign_"

# In order of asking. Each pattern is read from the start only and has no nested repetition: its time is linear.
_FAMILIES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE | re.ASCII))
    for name, pattern in (
        ("health", r"HC1:|shc:/|NZCP:/|\{\"data\":\{\"hdr\":"),  # EU DCC, SMART Health Card, NZ COVID Pass, ICAO VDS-NC
        ("login", r"otpauth(?:-migration)?://|FIDO:/|openid4vp|haip:|mdoc:"),
        ("payment", r"000201[0-9]{4}|BCD\r?\n00[12]|SPC\r?\n02|ST0001[0-3]"),  # EMVCo, EPC, Swiss QR-bill, GOST R 56042
        ("payment", r"(?:upi|wxp|weixin|alipays?|bitcoin|ethereum|lightning|litecoin|payto|paynow):|lnbc[0-9]"),
        ("wifi", r"WIFI:|DPP:"),
        ("contact", r"BEGIN:V(?:CARD|EVENT|CALENDAR)|MECARD:|BIZCARD:|(?:mailto|tel|sms|smsto|mmsto|MATMSG|geo):"),
        ("boarding", r"M[1-9][A-Z/ .'-]{20}[E ][A-Z0-9 ]{7}[A-Z]{6}"),  # IATA bar coded boarding pass
        ("rail", r"#UT0[12]|OTI[0-9]{2}"),  # UIC 918.3
        ("url", r"(?:https?|ftp|market|intent)://|www\.[a-z0-9-]|URL(?:TO)?:"),
        ("ticket", r"[A-Za-z0-9+/=_-]{16,200}::[0-9]{6}(?:::|\Z)"),  # a vendor's rotating code: token::code::code
        ("url", r"[a-z][a-z0-9+.-]{1,30}://"),
    )
)
_GOODS = re.compile(r"[0-9]{8}|[0-9]{12,14}", re.ASCII)
_OURS = ("GT1:", "GR1:")
_LOOK_ALIKE = str.maketrans("ԌТΤᏀᎢΡРЅІ", "GTTGTPPSI")
_HEAD = 8


def family(text: str) -> str | None:
    """`foreign_url` and the like, or None when it is a text like any other."""
    text = without_prefix(text[:MAX_CHARACTERS]).lstrip()
    for name, pattern in _FAMILIES:
        if pattern.match(text):
            return PREFIX + name
    if _is_goods(text.strip()):
        return PREFIX + "goods"
    if not text[:_HEAD].isascii() and _folded(text[:_HEAD]).startswith(_OURS):
        return PREFIX + "lookalike"
    return None


def _is_goods(text: str) -> bool:
    """An article number (EAN-8, UPC-A, EAN-13, GTIN-14) whose check digit is right."""
    if not _GOODS.fullmatch(text):
        return False
    digits = [int(sign) for sign in reversed(text)]
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def _folded(text: str) -> str:
    """Full-width, Cyrillic, Greek and Cherokee signs as the letters that they look like."""
    return unicodedata.normalize("NFKC", text).upper().translate(_LOOK_ALIKE)
