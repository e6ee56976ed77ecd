"""GT1 against an independent library (`cwt`): it reads what we issue, and we read what it signs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gate.errors import FormatError, TicketError
from gate.model import EventId
from gate.verify.formats import gt1, identify
from gate.verify.keyset import KeySet, TicketKeyRecord
from gate.wire.sign1 import split
from tests.verify.oracle import cases, freeze
from tests.verify.oracle.environment import PACKAGES, Oracle

VECTORS = Path(__file__).parent.parent / "vectors" / "gt1"
FROZEN = {name: json.loads((VECTORS / name).read_text()) for name in ("issued.json", "signed.json")}
ISSUED: dict[str, Any] = FROZEN["issued.json"]["cases"]
SIGNED: dict[str, Any] = FROZEN["signed.json"]["cases"]
SPRING = EventId("spring")
KEYS = KeySet(
    [
        TicketKeyRecord(
            kid=cases.KID, event=SPRING, public=Ed25519PublicKey.from_public_bytes(cases.PUBLIC), nbf=0, exp=2**40
        )
    ],
    [SPRING],
)


def ours(text: str) -> str:
    """`accepted`, or the reason with its detail."""
    try:
        identify(text, KEYS, 1798000000)
    except TicketError as error:
        return f"{error.reason} {error.detail}".strip()
    return "accepted"


def text_of(cose: str) -> str:
    return gt1.to_text(split(bytes.fromhex(cose), limit=1000))


@pytest.mark.parametrize("name", ISSUED)
def test_the_library_reads_the_claims_that_we_issued_and_refuses_what_we_refuse(name: str) -> None:
    case = ISSUED[name]
    answer = case["answer"]
    if "text" in case:
        assert gt1.to_sign1(case["text"]).encode().hex() == case["cose"]
    if "refused" in answer:
        assert case["aad"] != cases.AAD or ours(text_of(case["cose"])) in {"invalid_signature", "unknown_key"}
        return
    claims = identify(case["text"], KEYS, 1798000000)
    assert claims.cti is not None
    gate = [claims.product, claims.zones, *([claims.flags] if claims.flags else [])]
    expected = {"4": claims.exp, "7": claims.cti.hex(), "-65537": gate}
    assert answer["claims"] == expected | ({"5": claims.nbf} if claims.nbf is not None else {})
    assert (answer["exp"], answer["nbf"]) == (claims.exp, claims.nbf)
    assert answer["protected"] == {"1": -19, "4": cases.KID.hex()}
    assert answer["unprotected"] == {}


@pytest.mark.parametrize("name", SIGNED)
def test_what_the_library_signs_is_a_ticket_exactly_when_it_follows_our_rules(name: str) -> None:
    case = SIGNED[name]
    assert ours(text_of(case["cose"])) == case["ours"]


def test_the_library_writes_the_same_bytes_as_we_do() -> None:
    """Ed25519 is deterministic, and so is the CBOR: an issuer with any COSE library makes the very same ticket."""
    plain = gt1.encode(cases.KEY, exp=cases.EXP, cti=cases.CTI, product=12, zones=3)
    assert SIGNED["plain"]["cose"] == gt1.to_sign1(plain).encode().hex()
    assert text_of(SIGNED["plain"]["cose"]) == plain


def test_the_frozen_questions_are_those_of_today() -> None:
    for name, asked in (("issued.json", cases.issued()), ("signed.json", cases.to_sign())):
        frozen = FROZEN[name]
        assert frozen["oracle"] == list(PACKAGES)
        assert list(frozen["cases"]) == list(asked)
        for case in asked:
            assert asked[case].items() <= frozen["cases"][case].items()


def test_the_live_library_answers_as_it_did(live_oracle: Oracle) -> None:
    for name, content in freeze.answers(live_oracle).items():
        assert content == FROZEN[name]["cases"]


def test_the_live_library_reads_many_tickets_and_we_many_of_its(live_oracle: Oracle) -> None:
    for n in range(100):
        nbf = 1798000000 if n % 3 == 0 else None
        claims = {"exp": cases.EXP + n, "cti": bytes([n]) * 12, "product": n * 655, "zones": n * 651, "flags": n % 256}
        text = gt1.encode(cases.KEY, nbf=nbf, **claims)  # type: ignore[arg-type]
        cose = gt1.to_sign1(text).encode().hex()
        asked = {"kid": cases.KID.hex(), "aad": cases.AAD}
        answer = live_oracle.ask("verify", cose=cose, public=cases.PUBLIC.hex(), **asked)
        assert answer["exp"] == claims["exp"]
        assert answer["claims"]["-65537"][:2] == [claims["product"], claims["zones"]]
        signed = live_oracle.ask("sign", seed=cases.SEED.hex(), claims=answer["claims"], **asked)["cose"]
        assert signed == cose
        assert ours(text_of(signed)) == "accepted"


@pytest.mark.parametrize("spoil", [0, 1, 2, 8, 12, 13, 20, -66, -65, -64, -1])
def test_an_object_with_another_byte_is_refused_by_both(spoil: int, live_oracle: Oracle) -> None:
    good = bytes.fromhex(ISSUED["plain"]["cose"])
    bad = bytearray(good)
    bad[spoil] ^= 0x40
    answer = live_oracle.ask(
        "verify", cose=bytes(bad).hex(), public=cases.PUBLIC.hex(), kid=cases.KID.hex(), aad=cases.AAD
    )
    assert "refused" in answer
    try:
        text = text_of(bytes(bad).hex())
    except FormatError:
        return
    assert ours(text) != "accepted"
