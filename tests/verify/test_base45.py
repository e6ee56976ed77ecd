"""base45 (RFC 9285) as GT1 uses it: the published cases, those included that the library gets wrong."""

from __future__ import annotations

import json
from pathlib import Path

import base45
import pytest

from gate.errors import TicketError
from gate.model import Reason
from gate.verify.formats import gt1
from tests.fakes.issuer import Issuer

CASES = json.loads((Path(__file__).parent.parent / "vectors/base45-rfc9285/base45.json").read_text())
TEXT = Issuer().ticket()


def test_the_cases_are_whole() -> None:
    assert (len(CASES["valid"]), len(CASES["invalid"])) == (6, 10)


@pytest.mark.parametrize("case", CASES["valid"], ids=[case["hex"] or "empty" for case in CASES["valid"]])
def test_valid_both_ways(case: dict[str, str]) -> None:
    data = bytes.fromhex(case["hex"])
    assert base45.b45decode(case["text"]) == data
    assert str(base45.b45encode(data), "ascii") == case["text"]


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
