"""From sync's files to what the lane believes: verified again, swapped whole, and never worse than before."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.errors import DamagedError, StorageError, TrustError
from gate.inspect import Desk
from gate.lane.faults import Fault
from gate.lane.world import World
from gate.model import EventId, EventMode, GateId, TicketState
from gate.storage import news as news_module
from gate.storage.keys import journal_key
from gate.storage.news import News, SyncWatch
from gate.storage.tickets import base_path
from gate.storage.world import WorldReader, read_acked, read_enrolment
from tests.fakes.clock import BOOT
from tests.fakes.issuer import AUTUMN, NOW_S, POLICY, SPRING, Issuer, key
from tests.fakes.state import StateFolder, edit


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    made = StateFolder(tmp_path)
    return made.ready([made.row(n) for n in range(3)])


@pytest.fixture
def two(state: StateFolder) -> StateFolder:
    """Two events at one gate."""
    state.enrol(events=(SPRING, AUTUMN))
    state.publish([state.row(9)], event=AUTUMN)
    return state


def read(state: StateFolder, now_s: int = NOW_S, **changes: Any) -> World:
    reader = WorldReader(state.path, **({"gate": GateId("g2")} | changes))
    try:
        return reader.read(now_s)
    finally:
        reader.close()


def flip(path: Path, at: int = -1) -> None:
    """One bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def flip_blob(state: StateFolder, table: str, column: str) -> None:
    edit(
        state.sync_db, f"UPDATE {table} SET {column} = CAST(substr({column}, 1, length({column}) - 1) || x'00' AS BLOB)"
    )


def test_world_is_what_the_organiser_signed(state: StateFolder) -> None:
    world = read(state)
    (event,) = world.events
    assert (event.id, event.gate.short, event.salt, event.issued_ms) == (SPRING, "G2", state.issuer.salt, NOW_S * 1000)
    assert (world.missing, world.org, world.newest_issued_ms) == ("", "Fair", NOW_S * 1000)
    assert world.keys.served == (SPRING,)


SPOILED: dict[str, tuple[Callable[[StateFolder], None], type[Exception], str]] = {
    "trust file": (lambda s: flip_blob(s, "trust", "file"), TrustError, "signature"),
    "descriptor": (lambda s: flip_blob(s, "event", "descriptor"), TrustError, "signature"),
    "policy": (lambda s: flip(next((s.path / "objects").iterdir())), TrustError, "hash"),
    "secrets": (lambda s: flip(s.path / "secrets" / "spring.cbor", 0), DamagedError, "damaged"),
    "base file": (lambda s: flip(next((s.path / "manifests").glob("*.sqlite")), 5000), DamagedError, "damaged"),
    "base file gone": (lambda s: next((s.path / "manifests").glob("*.sqlite")).unlink(), StorageError, "storage"),
    "policy gone": (lambda s: next((s.path / "objects").iterdir()).unlink(), StorageError, "storage"),
    "enrolment": (lambda s: _write(s.path / "enrolment.json", "{"), StorageError, "storage"),
    "sync.db": (lambda s: _write_over(s.sync_db), DamagedError, "damaged"),
}


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _write_over(path: Path) -> None:
    for item in path.parent.glob("sync.db*"):
        item.unlink()
    path.write_bytes(b"spoiled " * 2000)


@pytest.mark.parametrize("what", SPOILED)
def test_spoiled_object_is_refused_by_name(state: StateFolder, what: str) -> None:
    spoil, kind, code = SPOILED[what]
    spoil(state)
    with pytest.raises(kind) as caught:
        read(state)
    assert caught.value.code == code  # type: ignore[attr-defined]


def test_descriptor_of_another_event_is_not_taken(state: StateFolder) -> None:
    state.enrol(events=(SPRING, AUTUMN))
    edit(
        state.sync_db,
        "INSERT INTO event(event, descriptor, policy, base_sha256) SELECT 'autumn', descriptor, policy, base_sha256 FROM event",
    )
    (state.path / "secrets" / "autumn.cbor").write_bytes(state.issuer.secrets_plain().encode())
    world = read(state)
    assert [item.id for item in world.events] == [SPRING]
    assert "came for" in world.troubles[0]


def test_one_events_trouble_does_not_keep_the_others_news_out(
    two: StateFolder, watched: tuple[SyncWatch, list[News]]
) -> None:
    watch, told = watched
    watch.check()
    assert told[-1].world is not None
    before = told[-1].world
    assert [item.id for item in before.events] == [SPRING, AUTUMN]
    (two.path / "secrets" / "autumn.cbor").write_bytes(b"spoiled")
    two.publish([two.row(1)])
    watch.check()
    after = told[-1].world
    assert after is not None
    assert [item.id for item in after.events] == [SPRING, AUTUMN]
    assert after.events[0].base_sha256 != before.events[0].base_sha256, "the news of one"
    assert after.events[1] == before.events[1], "the other stays as it was"
    assert "autumn are damaged" in told[-1].status["last_error"]


