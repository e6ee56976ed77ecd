"""GT1 under attack: every altered text is refused by name, and what a thief of a signing key could sign is still bounded."""

from __future__ import annotations

import time
from typing import Any

import base45
import cbor2
import pytest

from gate.errors import FormatError, TicketError
from gate.model import Reason
from gate.verify.formats import FORMATS, gt1, identify
from gate.verify.hygiene import clean
from tests.fakes.issuer import CTI, DAY_S, NOW_S, Issuer

ISSUER = Issuer()
KEYS = ISSUER.keyset()
TEXT = ISSUER.ticket()
BODY = base45.b45decode(TEXT[4:])
EXP = NOW_S + DAY_S
LARGEST = ISSUER.ticket(product=0xFFFF, zones=0xFFFF, nbf=NOW_S, flags=255)


def text_of(body: bytes) -> str:
    return "GT1:" + str(base45.b45encode(body), "ascii")


def refused(text: str) -> tuple[Reason, str]:
    with pytest.raises(TicketError) as caught:
        identify(text, KEYS, NOW_S)
    return caught.value.reason, caught.value.detail


# ---- altered texts


@pytest.mark.parametrize("text", [TEXT, LARGEST], ids=["plain", "largest"])
def test_every_single_bit_flip_is_refused(text: str) -> None:
    body = base45.b45decode(text[4:])
    seen = set()
    for bit in range(len(body) * 8):
        bad = bytearray(body)
        bad[bit // 8] ^= 1 << bit % 8
        seen.add(refused(text_of(bytes(bad))))
        expected = Reason.UNKNOWN_KEY if bit < 32 else Reason.INVALID_SIGNATURE
        assert refused(text_of(bytes(bad)))[0] is expected
    assert seen == {(Reason.UNKNOWN_KEY, ""), (Reason.INVALID_SIGNATURE, "")}


def test_every_other_sign_at_every_place_of_the_text_is_refused() -> None:
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
    for at in range(4, len(TEXT)):
        for sign in alphabet:
            if sign != TEXT[at]:
                refused(TEXT[:at] + sign + TEXT[at + 1 :])


def test_every_text_cut_short_is_refused() -> None:
    for size in range(4, len(TEXT)):
        refused(TEXT[:size])
        refused(TEXT[:4] + TEXT[4 + len(TEXT) - size :])


def test_every_body_cut_short_or_made_longer_is_refused() -> None:
    for size in range(len(BODY)):
        refused(text_of(BODY[:size]))
    for more in range(1, 80):
        refused(text_of(BODY + bytes(more)))
        refused(text_of(BODY[:4] + bytes(more) + BODY[4:]))


def test_letters_changed_by_a_reader_are_named() -> None:
    """Wedge readers with the wrong keyboard setting send small letters: staff can act on that word."""
    assert refused(TEXT.lower()) == (Reason.INVALID, "case")
    assert refused(TEXT.swapcase()) == (Reason.INVALID, "case")
    assert refused("gt1:" + TEXT[4:]) == (Reason.INVALID, "case")
    for at, letter in enumerate(TEXT):
        if letter.isalpha():
            assert refused(TEXT[:at] + letter.lower() + TEXT[at + 1 :]) == (Reason.INVALID, "case")


FORMS = {
    "nothing after the prefix": "GT1:",
    "too short": TEXT[:149],
    "too long": TEXT + "0" * 30,
    "a sign that is not of base45": TEXT[:-1] + "_",
    "full-width letter": TEXT[:-1] + "Ａ",
    "space before": "GT1: " + TEXT[4:] + "0" * 20,
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_another_form_is_refused_before_any_key_is_asked(text: str) -> None:
    assert refused(text) == (Reason.INVALID, "form")


@pytest.mark.parametrize("more", ["\n", "\r", "\r\n", "\t", "\n\n", " ", "\x00", "\x85", "\u2028"])
def test_the_parser_itself_takes_no_line_end(more: str) -> None:
    """base45 0.4.4 decodes a text with a trailing newline: the form is checked first, whoever calls."""
    with pytest.raises(TicketError):
        gt1.Gt1().parse(TEXT + more, KEYS, NOW_S)


def test_another_writing_of_the_same_bytes_is_refused() -> None:
    """base45 has values that no encoder writes: three signs above 65535, two above 255."""
    overflow = "GT1:" + "GGW" * 49
    assert len(overflow) == 151
    assert refused(overflow) == (Reason.INVALID, "base45")
    pair = "GT1:" + "000" * 48 + "::"
    assert refused(pair) == (Reason.INVALID, "base45")
    assert refused("GT1:" + "000" * 49 + "0") == (Reason.INVALID, "base45")


def test_the_algorithm_is_never_taken_from_the_message() -> None:
    """There is no place for it: the rebuilt header says Ed25519 whatever travels."""
    for algorithm in (-7, -8, -35, 0, 5):
        protected = cbor2.dumps({1: algorithm, 4: BODY[:4]}, canonical=True)
        refused(text_of(BODY[:4] + protected + BODY[4:]))
    assert gt1.to_sign1(TEXT).encode()[2:8].hex() == "49a201320444"


# ---- signed by the right key, and still no ticket

GATE = [12, 3]
SIGNED: dict[str, Any] = {
    "no exp": {7: CTI, -65537: GATE},
    "no cti": {4: EXP, -65537: GATE},
    "no gate claim": {4: EXP, 7: CTI},
    "cnf (8), reserved": {4: EXP, 7: CTI, 8: {}, -65537: GATE},
    "an unknown claim": {4: EXP, 7: CTI, 99: 0, -65537: GATE},
    "a text claim": {4: EXP, 7: CTI, "a": 0, -65537: GATE},
    "iss": {1: "", 4: EXP, 7: CTI, -65537: GATE},
    "exp as a text": {4: "2027", 7: CTI, -65537: GATE},
    "exp negative": {4: -EXP, 7: CTI, -65537: GATE},
    "exp of 8 bytes": {4: 2**32, 7: CTI, -65537: GATE},
    "exp before 2004": {4: 2**30 - 1, 7: CTI, -65537: GATE},
    "exp null": {4: None, 7: CTI, -65537: GATE},
    "exp true": {4: True, 7: CTI, -65537: GATE},
    "exp a fraction": {4: EXP + 0.5, 7: CTI, -65537: GATE},
    "nbf null": {4: EXP, 5: None, 7: CTI, -65537: GATE},
    "nbf after exp": {4: EXP, 5: EXP, 7: CTI, -65537: GATE},
    "nbf 0": {4: EXP, 5: 0, 7: CTI, -65537: GATE},
    "cti as a text": {4: EXP, 7: "123456789012", -65537: GATE},
    "cti of 11": {4: EXP, 7: CTI[:11], -65537: GATE},
    "cti of 13": {4: EXP, 7: CTI + b"0", -65537: GATE},
    "cti a list": {4: EXP, 7: [1], -65537: GATE},
    "gate claim a map": {4: EXP, 7: CTI, -65537: {0: 12, 1: 3}},
    "gate claim of one": {4: EXP, 7: CTI, -65537: [12]},
    "gate claim of four": {4: EXP, 7: CTI, -65537: [12, 3, 1, 1]},
    "product over": {4: EXP, 7: CTI, -65537: [0x10000, 3]},
    "product negative": {4: EXP, 7: CTI, -65537: [-1, 3]},
    "product true": {4: EXP, 7: CTI, -65537: [True, 3]},
    "zones over": {4: EXP, 7: CTI, -65537: [12, 0x10000]},
    "flags 0 written": {4: EXP, 7: CTI, -65537: [12, 3, 0]},
    "flags over": {4: EXP, 7: CTI, -65537: [12, 3, 256]},
    "key 4.0 for 4": {4.0: EXP, 7: CTI, -65537: GATE},
    "key 7.0 for 7": {4: EXP, 7.0: CTI, -65537: GATE},
    "not a map": [EXP, CTI, GATE],
    "a text": "a" * 30,
    "a number": 1,
}


def fitting(payload: bytes) -> bool:
    """The text form has room for 29 to 41 bytes of payload; what is outside never reaches the signature."""
    return 29 <= len(payload) <= 41


@pytest.mark.parametrize("claims", SIGNED.values(), ids=SIGNED)
def test_claims_that_are_no_tickets_are_refused_although_signed(claims: Any) -> None:
    payload = cbor2.dumps(claims, canonical=True)
    expected = "claims" if fitting(payload) else "form"
    assert refused(ISSUER.ticket_of(payload)) == (Reason.INVALID, expected)
    with pytest.raises((FormatError, TicketError)):
        gt1._claims(payload, KEYS.find(BODY[:4]))  # type: ignore[arg-type]


GOOD = gt1.claims_payload(exp=EXP, cti=CTI, product=12, zones=3)
BYTES: dict[str, bytes] = {
    "duplicate exp": b"\xa4" + GOOD[1:7] + GOOD[1:],
    "duplicate with another value": b"\xa4\x04\x1a" + (EXP + 1).to_bytes(4, "big") + GOOD[1:],
    "keys out of order": b"\xa3" + GOOD[7:21] + GOOD[1:7] + GOOD[21:],
    "endless map": b"\xbf" + GOOD[1:] + b"\xff",
    "endless cti": GOOD.replace(b"\x07\x4c" + CTI, b"\x07\x5f\x4c" + CTI + b"\xff"),
    "endless array": GOOD.replace(b"\x82\x0c\x03", b"\x9f\x0c\x03\xff"),
    "long map head": b"\xb8\x03" + GOOD[1:],
    "long key": GOOD.replace(b"\x04\x1a", b"\x18\x04\x1a"),
    "long product": GOOD.replace(b"\x82\x0c", b"\x82\x18\x0c"),
    "exp in 8 bytes": GOOD.replace(b"\x04\x1a", b"\x04\x1b\x00\x00\x00\x00"),
    "long cti head": GOOD.replace(b"\x07\x4c", b"\x07\x58\x0c"),
    "trailing byte": GOOD + b"\x00",
    "trailing break": GOOD + b"\xff",
    "one byte less": GOOD[:-1],
    "tag 28 around": b"\xd8\x1c" + GOOD,
    "tag 29": b"\xd8\x1d\x00" + bytes(27),
    "tag 35 around": b"\xd8\x23\x78\x1c" + b"(a+)+$" * 4 + b"abcd",
    "tag 36 around": b"\xd8\x24\x78\x1c" + b"Content-Type: text/plain\n\n a",
    "tag 28 on the gate claim": GOOD.replace(b"\x82\x0c\x03", b"\xd8\x1c\x82\x0c\x03"),
    "tag 29 as the product": GOOD.replace(b"\x82\x0c\x03", b"\xd8\x1c\x82\xd8\x1d\x00\x03"),
    "tag 35 as the cti": GOOD.replace(b"\x07\x4c" + CTI, b"\x07\xd8\x23\x6c" + b"(a+)+$(a+)+$"),
    "tag 2 as exp": GOOD.replace(b"\x04\x1a", b"\x04\xc2\x44"),
    "tag 1 on exp": GOOD.replace(b"\x04\x1a", b"\x04\xc1\x1a"),
    "tag 61 around": b"\xd8\x3d" + GOOD,
    "tag 55799 around": b"\xd9\xd9\xf7" + GOOD,
    "nest of 30 arrays": b"\x81" * 30 + b"\x00",
    "nest of 15 maps": b"\xa1\x00" * 15 + b"\x00",
    "array that claims 2^64-1": b"\x9b" + b"\xff" * 8 + bytes(25),
    "map that claims 2^64-1": b"\xbb" + b"\xff" * 8 + bytes(25),
    "bytes that claim 2^64-1": b"\x5b" + b"\xff" * 8 + bytes(25),
    "text that claims 2^63-1": b"\x7b\x7f" + b"\xff" * 7 + bytes(25),
    "two NaN keys": b"\xa2\xf9\x7e\x00\x00\xf9\x7e\x00\x78\x18" + b"a" * 24,
    "exp as NaN": GOOD.replace(b"\x1a" + EXP.to_bytes(4, "big"), b"\xf9\x7e\x00"),
    "undefined": b"\xf7" * 30,
    "zeros": bytes(29),
    "ones": b"\xff" * 41,
}


@pytest.mark.parametrize("payload", BYTES.values(), ids=BYTES)
def test_bytes_that_are_not_our_cbor_are_refused_although_signed(payload: bytes) -> None:
    assert payload != GOOD
    expected = "claims" if fitting(payload) else "form"
    began = time.thread_time()
    assert refused(ISSUER.ticket_of(payload)) == (Reason.INVALID, expected)
    assert time.thread_time() - began < 0.005
    with pytest.raises((FormatError, TicketError)):
        gt1._claims(payload, KEYS.find(BODY[:4]))  # type: ignore[arg-type]


def test_the_good_payload_of_these_tables_is_a_ticket() -> None:
    assert identify(ISSUER.ticket_of(GOOD), KEYS, NOW_S).exp == EXP


# ---- one table of formats


def test_a_text_that_claims_to_be_gt1_is_asked_of_no_other_format() -> None:
    for text in ("GT1:", "gt1:abc", "Gt1:" + "0" * 20, TEXT[:-1]):
        assert next(item for item in FORMATS if item.recognises(clean(text))).name == "gt1"
        assert refused(text)[0] is Reason.INVALID
