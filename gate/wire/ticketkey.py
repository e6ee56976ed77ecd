"""Names of tickets that a gate may store: keyed hashes (contracts 1), and hashes of texts that are no ticket."""

from __future__ import annotations

import hmac

from gate.model import TicketKey

KEY_BYTES = 16
_CTI = b"\x01"
_TEXT = b"\x02"


def cti_input(cti: bytes) -> bytes:
    """GT1 and GR1: type byte 1 and the 12-byte ticket id."""
    return _CTI + cti


def text_input(text: str) -> bytes:
    """pretix_sig1 and opaque texts: type byte 2 and the text."""
    return _TEXT + text.encode()


def ticket_key(salt: bytes, key_input: bytes) -> TicketKey:
    return TicketKey(hmac.digest(salt, key_input, "sha256")[:KEY_BYTES])


def stray_hash(scan_salt: bytes, text: str) -> bytes:
    """Journaled for a text that matches no ticket: it may be somebody's health pass, so it is never stored raw."""
    # A reader may hand over half a surrogate pair; that text needs a name in the journal too.
    return hmac.digest(scan_salt, text.encode("utf-8", "surrogatepass"), "sha256")[:KEY_BYTES]
