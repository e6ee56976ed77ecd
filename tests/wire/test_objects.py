"""Payloads of signed objects and messages: each reads back, and none with a strange field does anything but raise FormatError."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cbor2
import pytest

from gate.errors import FormatError, TrustError
from gate.model import ListId
from gate.wire import cbor, enrol, journal, manifest, policy, secrets, signedtime, trust
from gate.wire.sign1 import public_bytes
from tests.fakes.issuer import NOW_S, POLICY, Issuer, key, record, seal_key

ISSUER = Issuer()
SERVER = trust.Server(id="central", role="central", urls=("https://a",), spki=bytes(32), seal=bytes(32))
TRUST = ISSUER.trust_file(servers=(SERVER,), revoked_kids=frozenset({b"kid1", b"kid2"}))
DESCRIPTOR = ISSUER.descriptor_of()
SECRETS = secrets.Secrets(
    salt=bytes(32),
    rotating=(secrets.RotationKey(nbf=1, exp=2, key=bytes(32)),),
    staff=(secrets.StaffPin(id="s1", name="Ayu", role="staff", pin="scrypt$1$1$1$a$b"),),
)
SEALED = secrets.SealedSecrets(event="spring", version=1, device="g2", box=b"box")
PAGE = manifest.Page(rows=(ISSUER.change(101),), next=101, more=False, descriptor=b"d")
ENROLMENT = enrol.Enrolment(
    device="g2", gate="g2", short="G2", org="Fair", events=("spring",), trust=(b"t",), case_next=1, server="central"
)
FULL_POLICY = POLICY | {
    "lists": [
        {"id": "main", "products": [12], "zones": 3, "include_unpaid": True, "opens": 1, "closes": 2, "rules": "{}"}
    ]
}


def row(data: bytes) -> object:
    return manifest.parse_change(data)


READERS: dict[str, tuple[Any, Callable[[bytes], object]]] = {
    "trust": (cbor.loads(TRUST.payload()), trust.parse_payload),
    "descriptor": (cbor.loads(DESCRIPTOR.payload()), manifest.parse_descriptor),
    "page": (cbor.loads(PAGE.encode()), manifest.parse_page),
    "change": (cbor.loads(ISSUER.change(101, parent=bytes(16), lang="id", note=b"n", ext="{}", nbf=1, exp=2)), row),
    "policy": (FULL_POLICY, policy.parse_policy),
    "secrets": (cbor.loads(SECRETS.encode()), secrets.parse_secrets),
    "sealed": (cbor.loads(SEALED.payload()), secrets.parse_sealed),
}
STRANGE: tuple[Any, ...] = (
    None, True, -1, 2**63, "x", "", b"x", b"", [], [None], [1], ["x"], [[]], {}, {"x": 1}, {1: 1}, 1.5,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a nest."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from places(item, (*path, name))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    whole = copy.deepcopy(value)
    at = whole
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = new
    return whole


@pytest.mark.parametrize("name", READERS)
def test_a_strange_value_anywhere_is_read_or_named_and_nothing_else(name: str) -> None:
    good, read = READERS[name]
    read(cbor2.dumps(good, canonical=True))
    tried = 0
    for path in places(good):
        for new in STRANGE:
            try:
                read(cbor2.dumps(changed(good, path, new), canonical=True))
            except FormatError:
                tried += 1
    assert tried > 50


@pytest.mark.parametrize("name", READERS)
def test_a_missing_required_field_is_named(name: str) -> None:
    good, read = READERS[name]
    if not isinstance(good, dict):
        return
    refused = set()
    for field in good:
        try:
            read(cbor2.dumps({key: item for key, item in good.items() if key != field}, canonical=True))
        except FormatError:
            refused.add(field)
    assert refused >= set(good) - {"name"}  # a name is for people only


@pytest.mark.parametrize("name", [name for name in READERS if name != "change"])
def test_a_field_of_a_newer_writer_is_left_alone(name: str) -> None:
    good, read = READERS[name]
    assert read(cbor2.dumps(good | {"newer": {"a": [1]}}, canonical=True))


def test_objects_read_back() -> None:
    assert trust.parse_payload(TRUST.payload()) == TRUST
    assert manifest.parse_descriptor(DESCRIPTOR.payload()) == DESCRIPTOR
    assert manifest.parse_page(PAGE.encode()) == PAGE
    assert secrets.parse_secrets(SECRETS.encode()) == SECRETS
    assert secrets.parse_sealed(SEALED.payload()) == SEALED
    assert enrol.enrolment_from_json(json.loads(json.dumps(ENROLMENT.to_json()))) == ENROLMENT


# ---- trust file


def test_two_keys_with_one_kid_are_refused() -> None:
    twice = replace(TRUST, keys=(*TRUST.keys, TRUST.keys[0]))
    with pytest.raises(FormatError, match="one kid"):
        trust.parse_payload(twice.payload())


BAD_KEYS = {
    "a kid that is not its key's": replace(TRUST.keys[0], kid=b"kidd"),
    "a ticket key of two events": record(key("x"), "ticket", ["spring", "autumn"]),
    "a ticket key of any event": record(key("x"), "ticket", ["*"]),
    "a ticket key of no event": record(key("x"), "ticket", []),
    "an unknown role": record(key("x"), "root", ["*"]),
}


@pytest.mark.parametrize("bad", BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_key_record_that_says_too_much_is_refused(bad: trust.KeyRecord) -> None:
    with pytest.raises(FormatError):
        trust.parse_payload(replace(TRUST, keys=(bad,)).payload())


@pytest.mark.parametrize("alg", [-8, -7, -35, 0, 5, "EdDSA", None])
def test_a_key_record_of_another_algorithm_is_refused(alg: Any) -> None:
    good = cbor.loads(TRUST.payload())
    good["keys"][0]["alg"] = alg
    with pytest.raises(FormatError):
        trust.parse_payload(cbor2.dumps(good, canonical=True))


ENVELOPES: dict[str, Any] = {
    "map": {},
    "one item": [b"p"],
    "three items": [b"p", [b"s"], 1],
    "no signatures": [b"p", []],
    "five signatures": [b"p", [b"s"] * 5],
    "signature is a text": [b"p", ["s"]],
    "signature is nested": [b"p", [[b"s"]]],
    "payload is a map": [{}, [b"s"]],
    "garbage for a signature": [b"p", [b"s"]],
    "payload not detached": [b"p", [ISSUER.descriptor()]],
}


@pytest.mark.parametrize("value", ENVELOPES.values(), ids=ENVELOPES)
def test_a_trust_file_of_another_shape_is_refused(value: Any) -> None:
    with pytest.raises(FormatError):
        trust.open_envelope(cbor2.dumps(value, canonical=True))


def test_a_trust_file_over_size_is_refused_unread() -> None:
    with pytest.raises(FormatError, match="at most"):
        trust.open_envelope(bytes(trust.MAX_BYTES + 1))


# ---- policy


def twice(field: str) -> dict[str, Any]:
    return POLICY | {field: POLICY[field] * 2}


BAD_POLICIES = {
    "a product twice": twice("products"),
    "a list twice": twice("lists"),
    "a gate twice": twice("gates"),
    "a list that is not there": POLICY | {"gates": [POLICY["gates"][0] | {"lists": ["other"]}]},
    "products that are texts": POLICY | {"lists": [{"id": "main", "zones": 1, "products": ["a"]}]},
    "products that are null": POLICY | {"lists": [{"id": "main", "zones": 1, "products": [None]}]},
    "passback of no minutes": POLICY | {"products": [POLICY["products"][0] | {"passback": 0}]},
    "passback true": POLICY | {"products": [POLICY["products"][0] | {"passback": True}]},
    "a short name in small letters": POLICY | {"gates": [POLICY["gates"][0] | {"short": "g2"}]},
    "zones of 17 bits": POLICY | {"lists": [{"id": "main", "zones": 0x10000}]},
}


@pytest.mark.parametrize("bad", BAD_POLICIES.values(), ids=BAD_POLICIES)
def test_a_policy_that_says_two_things_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        policy.parse_policy(cbor2.dumps(bad, canonical=True))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"name": {"en": "Spring\0"}}, "policy.name.en has the character U+0000"),
        ({"name": {"e\nn": "Spring"}}, "a key in policy.name has the character U+000A"),
        (
            {"gates": [POLICY["gates"][0] | {"name": {"en": "North\x1b[2J"}}]},
            "policy.gates[0].name.en has the character U+001B",
        ),
        (
            {"areas": [{"id": "a", "name": {"en": "\u202eHall"}, "capacity": 9}]},
            "policy.areas[0].name.en has the character U+202E",
        ),
        ({"name": {"en": "\u2067Spring"}}, "policy.name.en has the character U+2067"),
        ({"override": {"reasons": ["medical", "lost\tchild"]}}, "policy.override.reasons[1] has the character U+0009"),
        (
            {"products": [POLICY["products"][0] | {"text": {"en": "Check\0"}}]},
            "policy.products[0].text.en has the character U+0000",
        ),
    ],
)
def test_a_policy_with_control_characters_is_refused_and_the_place_is_named(changes: Any, named: str) -> None:
    with pytest.raises(FormatError, match=re.escape(named)):
        policy.encode_policy(POLICY | changes)


def test_a_policy_keeps_the_writing_of_any_language_and_the_lines_of_its_rules() -> None:
    names = {"fa": "در\u200cشمال", "hi": "उत्तर\u200dद्वार", "en": "Family 👨\u200d👩\u200d👧", "zh-Hant": "北側入口"}
    products = [POLICY["products"][0] | {"text": {"en": "Ask for a passport.\nThen let in."}}]
    lists = [POLICY["lists"][0] | {"rules": '{\n\t"==": [1, 1]\n}'}]
    read = policy.parse_policy(policy.encode_policy(POLICY | {"name": names, "products": products, "lists": lists}))
    assert read.name == names
    assert read.lists[ListId("main")].rules == lists[0]["rules"]


# ---- sealed box


def test_a_box_opens_for_its_device_and_its_event_only() -> None:
    ours, other = seal_key("g2"), seal_key("g3")
    recipient = ours.public_key().public_bytes_raw()
    box = secrets.seal(b"plain", recipient, secrets.secrets_aad("g2", "spring"), seal_key("ephemeral"))
    assert secrets.unseal(box, ours, secrets.secrets_aad("g2", "spring")) == b"plain"
    for private, aad in ((other, b"g2/spring"), (ours, b"g3/spring"), (ours, b"g2/autumn"), (ours, b"")):
        with pytest.raises(FormatError):
            secrets.unseal(box, private, aad)


def test_no_bit_of_a_box_may_change_and_no_byte_may_be_missing() -> None:
    ours = seal_key("g2")
    box = secrets.seal(b"plain", ours.public_key().public_bytes_raw(), b"a", seal_key("ephemeral"))
    # Bit 255 too: X25519 ignores it (RFC 7748 5), the salt of the key does not.
    for bit in range(len(box) * 8):
        bad = bytearray(box)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            secrets.unseal(bytes(bad), ours, b"a")
    for size in range(len(box)):
        with pytest.raises(FormatError):
            secrets.unseal(box[:size], ours, b"a")


def test_a_box_from_a_point_of_small_order_is_refused() -> None:
    with pytest.raises(FormatError):
        secrets.unseal(bytes(32) + bytes(32), seal_key("g2"), b"a")


# ---- journal records from a network

BODY = journal.Record(
    event="spring", gate="g2", epoch="9f1c2b7a55d0e312", seq=1, id="i", kind="admitted", at=1, mono=1, boot="b", clock="synced"
).body()  # fmt: skip


def pushed(**changes: Any) -> dict[str, Any]:
    """A record whose hash is right, as far as it has one."""
    body = BODY | changes
    previous = bytes(32)
    digest = journal.row_hash(previous, cbor2.dumps(body, canonical=True))
    return body | {"prev": previous.hex(), "hash": digest.hex()}


def test_a_pushed_record_is_read() -> None:
    assert journal.pushed_from_json(pushed()).record.own_ref == "g2/9f1c2b7a55d0e312/1"


NESTED: Any = []
for _ in range(20):
    NESTED = [NESTED]

BAD_RECORDS = {
    "fraction in data": {"data": {"x": 1.5}},
    "huge number in data": {"data": 2**70},
    "deep data": {"data": NESTED},
    "epoch not hex": {"epoch": "z" * 16},
    "epoch in capitals": {"epoch": "9F1C2B7A55D0E312"},
    "epoch short": {"epoch": "9f1c"},
    "seq 0": {"seq": 0},
    "count 0": {"count": 0},
    "count true": {"count": True},
    "unknown kind": {"kind": "opened"},
    "unknown version": {"v": 2},
    "list a number": {"list": 1},
}


@pytest.mark.parametrize("changes", BAD_RECORDS.values(), ids=BAD_RECORDS)
def test_a_record_that_no_gate_writes_is_refused_even_with_the_right_hash(changes: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        journal.pushed_from_json(pushed(**changes))


def test_half_a_surrogate_pair_in_a_record_is_refused() -> None:
    record_json = json.loads(json.dumps(pushed()).replace('"synced"', '"\\ud800"'))
    with pytest.raises(FormatError):
        journal.pushed_from_json(record_json)


# ---- signed time


def test_signed_time_answers_its_own_question_only() -> None:
    nonce = "00112233445566778899aabbccddeeff"
    signed = signedtime.sign_time(key("time"), nonce, NOW_S * 1000)
    public = public_bytes(key("time"))
    assert signedtime.read_time(signed, public, nonce) == NOW_S * 1000
    with pytest.raises(TrustError):
        signedtime.read_time(signed, public, nonce[::-1])
    with pytest.raises(TrustError):
        signedtime.read_time(signed, public_bytes(key("other")), nonce)
    with pytest.raises(TrustError):
        signedtime.read_time(ISSUER.signed(b"x", aad=trust.Aad.MANIFEST), public, nonce)


# ---- enrolment code


def test_an_enrolment_code_reads_back() -> None:
    for spki in (None, bytes(32)):
        code = enrol.EnrolmentCode(url="https://gate.example", code=bytes(16), root=bytes(32), spki=spki)
        assert enrol.parse_code(code.text()) == code


def test_an_altered_enrolment_code_is_refused_or_is_another_code() -> None:
    """It carries no signature: what protects it is the root thumbprint and the one use."""
    text = enrol.EnrolmentCode(url="https://gate.example", code=bytes(16), root=bytes(32)).text()
    for at in range(len(text)):
        for sign in "0AZ:% \n":
            if sign != text[at]:
                try:
                    found = enrol.parse_code(text[:at] + sign + text[at + 1 :])
                except FormatError:
                    continue
                assert found.text() != text
    for cut in range(len(text)):
        with pytest.raises(FormatError):
            enrol.parse_code(text[:cut])
    with pytest.raises(FormatError):
        enrol.parse_code(text + "\n")
