"""Manifests from the real central server; and what a hostile or broken one sends: nothing of it changes the gate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import update

from gate.central import schema
from gate.central.tickets import StoredTicket
from gate.errors import FormatError, GateError, TrustAlarm, TrustError, UplinkError
from gate.model import EventId, TicketState
from gate.sqlitefile import open_immutable
from gate.sync.files import RETIRED_KEEP_S, BaseFiles
from gate.sync.protocol import PAGE_LIMIT
from gate.wire.manifest import (
    Descriptor,
    Page,
    chain_next,
    encode_change,
    parse_change,
    parse_descriptor,
    parse_page,
)
from gate.wire.secrets import SealedSecrets, Secrets, parse_secrets, seal, secrets_aad
from gate.wire.sign1 import Aad, sign, split
from tests.fakes.server import EVENT, Fault
from tests.sync.conftest import Gate


def descriptor_of(gate: Gate) -> Descriptor:
    stored = gate.store.event(EVENT)
    assert stored is not None
    return parse_descriptor(split(stored.descriptor, limit=8192).payload or b"")


def signed(gate: Gate, descriptor: Descriptor) -> bytes:
    """By the server's real key: what a stolen or confused server could sign."""
    central = gate.live.central
    return central.db.read(
        lambda connection: central.signer.sign(connection, EVENT, descriptor.payload(), Aad.MANIFEST)
    )


def page(descriptor: bytes, rows: tuple[bytes, ...] = (), after: int = 0) -> bytes:
    return Page(rows=rows, next=after, more=False, descriptor=descriptor).encode()


def answer(gate: Gate, path: str, body: bytes, status: int = 200) -> None:
    gate.live.faults.append(Fault("GET", path, status=status, body=body))


def published_descriptor(gate: Gate) -> Descriptor:
    body = gate.client.get(f"/events/{EVENT}/manifest", limit=8192).body
    return parse_descriptor(split(body, limit=8192).payload or b"")


def new_secrets(gate: Gate) -> None:
    gate.live.central.db.write(lambda connection: connection.execute(update(schema.event_head).values(secrets=2)))


# ---- the good way


def test_a_manifest_is_imported(gate: Gate) -> None:
    assert gate.puller.step(gate.client, 0)
    stored = gate.store.event(EVENT)
    assert stored is not None
    descriptor = descriptor_of(gate)
    assert (stored.cursor, stored.chain) == (descriptor.cursor, descriptor.chain)
    assert stored.verified_boot == gate.clock.boot
    base = open_immutable(gate.folders.base(stored.base_sha256))
    keys = {row[0] for row in base.execute("SELECT key FROM ticket")}
    assert keys == {item.key for item in gate.live.central.issued(EVENT)}
    assert gate.folders.object(stored.policy).stat().st_mode & 0o777 == 0o640
    assert parse_secrets(gate.folders.secrets_of(EVENT).read_bytes()).salt == gate.live.central.keys.salt(EVENT)
    assert gate.folders.device_key.stat().st_mode & 0o777 == 0o600


def test_changes_reach_the_overlay_with_their_descriptor(gate: Gate) -> None:
    gate.puller.step(gate.client, 0)
    before = gate.store.event(EVENT)
    assert not gate.puller.step(gate.client, 0)
    assert gate.store.event(EVENT) == before
    key = gate.live.central.issued(EVENT)[0].key
    gate.live.central.set_state(EVENT, key, TicketState.REVOKED)
    assert gate.puller.step(gate.client, 0)
    stored = gate.store.event(EVENT)
    assert stored is not None
    assert before is not None
    assert stored.cursor == before.cursor + 1
    assert stored.base_sha256 == before.base_sha256
    rows = gate.store._open().execute("SELECT key, state, cursor FROM overlay").fetchall()
    assert rows == [(key, 5, stored.cursor)]


def test_a_new_base_replaces_base_and_overlay_together(gate: Gate) -> None:
    gate.puller.step(gate.client, 0)
    key = gate.live.central.issued(EVENT)[0].key
    gate.live.central.set_state(EVENT, key, TicketState.REVOKED)
    gate.puller.step(gate.client, 0)
    old = descriptor_of(gate)
    gate.live.central.publish(EVENT, rebuild=True)
    other = gate.live.central.issued(EVENT)[1].key
    gate.live.central.set_state(EVENT, other, TicketState.BLOCKED)
    assert gate.puller.step(gate.client, 0)
    stored = gate.store.event(EVENT)
    assert stored is not None
    assert stored.base_sha256 != old.base.sha256
    # The change after the new base came in the same transaction: no moment without it.
    assert gate.store._open().execute("SELECT key, state FROM overlay").fetchall() == [(other, 3)]
    assert gate.folders.base(old.base.sha256).exists()
    files = BaseFiles(gate.folders)
    files.sweep(gate.store.bases_in_use(), 1000.0)
    assert gate.folders.base(old.base.sha256).exists()
    files.sweep(gate.store.bases_in_use(), 1000.0 + RETIRED_KEEP_S)
    assert [path.name for path in gate.folders.manifests.iterdir()] == [f"{stored.base_sha256.hex()}.sqlite"]


def test_what_is_stored_is_believed_again_after_a_restart(gate: Gate) -> None:
    gate.puller.step(gate.client, 0)
    downloads = gate.live.wire.count("GET", "/manifests/")
    gate.close()
    gate.open()
    assert not gate.puller.step(gate.client, 0)
    assert gate.live.wire.count("GET", "/manifests/") == downloads


def test_a_lost_sync_db_finds_the_base_file_still_there(gate: Gate) -> None:
    gate.puller.step(gate.client, 0)
    gate.close()
    for path in gate.folders.state.glob("sync.db*"):
        path.unlink()
    gate.open()
    assert gate.puller.step(gate.client, 0)
    assert gate.live.wire.count("GET", "/manifests/") == 1


