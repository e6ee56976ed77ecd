"""What a hostile or broken server sends: nothing of it changes the gate, and each is named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gate.central.tickets import StoredTicket
from gate.errors import FormatError, GateError, TrustAlarm, TrustError, UplinkError
from gate.model import EventId, TicketState
from gate.sync.protocol import PAGE_LIMIT
from gate.wire.manifest import (
    chain_next,
    encode_change,
    parse_change,
    parse_page,
)
from gate.wire.secrets import SealedSecrets, Secrets, seal, secrets_aad
from gate.wire.sign1 import Aad, sign
from tests.fakes.server import EVENT, Fault
from tests.sync.conftest import Gate
from tests.sync.objects import answer, descriptor_of, new_secrets, page, signed

# ---- hostile objects


def older(gate: Gate, _: Ed25519PrivateKey) -> bytes:
    descriptor = descriptor_of(gate)
    return signed(gate, replace(descriptor, seq=descriptor.seq - 1))


def same_seq_other_bytes(gate: Gate, _: Ed25519PrivateKey) -> bytes:
    descriptor = descriptor_of(gate)
    return signed(gate, replace(descriptor, issued=descriptor.issued + 1))


def foreign_signature(gate: Gate, key: Ed25519PrivateKey) -> bytes:
    descriptor = descriptor_of(gate)
    return sign(key, replace(descriptor, seq=descriptor.seq + 1).payload(), Aad.MANIFEST).encode()


def altered(gate: Gate, _: Ed25519PrivateKey) -> bytes:
    descriptor = descriptor_of(gate)
    data = bytearray(signed(gate, replace(descriptor, seq=descriptor.seq + 1)))
    data[40] ^= 1
    return bytes(data)


def other_event(gate: Gate, _: Ed25519PrivateKey) -> bytes:
    descriptor = descriptor_of(gate)
    return signed(gate, replace(descriptor, seq=descriptor.seq + 1, event=EventId("autumn")))


def other_kind(gate: Gate, _: Ed25519PrivateKey) -> bytes:
    descriptor = descriptor_of(gate)
    central = gate.live.central
    payload = replace(descriptor, seq=descriptor.seq + 1).payload()
    return central.db.read(lambda connection: central.signer.sign(connection, EVENT, payload, Aad.POLICY))


Forge = Callable[[Gate, Ed25519PrivateKey], bytes]


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (older, "older than"),
        (same_seq_other_bytes, "two descriptors"),
        (foreign_signature, "not trusted"),
        (altered, "no valid signature"),
        (other_event, "came for spring"),
        (other_kind, "no valid signature"),
    ],
)
def test_a_hostile_descriptor_changes_nothing_and_is_named(
    gate: Gate, forge: Forge, words: str, foreign_key: Ed25519PrivateKey
) -> None:
    gate.puller.step(gate.client, 0)
    before = gate.state()
    answer(gate, "/changes", page(forge(gate, foreign_key), after=descriptor_of(gate).cursor))
    with pytest.raises(TrustError, match=words) as caught:
        gate.puller.step(gate.client, 0)
    assert gate.state() == before
    assert isinstance(caught.value, TrustAlarm) == (forge is same_seq_other_bytes)
    # The same through the manifest call, to which a 410 sends us.
    gate.live.faults.clear()
    answer(gate, "/changes", b'{"error":{"code":"must_refetch","message":""}}', status=410)
    answer(gate, "/manifest$", forge(gate, foreign_key))
    with pytest.raises(TrustError, match=words):
        gate.puller.step(gate.client, 0)
    assert gate.state() == before
    gate.live.faults.clear()
    assert not gate.puller.step(gate.client, 0)


def test_an_older_descriptor_is_refused_after_a_restart_too(gate: Gate, foreign_key: Ed25519PrivateKey) -> None:
    gate.puller.step(gate.client, 0)
    before = gate.state()
    forged = older(gate, foreign_key)
    gate.close()
    gate.open()
    answer(gate, "/changes", b"", status=410)
    answer(gate, "/manifest$", forged)
    with pytest.raises(TrustError, match="older"):
        gate.puller.step(gate.client, 0)
    assert gate.state() == before


def test_an_unsigned_change_never_comes_into_force(gate: Gate) -> None:
    gate.puller.step(gate.client, 0)
    key = gate.live.central.issued(EVENT)[0].key
    gate.live.central.set_state(EVENT, key, TicketState.BLOCKED)
    stored, before = gate.store.event(EVENT), gate.state()
    assert stored is not None
    real = gate.client.get(
        f"/events/{EVENT}/changes?incarnation={stored.incarnation.hex()}&after={stored.cursor}&limit=9", limit=10**6
    ).body
    parsed = parse_page(real)
    number, row = parse_change(parsed.rows[0])
    forged = encode_change(number, replace(row, state=TicketState.VALID))
    answer(gate, "/changes", replace(parsed, rows=(forged,)).encode())
    with pytest.raises(TrustError, match="does not end where"):
        gate.puller.step(gate.client, 0)
    assert gate.state() == before
    gate.live.faults[:] = []
    answer(gate, "/changes", replace(parsed, rows=()).encode())
    with pytest.raises(TrustError, match="does not end where"):
        gate.puller.step(gate.client, 0)
    assert gate.state() == before
    gate.live.faults.clear()
    assert gate.puller.step(gate.client, 0)
    assert gate.store._open().execute("SELECT state FROM overlay").fetchall() == [(3,)]


def test_a_page_with_a_gap_is_refused(gate: Gate) -> None:
    gate.puller.step(gate.client, 0)
    descriptor, before = descriptor_of(gate), gate.state()
    issued = gate.live.central.issued(EVENT)
    rows = (encode_change(descriptor.cursor + 2, issued[0].row),)
    forged = replace(
        descriptor, seq=descriptor.seq + 1, cursor=descriptor.cursor + 2, chain=chain_next(descriptor.chain, rows)
    )
    answer(gate, "/changes", page(signed(gate, forged), rows, descriptor.cursor + 2))
    answer(gate, "/manifest$", b"", status=503)
    with pytest.raises(UplinkError):
        gate.puller.step(gate.client, 0)
    assert gate.state() == before


@pytest.mark.parametrize("body", [b"", b"\xff" * 100, b"\xa0", b"{}"])
def test_a_page_that_is_none_changes_nothing(gate: Gate, body: bytes) -> None:
    gate.puller.step(gate.client, 0)
    before = gate.state()
    answer(gate, "/changes", body)
    with pytest.raises(FormatError):
        gate.puller.step(gate.client, 0)
    assert gate.state() == before


def test_another_policy_under_the_hash_is_refused(gate: Gate) -> None:
    before = gate.state()
    answer(gate, "/objects/", b"another policy")
    with pytest.raises(TrustError, match="not the one that the descriptor names"):
        gate.puller.step(gate.client, 0)
    assert gate.store.event(EVENT) is None
    assert gate.state()[3] == before[3]


def test_secrets_sealed_for_another_device_are_refused(gate: Gate) -> None:
    central = gate.live.central
    plain = Secrets(salt=bytes(32)).encode()
    box = seal(plain, gate.keys.seal_public, secrets_aad("g9", EVENT), X25519PrivateKey.generate())
    payload = SealedSecrets(event=EventId(EVENT), version=1, device="g9", box=box).payload()
    sealed = central.db.read(lambda connection: central.signer.sign(connection, EVENT, payload, Aad.SECRETS))
    answer(gate, "/secrets", sealed)
    with pytest.raises(TrustError, match="device g9"):
        gate.puller.step(gate.client, 0)
    assert not gate.folders.secrets_of(EVENT).exists()
    assert gate.store.event(EVENT) is None


def test_secrets_that_cannot_be_had_do_not_hold_up_revocations(gate: Gate) -> None:
    gate.puller.step(gate.client, 0)
    plain = gate.folders.secrets_of(EVENT).read_bytes()
    new_secrets(gate)
    answer(gate, "/secrets", b"", status=503)
    key = gate.live.central.issued(EVENT)[0].key
    gate.live.central.set_state(EVENT, key, TicketState.REVOKED)
    assert gate.puller.step(gate.client, 0)
    assert "secrets" in gate.puller.trouble
    assert gate.folders.secrets_of(EVENT).read_bytes() == plain
    assert gate.store._open().execute("SELECT state FROM overlay").fetchall() == [(5,)]


# ---- hostile transport


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("GET", "/changes", status=302, headers={"location": "http://127.0.0.1:1/"}), "redirect"),
        (Fault("GET", "/changes", status=200, headers={"content-length": "10000000000"}), "too_large"),
        (Fault("GET", "/changes", status=200, body=b"x", headers={"content-encoding": "gzip"}), "encoding"),
        (Fault("GET", "/changes", status=200, body=bytes(6 * 1024 * 1024)), "too_large"),
        (Fault("GET", "/changes", status=404), "refused"),
        (Fault("GET", "/changes", status=503, headers={"retry-after": "9"}), "busy"),
        (Fault("GET", "/changes", cut=10), "broken"),
    ],
)
def test_hostile_answers_change_nothing_and_are_named(gate: Gate, fault: Fault, code: str) -> None:
    gate.puller.step(gate.client, 0)
    before = gate.state()
    gate.live.faults.append(fault)
    with pytest.raises(UplinkError) as caught:
        gate.puller.step(gate.client, 0)
    assert caught.value.code == code
    assert gate.state() == before
    if code == "busy":
        assert caught.value.retry_after_s == 9.0


def test_many_changes_come_in_pages_and_after_a_new_base_too(gate: Gate) -> None:
    gate.puller.step(gate.client, 0)
    central = gate.live.central
    row = central.issued(EVENT)[0].row
    count = PAGE_LIMIT + 700
    many = [StoredTicket(replace(row, key=hashlib.sha256(str(n).encode()).digest()[:16])) for n in range(count)]  # type: ignore[arg-type]
    central.write_tickets(EVENT, many)
    assert gate.puller.step(gate.client, 0)
    assert gate.store._open().execute("SELECT count(*) FROM overlay").fetchone() == (PAGE_LIMIT,)
    assert gate.puller.step(gate.client, 0)
    assert gate.store._open().execute("SELECT count(*) FROM overlay").fetchone() == (count,)
    # Everything again from nothing: base and both pages in one step.
    gate.store._open().executescript("DELETE FROM event; DELETE FROM overlay")
    gate.puller = gate.new_puller()
    assert gate.puller.step(gate.client, 0)
    assert gate.store._open().execute("SELECT count(*) FROM overlay").fetchone() == (count,)
    assert not gate.puller.step(gate.client, 0)


def test_trust_files_are_kept_from_the_first_on(gate: Gate) -> None:
    assert not gate.keeper.refresh(gate.client)
    first = gate.store.trust_files()
    gate.live.central.create_event(
        {"event": "autumn", "name": {}, "tz": "Asia/Taipei", "products": [], "lists": [], "gates": []}
    )
    assert gate.keeper.refresh(gate.client)
    files = gate.store.trust_files()
    assert files[: len(first)] == first
    assert len(files) == len(first) + 1
    assert gate.keeper.version == files[-1][0]


@pytest.mark.parametrize("body", [b"\x81\x43abc", b"\x80\x80", b"{}", b"\xa0", b"\x9f\xff"])
def test_a_wrong_trust_answer_changes_nothing(gate: Gate, body: bytes) -> None:
    before = gate.state()
    answer(gate, "/trust", body)
    with pytest.raises(GateError):
        gate.keeper.refresh(gate.client)
    assert gate.state() == before
