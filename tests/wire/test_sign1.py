"""The one envelope of signed objects: taken apart by position, each kind with its own external_aad."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import FormatError, TrustError
from gate.model import Kid
from gate.wire.sign1 import Aad, Sign1, public_bytes, sig_structure, sign, split

VECTORS = Path(__file__).parent.parent / "vectors"
COSE = {path.stem: json.loads(path.read_text()) for path in sorted((VECTORS / "cose-wg-sign1").glob("*.json"))}
WYCHEPROOF = json.loads((VECTORS / "wycheproof/ed25519_test.json").read_text())
RFC8032 = json.loads((VECTORS / "ed25519-rfc8032/ed25519.json").read_text())["tests"]

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = public_bytes(KEY)
LIMIT = 4096


def open_any(data: bytes, public: bytes = PUBLIC, aad: Aad = Aad.MANIFEST) -> bytes:
    return split(data, limit=LIMIT).verify(public, aad)


def opens(data: bytes) -> bool:
    try:
        open_any(data)
    except (FormatError, TrustError):
        return False
    return True


# ---- others' vectors


def test_the_cose_examples_are_whole() -> None:
    assert len(COSE) == 19
    assert sum(bool(case.get("fail")) for case in COSE.values()) == 6


@pytest.mark.parametrize("name", COSE)
def test_every_cose_example_is_refused(name: str) -> None:
    """The six that must fail, and all others too: none is Ed25519 with a kid of 4 bytes and our external_aad."""
    data = bytes.fromhex(COSE[name]["output"]["cbor"])
    for aad in Aad:
        with pytest.raises((FormatError, TrustError)):
            open_any(data, aad=aad)


def test_each_way_to_fail_of_the_cose_examples_fails_on_an_object_of_ours() -> None:
    """sign-fail-01..07 rebuilt with our key: tag, altered signature, altered or added protected header, removed header."""
    good = sign(KEY, b"This is the content.", Aad.MANIFEST)
    data = good.encode()
    assert open_any(data) == b"This is the content."
    protected = {1: -19, 4: bytes(good.kid)}

    def built(header: dict[Any, Any], *, tag: int | None = 18, unprotected: dict[Any, Any] | None = None) -> bytes:
        bstr = cbor2.dumps(header, canonical=True) if header else b""
        structure = cbor2.dumps(["Signature1", bstr, Aad.MANIFEST.value, good.payload])
        items = [bstr, unprotected or {}, good.payload, KEY.sign(structure)]
        return cbor2.dumps(items if tag is None else cbor2.CBORTag(tag, items))

    assert built(protected) == data
    faults = {
        "01 wrong tag": built(protected, tag=998),
        "02 altered content": data.replace(b"This", b"Thus"),
        "03 algorithm ES256": built(protected | {1: -7}),
        "03 algorithm -999": built(protected | {1: -999}),
        "04 algorithm as a text": built(protected | {1: "unknown"}),
        "06 a header added": built(protected | {2: [1]}),
        "07 kid removed": built({1: -19}),
        "algorithm EdDSA (-8), not -19": built(protected | {1: -8}),
        "algorithm removed": built({4: bytes(good.kid)}),
        "no header": built({}),
        "header unprotected": built({}, unprotected=protected),
        "algorithm twice, once unprotected": built(protected, unprotected={1: -7}),
        "no tag": built(protected, tag=None),
        "tag 61 around it": b"\xd8\x3d" + data,
        "kid of 3 bytes": built({1: -19, 4: bytes(good.kid[:3])}),
        "critical header": built(protected | {2: [42], 42: 1}),
    }
    assert [name for name, fault in faults.items() if opens(fault)] == []


def test_wycheproof_ed25519_all_151() -> None:
    """Through the call that verifies our objects: the message is what Sign1 signs, so it is put there as it is."""
    seen = {"valid": 0, "invalid": 0}
    for group in WYCHEPROOF["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            accepted = raw_verify(public, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            assert accepted == (case["result"] == "valid"), case
            seen[case["result"]] += 1
    assert seen == {"valid": 88, "invalid": 63}


def raw_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Sign1.verify with the Sig_structure replaced by the message itself."""
    import gate.wire.sign1 as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "sig_structure", lambda _kid, payload, _aad: payload)
        try:
            Sign1(Kid(bytes(4)), message, signature).verify(public, Aad.TICKET)
        except TrustError:
            return False
    return True


