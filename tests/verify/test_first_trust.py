"""The first trust file: nothing of it is decoded before the enrolled root has signed it, and reading it costs little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import FormatError, TrustError
from gate.verify.trust import TrustedSet
from gate.wire import cbor, trust
from gate.wire.sign1 import Aad, public_bytes, sign, take_bytes, thumbprint
from tests.fakes.issuer import Issuer, key

ISSUER = Issuer()
ROOT = public_bytes(ISSUER.root)
HEAD = b"\x64root\x58\x20"


def enveloped(payload: bytes, *roots: Any) -> bytes:
    signatures = [sign(root, payload, Aad.TRUST, detached=True).encode() for root in roots or (ISSUER.root,)]
    return cbor2.dumps([payload, signatures], canonical=True)


def code_of(data: bytes, root: bytes = ISSUER.root_thumbprint) -> str:
    try:
        TrustedSet(root).update_trust(data)
    except TrustError as error:
        return error.code
    return "taken"


BOMBS = {
    "deep": b"\x81" * 100_000,
    "claims 2^63": b"\xbb\x7f" + b"\xff" * 7,
    "shared references": b"\xd8\x1c\x81\xd8\x1d\x00",
    "regular expression": b"\xd8\x23\x67(a+)+b$",
    "many keys": b"\xb9\xff\xff" + b"".join(b"\x19" + n.to_bytes(2, "big") + b"\x00" for n in range(40_000)),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_no_decoder_meets_a_payload_that_the_root_has_not_signed(bomb: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not one that carries the right root key for everybody to see."""
    seen: list[bytes] = []
    real: Callable[..., Any] = cbor.loads
    monkeypatch.setattr(cbor, "loads", lambda data, **more: (seen.append(data), real(data, **more))[1])
    for payload in (bomb, bomb + HEAD + ROOT, HEAD + ROOT + bomb):
        assert code_of(enveloped(payload, key("stranger"))) in ("root", "signature")
    assert seen == []
    assert code_of(enveloped(HEAD + ROOT + bomb)) == "form"
    assert seen != []


def test_the_root_is_found_by_its_thumbprint_wherever_it_stands() -> None:
    payload = ISSUER.trust_file().payload()
    assert trust.root_of_unsigned(payload, ISSUER.root_thumbprint) == ROOT
    decoys = b"".join(HEAD + bytes([n]) * 32 for n in range(7))
    assert trust.root_of_unsigned(decoys + HEAD + ROOT, ISSUER.root_thumbprint) == ROOT
    assert trust.root_of_unsigned(decoys + HEAD + bytes(32) + HEAD + ROOT, ISSUER.root_thumbprint) is None, (
        "eight are tried"
    )
    for short in (b"", HEAD, HEAD + ROOT[:-1], payload[: payload.index(HEAD) + 20]):
        assert trust.root_of_unsigned(short, ISSUER.root_thumbprint) is None
    assert trust.root_of_unsigned(payload, bytes(32)) is None


def test_a_key_hidden_elsewhere_in_the_file_does_not_make_it_the_first() -> None:
    """The enrolled root signs a file that names another root: that is a change of root, and it is not the first file."""
    other = key("root 2")
    hidden = ISSUER.trust_file(root=public_bytes(other), org="x").payload()
    fields = cbor2.loads(hidden)
    fields["zz"] = {"root": ROOT}
    data = enveloped(cbor2.dumps(fields, canonical=True), ISSUER.root, other)
    assert code_of(data) == "root"
    assert code_of(data, thumbprint(public_bytes(other))) == "taken"


def test_a_huge_file_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cbor, "loads", lambda *_data, **_more: pytest.fail("it was read"))
    assert code_of(b"\x82" + bytes(trust.MAX_BYTES * 4)) == "form"
    assert code_of(b"\x82\x5a\xff\xff\xff\xff") == "form"


ENVELOPES = {
    "nothing": b"",
    "a list of three": b"\x83\x40\x80\x40",
    "a map": b"\xa1\x40\x40",
    "a list without end": b"\x9f\x40\x81\x40\xff",
    "payload as text": b"\x82\x60\x81\x40",
    "payload in pieces": b"\x82\x5f\x40\xff\x81\x40",
    "payload of a long length": b"\x82\x58\x05hello\x81\x40",
    "payload of 8 length bytes": b"\x82\x5b" + bytes(8) + b"\x81\x40",
    "payload cut": b"\x82\x45abc",
    "no signatures": b"\x82\x40\x80",
    "five signatures": b"\x82\x40\x85" + b"\x40" * 5,
    "signatures as a byte string": b"\x82\x40\x40",
    "signatures without end": b"\x82\x40\x9f\x40\xff",
    "signatures missing": b"\x82\x40",
    "a signature that is a number": b"\x82\x40\x81\x01",
    "a tag around": b"\xd8\x12\x82\x40\x81\x40",
    "a signature that is none": b"\x82\x40\x81\x40",
}


@pytest.mark.parametrize("data", ENVELOPES.values(), ids=ENVELOPES)
def test_another_outside_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        trust.open_envelope(data)


def test_a_byte_more_or_less_is_refused() -> None:
    good = ISSUER.trust()
    assert code_of(good) == "taken"
    assert code_of(good + b"\x00") == "form"
    for size in range(len(good)):
        assert code_of(good[:size]) == "form"


@given(st.lists(st.binary(max_size=300), max_size=4))
def test_byte_strings_are_taken_as_a_decoder_takes_them(parts: list[bytes]) -> None:
    data = b"".join(cbor2.dumps(part) for part in parts)
    at, found = 0, []
    while at < len(data):
        part, at = take_bytes(data, at)
        found.append(part)
    assert found == parts
    assert at == len(data)


@pytest.mark.parametrize("size", [0, 23, 24, 255, 256, 65_535, 65_536, 70_000])
def test_byte_strings_of_every_length(size: int) -> None:
    data = bytes(size)
    assert take_bytes(cbor2.dumps(data) + b"more", 0)[0] == data


@given(st.binary(max_size=12))
def test_any_bytes_are_a_byte_string_or_refused(data: bytes) -> None:
    try:
        found, end = take_bytes(data, 0)
    except FormatError:
        return
    assert cbor2.loads(data[:end]) == found
    assert cbor2.dumps(found) == data[:end]
