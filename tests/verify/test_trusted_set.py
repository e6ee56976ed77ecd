"""TrustedSet: what it takes, in which order, from whom; its refusals are in `test_trusted_refusals.py`."""

from __future__ import annotations

import cbor2
import pytest

from gate.errors import TrustError
from gate.model import EventMode
from gate.verify.trust import TrustedSet
from gate.wire import cbor
from gate.wire.sign1 import Aad, kid_of, public_bytes, sign
from tests.fakes.issuer import AUTUMN, DAY_S, NOW_S, SPRING, Issuer, key, record, seal_key
from tests.verify.trusted import ISSUER, MANIFEST_KID, full, state

# ---- what is taken


def test_from_the_enrolled_thumbprint_to_everything_in_force() -> None:
    trusted = full()
    assert trusted.trust is not None
    assert trusted.trust.version == 3
    event = trusted.events[SPRING]
    assert (event.descriptor.seq, event.secrets_version) == (NOW_S, 2)
    assert event.policy is not None
    assert event.policy.event == SPRING
    assert trusted.keyset([SPRING]).find(kid_of(public_bytes(ISSUER.ticket_keys[SPRING]))) is not None


def test_only_ticket_keys_are_ticket_keys() -> None:
    assert len(full().keyset([SPRING])) == 2


def test_secrets_open_to_what_was_sealed() -> None:
    trusted = full()
    plain = trusted.update_secrets(SPRING, "g2", ISSUER.secrets(version=3), seal_key("g2"), NOW_S)
    assert plain == ISSUER.secrets_plain().encode()


def test_the_same_objects_again_change_nothing_and_are_no_alarm() -> None:
    trusted = full()
    before = state(trusted)
    trusted.update_trust(ISSUER.trust(3))
    trusted.update_descriptor(SPRING, ISSUER.descriptor(), NOW_S)
    trusted.update_policy(SPRING, ISSUER.policy(), NOW_S)
    trusted.update_secrets(SPRING, "g2", ISSUER.secrets(version=2), seal_key("g2"), NOW_S)
    assert state(trusted) == before


def newer_writers_file(version: int) -> bytes:
    """A trust file with fields that this version does not know, and kids in another order."""
    payload = cbor.loads(ISSUER.trust_file(version=version).payload())
    payload |= {"newer": {"a": 1}, "revoked_kids": [b"kid2", b"kid1"]}
    data = cbor2.dumps(payload, canonical=True)
    return cbor2.dumps([data, [sign(ISSUER.root, data, Aad.TRUST, detached=True).encode()]], canonical=True)


def test_a_newer_writers_file_is_taken_and_taken_again() -> None:
    """What we do not read is not lost from what we compare: the same file is never a fork of itself."""
    trusted = full()
    for _ in range(2):
        assert trusted.update_trust(newer_writers_file(4)).version == 4


def test_a_trust_file_may_be_signed_by_others_besides() -> None:
    assert full().update_trust(ISSUER.trust(4, [key("stranger"), ISSUER.root])).version == 4


def test_versions_may_jump() -> None:
    assert full().update_trust(ISSUER.trust(900)).version == 900


def test_a_new_descriptor_keeps_the_policy_it_still_names_and_drops_another() -> None:
    trusted = full()
    trusted.update_descriptor(SPRING, ISSUER.descriptor(NOW_S + 1), NOW_S)
    assert trusted.events[SPRING].policy is not None
    trusted.update_descriptor(SPRING, ISSUER.descriptor(NOW_S + 2, policy_sha256=bytes(32)), NOW_S)
    assert trusted.events[SPRING].policy is None
    assert trusted.events[SPRING].secrets_version == 2


def test_age_is_no_reason_to_refuse() -> None:
    """An old but authentic manifest comes from a memory stick; how old it is, the decision judges."""
    trusted = TrustedSet(ISSUER.root_thumbprint)
    trusted.update_trust(ISSUER.trust(expires=0))
    old = ISSUER.descriptor(5, issued=(NOW_S - 300 * DAY_S) * 1000)
    assert trusted.update_descriptor(SPRING, old, NOW_S).seq == 5


def test_an_event_without_a_mode_gets_the_strict_one() -> None:
    assert ISSUER.trusted().mode(SPRING) == EventMode(mode="allow_list")
    assert TrustedSet(bytes(32)).mode(SPRING).mode == "allow_list"


# ---- the root


def test_a_new_root_takes_over_when_old_and_new_have_signed() -> None:
    trusted, new = full(), key("root 2")
    trusted.update_trust(ISSUER.trust(4, [ISSUER.root, new], root=public_bytes(new)))
    assert trusted.trust is not None
    assert trusted.trust.root == public_bytes(new)
    trusted.update_trust(ISSUER.trust(5, [new], root=public_bytes(new)))
    with pytest.raises(TrustError) as caught:
        trusted.update_trust(ISSUER.trust(6))
    assert caught.value.code == "signature"
    assert trusted.trust.version == 5


