"""What every text goes through before a format sees it (design 5): reader prefixes off, length and signs bounded."""

from __future__ import annotations

import re

from gate.errors import TicketError
from gate.model import Reason

MAX_CHARACTERS = 600
"""Longer than any ticket of ours or of pretix; a QR code could carry 4,296."""
_READER = re.compile(r"\ufeff?(?:\][A-Za-z][0-9A-Za-z]|\\[0-9]{6}){0,4}", re.ASCII)
_LINE_END = re.compile(r"(?:\r\n|\r|\n|\t)\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def clean(text: str) -> str:
    """Take off what a reader put around a text: its prefixes, and one trailing line end or Tab.

    Raises:
        TicketError: `invalid` with detail `empty`, `too_long` or `control`.
    """
    if len(text) > MAX_CHARACTERS:
        raise TicketError(Reason.INVALID, "too_long")
    text = _LINE_END.sub("", without_prefix(text))
    if not text:
        raise TicketError(Reason.INVALID, "empty")
    if _CONTROL.search(text):
        raise TicketError(Reason.INVALID, "control")
    return text


def without_prefix(text: str) -> str:
    r"""Strip AIM ids (`]Q1`) and ECI prefixes (`\000026`), at most four in any order, and a byte order mark before them."""
    match = _READER.match(text)
    return text[match.end() :] if match else text
