"""Manifests from the real central server, and downloads that break."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
import zstandard

from gate.errors import TrustError, UplinkError
from gate.model import TicketState
from gate.sqlitefile import open_immutable
from gate.sync.files import RETIRED_KEEP_S, BaseFiles
from gate.wire.secrets import parse_secrets
from tests.fakes.server import EVENT, Fault
from tests.sync.conftest import Gate
from tests.sync.objects import answer, descriptor_of, new_secrets, published_descriptor, signed

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