def test_a_gate_behind_several_roots_takes_the_files_in_order_and_not_out_of_it() -> None:
    second, third = key("root 2"), key("root 3")
    four = ISSUER.trust(4, [ISSUER.root, second], root=public_bytes(second))
    five = ISSUER.trust(5, [second, third], root=public_bytes(third))
    trusted = full()
    with pytest.raises(TrustError):
        trusted.update_trust(five)
    trusted.update_trust(four)
    trusted.update_trust(five)
    assert trusted.trust is not None
    assert trusted.trust.root == public_bytes(third)


ROWS = [ISSUER.change(101), ISSUER.change(102, product=13), ISSUER.change(103, state=5)]
PAGE = ISSUER.page(ROWS)
GOOD_D = ISSUER.descriptor_of(NOW_S + 1).payload()
OTHER_MANIFEST = key("manifest 2")


# ---- the first file, and nothing before it


def test_nothing_is_taken_before_the_first_trust_file() -> None:
    trusted = TrustedSet(ISSUER.root_thumbprint)
    with pytest.raises(TrustError) as caught:
        trusted.update_descriptor(SPRING, ISSUER.descriptor(), NOW_S)
    assert caught.value.code == "key"
    assert len(trusted.keyset([SPRING])) == 0


def test_the_first_file_must_be_of_the_enrolled_root() -> None:
    stranger = Issuer(root=key("stranger"))
    for data, code in (
        (stranger.trust(), "root"),
        (ISSUER.trust(1, [stranger.root]), "signature"),
        (ISSUER.trust(1, [ISSUER.root], root=public_bytes(stranger.root)), "root"),
        (b"", "form"),
    ):
        trusted = TrustedSet(ISSUER.root_thumbprint)
        with pytest.raises(TrustError) as caught:
            trusted.update_trust(data)
        assert caught.value.code == code
        assert trusted.trust is None


# ---- keys


def test_a_revoked_manifest_key_signs_nothing_more() -> None:
    trusted = full()
    trusted.update_trust(ISSUER.trust(4, revoked_kids=frozenset({MANIFEST_KID})))
    with pytest.raises(TrustError) as caught:
        trusted.update_descriptor(SPRING, ISSUER.descriptor(NOW_S + 1), NOW_S)
    assert caught.value.code == "key"


def test_a_key_left_out_of_a_newer_file_signs_nothing_more() -> None:
    trusted = full()
    trusted.update_trust(ISSUER.trust(4, keys=tuple(r for r in ISSUER.records() if r.kid != MANIFEST_KID)))
    with pytest.raises(TrustError) as caught:
        trusted.update_descriptor(SPRING, ISSUER.descriptor(NOW_S + 1), NOW_S)
    assert caught.value.code == "key"


def test_a_manifest_key_of_one_event_does_not_sign_for_another() -> None:
    scoped = (record(OTHER_MANIFEST, "manifest", [AUTUMN]), *ISSUER.records())
    trusted = TrustedSet(ISSUER.root_thumbprint)
    trusted.update_trust(ISSUER.trust(keys=scoped))
    with pytest.raises(TrustError) as caught:
        trusted.update_descriptor(SPRING, ISSUER.signed(GOOD_D, Aad.MANIFEST, OTHER_MANIFEST), NOW_S)
    assert caught.value.code == "key"
    autumn = ISSUER.descriptor_of(event=AUTUMN).payload()
    assert trusted.update_descriptor(AUTUMN, ISSUER.signed(autumn, Aad.MANIFEST, OTHER_MANIFEST), NOW_S)


def test_a_page_is_applied_with_its_descriptor_and_not_before() -> None:
    trusted = full()
    rows, chain = trusted.check_page(SPRING, PAGE, 100, ISSUER.chain(), NOW_S)
    assert [number for number, _ in rows] == [101, 102, 103]
    assert rows[2][1].state == 5
    assert chain == ISSUER.chain(ROWS) == trusted.events[SPRING].descriptor.chain
    more = [ISSUER.change(104)]
    _, chain = trusted.check_page(SPRING, ISSUER.page(more, NOW_S + 2, before=ROWS), 103, chain, NOW_S)
    assert chain == ISSUER.chain([*ROWS, *more])


def test_an_empty_page_only_freshens() -> None:
    trusted = full()
    rows, chain = trusted.check_page(SPRING, ISSUER.page([]), 100, ISSUER.chain(), NOW_S)
    assert (rows, chain, trusted.events[SPRING].descriptor.seq) == ([], ISSUER.chain(), NOW_S + 1)


def test_a_copy_goes_its_own_way() -> None:
    trusted = full()
    other = trusted.copy()
    assert state(other) == state(trusted)
    other.update_trust(ISSUER.trust(4))
    other.update_descriptor(SPRING, ISSUER.descriptor(NOW_S + 1), NOW_S)
    assert state(trusted) == state(full())
