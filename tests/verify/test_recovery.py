"""A stolen manifest key has driven the numbers to the sky: a new trust file without it, and nothing else, lets them fall."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gate.errors import TrustAlarm, TrustError
from gate.model import EventId
from gate.verify.trust import TrustedSet
from gate.wire.sign1 import Aad, kid_of, public_bytes
from tests.fakes.issuer import AUTUMN, NOW_S, SPRING, Issuer, key, record, seal_key

SKY = 2**62
THIEF, HONEST = key("manifest"), key("manifest 2")
STOLEN = kid_of(public_bytes(THIEF))
ISSUER = Issuer(manifest_key=THIEF)
"""Signs with the key that will be stolen; `GOOD` with the one that stays."""
GOOD = Issuer(manifest_key=HONEST)
BOTH = (*ISSUER.records(), record(HONEST, "manifest", ["*"]))
WITHOUT = tuple(item for item in BOTH if item.kid != STOLEN)
GONE = {
    "revoked": {"keys": BOTH, "revoked_kids": frozenset({STOLEN})},
    "dropped": {"keys": WITHOUT},
    "for another event only": {"keys": (*WITHOUT, record(THIEF, "manifest", [AUTUMN]))},
    "a time key now": {"keys": (*WITHOUT, record(THIEF, "time", ["*"]))},
}


def attacked() -> TrustedSet:
    trusted = TrustedSet(ISSUER.root_thumbprint)
    trusted.update_trust(ISSUER.trust(1, keys=BOTH))
    trusted.update_descriptor(SPRING, ISSUER.descriptor(SKY), NOW_S)
    trusted.update_policy(SPRING, ISSUER.policy(), NOW_S)
    trusted.update_secrets(SPRING, "g2", ISSUER.secrets(version=SKY), seal_key("g2"), NOW_S)
    return trusted


def code_of(update: object) -> str:
    try:
        update()  # type: ignore[operator]
    except TrustError as error:
        return error.code
    return "taken"


@pytest.mark.parametrize("changes", GONE.values(), ids=GONE)
def test_a_trust_file_without_the_key_lets_the_numbers_begin_again(changes: dict[str, object]) -> None:
    trusted = attacked()
    good = GOOD.descriptor()
    assert code_of(lambda: trusted.update_descriptor(SPRING, good, NOW_S)) == "seq"
    trusted.update_trust(ISSUER.trust(2, **changes))
    assert SPRING not in trusted.events
    assert trusted.update_descriptor(SPRING, good, NOW_S).seq == NOW_S
    assert trusted.events[SPRING].secrets_version == 0
    trusted.update_secrets(SPRING, "g2", GOOD.secrets(version=2), seal_key("g2"), NOW_S)
    assert trusted.events[SPRING].secrets_version == 2
    for seq in (SKY, SKY + 1):
        stolen = ISSUER.descriptor(seq)
        assert code_of(lambda data=stolen: trusted.update_descriptor(SPRING, data, NOW_S)) == "key"


OTHER_WAYS = {
    "the same file": ISSUER.trust(1, keys=BOTH),
    "a file that only revokes another key": ISSUER.trust(2, keys=BOTH, revoked_kids=frozenset({b"kid2"})),
    "a file that drops the other key": ISSUER.trust(2),
    "a file that ends the key's time": ISSUER.trust(
        2, keys=(*WITHOUT, replace(record(THIEF, "manifest", ["*"]), exp=NOW_S - 1))
    ),
    "a forged file": ISSUER.trust(2, [key("stranger")], **GONE["revoked"]),
    "an older file": ISSUER.trust(1, **GONE["revoked"]),
}


@pytest.mark.parametrize("data", OTHER_WAYS.values(), ids=OTHER_WAYS)
def test_no_other_input_does(data: bytes) -> None:
    trusted = attacked()
    code_of(lambda: trusted.update_trust(data))
    assert (trusted.events[SPRING].descriptor.seq, trusted.events[SPRING].secrets_version) == (SKY, SKY)
    assert code_of(lambda: trusted.update_descriptor(SPRING, GOOD.descriptor(), NOW_S)) in ("seq", "key")


def test_what_a_good_key_signed_stays() -> None:
    """Secrets and the other event came from the key that stays; only the stolen key's descriptor goes."""
    trusted = attacked()
    autumn = GOOD.signed(GOOD.descriptor_of(SKY, event=AUTUMN).payload(), Aad.MANIFEST)
    trusted.update_descriptor(AUTUMN, autumn, NOW_S)
    trusted.update_secrets(SPRING, "g2", GOOD.secrets(version=SKY + 5), seal_key("g2"), NOW_S)
    trusted.update_trust(ISSUER.trust(2, **GONE["revoked"]))
    assert set(trusted.events) == {AUTUMN}
    trusted.update_descriptor(SPRING, GOOD.descriptor(), NOW_S)
    assert trusted.events[SPRING].secrets_version == SKY + 5
    assert trusted.events[SPRING].policy is None


def test_a_policy_of_the_stolen_key_goes_alone() -> None:
    trusted = attacked()
    trusted.update_descriptor(SPRING, GOOD.descriptor(SKY + 1, policy_sha256=_hash_of_stolen_policy()), NOW_S)
    assert trusted.events[SPRING].policy is not None
    trusted.update_trust(ISSUER.trust(2, **GONE["revoked"]))
    assert trusted.events[SPRING].descriptor.seq == SKY + 1
    assert trusted.events[SPRING].policy is None
    assert code_of(lambda: trusted.update_policy(SPRING, ISSUER.policy(), NOW_S)) == "key"


def _hash_of_stolen_policy() -> bytes:
    return ISSUER.descriptor_of().policy_sha256


