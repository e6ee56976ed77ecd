"""base45 (RFC 9285): the published cases, those included that the library gets wrong, and the library beside ours."""

from __future__ import annotations

import json
from pathlib import Path

import base45
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import FormatError, TicketError
from gate.model import Reason
from gate.verify.formats import gt1
from gate.wire.base45 import decode
from tests.fakes.issuer import Issuer

CASES = json.loads((Path(__file__).parent.parent / "vectors/base45-rfc9285/base45.json").read_text())
TEXT = Issuer().ticket()


def test_the_cases_are_whole() -> None:
    assert (len(CASES["valid"]), len(CASES["invalid"])) == (6, 10)


@pytest.mark.parametrize("case", CASES["valid"], ids=[case["hex"] or "empty" for case in CASES["valid"]])
def test_valid_both_ways(case: dict[str, str]) -> None:
    data = bytes.fromhex(case["hex"])
    assert decode(case["text"]) == data
    assert str(base45.b45encode(data), "ascii") == case["text"]


@pytest.mark.parametrize("case", CASES["invalid"], ids=[case["why"] for case in CASES["invalid"]])
def test_invalid_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(FormatError):
        decode(case["text"])


@pytest.mark.parametrize("case", CASES["invalid"], ids=[case["why"] for case in CASES["invalid"]])
def test_invalid_is_refused_in_a_ticket(case: dict[str, str]) -> None:
    """The case stands at the end of a text of about a ticket's length, so that only the case itself is at fault."""
    whole = TEXT[4 : 4 + 144]
    texts = [f"GT1:{whole}{case['text']}"]
    if len(case["text"]) % 3 == 0:
        texts.append(f"GT1:{case['text']}{whole}")
    for text in texts:
        with pytest.raises(TicketError) as caught:
            gt1.to_sign1(text)
        assert caught.value.reason is Reason.INVALID
        assert caught.value.detail in {"form", "base45", "case"}


@given(st.binary(max_size=120))
def test_what_the_library_encodes_is_decoded(data: bytes) -> None:
    assert decode(str(base45.b45encode(data), "ascii")) == data


@given(st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", max_size=40) | st.text(max_size=20))
def test_any_text_is_the_only_writing_of_some_bytes_or_refused(text: str) -> None:
    try:
        data = decode(text)
    except FormatError:
        if not text.endswith("\n"):  # the library's own fault
            with pytest.raises(ValueError, match="base45"):
                base45.b45decode(text)
        return
    assert str(base45.b45encode(data), "ascii") == text
    assert base45.b45decode(text) == data
