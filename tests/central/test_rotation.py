"""Keys change without a gap: known before they are used, believed until they end, revoked for good."""

from __future__ import annotations

from typing import Any

import pytest

from gate.central import commands, trustfiles
from gate.central.service import Central
from gate.errors import ConfigError, TrustError
from gate.model import EventId
from gate.verify.trust import TrustedSet
from gate.wire import cbor
from gate.wire.enrol import enrolment_from_json
from gate.wire.pins import check_pin
from gate.wire.secrets import parse_sealed, parse_secrets
from gate.wire.sign1 import split
from tests.central.gateside import Clock, Device, TestClient

SPRING = EventId("spring")
MINUTE_MS = 60_000


def run(central: Central, command: str, **args: Any) -> Any:
    return commands.run(central, command, args)


def catch_up(device: Device, trusted: TrustedSet) -> None:
    after = trusted.trust.version if trusted.trust else 0
    answer = device.get(f"/v1/trust?after={after}")
    for file in cbor.loads(answer.content) if answer.status_code == 200 else ():
        trusted.update_trust(file)


@pytest.fixture
def believer(central: Central, gate: Device) -> TrustedSet:
    found = TrustedSet(trustfiles.root_thumbprint(central.keys))
    catch_up(gate, found)
    return found


def descriptor(gate: Device) -> bytes:
    return gate.get("/v1/events/spring/manifest").content


