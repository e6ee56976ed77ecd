"""pretix's signed codes: real ones of real servers, everything the form forbids, and that no signature crosses over to GT1."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import TicketError
from gate.model import EventId, Kid, Reason
from gate.verify.formats import FORMATS, gt1, identify, pretix_sig1
from gate.verify.keyset import KeySet, TicketKeyRecord
from gate.wire.sign1 import Aad, Sign1, kid_of, public_bytes, sig_structure
from gate.wire.ticketkey import text_input
from tests.fakes.issuer import AUTUMN, NOW_S, SPRING, Issuer, key, record
from tests.fakes.pretix import code, message, number, octets, text_of, varint

VECTORS = Path(__file__).parent.parent / "vectors/pretix-sig1"
ISSUER = Issuer()
KEYS = ISSUER.keyset()
SIGNER = ISSUER.ticket_keys[SPRING]
GOOD = code(SIGNER, message(item=12))


def refused(text: str, keys: KeySet = KEYS, now_s: int = NOW_S) -> tuple[Reason, str]:
    with pytest.raises(TicketError) as caught:
        identify(text, keys, now_s)
    return caught.value.reason, caught.value.detail


def answer(text: str) -> str:
    try:
        return identify(text, KEYS, NOW_S).format
    except TicketError as error:
        return str(error)


def format_of(text: str) -> str:
    return next(item.name for item in FORMATS if item.recognises(text))


def keyset(*raw: bytes, event: EventId = SPRING) -> KeySet:
    records = [
        TicketKeyRecord(
            kid=kid_of(public), event=event, public=Ed25519PublicKey.from_public_bytes(public), nbf=0, exp=2**40
        )
        for public in raw
    ]
    return KeySet(records, [event])


def raw_key(pem_b64: str) -> bytes:
    """As served: base64 of a PEM SubjectPublicKeyInfo, whose last 32 bytes are the key."""
    lines = base64.b64decode(pem_b64).decode().split("\n")
    return base64.b64decode("".join(line for line in lines if line and not line.startswith("-")))[-32:]


# ---- codes of real servers

SERVER = json.loads((VECTORS / "server.json").read_text())
LIBRARY = json.loads((VECTORS / "sig1.json").read_text())


def content(found: Any) -> dict[str, int]:
    values = {
        "item": found.product,
        "variation": found.variation,
        "subevent": found.subevent,
        "valid_from": found.nbf,
        "valid_until": found.exp,
    }
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize("case", SERVER["codes"])
def test_codes_of_a_server(case: dict[str, Any]) -> None:
    keys = {name: bytes.fromhex(raw) for name, raw in SERVER["keys"].items()}
    assert raw_key(SERVER["key_A_as_served"]) == keys["A"]
    both = keyset(keys["A"], keys["B"])
    if "fields" not in case:
        assert refused(case["code"], keyset(keys["A"])) == (Reason.INVALID_SIGNATURE, "")
        assert refused(case["code"], both) == (Reason.INVALID_SIGNATURE, "")
        return
    found = identify(case["code"], both, NOW_S)
    assert content(found) == case["fields"]
    assert (found.format, found.event, found.kid, found.zones) == (
        "pretix_sig1", SPRING, kid_of(keys[case["key"]]), 0xFFFF,
    )  # fmt: skip
    assert found.key_input == text_input(case["code"])
    if "payload" in case:
        assert pretix_sig1.split(case["code"]).payload.hex() == case["payload"]  # type: ignore[union-attr]
    other = "B" if case["key"] == "A" else "A"
    assert refused(case["code"], keyset(keys[other])) == (Reason.INVALID_SIGNATURE, "")


@pytest.mark.parametrize("case", LIBRARY["codes"])
def test_codes_of_the_libraries_tests(case: dict[str, Any]) -> None:
    for event, served in LIBRARY["keys_b64_pem"].items():
        for number_of_key, pem in enumerate(served):
            keys = keyset(raw_key(pem))
            if f"{event}[{number_of_key}]" in case["verifies_with"]:
                found = identify(case["code"], keys, NOW_S)
                assert found.product == case["fields"]["item"]
                assert found.subevent == case["fields"].get("subevent")
                assert found.nbf == case["fields"].get("valid_from_unix")
            else:
                assert refused(case["code"], keys)[0] is Reason.INVALID_SIGNATURE


# ---- reading


@given(
    st.integers(1, 2**63 - 1),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
)
def test_every_code_reads_back(item: int, variation: int, subevent: int, start: int, end: int) -> None:
    text = code(SIGNER, message("x", item, variation, subevent, start, end))
    found = identify(text, KEYS, NOW_S)
    assert (found.product, found.variation, found.subevent, found.nbf, found.exp) == (
        item, variation or None, subevent or None, start or None, end or None,
    )  # fmt: skip
    assert (found.cti, found.flags, found.code_step, found.signed) == (None, 0, None, True)


def test_fields_of_a_later_version_are_left_alone() -> None:
    assert identify(code(SIGNER, message(item=12) + number(9, 2**64 - 1)), KEYS, NOW_S).product == 12
    assert identify(code(SIGNER, message(item=12) + number(2**29 - 1, 0)), KEYS, NOW_S).product == 12
    more = octets(7, b"new") + number(900, 5) + varint(8 << 3 | 1) + bytes(8) + varint(9 << 3 | 5) + bytes(4)
    assert identify(code(SIGNER, more + message(item=12)), KEYS, NOW_S).product == 12
    assert identify(code(SIGNER, message(item=12) + more), KEYS, NOW_S).product == 12


def test_a_zero_that_is_written_out_is_none_too() -> None:
    found = identify(code(SIGNER, octets(1, b"x") + number(2, 12) + number(3, 0) + number(4, 0)), KEYS, NOW_S)
    assert (found.variation, found.subevent, found.nbf, found.exp) == (None, None, None, None)


MESSAGES = {
    "nothing": b"",
    "no item": octets(1, b"seed"),
    "item 0": octets(1, b"seed") + number(2, 0),
    "no seed": number(2, 1),
    "item negative": octets(1, b"seed") + number(2, 2**64 - 1),
    "item the least of the negative": octets(1, b"seed") + number(2, 2**63),
    "item of 65 bits": octets(1, b"seed") + number(2, 2**64),
    "item twice": message() + number(2, 2),
    "item 0, then another": octets(1, b"seed") + number(2, 0) + number(2, 2),
    "seed twice": octets(1, b"a") + message(),
    "empty seed twice": octets(1, b"") + octets(1, b"") + number(2, 1),
    "item as text": octets(1, b"seed") + octets(2, b"1"),
    "seed as a number": number(1, 5) + number(2, 1),
    "validity as text": octets(1, b"seed") + number(2, 1) + octets(5, b"now"),
    "field 0": message() + number(0, 1),
    "field 2^29": message() + number(2**29, 1),
    "group": message() + varint(7 << 3 | 3),
    "end of group": message() + varint(7 << 3 | 4),
    "wire type 6": message() + varint(7 << 3 | 6),
    "wire type 7": message() + varint(7 << 3 | 7),
    "cut number": message() + b"\x38\x80",
    "cut bytes": message() + varint(7 << 3 | 2) + varint(5) + b"abc",
    "bytes that claim 2^63": message() + varint(7 << 3 | 2) + varint(2**63),
    "cut fixed64": message() + varint(7 << 3 | 1) + bytes(7),
    "cut fixed32": message() + varint(7 << 3 | 5) + bytes(3),
    "tag only": message() + b"\x38",
    "number of 11 bytes": message() + b"\x38" + b"\x80" * 10 + b"\x00",
    "unknown number of 65 bits": message() + number(9, 2**64),
    "unknown number of 70 bits": message() + number(9, 2**70 - 1),
    "half a tag": message() + b"\x80",
}


@pytest.mark.parametrize("payload", MESSAGES.values(), ids=MESSAGES)
def test_a_message_that_is_none_is_refused_although_signed(payload: bytes) -> None:
    assert refused(code(SIGNER, payload)) == (Reason.INVALID, "claims")


# ---- the form: anything else is a random secret, looked up like any text

RAW = base64.b64decode(GOOD[::-1])
PAYLOAD, SIGNATURE = RAW[5:-64], RAW[-64:]


def backwards(raw: bytes) -> str:
    return base64.b64encode(raw).decode()[::-1]


OTHER_FORMS = {
    "a random secret of pretix": "k3cm97xzqvmwp2hfj4ybnu8t6regs5ad",
    "version 0": text_of(PAYLOAD, SIGNATURE, version=0),
    "version 2": text_of(PAYLOAD, SIGNATURE, version=2),
    "trailing byte": text_of(PAYLOAD, SIGNATURE, tail=b"\0"),
    "signature of 63": text_of(PAYLOAD, SIGNATURE[:-1]),
    "signature of 65": text_of(PAYLOAD, SIGNATURE + b"\0"),
    "payload length one more": backwards(RAW[:2] + bytes((RAW[2] + 1,)) + RAW[3:]),
    "payload length one less": backwards(RAW[:2] + bytes((RAW[2] - 1,)) + RAW[3:]),
    "lengths little-endian": backwards(RAW[:1] + RAW[2:0:-1] + RAW[4:2:-1] + RAW[5:]),
    "not reversed": GOOD[::-1],
    "without padding": GOOD.lstrip("="),
    "more padding": "=" + GOOD,
    "padding behind": GOOD.lstrip("=") + "=" * (len(GOOD) - len(GOOD.lstrip("="))),
    "url alphabet": GOOD.replace("+", "-").replace("/", "_") if {"+", "/"} & set(GOOD) else GOOD + "_",
    "a foreign sign inside": GOOD[:50] + "!" + GOOD[50:],
    "a space inside": GOOD[:50] + " " + GOOD[50:],
    "a letter outside ASCII": GOOD[:50] + "Ａ" + GOOD[51:],
    "cut": GOOD[4:],
}


@pytest.mark.parametrize("text", OTHER_FORMS.values(), ids=OTHER_FORMS)
def test_another_form_is_an_opaque_text(text: str) -> None:
    assert format_of(GOOD) == "pretix_sig1"
    assert format_of(text) == "opaque"
    assert not identify(text, KEYS, NOW_S).signed


def test_the_parser_itself_takes_no_other_form() -> None:
    for text in OTHER_FORMS.values():
        with pytest.raises(TicketError, match="invalid: form"):
            pretix_sig1.PretixSig1().parse(text, KEYS, NOW_S)


def test_another_writing_of_the_same_bytes_is_not_the_code() -> None:
    """base64 has bits that no encoder sets; pretix's own decoder takes them, its look-up by exact text does not."""
    padded = next(text for text in (code(SIGNER, message("s" * n)) for n in range(1, 9)) if text.startswith("="))
    first = padded.lstrip("=")[0]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = padded.replace(first, alphabet[alphabet.index(first) ^ 1], 1)
    assert base64.b64decode(other[::-1]) == base64.b64decode(padded[::-1])
    assert format_of(padded) == "pretix_sig1"
    assert format_of(other) == "opaque"


