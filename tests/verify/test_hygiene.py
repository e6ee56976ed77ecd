"""What every text goes through first: reader prefixes and line ends off, length bounded, control characters refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import TicketError
from gate.model import Reason
from gate.verify.formats import identify
from gate.verify.hygiene import MAX_CHARACTERS, clean
from gate.wire.ticketkey import stray_hash
from tests.fakes.issuer import NOW_S, SPRING, Issuer

ISSUER = Issuer()
KEYS = ISSUER.keyset()
TEXT = ISSUER.ticket()

WRAPPED = {
    "carriage return": TEXT + "\r",
    "line feed": TEXT + "\n",
    "both": TEXT + "\r\n",
    "tab": TEXT + "\t",
    "AIM id of QR": "]Q1" + TEXT,
    "AIM id of QR with ECI": "]Q2" + "\\000026" + TEXT,
    "AIM id of Data Matrix": "]d2" + TEXT,
    "AIM id of Aztec": "]z3" + TEXT,
    "ECI UTF-8": "\\000026" + TEXT,
    "ECI Latin 1": "\\000003" + TEXT,
    "two ECI": "\\000003\\000026" + TEXT,
    "all at once": "]Q2\\000026" + TEXT + "\r\n",
}


@pytest.mark.parametrize("text", WRAPPED.values(), ids=WRAPPED)
def test_what_a_reader_adds_is_taken_off(text: str) -> None:
    assert clean(text) == TEXT
    assert identify(text, KEYS, NOW_S).event == SPRING


REFUSED = {
    "nothing": ("", "empty"),
    "line end only": ("\r\n", "empty"),
    "prefix only": ("]Q1", "empty"),
    "ECI only": ("\\000026", "empty"),
    "prefixes and line end only": ("]Q1\\000026\n", "empty"),
    "two line ends": ("ABC\n\n", "control"),
    "line feed and tab": ("ABC\n\t", "control"),
    "reversed line end": ("ABC\n\r", "control"),
    "line feed inside": ("A\nBC", "control"),
    "tab inside": ("A\tBC", "control"),
    "NUL": ("ABC\x00", "control"),
    "NUL inside": ("A\x00BC", "control"),
    "escape": ("\x1b[2JABC", "control"),
    "delete": ("ABC\x7f", "control"),
    "group separator (GS1)": ("01\x1d21", "control"),
    "C1 control": ("ABC\x85", "control"),
    "line separator": ("ABC\u2028", "control"),
    "paragraph separator": ("A\u2029BC", "control"),
    "half a surrogate pair": ("ABC\ud800", "control"),
    "other half": ("\udfffABC", "control"),
    "601 characters": ("A" * 601, "too_long"),
    "a whole QR code": ("0" * 4296, "too_long"),
    "a ticket in a very long text": (TEXT + "A" * 4000, "too_long"),
    "a million": ("A" * 1_000_000, "too_long"),
}


@pytest.mark.parametrize(("text", "detail"), REFUSED.values(), ids=REFUSED)
def test_what_no_ticket_has_is_refused_by_name(text: str, detail: str) -> None:
    with pytest.raises(TicketError) as caught:
        clean(text)
    assert (caught.value.reason, caught.value.detail) == (Reason.INVALID, detail)


def test_600_characters_are_still_a_text() -> None:
    assert MAX_CHARACTERS == 600
    assert clean("A" * 600) == "A" * 600


KEPT = (
    "ABC", " ABC", "ABC ", "]", "]Q", "]1Q ABC", "\\00026ABC", "\\００００２６ABC", "ABC]Q1", "ABC\\000026", "票券", "é", "👍",
    "https://example.org/t/1", "HC1:NCF", "shc:/567", "M1DOE/JOHN",
)  # fmt: skip


@pytest.mark.parametrize("text", KEPT)
def test_what_only_looks_like_a_prefix_is_kept(text: str) -> None:
    assert clean(text) == text


@given(st.text(alphabet=st.characters(codec=None), max_size=700))
def test_any_text_is_cleaned_once_or_refused(text: str) -> None:
    try:
        cleaned = clean(text)
    except TicketError:
        return
    assert cleaned in text
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in cleaned)
    assert cleaned.encode()


@given(st.text(alphabet=st.characters(codec=None), max_size=200))
def test_any_text_is_some_claims_or_a_ticket_error(text: str) -> None:
    try:
        found = identify(text, KEYS, NOW_S)
    except TicketError:
        return
    assert found.format == "opaque"
    assert not found.signed


@given(st.text(alphabet=st.characters(codec=None), max_size=200))
def test_any_text_has_a_name_for_the_journal(text: str) -> None:
    """Even one that no format may see."""
    assert len(stray_hash(bytes(32), text)) == 16


def test_two_texts_have_two_names() -> None:
    names = {stray_hash(bytes(32), text) for text in ("ABC", "abc", "ABC ", "ABC\n", "\ud800", "")}
    assert len(names) == 6
    assert stray_hash(bytes(32), "ABC") != stray_hash(b"1" * 32, "ABC")