def test_the_next_manifest_key_is_known_before_it_signs(
    central: Central, gate: Device, believer: TrustedSet, clock: Clock
) -> None:
    old = split(descriptor(gate), limit=10_000).kid
    made = run(central, "key_rotate", role="manifest", event=None, lead_s=900)
    clock.ms += 3 * MINUTE_MS
    central.reissue()
    assert split(descriptor(gate), limit=10_000).kid == old
    catch_up(gate, believer)
    clock.ms += 13 * MINUTE_MS
    central.reissue()
    fresh = descriptor(gate)
    assert split(fresh, limit=10_000).kid.hex() == made["kid"]
    believer.update_descriptor(SPRING, fresh, clock() // 1000)
    states = {row["kid"]: row["state"] for row in run(central, "key_list") if row["role"] == "manifest"}
    assert states == {old.hex(): "in use", made["kid"]: "in use"}


def test_tickets_of_the_old_key_stay_good(central: Central, gate: Device, clock: Clock) -> None:
    first = central.issue("spring", product=1, zones=1, exp=1_900_000_000)[0].text
    run(central, "key_rotate", role="ticket", event="spring", lead_s=60)
    clock.ms += 2 * MINUTE_MS
    second = central.issue("spring", product=1, zones=1, exp=1_900_000_000)[0].text
    newest = central.db.read(trustfiles.newest)
    assert newest is not None
    kids = {key.kid for key in newest.keys if key.role == "ticket"}
    assert len(kids) == 2
    assert first[:10] != second[:10]


def test_a_revoked_manifest_key_is_replaced_in_the_same_moment(
    central: Central, gate: Device, believer: TrustedSet, clock: Clock
) -> None:
    believer.update_descriptor(SPRING, descriptor(gate), clock() // 1000)
    old = split(descriptor(gate), limit=10_000).kid.hex()
    with pytest.raises(ConfigError, match="no manifest key"):
        run(central, "key_revoke", kid=old)  # it is the only one: nothing could be signed any more
    run(central, "key_rotate", role="manifest", event=None, lead_s=0)
    stolen = descriptor(gate)
    run(central, "key_revoke", kid=old)
    catch_up(gate, believer)
    believer.update_descriptor(SPRING, descriptor(gate), clock() // 1000)
    with pytest.raises(TrustError):
        believer.update_descriptor(SPRING, stolen, clock() // 1000)
    policy = believer.events[SPRING].descriptor.policy_sha256.hex()
    believer.update_policy(SPRING, gate.get(f"/v1/objects/{policy}").content, clock() // 1000)


def test_a_retired_key_ends(central: Central, clock: Clock) -> None:
    central.create_event({"event": "autumn", "name": {}, "tz": "UTC", "products": [], "lists": [], "gates": []})
    (row,) = [row for row in run(central, "key_list") if row["event"] == "autumn"]
    run(central, "key_rotate", role="ticket", event="autumn", lead_s=0)
    run(central, "key_retire", kid=row["kid"], at=clock() // 1000 + 60)
    newest = central.db.read(trustfiles.newest)
    assert newest is not None
    assert {key.exp for key in newest.keys if key.kid.hex() == row["kid"]} == {clock() // 1000 + 60}
    clock.ms += 2 * MINUTE_MS
    assert {row["state"] for row in run(central, "key_list") if row["kid"] == row["kid"]} >= {"in use"}
    with pytest.raises(ConfigError, match="no key"):
        run(central, "key_retire", kid="00000000", at=5)


def test_an_ended_event_stands_in_no_trust_file_until_it_is_brought_back(
    central: Central, gate: Device, believer: TrustedSet
) -> None:
    assert SPRING in believer.trust.events
    kids = {key.kid for key in believer.trust.keys if SPRING in key.events}
    assert run(central, "event_end", event="spring") == {"event": "spring", "ended": True}
    catch_up(gate, believer)
    assert SPRING not in believer.trust.events
    assert not kids & {key.kid for key in believer.trust.keys}
    assert [row["ended"] is not None for row in run(central, "event_list") if row["event"] == "spring"] == [True]
    run(central, "event_end", event="spring", back=True)
    catch_up(gate, believer)
    assert SPRING in believer.trust.events
    assert kids <= {key.kid for key in believer.trust.keys}
    with pytest.raises(ConfigError, match="no event"):
        run(central, "event_end", event="winter")


def test_a_new_root_is_believed_by_who_believed_the_old_one_and_by_who_comes_new(
    central: Central, gate: Device, believer: TrustedSet, http: TestClient, clock: Clock
) -> None:
    before = central.add_device("g7", short="G7", events=["spring"])
    made = run(central, "key_rotate", role="root", event=None, lead_s=0)
    central.set_url("http://127.0.0.2")  # a file that only the new root has signed
    catch_up(gate, believer)
    assert believer.trust is not None
    assert believer.trust.version == made["trust"] + 1
    assert believer.trust.servers[0].urls == ("http://127.0.0.2",)
    after = central.add_device("g8", short="G8", events=["spring"])
    assert before.root != after.root
    for name, code in (("g7", before), ("g8", after)):
        answer = enrolment_from_json(Device(http, clock, name).enrol(code).json())
        fresh = TrustedSet(code.root)
        for file in answer.trust:
            fresh.update_trust(file)
        assert fresh.trust == believer.trust


def test_who_knows_only_the_first_root_may_lose_it(central: Central) -> None:
    run(central, "key_rotate", role="root", event=None, lead_s=0)
    (central.state / "keys" / "root.pem").unlink()  # taken away once no gate needs it
    central.keys._signing.clear()
    central.set_url("http://127.0.0.3")
    newest = central.db.read(trustfiles.newest)
    assert newest is not None
    assert newest.servers[0].urls == ("http://127.0.0.3",)


@pytest.mark.parametrize(
    ("role", "event", "problem"),
    [("captain", None, "is unknown"), ("ticket", None, "belongs to one event"), ("ticket", "autumn", "no event")],
)
def test_mistakes_are_named(central: Central, spring: str, role: str, event: str | None, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        run(central, "key_rotate", role=role, event=event, lead_s=0)


# ---- secrets


def opened(gate: Device) -> Any:
    sealed = parse_sealed(split(gate.get("/v1/events/spring/secrets").content, limit=100_000).payload)
    return sealed.version, parse_secrets(sealed.open(gate.seal_key))


def test_a_pin_reaches_the_gate_as_a_verifier_with_the_next_version(central: Central, gate: Device) -> None:
    version, secrets = opened(gate)
    assert secrets.staff == ()
    done = run(central, "staff_add", event="spring", staff="budi", name="Budi", role="supervisor", pin="482915")
    fresh, secrets = opened(gate)
    assert (fresh, done["secrets"]) == (version + 1, version + 1)
    (person,) = secrets.staff
    assert (person.id, person.name, person.role) == ("budi", "Budi", "supervisor")
    assert check_pin(person.pin, "482915")
    assert not check_pin(person.pin, "482916")
    assert run(central, "staff_list", event="spring") == [{"staff": "budi", "name": "Budi", "role": "supervisor"}]
    run(central, "staff_remove", event="spring", staff="budi")
    assert opened(gate)[1].staff == ()
    with pytest.raises(ConfigError, match="there is no"):
        run(central, "staff_remove", event="spring", staff="budi")
    for changes in ({"pin": "123456"}, {"pin": "12"}, {"role": "owner"}, {"staff": "Budi"}, {"event": "autumn"}):
        args = {"event": "spring", "staff": "budi", "name": "B", "role": "attendant", "pin": "482915"} | changes
        with pytest.raises(ConfigError):
            run(central, "staff_add", **args)


def test_a_rotating_key_is_added_before_it_is_needed(central: Central, gate: Device, clock: Clock) -> None:
    before = opened(gate)[1].rotating
    run(central, "key_rotate", role="rotating", event="spring", lead_s=3600)
    version, secrets = opened(gate)
    assert version == 2
    assert secrets.rotating[: len(before)] == before
    assert secrets.rotating[-1].nbf == clock() // 1000 + 3600


# ---- base files that make themselves


def test_a_base_file_is_made_at_night_when_something_changed(central: Central, spring: str, clock: Clock) -> None:
    ticket = central.issued(spring, limit=1)[0]
    clock.ms += 24 * 3600 * 1000
    assert central.rebuild_due() == []
    central.set_state(spring, ticket.key, 3)
    for _ in range(48):
        clock.ms += 30 * MINUTE_MS
        if done := central.rebuild_due():
            break
    assert done == [spring]
    assert central.rebuild_due() == []
    hour = (clock.ms // 3_600_000 + 7) % 24
    assert hour in (3, 4)  # in Jakarta