def test_ended_event_is_not_served_although_sync_has_not_forgotten_it(
    two: StateFolder, watched: tuple[SyncWatch, list[News]]
) -> None:
    watch, told = watched
    watch.check()
    two.trust(2, events={SPRING: EventMode()})
    watch.check()
    assert told[-1].world is not None
    assert [item.id for item in told[-1].world.events] == [SPRING]
    two.trust(3)  # brought back
    watch.check()
    assert [item.id for item in told[-1].world.events] == [SPRING, AUTUMN]


def test_event_whose_policy_cannot_be_used_goes_on_with_its_newest_tickets(
    two: StateFolder, watched: tuple[SyncWatch, list[News]]
) -> None:
    """Sync's changes belong to the new base: above the old one a ticket that was revoked in between would be good again."""
    watch, told = watched
    watch.check()
    assert told[-1].world is not None
    before = told[-1].world.events[1]
    sha256 = two.publish([two.row(9, state=TicketState.REVOKED)], event=AUTUMN, tz="Mars/Olympus")
    watch.check()
    after = told[-1].world
    assert after is not None
    assert "Mars/Olympus" in after.troubles[0]
    assert (after.events[1].policy, after.events[1].base_sha256) == (before.policy, sha256)
    flip(base_path(two.path, two.publish([two.row(8)], event=AUTUMN, tz="Mars/Phobos")))
    watch.check()
    assert told[-1].world is not None
    assert [item.id for item in told[-1].world.events] == [SPRING], (
        "above the old tickets, new revocations are not known"
    )


def test_gate_that_starts_with_one_spoiled_event_serves_the_other_and_takes_it_up_when_it_is_well(
    two: StateFolder,
) -> None:
    path = two.path / "secrets" / "autumn.cbor"
    good = path.read_bytes()
    path.write_bytes(b"spoiled")
    told: list[News] = []
    watch = watch_of(two, told)
    watch.check()
    assert told[-1].world is not None
    assert [item.id for item in told[-1].world.events] == [SPRING]
    path.write_bytes(good)
    for _ in range(news_module._AGAIN_POLLS + 1):
        watch.check()
    assert [item.id for item in told[-1].world.events] == [SPRING, AUTUMN]
    assert "last_error" not in told[-1].status
    watch.stop()


def test_manifest_signed_by_a_ticket_key_is_not_taken(tmp_path: Path) -> None:
    thief = Issuer(manifest_key=key("ticket spring"))
    made = StateFolder(tmp_path, thief)
    made.enrol()
    made.run("INSERT INTO trust VALUES (?,?)", 1, Issuer().trust())
    made.publish([])
    world = read(made)
    assert (world.events, world.missing) == ((), "key")


def test_trust_of_another_root_is_not_taken(state: StateFolder) -> None:
    other = Issuer(root=key("other root"))
    edit(state.sync_db, "UPDATE trust SET file=?", other.trust())
    with pytest.raises(TrustError, match="root"):
        read(state)


def test_gate_that_is_another_than_enrolled_is_told_so(state: StateFolder) -> None:
    with pytest.raises(StorageError, match=r"gate\.id"):
        read(state, gate=GateId("g3"))


def test_gate_that_a_new_policy_leaves_out_stops_at_once_and_comes_back_with_it(
    two: StateFolder, watched: tuple[SyncWatch, list[News]]
) -> None:
    watch, told = watched
    others = [{**POLICY["gates"][0], "id": "g3", "short": "G3"}]
    watch.check()
    two.publish([two.row(0)], gates=others)
    watch.check()
    assert told[-1].world is not None
    assert [item.id for item in told[-1].world.events] == [AUTUMN], "the other event still wants it"
    assert told[-1].status["last_error"] == "the policy of spring does not name this gate (g2)"
    two.publish([two.row(0)], event=AUTUMN, gates=others)
    watch.check()
    assert told[-1].world is not None
    assert (told[-1].world.events, told[-1].world.missing) == ((), Fault.NOT_IN_POLICY)
    two.publish([two.row(0)])
    watch.check()
    assert told[-1].world is not None
    assert [item.id for item in told[-1].world.events] == [SPRING]