def test_a_base_file_that_rotted_is_fetched_again(gate: Gate) -> None:
    gate.puller.step(gate.client, 0)
    path = gate.folders.base(descriptor_of(gate).base.sha256)
    good = path.read_bytes()
    path.unlink()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    gate.store._open().execute("DELETE FROM event")
    assert gate.puller.step(gate.client, 0)
    assert path.read_bytes() == good


def test_new_secrets_are_taken(gate: Gate) -> None:
    gate.puller.step(gate.client, 0)
    new_secrets(gate)
    gate.live.central.publish(EVENT)
    gate.puller.step(gate.client, 0)
    stored = gate.store.event(EVENT)
    assert stored is not None
    assert stored.secrets == 2
    assert gate.live.wire.count("GET", "/secrets") == 2


def test_lost_secrets_are_fetched_again_with_the_next_descriptor(gate: Gate) -> None:
    gate.puller.step(gate.client, 0)
    gate.folders.secrets_of(EVENT).unlink()
    gate.live.central.publish(EVENT)
    gate.puller.step(gate.client, 0)
    assert gate.folders.secrets_of(EVENT).exists()


# ---- broken downloads


def test_a_broken_download_is_resumed_where_it_stopped(gate: Gate) -> None:
    descriptor = published_descriptor(gate)
    gate.live.faults.append(Fault("GET", "/manifests/", cut=descriptor.base.zst_size // 2, times=1))
    with pytest.raises(UplinkError):
        gate.puller.step(gate.client, 0)
    assert gate.store.event(EVENT) is None
    part = gate.folders.manifests / f".{descriptor.base.zst_sha256.hex()}.part"
    have = part.stat().st_size
    assert 0 < have < descriptor.base.zst_size
    gate.close()
    gate.open()
    assert gate.puller.step(gate.client, 0)
    method, _, headers = next(call for call in reversed(gate.live.wire.seen) if "/manifests/" in call[1])
    assert (method, headers["range"]) == ("GET", f"bytes={have}-")
    assert headers["if-range"] == f'"{descriptor.base.sha256.hex()}"'
    assert not list(gate.folders.manifests.glob(".*"))


def test_a_server_that_cannot_resume_sends_the_whole_file(gate: Gate) -> None:
    descriptor = published_descriptor(gate)
    gate.live.faults.append(Fault("GET", "/manifests/", cut=100, times=1))
    with pytest.raises(UplinkError):
        gate.puller.step(gate.client, 0)
    tag = gate.folders.manifests / f".{descriptor.base.zst_sha256.hex()}.tag"
    tag.write_text('"another"')
    assert gate.puller.step(gate.client, 0)


def zst(gate: Gate) -> bytes:
    descriptor = published_descriptor(gate)
    path = gate.live.central.manifest_folder / f"{descriptor.base.sha256.hex()}.sqlite.zst"
    return path.read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-5], "ended after"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "not the one"),
        (lambda data: data + b"more", "larger than"),
        (lambda data: b"", "ended after"),
        (lambda data: b"\0" * len(data), "not the one"),
    ],
)
def test_a_wrong_base_file_changes_nothing(gate: Gate, change: Callable[[bytes], bytes], words: str) -> None:
    before = gate.state()
    answer(gate, "/manifests/", change(zst(gate)))
    with pytest.raises((UplinkError, TrustError), match=words):
        gate.puller.step(gate.client, 0)
    assert gate.state() == before
    gate.live.faults.clear()
    assert gate.puller.step(gate.client, 0)


def offer(gate: Gate, packed: bytes, **base: object) -> None:
    """A descriptor that the server really signed, for a base file that is not what it says."""
    found = published_descriptor(gate)
    new = {"zst_sha256": hashlib.sha256(packed).digest(), "zst_size": len(packed)} | base
    descriptor = replace(found, seq=found.seq + 1, base=replace(found.base, **new))  # type: ignore[arg-type]
    answer(gate, "/manifest$", signed(gate, descriptor))
    answer(gate, "/manifests/", packed)


def test_a_zstd_bomb_is_cut_at_the_size_of_the_descriptor(gate: Gate) -> None:
    before = gate.state()
    offer(gate, zstandard.compress(bytes(200 * 1024 * 1024), 3))
    with pytest.raises(TrustError, match="unpacks to more"):
        gate.puller.step(gate.client, 0)
    assert gate.state() == before
    assert not list(gate.folders.manifests.glob(".*"))


def test_another_content_under_the_name_is_refused(gate: Gate) -> None:
    raw = zstandard.decompress(zst(gate))
    before = gate.state()
    offer(gate, zstandard.compress(bytes(len(raw)), 3))
    with pytest.raises(TrustError, match="not the one that its descriptor names"):
        gate.puller.step(gate.client, 0)
    assert gate.state() == before


def test_what_is_not_zstd_is_refused(gate: Gate) -> None:
    before = gate.state()
    offer(gate, b"no zstd at all")
    with pytest.raises(TrustError, match="does not unpack"):
        gate.puller.step(gate.client, 0)
    assert gate.state() == before


def test_a_base_with_another_number_of_rows_is_refused(gate: Gate) -> None:
    before = gate.state()
    offer(gate, zst(gate), rows=9)
    with pytest.raises(TrustError, match="10 rows"):
        gate.puller.step(gate.client, 0)
    assert gate.state() == before


def test_a_base_of_absurd_size_is_not_even_asked_for(gate: Gate) -> None:
    offer(gate, zst(gate), size=10**13)
    with pytest.raises(TrustError, match="refused"):
        gate.puller.step(gate.client, 0)
    assert gate.live.wire.count("GET", "/manifests/") == 0


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