@pytest.mark.parametrize("case", RFC8032, ids=["1", "2", "3"])
def test_rfc_8032(case: dict[str, str]) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(case["secret"]))
    assert public_bytes(key).hex() == case["public"]
    assert key.sign(bytes.fromhex(case["msg"])).hex() == case["sig"]
    assert raw_verify(public_bytes(key), bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))


# ---- ours


@given(st.binary(max_size=600), st.sampled_from(Aad))
def test_an_object_reads_back_and_is_what_a_general_encoder_writes(payload: bytes, aad: Aad) -> None:
    signed = sign(KEY, payload, aad)
    data = signed.encode()
    assert split(data, limit=LIMIT) == signed
    assert split(data, limit=LIMIT).verify(PUBLIC, aad) == payload
    protected = cbor2.dumps({1: -19, 4: bytes(signed.kid)}, canonical=True)
    assert cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signed.signature])) == data


def test_a_kind_of_object_never_passes_as_another() -> None:
    for made in Aad:
        signed = sign(KEY, b"payload", made)
        for asked in Aad:
            if asked is made:
                assert signed.verify(PUBLIC, asked) == b"payload"
            else:
                with pytest.raises(TrustError):
                    signed.verify(PUBLIC, asked)


def test_no_bit_of_an_object_may_change() -> None:
    data = sign(KEY, b"payload of an object", Aad.POLICY).encode()
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            found = split(bytes(changed), limit=LIMIT)
        except FormatError:
            continue
        # A changed kid names another key: with the right one in hand it still must not verify.
        with pytest.raises(TrustError):
            found.verify(PUBLIC, Aad.POLICY)


def test_no_object_cut_short_or_made_longer_is_accepted() -> None:
    data = sign(KEY, b"payload of an object", Aad.POLICY).encode()
    for size in range(len(data)):
        with pytest.raises(FormatError):
            split(data[:size], limit=LIMIT)
    for more in (b"\x00", b"\xff", data):
        with pytest.raises((FormatError, TrustError)):
            open_any(data + more, aad=Aad.POLICY)


@given(st.binary(max_size=300))
def test_any_bytes_are_one_object_or_refused(data: bytes) -> None:
    try:
        assert split(data, limit=LIMIT).encode() == data
    except FormatError:
        return


def test_over_the_limit_is_refused_before_anything_is_read() -> None:
    data = sign(KEY, bytes(100), Aad.POLICY).encode()
    assert split(data, limit=len(data)).payload == bytes(100)
    with pytest.raises(FormatError):
        split(data, limit=len(data) - 1)


def test_a_detached_payload_must_be_given_and_must_be_the_signed_one() -> None:
    signed = split(sign(KEY, b"payload", Aad.TRUST, detached=True).encode(), limit=LIMIT)
    assert signed.payload is None
    assert signed.verify(PUBLIC, Aad.TRUST, b"payload") == b"payload"
    with pytest.raises(TrustError):
        signed.verify(PUBLIC, Aad.TRUST)
    with pytest.raises(TrustError):
        signed.verify(PUBLIC, Aad.TRUST, b"payloae")


@pytest.mark.parametrize("public", [b"", b"\x00", bytes(31), bytes(33), bytes(32), b"\xff" * 32], ids=len)
def test_a_strange_public_key_verifies_nothing(public: bytes) -> None:
    with pytest.raises(TrustError):
        sign(KEY, b"payload", Aad.TRUST).verify(public, Aad.TRUST)


@pytest.mark.parametrize(
    "signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64], ids=["0", "63", "64", "65", "ff"]
)
def test_a_strange_signature_verifies_nothing(signature: bytes) -> None:
    with pytest.raises(TrustError):
        Sign1(Kid(b"kidd"), b"payload", signature).verify(PUBLIC, Aad.TRUST)


def test_the_signature_with_the_group_order_added_is_refused() -> None:
    """RFC 8032 5.1.7: S < L, else every ticket would have a second writing."""
    order = 2**252 + 27742317777372353535851937790883648493
    signed = sign(KEY, b"payload", Aad.TRUST)
    s = int.from_bytes(signed.signature[32:], "little") + order
    twin = signed.signature[:32] + s.to_bytes(32, "little")
    with pytest.raises(TrustError):
        Sign1(signed.kid, b"payload", twin).verify(PUBLIC, Aad.TRUST)


def test_what_is_signed_covers_kid_payload_and_kind() -> None:
    one = sig_structure(b"kid1", b"p", Aad.TICKET)
    assert len({one, sig_structure(b"kid2", b"p", Aad.TICKET), sig_structure(b"kid1", b"q", Aad.TICKET)}) == 3
