"""What is published is what gates can prove: base file, descriptor, chain of changes, policy, secrets."""

from __future__ import annotations

import hashlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import select

from gate.central import basefile, schema, trustfiles
from gate.central.api import create_app
from gate.central.service import Central
from gate.model import EventId, TicketState
from gate.verify.formats.gt1 import Gt1
from gate.verify.trust import TrustedSet
from gate.wire import cbor
from gate.wire.manifest import Descriptor, chain_start, parse_page
from gate.wire.secrets import parse_secrets
from gate.wire.ticketkey import ticket_key
from tests.central.gateside import Clock, Device, Random, TestClient, code_of, make_event, polled
from tests.fakes.server import wait_for

SPRING = EventId("spring")


class Believer:
    """A gate's side of trust: verifies everything it fetches with the code that gates use."""

    def __init__(self, device: Device, central: Central) -> None:
        self.device = device
        self.now_s = device.clock() // 1000
        self.set = TrustedSet(trustfiles.root_thumbprint(central.keys))
        for file in cbor.loads(device.get("/v1/trust?after=0").content):
            self.set.update_trust(file)
        self.cursor = 0
        self.chain = b""

    def descriptor(self) -> Descriptor:
        answer = self.device.get("/v1/events/spring/manifest")
        return self.set.update_descriptor(SPRING, answer.content, self.now_s)

    def begin(self) -> Descriptor:
        found = self.descriptor()
        self.cursor = found.base.cursor
        self.chain = chain_start(found.incarnation, found.base.sha256, found.base.cursor)
        return found

    def pull(self, limit: int = 5000, wait: int = 0) -> list[tuple[int, Any]]:
        life = self.set.events[SPRING].descriptor.incarnation.hex()
        path = f"/v1/events/spring/changes?incarnation={life}&after={self.cursor}&limit={limit}&wait={wait}"
        answer = self.device.get(path)
        assert answer.status_code == 200, answer.text
        page = parse_page(answer.content)
        rows, self.chain = self.set.check_page(SPRING, page, self.cursor, self.chain, self.now_s)
        assert page.next == (rows[-1][0] if rows else self.cursor)
        self.cursor = page.next
        self.more = page.more
        return rows


@pytest.fixture
def believer(gate: Device, central: Central) -> Believer:
    return Believer(gate, central)


def fetch_base(gate: Device, descriptor: Descriptor) -> bytes:
    answer = gate.get(f"/v1/manifests/{descriptor.base.sha256.hex()}.sqlite.zst")
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).digest() == descriptor.base.zst_sha256
    raw = zstandard.decompress(answer.content)
    assert hashlib.sha256(raw).digest() == descriptor.base.sha256
    assert len(raw) == descriptor.base.size
    return raw