def test_no_bit_may_change() -> None:
    for at in range(5 * 8, len(RAW) * 8):
        bad = bytearray(RAW)
        bad[at // 8] ^= 1 << at % 8
        assert refused(backwards(bytes(bad))) == (Reason.INVALID_SIGNATURE, "")
    for at in range(5 * 8):
        bad = bytearray(RAW)
        bad[at // 8] ^= 1 << at % 8
        assert format_of(backwards(bytes(bad))) == "opaque"


# ---- keys


def test_any_key_of_a_served_event_may_match_and_no_other() -> None:
    autumn = code(ISSUER.ticket_keys[AUTUMN], message())
    both = ISSUER.keyset(SPRING, AUTUMN)
    assert identify(autumn, both, NOW_S).event == AUTUMN
    assert identify(GOOD, both, NOW_S).event == SPRING
    assert refused(autumn) == (Reason.INVALID_SIGNATURE, "")


def test_manifest_time_and_root_keys_sign_no_tickets() -> None:
    for signer in (ISSUER.manifest_key, ISSUER.time_key, ISSUER.root, key("stranger")):
        assert refused(code(signer, message())) == (Reason.INVALID_SIGNATURE, "")


def test_without_keys_no_code_is_known() -> None:
    assert refused(GOOD, KeySet()) == (Reason.UNKNOWN_KEY, "")
    assert refused(GOOD, ISSUER.trusted().keyset([])) == (Reason.UNKNOWN_KEY, "")


def test_a_key_is_judged_as_for_any_ticket() -> None:
    for start, end, detail in ((1, 9, "key_not_yet"), (-9, -1, "key_expired")):
        keys = ISSUER.keyset(keys=(record(SIGNER, "ticket", [SPRING], nbf=NOW_S + start, exp=NOW_S + end),))
        assert refused(GOOD, keys) == (Reason.UNKNOWN_KEY, detail)
    revoked = ISSUER.keyset(SPRING, revoked_kids=frozenset({kid_of(public_bytes(SIGNER))}))
    assert refused(GOOD, revoked) == (Reason.UNKNOWN_KEY, "key_revoked")


# ---- no signature of one format is one of the other


@given(st.binary(min_size=29, max_size=41))
def test_a_signed_gt1_ticket_is_no_pretix_code(payload: bytes) -> None:
    """The same key, a good signature over what a COSE_Sign1 signs: as a message it begins with an end of group."""
    kid = kid_of(public_bytes(SIGNER))
    for aad in Aad:
        structure = sig_structure(kid, payload, aad)
        assert structure[:2] == b"\x84\x6a"
        assert structure[0] & 7 == 4  # wire type 4, for whatever follows
        assert refused(code(SIGNER, structure)) == (Reason.INVALID, "claims")


def test_a_real_gt1_ticket_wrapped_as_a_pretix_code_is_refused() -> None:
    ticket = gt1.to_sign1(ISSUER.ticket())
    assert ticket.payload is not None
    structure = sig_structure(ticket.kid, ticket.payload, Aad.TICKET)
    SIGNER.public_key().verify(ticket.signature, structure)
    assert refused(text_of(structure, ticket.signature)) == (Reason.INVALID, "claims")
    assert refused(text_of(ticket.payload, ticket.signature)) == (Reason.INVALID_SIGNATURE, "")


@given(st.text(max_size=12), st.integers(1, 2**63 - 1), st.integers(0, 2**40))
def test_a_signed_pretix_code_is_no_gt1_ticket(seed: str, item: int, end: int) -> None:
    """What pretix signs never begins as a Sig_structure does, so its signature fits no rebuilt one."""
    payload = message(seed, item, valid_until=end)
    signature = SIGNER.sign(payload)
    assert payload[:1] == b"\x0a"
    kid = kid_of(public_bytes(SIGNER))
    for part in (payload, payload[:29].ljust(29, b"\0"), payload.ljust(29, b"\0")[:41]):
        text = gt1.to_text(Sign1(Kid(kid), part, signature))
        assert refused(text)[0] in (Reason.INVALID_SIGNATURE, Reason.INVALID)


@given(st.text(alphabet=st.characters(codec=None), max_size=300))
def test_any_text_is_read_or_left_to_the_look_up(text: str) -> None:
    parts = pretix_sig1.split(text)
    assert parts is None or text_of(*parts) == text


@given(st.binary(max_size=80))
def test_any_signed_message_is_claims_or_refused(payload: bytes) -> None:
    assert answer(code(SIGNER, payload)) in ("pretix_sig1", "invalid: claims")
