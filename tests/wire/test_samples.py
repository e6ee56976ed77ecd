"""The sample values of the contracts, each computed by the code that the product uses."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.errors import FormatError, TrustError
from gate.model import EventId, TicketKey, TicketRow
from gate.verify.formats import gt1
from gate.verify.formats.opaque import Opaque
from gate.verify.keyset import KeySet, TicketKeyRecord
from gate.wire import cbor, journal, manifest, numbers, request, sign1, ticketkey

SEED = bytes(range(32))
CTI = bytes(range(0x10, 0x1C))
SALT = bytes(range(0x40, 0x60))
PUBLIC = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
TEXT = (
    "GT1:/2O5VSHRKDF3K.6F8GWR9572OI2/T2H-2 73+J3100000$JGEM00MPI0R*585ZN/48TDV402%MMXSEYCSHHR CIP7RMJMUVKIQIIUUDLP15I27"
    "CE5EQEN7WE$+P.76YXA.KI1F7/DCVOS$+U70"
)
PAYLOAD = "a3041a6b36ec80074c101112131415161718191a1b3a00010000820c03"
ROW = "8d186550fb664cb82e71e799031413261624b5810c03050001f6f6f6626964f6f6"

RECORD: dict[str, Any] = {
    "v": 1,
    "event": "spring",
    "gate": "g2",
    "epoch": "9f1c2b7a55d0e312",
    "seq": 7,
    "id": "019b3f6c-1a2b-7c3d-8e4f-0123456789ab",
    "kind": "admitted",
    "list": "main",
    "dir": "entry",
    "ticket": "fb664cb82e71e799031413261624b581",
    "product": 12,
    "count": 1,
    "reason": "ok",
    "detail": "",
    "rule": "",
    "ref": None,
    "actor": None,
    "input": "cam0",
    "at": 1798000017123,
    "mono": 812345,
    "boot": "4a7d1ed414474e4033ac29ccb8653d9b",
    "clock": "synced",
    "error_ms": 40,
    "facts": "0" * 64,
    "data": None,
}


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(SEED)


# ---- contracts 0


def test_case_number_has_the_check_character_of_the_sample() -> None:
    assert numbers.case_number("G2", 147) == "G2-0147-L"
    assert numbers.check_character("G20147") == "L"


def test_ticket_number_is_that_of_the_sample_and_reads_back() -> None:
    assert numbers.ticket_number(ticketkey.ticket_key(SALT, ticketkey.cti_input(CTI))) == "ZDK4-SE1E-0"
    assert numbers.parse_ticket_number("ZDK4-SE1E-0").hex() == "fb664cb82e"


# ---- contracts 1


def test_key_thumbprint_and_kid(key: Ed25519PrivateKey) -> None:
    public = sign1.public_bytes(key)
    assert public.hex() == PUBLIC
    assert sign1.thumbprint(public).hex().startswith("be5de2f4bcdc")
    assert sign1.kid_of(public).hex() == "be5de2f4"


def test_gt1_text(key: Ed25519PrivateKey) -> None:
    assert gt1.claims_payload(exp=1798761600, cti=CTI, product=12, zones=3).hex() == PAYLOAD
    assert gt1.encode(key, exp=1798761600, cti=CTI, product=12, zones=3) == TEXT


def test_gt1_text_reads_back() -> None:
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    kid = sign1.kid_of(bytes.fromhex(PUBLIC))
    record = TicketKeyRecord(kid=kid, event=EventId("spring"), public=public, nbf=0, exp=2**32)
    claims = gt1.Gt1().parse(TEXT, KeySet([record], [EventId("spring")]), 1798000000)
    assert (claims.exp, claims.nbf, claims.cti, claims.product, claims.zones, claims.flags) == (
        1798761600,
        None,
        CTI,
        12,
        3,
        0,
    )
    assert (claims.event, claims.kid, claims.format) == ("spring", kid, "gt1")


def test_sig_structure_and_the_standard_object_are_the_templates() -> None:
    kid, payload = bytes.fromhex("be5de2f4"), bytes.fromhex(PAYLOAD)
    structure = sign1.sig_structure(kid, payload, sign1.Aad.TICKET)
    assert structure == (
        b"\x84\x6aSignature1\x49\xa2\x01\x32\x04\x44"
        + kid
        + b"\x4egate/ticket/v1\x58"
        + bytes([len(payload)])
        + payload
    )
    ticket = gt1.to_sign1(TEXT)
    assert ticket.encode() == (
        bytes.fromhex("d28449a201320444")
        + kid
        + b"\xa0\x58"
        + bytes([len(payload)])
        + payload
        + b"\x58\x40"
        + ticket.signature
    )
    # The same by a general encoder: nothing in the template is our own invention.
    protected = cbor2.dumps({1: -19, 4: kid}, canonical=True)
    assert cbor2.dumps(["Signature1", protected, b"gate/ticket/v1", payload]) == structure
    assert cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, ticket.signature])) == ticket.encode()


@pytest.mark.parametrize("size", [0, 23, 24, 29, 41, 255, 256, 65535, 65536])
def test_sig_structure_of_any_length_equals_that_of_a_general_encoder(size: int) -> None:
    payload, kid = b"p" * size, b"kid4"
    protected = cbor2.dumps({1: -19, 4: kid}, canonical=True)
    for aad in sign1.Aad:
        assert sign1.sig_structure(kid, payload, aad) == cbor2.dumps(["Signature1", protected, aad.value, payload])


def test_ticket_keys() -> None:
    assert ticketkey.ticket_key(SALT, ticketkey.cti_input(CTI)).hex() == "fb664cb82e71e799031413261624b581"
    opaque = Opaque().parse("ABC123", KeySet(), 0)
    assert ticketkey.ticket_key(SALT, opaque.key_input).hex() == "8e81302866550503fa057137a9c63804"


# ---- contracts 2


def test_chain_of_changes_and_its_sample_row() -> None:
    """The sample row has state 5 (revoked) and language id."""
    start = manifest.chain_start(bytes.fromhex("0102030405060708"), bytes(range(32)), 100)
    assert start.hex().startswith("281415929193df10")
    revoked = TicketRow(
        key=TicketKey(bytes.fromhex("fb664cb82e71e799031413261624b581")), product=12, zones=3, state=5, lang="id"
    )
    assert manifest.encode_change(101, revoked).hex() == ROW
    assert manifest.parse_change(bytes.fromhex(ROW)) == (101, revoked)
    assert manifest.chain_next(start, [bytes.fromhex(ROW)]).hex().startswith("987878d6071cb3f1")


def test_the_chain_does_not_depend_on_where_pages_are_cut() -> None:
    rows = [manifest.encode_change(n, TicketRow(key=TicketKey(bytes(16)), product=n, zones=1)) for n in range(1, 6)]
    start = bytes(32)
    for cut in range(6):
        assert manifest.chain_next(manifest.chain_next(start, rows[:cut]), rows[cut:]) == manifest.chain_next(
            start, rows
        )


def test_seq_never_falls_behind_the_time_of_issue() -> None:
    assert manifest.next_seq(last=5, issued_s=1798000000) == 1798000000
    assert manifest.next_seq(last=1798000000, issued_s=1798000000) == 1798000001


# ---- contracts 4


def test_journal_row_of_the_sample() -> None:
    record = journal.record_from_body(RECORD)
    body = record.encode()
    start = journal.stream_start(bytes.fromhex("9f1c2b7a55d0e312"), "spring")
    assert start.hex().startswith("814c886a6ec2030b")
    assert len(body) == 396
    assert journal.row_hash(start, body).hex().startswith("70244cbd8eeb7ce0")
    assert journal.decode_record(body) == record
    assert record.own_ref == "g2/9f1c2b7a55d0e312/7"


def test_json_and_cbor_carry_the_same_record() -> None:
    record = journal.record_from_body(RECORD)
    previous = journal.stream_start(bytes.fromhex(record.epoch), record.event)
    pushed = journal.PushedRecord(record, previous, journal.row_hash(previous, record.encode()))
    assert journal.pushed_from_json(json.loads(json.dumps(pushed.to_json()))) == pushed


@pytest.mark.parametrize("field", sorted(RECORD))
def test_a_pushed_record_with_one_other_value_is_refused(field: str) -> None:
    record = journal.record_from_body(RECORD)
    previous = bytes(32)
    pushed = journal.PushedRecord(record, previous, journal.row_hash(previous, record.encode())).to_json()
    other = {"data": {"x": 1}, "kind": "refused", "epoch": "00" * 8, "ticket": "00" * 16}.get(field)
    if other is None:
        value = RECORD[field]
        other = value + 1 if isinstance(value, int) else f"{value or ''}x"
    with pytest.raises(FormatError):
        journal.pushed_from_json(pushed | {field: other})


def test_head_is_signed_by_the_journal_key_and_by_no_other(key: Ed25519PrivateKey) -> None:
    head = journal.Head(gate="g2", event="spring", epoch=b"12345678", seq=7, hash=bytes(32), at=1798000017123)
    signed = head.sign(key)
    assert journal.read_head(signed, sign1.public_bytes(key)) == head
    payload = sign1.split(signed, limit=1000).payload or b""
    assert cbor.dumps(cbor.loads(payload)) == payload
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(TrustError):
        journal.read_head(signed, sign1.public_bytes(other))


# ---- contracts 5


def test_request_signature_of_the_sample() -> None:
    device = Ed25519PrivateKey.from_private_bytes(bytes(range(0x80, 0xA0)))
    path, body = "/v1/events/spring/checkins", b'{"records":[]}'
    headers = request.sign_request(
        device, "POST", path, device="g2", time_ms=1798000017123, nonce="00112233445566778899aabbccddeeff", body=body
    )
    assert headers["Gate-Signature"] == (
        "-vN0f8L3t9vwn1PBTJ4IxfL7BVZkaAf9Ckz1BwtcIa4D9Ak6jP1nY8jqV-Oeld27gpzwUpe8FLcuNqE7b4XTBg"
    )
    signed = request.read_headers({name.lower(): value for name, value in headers.items()})
    public = sign1.public_bytes(device)
    signed.verify(public, "POST", path, body)
    for method, where, what in (("GET", path, body), ("POST", path + "?a=1", body), ("POST", path, body + b" ")):
        with pytest.raises(TrustError):
            signed.verify(public, method, where, what)


# ---- contracts 0: numbers that people type


def accepted(text: str) -> bool:
    try:
        numbers.parse_ticket_number(text)
    except FormatError:
        return False
    return True


def test_every_single_wrong_sign_of_a_number_is_noticed() -> None:
    signs = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    for n in range(20):
        plain = numbers.ticket_number(hashlib.sha256(bytes([n])).digest()).replace("-", "")
        wrong = {plain[:i] + sign + plain[i + 1 :] for i in range(9) for sign in signs} - {plain}
        assert not [text for text in wrong if accepted(text)]


def test_nearly_every_swap_of_neighbours_is_noticed() -> None:
    """ISO 7064's hybrid systems miss a few swaps by design; a miss finds another ticket or none, for staff only."""
    numbers_of = [numbers.ticket_number(hashlib.sha256(bytes([n])).digest()).replace("-", "") for n in range(200)]
    swaps = [p[:i] + p[i + 1] + p[i] + p[i + 2 :] for p in numbers_of for i in range(8) if p[i] != p[i + 1]]
    missed = [text for text in swaps if accepted(text)]
    assert len(missed) < 0.03 * len(swaps)