def open_base(raw: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.deserialize(raw)
    return connection


def test_the_base_file_holds_every_ticket_and_proves_itself(central: Central, gate: Device, believer: Believer) -> None:
    descriptor = believer.begin()
    connection = open_base(fetch_base(gate, descriptor))
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    keys = [key for (key,) in connection.execute("SELECT key FROM ticket ORDER BY key")]
    assert keys == [bytes(ticket.key) for ticket in central.issued("spring")]
    assert len(keys) == descriptor.base.rows == 20
    assert dict(connection.execute("SELECT k, v FROM meta")) == {"event": "spring", "rows": "20", "v": "1"}


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [(bytes([n]) * 16, 1, 3, 0, 0, 1, None, None, None, "id", b"n", "{}") for n in range(200)]
    first = basefile.build(tmp_path / "a", "spring", iter(rows))
    second = basefile.build(tmp_path / "b", "spring", iter(rows))
    assert first == second
    name = basefile.name_of(first.sha256)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert [item.name for item in (tmp_path / "a").iterdir()] == [name]
    other = basefile.build(tmp_path / "a", "spring", iter(rows[:-1]))
    assert other.sha256 != first.sha256


def test_an_event_without_tickets_can_be_published(central: Central) -> None:
    published = central.publish(make_event(central))
    assert (published.rows, published.rebuilt) == (0, True)


def test_publishing_again_without_news_keeps_the_base_and_raises_seq(central: Central, spring: str) -> None:
    first = central.publish(spring)
    second = central.publish(spring)
    assert not second.rebuilt
    assert (second.base_sha256, second.seq) == (first.base_sha256, first.seq + 1)


def test_a_removed_ticket_is_not_in_the_base_file(central: Central, spring: str) -> None:
    central.set_state(spring, central.issued(spring)[0].key, TicketState.REMOVED)
    assert central.publish(spring, rebuild=True).rows == 19


def test_issued_codes_are_valid_for_the_trusted_keys_and_are_in_the_base(
    central: Central, gate: Device, believer: Believer
) -> None:
    keys = open_base(fetch_base(gate, believer.begin())).execute("SELECT key FROM ticket").fetchall()
    salt = central.keys.salt("spring")
    for ticket in central.issued("spring"):
        claims = Gt1().parse(ticket.text, believer.set.keyset([SPRING]), believer.now_s)
        assert (claims.event, claims.product, claims.zones) == ("spring", 1, 3)
        assert (ticket_key(salt, claims.key_input),) in keys


def test_a_change_reaches_a_gate_with_proof(central: Central, believer: Believer) -> None:
    believer.begin()
    assert believer.pull() == []
    first, second = central.issued("spring")[:2]
    central.set_state("spring", first.key, TicketState.REVOKED)
    central.set_state("spring", second.key, TicketState.BLOCKED)
    rows = believer.pull()
    assert rows == [
        (1, replace(first.row, state=TicketState.REVOKED)),
        (2, replace(second.row, state=TicketState.BLOCKED)),
    ]
    assert believer.pull() == []


def test_what_is_as_before_makes_no_change(central: Central, believer: Believer) -> None:
    believer.begin()
    central.set_state("spring", central.issued("spring")[0].key, TicketState.VALID)
    assert believer.pull() == []


def test_pages_that_end_in_the_middle_prove_themselves_and_never_go_back(
    central: Central, gate: Device, believer: Believer
) -> None:
    believer.begin()
    central.issue("spring", 5, product=2, zones=1, exp=1_900_000_000)
    seen, seqs = [], [believer.descriptor().seq]
    for _ in range(3):
        seen += [cursor for cursor, _ in believer.pull(limit=2)]
        seqs.append(believer.set.events[SPRING].descriptor.seq)
        seqs.append(believer.descriptor().seq)
    assert seen == [1, 2, 3, 4, 5]
    assert seqs == sorted(seqs)
    assert not believer.more


def test_tickets_issued_before_the_first_publication_are_in_the_base_and_not_in_the_log(central: Central) -> None:
    event = make_event(central)
    central.issue(event, 3, product=1, zones=1, exp=1_900_000_000)
    published = central.publish(event)
    assert (published.rows, published.cursor) == (3, 0)


def test_a_long_log_becomes_a_new_base_and_older_askers_must_refetch(
    central: Central, gate: Device, believer: Believer
) -> None:
    old = believer.begin().incarnation.hex()
    central.issue("spring", 2, product=1, zones=1, exp=1_900_000_000)
    published = central.publish("spring")
    assert published.rebuilt
    assert (published.rows, published.cursor) == (22, 2)
    assert code_of(gate.get(f"/v1/events/spring/changes?incarnation={old}&after=0")) == (410, "must_refetch")
    descriptor = believer.begin()
    assert (descriptor.base.cursor, descriptor.cursor) == (2, 2)
    assert len(open_base(fetch_base(gate, descriptor)).execute("SELECT key FROM ticket").fetchall()) == 22
    life = descriptor.incarnation.hex()
    for after in (0, 1, 3):
        answer = gate.get(f"/v1/events/spring/changes?incarnation={life}&after={after}")
        assert code_of(answer) == (410, "must_refetch")
    central.set_state("spring", central.issued("spring")[0].key, TicketState.CANCELED)
    assert [cursor for cursor, _ in believer.pull()] == [3]


def test_changes_that_come_while_a_base_is_built_are_chained_to_it(
    central: Central, gate: Device, believer: Believer, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = basefile.build
    late = central.issued("spring")[3]

    def meanwhile(*args: Any) -> basefile.BaseFile:
        built = build(*args)
        central.set_state("spring", late.key, TicketState.REVOKED)
        return built

    monkeypatch.setattr(basefile, "build", meanwhile)
    central.set_state("spring", central.issued("spring")[0].key, TicketState.BLOCKED)
    published = central.publish("spring", rebuild=True)
    assert published.cursor == 2
    descriptor = believer.begin()
    assert (descriptor.base.cursor, descriptor.cursor) == (1, 2)
    assert [row.key for _, row in believer.pull()] == [late.key]


def test_a_long_poll_wakes_at_a_change(central: Central, believer: Believer, long_polls: int) -> None:
    believer.begin()
    with ThreadPoolExecutor(1) as pool:
        rows = pool.submit(believer.pull, wait=long_polls)
        polled(central, "changes", "spring")
        central.set_state("spring", central.issued("spring")[0].key, TicketState.REVOKED)
        assert [row.state for _, row in rows.result(60)] == [TicketState.REVOKED]


def test_a_manifest_that_is_known_is_not_sent_again(gate: Device, central: Central) -> None:
    path = "/v1/events/spring/manifest"
    first = gate.get(path)
    again = gate.get(path, {"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    central.publish("spring")
    assert gate.get(path, {"If-None-Match": first.headers["etag"]}).status_code == 200


def test_a_descriptor_is_signed_again_after_120_seconds(central: Central, clock: Clock, believer: Believer) -> None:
    before = believer.descriptor()
    clock.ms += 119_999
    assert central.reissue() == []
    clock.ms += 1
    assert central.reissue() == ["spring"]
    after = believer.descriptor()
    assert (after.issued, after.seq) == (clock(), clock() // 1000)
    assert after.base == before.base


def test_a_server_that_starts_signs_what_grew_old(central: Central, spring: str, clock: Clock) -> None:
    clock.ms += 300_000
    issued = select(schema.event_head.c.issued).where(schema.event_head.c.event_id == spring)
    with TestClient(create_app(central)):
        wait_for(lambda: central.db.read(lambda c: c.execute(issued).scalar()) == clock.ms, "a new descriptor")


def test_seq_rises_even_when_the_clock_stands_still_or_goes_back(central: Central, clock: Clock) -> None:
    event = make_event(central)
    seqs = [central.publish(event).seq]
    clock.ms -= 3_600_000
    seqs += [central.publish(event).seq for _ in range(3)]
    assert seqs == [seqs[0] + n for n in range(4)]


def test_an_event_that_was_never_published_has_no_manifest(central: Central, http: TestClient, clock: Clock) -> None:
    event = make_event(central)
    device = Device(http, clock)
    device.enrol(central.add_device("g1", short="G1", events=[event], url="http://127.0.0.1"))
    assert code_of(device.get(f"/v1/events/{event}/manifest")) == (404, "not_found")


def test_a_broken_download_goes_on_where_it_stopped(gate: Device, believer: Believer) -> None:
    base = believer.begin().base
    path = f"/v1/manifests/{base.sha256.hex()}.sqlite.zst"
    whole = gate.get(path)
    etag = whole.headers["etag"]
    assert whole.headers["accept-ranges"] == "bytes"
    rest = gate.get(path, {"Range": "bytes=100-", "If-Range": etag})
    assert rest.status_code == 206
    assert rest.headers["content-range"] == f"bytes 100-{base.zst_size - 1}/{base.zst_size}"
    assert whole.content[:100] + rest.content == whole.content
    other = gate.get(path, {"Range": "bytes=100-", "If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, whole.content)


@pytest.mark.parametrize("name", ["x", "..%2fkeys%2froot.pem", "0" * 64, "A" * 64 + ".sqlite.zst"])
def test_names_that_are_no_published_file_are_not_found(gate: Device, name: str) -> None:
    for folder in ("manifests", "objects"):
        answer = gate.get(f"/v1/{folder}/{name}")
        assert code_of(answer) == (404, "not_found")


def test_the_policy_is_the_one_that_the_descriptor_names(central: Central, gate: Device, believer: Believer) -> None:
    descriptor = believer.begin()
    content = gate.get(f"/v1/objects/{descriptor.policy_sha256.hex()}").content
    assert len(content) == descriptor.policy_size
    policy = believer.set.update_policy(SPRING, content, believer.now_s)
    assert policy.products[2].flags == 2
    changed = central.policy("spring") | {"annul_max": 7}
    central.set_policy(changed)
    assert believer.descriptor().policy_sha256 == descriptor.policy_sha256
    central.publish("spring")
    newer = believer.descriptor()
    content = gate.get(f"/v1/objects/{newer.policy_sha256.hex()}").content
    assert believer.set.update_policy(SPRING, content, believer.now_s).annul_max == 7


def test_secrets_open_for_their_device_only_and_stay_the_same_bytes(
    central: Central, gate: Device, other_gate: Device, believer: Believer
) -> None:
    believer.begin()
    sealed = gate.get("/v1/events/spring/secrets").content
    plain = believer.set.update_secrets(SPRING, "g1", sealed, gate.seal_key, believer.now_s)
    secrets = parse_secrets(plain)
    assert secrets.salt == central.keys.salt("spring")
    assert len(secrets.rotating) == 1
    assert gate.get("/v1/events/spring/secrets").content == sealed
    assert other_gate.get("/v1/events/spring/secrets").content != sealed
    with pytest.raises(Exception, match="does not open"):
        believer.set.update_secrets(
            SPRING, "g1", sealed, X25519PrivateKey.from_private_bytes(bytes(32)), believer.now_s
        )


def test_trust_rises_with_content_only_and_is_sent_from_where_a_gate_is(central: Central, gate: Device) -> None:
    files = cbor.loads(gate.get("/v1/trust?after=0").content)
    newest = len(files)
    assert gate.get(f"/v1/trust?after={newest}").status_code == 304
    central.set_url("http://127.0.0.1")
    assert gate.get(f"/v1/trust?after={newest}").status_code == 304
    make_event(central, "autumn")
    (file,) = cbor.loads(gate.get(f"/v1/trust?after={newest}").content)
    known = TrustedSet(trustfiles.root_thumbprint(central.keys))
    trust = known.update_trust(file)
    assert trust.version == newest + 1
    assert set(trust.events) == {"spring", "autumn"}


def test_a_reopened_server_goes_on_with_the_same_keys_and_numbers(tmp_path: Path, clock: Clock) -> None:
    with Central.open(tmp_path / "c", clock=clock, random=Random()) as central:
        event = make_event(central)
        texts = [ticket.text for ticket in central.issue(event, 2, product=1, zones=1, exp=1_900_000_000)]
        first = central.publish(event)
    with Central.open(tmp_path / "c", clock=clock, random=Random(1000)) as central:
        assert sorted(ticket.text for ticket in central.issued(event)) == sorted(texts)
        second = central.publish(event)
    assert second.seq == first.seq + 1
    assert second.base_sha256 == first.base_sha256


def test_private_keys_are_files_for_the_owner_alone_and_not_in_the_database(central: Central, spring: str) -> None:
    folder = central.state / "keys"
    assert folder.stat().st_mode & 0o777 == 0o700
    secrets = []
    for file in folder.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file
        secrets.append(file.read_bytes())
    assert len(secrets) == 7
    central.close()
    stored = b"".join(file.read_bytes() for file in central.state.glob("central.db*"))
    salt = central.keys.salt(spring)
    assert salt in secrets
    assert salt not in stored
    for role, kid in ((name.stem.split("-")) for name in folder.glob("*-*.pem")):
        assert central.keys.signing(role, bytes.fromhex(kid)).private_bytes_raw() not in stored
