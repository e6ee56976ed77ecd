"""Ticket formats, one small class each, in one table. A format turns a text into authentic `Claims` or raises."""

from __future__ import annotations

from typing import Protocol

from gate.model import Claims
from gate.verify.formats.gt1 import Gt1
from gate.verify.formats.opaque import Opaque
from gate.verify.formats.pretix_sig1 import PretixSig1
from gate.verify.formats.rotating import Rotating
from gate.verify.hygiene import clean
from gate.verify.keyset import KeySet


class Format(Protocol):
    name: str

    def recognises(self, text: str) -> bool:
        """True when the text claims to be of this format; then no later format is asked."""
        ...

    def parse(self, text: str, keys: KeySet, now_s: int) -> Claims:
        """Raises: TicketError with the reason that is shown."""
        ...


FORMATS: tuple[Format, ...] = (Gt1(), Rotating(), PretixSig1(), Opaque())
"""In order of asking."""


def identify(text: str, keys: KeySet, now_s: int) -> Claims:
    """What the text says, proven as far as its format can.

    Args:
        now_s: trusted Unix seconds, for the validity of keys only.

    Raises:
        TicketError: `invalid`, `invalid_signature`, `unknown_key` or `wrong_event`.
    """
    plain = clean(text)
    chosen = next(item for item in FORMATS if item.recognises(plain))
    return chosen.parse(plain, keys, now_s)