def test_gate_that_starts_without_being_in_the_policy_says_so(state: StateFolder) -> None:
    state.enrol(gate="g3")
    world = read(state, gate=GateId("g3"))
    assert (world.events, world.missing) == ((), "not_in_policy")
    assert "(g3)" in world.troubles[0]
    with pytest.raises(TrustError, match="g3"):
        Desk.open(state.path, NOW_S)


def test_policy_with_an_unknown_time_zone_is_refused_before_it_is_in_force(state: StateFolder) -> None:
    state.publish([], tz="Mars/Olympus")
    with pytest.raises(TrustError, match="Mars/Olympus"):
        read(state)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    made = StateFolder(tmp_path)
    assert read(made).missing == "enrolment"
    made.enrol()
    assert read(made).missing == "enrolment", "no file of sync yet"
    made.replace_sync()
    assert read(made).missing == "trust"
    made.trust()
    assert read(made).missing == "manifest"
    made.publish([])
    assert read(made).missing == ""
    (made.path / "secrets" / "spring.cbor").unlink()
    assert read(made).missing == "manifest", "sync is still at it"


def test_only_the_events_of_the_configuration_are_served_in_its_order(state: StateFolder) -> None:
    state.enrol(events=(SPRING, AUTUMN))
    state.publish([], event=AUTUMN)
    assert [event.id for event in read(state).events] == [SPRING, AUTUMN]
    assert [event.id for event in read(state, events=(AUTUMN, SPRING)).events] == [AUTUMN, SPRING]
    assert [event.id for event in read(state, events=(AUTUMN, EventId("winter"))).events] == [AUTUMN]


def test_clock_that_is_behind_the_newest_object_does_not_make_its_keys_too_young(state: StateFolder) -> None:
    assert read(state, now_s=0).missing == ""


def test_change_is_noticed_once(state: StateFolder) -> None:
    reader = WorldReader(state.path, gate=GateId("g2"))
    assert reader.changed()
    assert not reader.changed()
    state.run("INSERT INTO status VALUES ('mode', '\"online\"', 1)")
    assert reader.changed()
    before = reader.parts()
    state.publish([])
    assert reader.changed()
    assert reader.parts() != before
    state.replace_sync()
    assert reader.changed()
    reader.close()


# ---- the watching


@pytest.fixture
def watched(state: StateFolder) -> Iterator[tuple[SyncWatch, list[News]]]:
    told: list[News] = []
    watch = watch_of(state, told)
    yield watch, told
    watch.stop()


def watch_of(state: StateFolder, told: list[News]) -> SyncWatch:
    return SyncWatch(state.path, gate=GateId("g2"), events=(), boot=BOOT, now_s=lambda: NOW_S, tell=told.append)


def test_news_are_told_once_with_status_and_time(state: StateFolder, watched: tuple[SyncWatch, list[News]]) -> None:
    watch, told = watched
    state.run("INSERT INTO status VALUES ('mode', 'online', 1), ('queue', '3', 1)")
    state.run("INSERT INTO clock VALUES (?, 5, 7, 'server')", BOOT)
    watch.check()
    watch.check()
    (news,) = told
    assert news.world is not None
    assert news.world.missing == ""
    assert (news.status, news.offset) == ({"mode": "online", "queue": 3}, (5, 7))
    state.run("UPDATE status SET v='4' WHERE k='queue'")
    watch.check()
    assert (told[-1].world, told[-1].status["queue"]) == (None, 4), "no new world for a new figure"


@pytest.mark.parametrize("what", ["trust file", "descriptor", "policy", "secrets"])
def test_spoiled_news_keep_the_old_world_and_good_ones_come_through_later(
    state: StateFolder, watched: tuple[SyncWatch, list[News]], what: str
) -> None:
    watch, told = watched
    watch.check()
    state.publish([state.row(1)])
    if what == "policy":
        for path in (state.path / "objects").iterdir():
            path.unlink()
    else:
        SPOILED[what][0](state)
        os.utime(state.path / "secrets" / "spring.cbor", ns=(1, 1))
    watch.check()
    assert all(item.world is None or item.world.events[0].policy == told[0].world.events[0].policy for item in told)
    if what != "trust file":
        assert told[-1].status["last_error"]
    if what == "trust file":
        edit(state.sync_db, "DELETE FROM trust")
        state.trust()
    state.publish([state.row(2)])
    watch.check()
    assert told[-1].world is not None
    assert told[-1].world.missing == ""


def test_first_world_that_is_spoiled_is_told_as_trouble(state: StateFolder) -> None:
    SPOILED["base file"][0](state)
    told: list[News] = []
    watch = watch_of(state, told)
    watch.check()
    assert told[0].world is not None
    assert told[0].world.missing == "trouble"
    assert "name says" in told[0].status["last_error"]
    watch.stop()


