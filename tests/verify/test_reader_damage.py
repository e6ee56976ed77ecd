"""What readers, keyboards and look-alike alphabets do to a ticket text: taken off, named, or no ticket. Never accepted changed."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import TicketError
from gate.verify.formats import identify, rotating
from gate.verify.hygiene import clean
from gate.wire.secrets import RotationKey
from tests.fakes.issuer import CTI, NOW_S, SPRING, Issuer
from tests.fakes.pretix import code, message

KEY = bytes(range(0x60, 0x80))
ISSUER = Issuer(rotating=(RotationKey(nbf=0, exp=2**40, key=KEY),))
KEYS = ISSUER.keyset()
TICKET = ISSUER.ticket()
TEXTS = {
    "gt1": TICKET,
    "rotating": rotating.encode(TICKET, KEY, CTI, NOW_S),
    "pretix_sig1": code(ISSUER.ticket_keys[SPRING], message()),
}
PARTS = ("]Q1", "]Q2", "]d2", "\\000026", "\\000003")


def answer(text: str) -> str:
    try:
        claims = identify(text, KEYS, NOW_S)
    except TicketError as error:
        return str(error)
    return claims.format


@pytest.mark.parametrize("name", TEXTS)
def test_up_to_four_prefixes_in_any_order_and_one_line_end_are_taken_off(name: str) -> None:
    text = TEXTS[name]
    for count in range(5):
        for prefixes in itertools.product(PARTS, repeat=min(count, 2)):
            prefix = "".join(prefixes) * (2 if count > 2 else 1)
            for end in ("", "\r", "\n", "\r\n", "\t"):
                assert answer(prefix + text + end) == name
                assert answer("\ufeff" + prefix + text + end) == name
                assert clean(prefix + text + end) == text


@pytest.mark.parametrize("name", TEXTS)
def test_a_fifth_prefix_or_a_second_line_end_is_not(name: str) -> None:
    for text in ("]Q1" * 5 + TEXTS[name], TEXTS[name] + "\n\n", TEXTS[name] + "\t\n", "\ufeff\ufeff" + TEXTS[name]):
        assert answer(text) in ("opaque", "invalid: control")


PREFIXES_THAT_ARE_NONE = ("]", "]Q", "]1Q", "]Q-", "\\00002", "\\０００００２６", "］Q1", "]Ｑ1", "＼000026")


@pytest.mark.parametrize("prefix", PREFIXES_THAT_ARE_NONE)
def test_what_only_looks_like_a_prefix_is_part_of_the_text(prefix: str) -> None:
    assert clean(prefix + "_x") == prefix + "_x"
    assert answer(prefix + TICKET) == "opaque"


@pytest.mark.parametrize("name", ["gt1", "rotating"])
def test_changed_letters_are_named_whichever_they_are(name: str) -> None:
    text = TEXTS[name]
    for changed in (
        text.lower(),
        text.swapcase(),
        text.title(),
        text[:4] + text[4:].lower(),
        text[:4].lower() + text[4:],
    ):
        assert answer(changed) == "invalid: case"


def test_changed_letters_of_a_pretix_code_are_another_code() -> None:
    text = TEXTS["pretix_sig1"]
    for changed in (text.lower(), text.upper(), text.swapcase()):
        assert answer(changed) in ("opaque", "invalid_signature")


def alike(sign: str) -> list[str]:
    """Signs that fold to this one, by compatibility or by case, and are not it."""
    return [
        chr(point)
        for point in range(0x80, 0x1FFFF)
        if not 0xD800 <= point < 0xE000
        and (unicodedata.normalize("NFKC", chr(point)).upper() == sign or chr(point).upper() == sign)
    ]


ALIKE = {sign: alike(sign) for sign in "GTR1:AKS0"}


def test_there_are_look_alikes_to_try() -> None:
    assert "Ｇ" in ALIKE["G"]
    assert "：" in ALIKE[":"]
    assert "\u212a" in ALIKE["K"]  # the sign for kelvin
    assert "ſ" in ALIKE["S"]  # an old s
    assert sum(map(len, ALIKE.values())) > 100


@pytest.mark.parametrize("name", TEXTS)
def test_no_look_alike_takes_the_place_of_a_sign(name: str) -> None:
    text = TEXTS[name]
    tried = 0
    for at, sign in enumerate(text):
        for other in ALIKE.get(sign, ()):
            tried += 1
            assert answer(text[:at] + other + text[at + 1 :]) in ("opaque", "invalid: form", "invalid: case")
    assert tried > 20


def test_a_whole_text_in_full_width_is_no_ticket() -> None:
    for text in TEXTS.values():
        wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)
        assert unicodedata.normalize("NFKC", wide) == text
        assert answer(wide) == "opaque"


INVISIBLE = (
    "\u200b",
    "\u200e",
    "\u202e",
    "\u2066",
    "\u00ad",
    "\ufe0f",
    "\u0301",
    "\ufeff",
    "\u00a0",
    "\u3000",
    "\U000e0041",
)


@pytest.mark.parametrize("sign", INVISIBLE, ids=lambda sign: f"{ord(sign):04x}")
def test_an_invisible_sign_makes_another_text(sign: str) -> None:
    for text in TEXTS.values():
        for at in (1, 4, 30, len(text)):
            assert answer(text[:at] + sign + text[at:]) in ("opaque", "invalid: form")


@given(st.sampled_from(sorted(TEXTS)), st.integers(0, 200), st.characters(codec=None))
def test_no_sign_may_be_another(name: str, at: int, sign: str) -> None:
    text = TEXTS[name]
    at %= len(text)
    changed = text[:at] + sign + text[at + 1 :]
    if changed != text and clean_or_none(changed) != text:
        accepted = answer(changed)
        # Only one thing in a rotating code is not signed: which second of its step the time is.
        assert accepted not in TEXTS or (name == accepted == "rotating" and at in (20, 21))


def clean_or_none(text: str) -> str | None:
    try:
        return clean(text)
    except TicketError:
        return None
