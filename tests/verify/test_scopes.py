"""What a manifest key may sign is asked of every object, with the event it came for: not only of descriptors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from gate.errors import TrustAlarm, TrustError
from gate.model import EventMode
from gate.verify.formats.opaque import Opaque
from gate.verify.keyset import KeySet
from gate.verify.keytable import KeyTable
from gate.verify.trust import TrustedSet
from gate.wire.manifest import Page
from gate.wire.sign1 import Aad
from gate.wire.ticketkey import text_input
from tests.fakes.issuer import AUTUMN, NOW_S, SPRING, Issuer, key, record, seal_key

ISSUER = Issuer()
AUTUMN_KEY = key("manifest of autumn only")


def payload_of(data: bytes, aad: Aad) -> bytes:
    """The payload of an object of the issuer, signed anew by the key of the other event."""
    from gate.wire.sign1 import split

    signed = split(data, limit=len(data))
    assert signed.payload is not None
    return ISSUER.signed(signed.payload, aad, AUTUMN_KEY)


def trusted() -> TrustedSet:
    fresh = TrustedSet(ISSUER.root_thumbprint)
    fresh.update_trust(ISSUER.trust(keys=(*ISSUER.records(), record(AUTUMN_KEY, "manifest", [AUTUMN]))))
    fresh.update_descriptor(SPRING, ISSUER.descriptor(), NOW_S)
    return fresh


def policy(fresh: TrustedSet) -> object:
    data = payload_of(ISSUER.policy(), Aad.POLICY)
    event = fresh.events[SPRING]
    named = replace(event.descriptor, policy_sha256=hashlib.sha256(data).digest())
    fresh._events[SPRING] = replace(event, descriptor=named)
    return fresh.update_policy(SPRING, data, NOW_S)


def secrets(fresh: TrustedSet) -> object:
    return fresh.update_secrets(SPRING, "g2", payload_of(ISSUER.secrets(), Aad.SECRETS), seal_key("g2"), NOW_S)


def page(fresh: TrustedSet) -> object:
    good = ISSUER.page([ISSUER.change(101)])
    made = Page(rows=good.rows, next=good.next, more=False, descriptor=payload_of(good.descriptor, Aad.MANIFEST))
    return fresh.check_page(SPRING, made, 100, ISSUER.chain(), NOW_S)


@pytest.mark.parametrize("update", [policy, secrets, page])
def test_a_manifest_key_of_one_event_signs_nothing_of_another(update: Callable[[TrustedSet], object]) -> None:
    with pytest.raises(TrustError) as caught:
        update(trusted())
    assert caught.value.code == "key"


def test_a_key_scoped_to_the_event_signs_all_of_it() -> None:
    """The right event is asked for: a key with that scope alone is enough."""
    own = Issuer(manifest_key=key("manifest of spring only"))
    keys = (*own.records()[:2], record(own.manifest_key, "manifest", [SPRING]))
    fresh = TrustedSet(own.root_thumbprint)
    fresh.update_trust(own.trust(keys=keys))
    fresh.update_descriptor(SPRING, own.descriptor(), NOW_S)
    assert fresh.update_policy(SPRING, own.policy(), NOW_S).event == SPRING
    assert fresh.update_secrets(SPRING, "g2", own.secrets(), seal_key("g2"), NOW_S)
    assert len(fresh.check_page(SPRING, own.page([own.change(101)]), 100, own.chain(), NOW_S)[0]) == 1
    fresh.update_trust(own.trust(2, keys=keys))
    seen = fresh.events[SPRING]
    assert (seen.policy is not None, seen.secrets_version) == (True, 1), "a new file that keeps the key keeps its word"


def test_the_mode_is_that_of_the_event() -> None:
    modes = {SPRING: EventMode(mode="signature", stale_s=5), AUTUMN: EventMode(stale="refuse")}
    fresh = TrustedSet(ISSUER.root_thumbprint)
    assert fresh.mode(SPRING) == EventMode()
    fresh.update_trust(ISSUER.trust(events=modes))
    assert (fresh.mode(SPRING), fresh.mode(AUTUMN)) == (modes[SPRING], modes[AUTUMN])


def test_a_copy_before_the_first_file_knows_whose_root_it_waits_for() -> None:
    other = TrustedSet(ISSUER.root_thumbprint).copy()
    assert other.update_trust(ISSUER.trust()).version == 1


def test_an_opaque_text_is_known_by_its_own_text() -> None:
    claims = Opaque().parse("ABC123", KeySet(), NOW_S)
    assert claims.key_input == text_input("ABC123")


def test_the_second_descriptor_again_is_no_alarm_and_another_of_its_number_is() -> None:
    fresh = trusted()
    second = ISSUER.descriptor(NOW_S + 1)
    fresh.update_descriptor(SPRING, second, NOW_S)
    assert fresh.update_descriptor(SPRING, second, NOW_S).seq == NOW_S + 1
    with pytest.raises(TrustAlarm) as caught:
        fresh.update_descriptor(SPRING, ISSUER.descriptor(NOW_S + 1, checkins=9), NOW_S)
    assert caught.value.code == "fork"


def test_two_secrets_of_one_version_are_a_fork_by_name() -> None:
    fresh = trusted()
    fresh.update_secrets(SPRING, "g2", ISSUER.secrets(), seal_key("g2"), NOW_S)
    other = Issuer(salt=bytes(32))
    with pytest.raises(TrustAlarm) as caught:
        fresh.update_secrets(SPRING, "g2", other.secrets(), seal_key("g2"), NOW_S)
    assert caught.value.code == "fork"


def test_a_key_of_another_event_is_disowned_for_this_one() -> None:
    fresh = trusted()
    signed = payload_of(ISSUER.descriptor(), Aad.MANIFEST)
    assert fresh.disowns(SPRING, signed)
    assert not fresh.disowns(AUTUMN, signed)


def test_secrets_of_a_key_that_is_gone_bind_no_longer_although_the_descriptor_stays() -> None:
    """The descriptor's key is good, the one that signed the secrets was stolen: its version is forgotten, alone."""
    stolen = key("stolen manifest")
    keys = (*ISSUER.records(), record(stolen, "manifest", ["*"]))
    fresh = TrustedSet(ISSUER.root_thumbprint)
    fresh.update_trust(ISSUER.trust(keys=keys))
    fresh.update_descriptor(SPRING, ISSUER.descriptor(), NOW_S)
    high = Issuer(manifest_key=stolen).secrets(version=2**40)
    fresh.update_secrets(SPRING, "g2", high, seal_key("g2"), NOW_S)
    assert fresh.events[SPRING].secrets_version == 2**40
    fresh.update_trust(ISSUER.trust(2))
    assert fresh.events[SPRING].secrets_version == 0
    assert fresh.update_secrets(SPRING, "g2", ISSUER.secrets(), seal_key("g2"), NOW_S)


def test_a_page_whose_descriptor_is_signed_nonsense_is_of_a_wrong_form() -> None:
    nonsense = ISSUER.signed(b"\xa0", Aad.MANIFEST)
    made = Page(rows=(ISSUER.change(101),), next=101, more=False, descriptor=nonsense)
    with pytest.raises(TrustError) as caught:
        trusted().check_page(SPRING, made, 100, ISSUER.chain(), NOW_S)
    assert caught.value.code == "form"


def test_a_payload_may_be_as_long_as_its_limit() -> None:
    table, payload = KeyTable(ISSUER.trust_file()), bytes(100)
    opened, _ = table.open(ISSUER.signed(payload, Aad.MANIFEST), Aad.MANIFEST, SPRING, NOW_S, len(payload))
    assert opened == payload