def test_trouble_that_passes_without_a_new_commit_is_tried_again(state: StateFolder) -> None:
    path = next((state.path / "manifests").glob("*.sqlite"))
    hidden = path.rename(path.with_suffix(".away"))
    told: list[News] = []
    watch = watch_of(state, told)
    watch.check()
    hidden.rename(path)
    for _ in range(news_module._AGAIN_POLLS + 1):
        watch.check()
    assert [news.world.missing for news in told if news.world] == ["trouble", ""]
    watch.stop()


def test_error_nobody_thought_of_does_not_end_the_watching(
    state: StateFolder, watched: tuple[SyncWatch, list[News]], monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, told = watched
    with monkeypatch.context() as broken:
        broken.setattr(WorldReader, "read", lambda *_: 1 / 0)
        watch.check()
    for _ in range(news_module._AGAIN_POLLS + 1):
        watch.check()
    assert [news.world.missing for news in told if news.world] == ["trouble", ""]


def test_secrets_that_vanish_between_two_looks_do_not_end_the_watching(
    state: StateFolder, watched: tuple[SyncWatch, list[News]]
) -> None:
    watch, told = watched
    (state.path / "secrets" / "x.cbor").symlink_to(state.path / "nowhere")
    watch.check()
    assert told[0].world is not None
    assert told[0].world.missing == "trouble"


def test_sync_that_lost_its_file_leaves_the_world_in_force(
    state: StateFolder, watched: tuple[SyncWatch, list[News]]
) -> None:
    watch, told = watched
    watch.check()
    state.replace_sync()
    watch.check()
    assert [news.world is not None for news in told] == [True, False][: len(told)]
    state.trust()
    state.publish([state.row(1)])
    watch.check()
    assert told[-1].world is not None
    assert told[-1].world.missing == ""


# ---- what else is read at the start


def test_event_that_the_organiser_ended_is_served_no_more(two: StateFolder) -> None:
    told: list[News] = []
    watch = watch_of(two, told)
    watch.check()
    two.trust(2, events={AUTUMN: EventMode()})
    edit(two.sync_db, "DELETE FROM event WHERE event='spring'")
    watch.check()
    assert told[-1].world is not None
    assert [item.id for item in told[-1].world.events] == [AUTUMN]
    two.trust(3, events={})
    edit(two.sync_db, "DELETE FROM event")
    watch.check()
    assert (told[-1].world.events, told[-1].world.missing) == ((), "key")
    watch.stop()


def test_acknowledged_numbers_are_the_highest_of_any_peer(state: StateFolder) -> None:
    state.run("INSERT INTO acked VALUES ('hub', 'spring', x'0102030405060708', 5, 0)")
    state.run("INSERT INTO acked VALUES ('central', 'spring', x'0102030405060708', 7, 0)")
    assert read_acked(state.path) == {("spring", "0102030405060708"): 7}


@pytest.mark.parametrize("how", ["missing", "empty", "spoiled"])
def test_file_of_sync_that_cannot_be_read_does_not_keep_the_gate_from_starting(tmp_path: Path, how: str) -> None:
    if how != "missing":
        (tmp_path / "sync.db").write_bytes(b"" if how == "empty" else b"spoiled " * 2000)
    assert read_acked(tmp_path) == {}


def test_enrolment_is_read_or_named_as_unreadable(tmp_path: Path) -> None:
    assert read_enrolment(tmp_path) is None
    for text in ("", "[]", json.dumps({"device": 1})):
        (tmp_path / "enrolment.json").write_text(text)
        with pytest.raises(StorageError, match=r"enrolment\.json"):
            read_enrolment(tmp_path)


def test_journal_key_is_made_once_and_is_the_lanes_alone(tmp_path: Path) -> None:
    first = journal_key(tmp_path)
    assert (tmp_path / "journal.key").stat().st_mode & 0o777 == 0o600
    public = (tmp_path / "journal.pub").read_bytes()
    assert public == first.public_key().public_bytes_raw()
    (tmp_path / "journal.pub").unlink()
    assert journal_key(tmp_path).private_bytes_raw() == first.private_bytes_raw()
    assert (tmp_path / "journal.pub").read_bytes() == public
    (tmp_path / "journal.key").write_bytes(b"short")
    with pytest.raises(StorageError, match="32 bytes"):
        journal_key(tmp_path)


def test_base_path_is_the_contents_name(tmp_path: Path) -> None:
    assert base_path(tmp_path, b"\xab" * 32) == tmp_path / "manifests" / f"{'ab' * 32}.sqlite"