def test_a_new_file_that_keeps_the_keys_keeps_what_they_signed() -> None:
    trusted = attacked()
    before = dict(trusted.events)
    assert before[SPRING].policy is not None
    trusted.update_trust(ISSUER.trust(2, keys=BOTH))
    assert dict(trusted.events) == before


def test_disowned_is_a_key_that_is_gone_not_one_whose_time_is_over() -> None:
    trusted = attacked()
    stored = trusted.events[SPRING].signed
    assert not trusted.disowns(SPRING, stored)
    assert not trusted.disowns(SPRING, b"damaged")
    assert not TrustedSet(bytes(32)).disowns(SPRING, stored)
    trusted.update_trust(ISSUER.trust(2, keys=(*WITHOUT, replace(record(THIEF, "manifest", ["*"]), exp=NOW_S - 1))))
    assert not trusted.disowns(SPRING, stored)
    trusted.update_trust(ISSUER.trust(3, keys=WITHOUT))
    assert trusted.disowns(SPRING, stored)


def test_a_manifest_key_counts_from_its_first_to_its_last_second() -> None:
    keys = (*WITHOUT, record(THIEF, "manifest", ["*"], nbf=NOW_S - 5, exp=NOW_S + 5))
    for now_s, expected in ((-6, "key"), (-5, "taken"), (5, "taken"), (6, "key")):
        trusted = TrustedSet(ISSUER.root_thumbprint)
        trusted.update_trust(ISSUER.trust(1, keys=keys))
        data, at = ISSUER.descriptor(), NOW_S + now_s
        assert (
            code_of(lambda trusted=trusted, data=data, at=at: trusted.update_descriptor(SPRING, data, at)) == expected
        )


# ---- secrets


def other_secrets(version: int) -> bytes:
    """The same version with another salt."""
    return Issuer(manifest_key=THIEF, salt=bytes(32)).secrets(version=version)


def test_two_secrets_under_one_version_are_an_alarm() -> None:
    trusted = attacked()
    with pytest.raises(TrustAlarm):
        trusted.update_secrets(SPRING, "g2", other_secrets(SKY), seal_key("g2"), NOW_S)
    assert trusted.update_secrets(SPRING, "g2", other_secrets(SKY + 1), seal_key("g2"), NOW_S)


def test_secrets_older_than_the_descriptor_names_are_refused() -> None:
    trusted = ISSUER.trusted()
    trusted.update_descriptor(SPRING, ISSUER.descriptor(secrets=3), NOW_S)
    assert code_of(lambda: trusted.update_secrets(SPRING, "g2", ISSUER.secrets(), seal_key("g2"), NOW_S)) == "version"
    trusted.update_secrets(SPRING, "g2", ISSUER.secrets(version=3), seal_key("g2"), NOW_S)


# ---- any life of a set: each object by each key, in any order

DESCRIPTORS = {
    (who, seq): Issuer(manifest_key=signer).descriptor(NOW_S + seq)
    for who, signer in (("thief", THIEF), ("honest", HONEST))
    for seq in range(5)
}
SECRETS = {
    (who, version): Issuer(manifest_key=signer).secrets(version=version)
    for who, signer in (("thief", THIEF), ("honest", HONEST))
    for version in range(1, 4)
}
TRUSTS = {
    (version, name): ISSUER.trust(version, **changes)
    for version in range(1, 7)
    for name, changes in {"both": {"keys": BOTH}, "revoked": GONE["revoked"], "dropped": GONE["dropped"]}.items()
}


class Life(RuleBasedStateMachine):
    """What the set holds, beside the highest numbers seen since the last recovery."""

    def __init__(self) -> None:
        super().__init__()
        self.trusted = TrustedSet(ISSUER.root_thumbprint)
        self.version = self.seq = self.secrets = 0
        self.seq_by = self.secrets_by = ""

    @rule(name=st.sampled_from(["both", "revoked", "dropped"]), version=st.integers(1, 6))
    def trust(self, name: str, version: int) -> None:
        code = code_of(lambda: self.trusted.update_trust(TRUSTS[version, name]))
        assert code == "taken" or version <= self.version
        if code == "taken" and version > self.version:
            self.version = version
            if name != "both" and self.seq_by == "thief":
                self.seq, self.seq_by = 0, ""
            if name != "both" and self.secrets_by == "thief":
                self.secrets, self.secrets_by = 0, ""

    @rule(which=st.sampled_from(sorted(DESCRIPTORS)))
    def descriptor(self, which: tuple[str, int]) -> None:
        code = code_of(lambda: self.trusted.update_descriptor(SPRING, DESCRIPTORS[which], NOW_S))
        who, seq = which[0], NOW_S + which[1]
        if code == "taken":
            assert seq >= self.seq
            self.seq, self.seq_by = seq, who
        elif code in ("seq", "fork"):
            assert seq <= self.seq

    @rule(which=st.sampled_from(sorted(SECRETS)))
    def take_secrets(self, which: tuple[str, int]) -> None:
        data = SECRETS[which]
        code = code_of(lambda: self.trusted.update_secrets(SPRING, "g2", data, seal_key("g2"), NOW_S))
        if code == "taken":
            assert which[1] >= self.secrets
            self.secrets, self.secrets_by = which[1], which[0]
        elif code == "version":
            assert which[1] < self.secrets

    @invariant()
    def holds_what_it_should(self) -> None:
        event = self.trusted.events.get(EventId(SPRING))
        assert (self.trusted.trust.version if self.trusted.trust else 0) == self.version
        assert (event.descriptor.seq if event else 0) == self.seq
        if event is not None:
            assert event.secrets_version == self.secrets


Life.TestCase.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
TestAnyLife = Life.TestCase