@pytest.mark.parametrize("text", ["zdk4-se1e-0", "ZDK4SE1E0", " ZDK4 SE1E 0 ", "ZDK4-SEIE-0", "zdk4-sele-0"])
def test_a_number_is_read_as_people_write_it(text: str) -> None:
    assert numbers.parse_ticket_number(text).hex() == "fb664cb82e"


@pytest.mark.parametrize("text", ["", "-", "ZDK4-SE1E", "ZDK4-SE1E-00", "ZDK4-SE1U-0", "ßDK4-SE1E-0", "٠٠٠٠-٠٠٠٠-0"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        numbers.parse_ticket_number(text)


@pytest.mark.parametrize("data", [b"", b"\x00", bytes(range(64))])
def test_base64url_reads_back(data: bytes) -> None:
    assert request.unb64(request.b64(data)) == data


def test_dumps_is_length_first_and_bytewise_at_once() -> None:
    """Text keys of up to 23 characters: both orders of deterministic CBOR agree."""
    names = {"v": 1, "event": 2, "at": 3, "b" * 23: 4, "a" * 23: 5}
    keys = list(cbor.loads(cbor.dumps(names)))
    assert keys == ["v", "at", "event", "a" * 23, "b" * 23]
    assert [cbor2.dumps(key) for key in keys] == sorted(cbor2.dumps(key) for key in keys)
