"""No sequence of inputs, good, old, forged or mixed, lowers a version or leaves a half-changed state.

The one exception is on purpose: a new trust file that no longer has the key which signed an object (`test_recovery.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import TrustError
from gate.verify.trust import TrustedSet
from gate.wire.sign1 import Aad, public_bytes
from tests.fakes.issuer import DAY_S, NOW_S, SPRING, Issuer, key, seal_key
from tests.verify.trusted import MANIFEST_KID, state

ISSUER = Issuer()
SECOND_ROOT = key("root 2")
ROWS = [ISSUER.change(101 + n) for n in range(4)]


class Input(NamedTuple):
    name: str
    apply: Callable[[TrustedSet, int], object]


def trust_input(version: int, root: int, fork: bool, revoke: bool) -> Input:
    signers = ([ISSUER.root], [ISSUER.root, SECOND_ROOT], [SECOND_ROOT], [key("stranger")])[root]
    changes = {"root": public_bytes(SECOND_ROOT)} if root in (1, 2) else {}
    data = ISSUER.trust(
        version,
        signers,
        org="Fork" if fork else "Fair",
        revoked_kids=frozenset({MANIFEST_KID} if revoke else ()),
        **changes,
    )
    return Input(f"trust {version} root {root} {fork} {revoke}", lambda trusted, _now: trusted.update_trust(data))


def descriptor_input(seq: int, fork: bool, forged: bool) -> Input:
    payload = ISSUER.descriptor_of(NOW_S + seq, checkins=int(fork)).payload()
    data = ISSUER.signed(payload, Aad.MANIFEST, key("stranger") if forged else None)
    return Input(f"descriptor {seq} {fork} {forged}", lambda trusted, now: trusted.update_descriptor(SPRING, data, now))


def page_input(first: int, last: int, seq: int) -> Input:
    made = ISSUER.page(ROWS[first:last], NOW_S + seq, before=ROWS[:first])
    chain = ISSUER.chain(ROWS[:first])
    return Input(
        f"page {first}-{last} {seq}", lambda trusted, now: trusted.check_page(SPRING, made, 100 + first, chain, now)
    )


def secrets_input(version: int, other: bool) -> Input:
    data = ISSUER.secrets("g3" if other else "g2", version)
    return Input(
        f"secrets {version} {other}",
        lambda trusted, now: trusted.update_secrets(SPRING, "g2", data, seal_key("g2"), now),
    )


def policy_input(name: str) -> Input:
    data = ISSUER.policy(tz=name)
    return Input(f"policy {name}", lambda trusted, now: trusted.update_policy(SPRING, data, now))


def noise_input(data: bytes) -> Input:
    def everywhere(trusted: TrustedSet, now: int) -> None:
        refused = 0
        for update in (
            lambda: trusted.update_trust(data),
            lambda: trusted.update_descriptor(SPRING, data, now),
            lambda: trusted.update_secrets(SPRING, "g2", data, seal_key("g2"), now),
        ):
            try:
                update()
            except TrustError:
                refused += 1
        assert refused == 3

    return Input(f"noise {data.hex()}", everywhere)


small = st.integers(1, 4)
inputs = st.one_of(
    st.builds(trust_input, small, st.integers(0, 3), st.booleans(), st.booleans()),
    st.builds(descriptor_input, st.integers(0, 5), st.booleans(), st.booleans()),
    st.builds(lambda a, b, seq: page_input(min(a, b), max(a, b), seq), st.integers(0, 4), st.integers(0, 4), small),
    st.builds(secrets_input, small, st.booleans()),
    st.builds(policy_input, st.sampled_from(["Asia/Taipei", "UTC"])),
    st.builds(noise_input, st.binary(max_size=40)),
)
moments = st.sampled_from([NOW_S, NOW_S, NOW_S, NOW_S - 31 * DAY_S, NOW_S + 31 * DAY_S])


def versions(trusted: TrustedSet) -> tuple[int, int, int]:
    event = trusted.events.get(SPRING)
    return (
        trusted.trust.version if trusted.trust else 0,
        event.descriptor.seq if event else 0,
        event.secrets_version if event else 0,
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(inputs, moments), max_size=25))
def test_no_sequence_of_inputs_lowers_a_version(steps: list[tuple[Input, int]]) -> None:
    trusted = TrustedSet(ISSUER.root_thumbprint)
    for step, now_s in steps:
        before, state_before = versions(trusted), state(trusted)
        try:
            step.apply(trusted, now_s)
        except TrustError:
            assert state(trusted) == state_before, step.name
        after = versions(trusted)
        recovered = after[0] > before[0] and trusted.trust is not None and MANIFEST_KID in trusted.trust.revoked_kids
        if recovered:
            assert after[1:] == (0, 0), step.name
        else:
            assert all(new >= old for old, new in zip(before, after, strict=True)), step.name
        event = trusted.events.get(SPRING)
        if event is not None and event.policy is not None:
            assert event.policy.tz == "Asia/Taipei"  # the only one that a descriptor names


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(inputs, st.just(NOW_S)), max_size=25))
def test_inputs_after_a_restart_from_what_was_kept_give_the_same_state(steps: list[tuple[Input, int]]) -> None:
    """A copy (as a lane has that loads what sync has stored) takes and refuses the same from then on."""
    trusted = TrustedSet(ISSUER.root_thumbprint)
    half = len(steps) // 2
    for step, now_s in steps[:half]:
        quietly(step, trusted, now_s)
    other = trusted.copy()
    for step, now_s in steps[half:]:
        assert quietly(step, trusted, now_s) == quietly(step, other, now_s)
    assert state(trusted) == state(other)


def quietly(step: Input, trusted: TrustedSet, now_s: int) -> str:
    try:
        step.apply(trusted, now_s)
    except TrustError as error:
        return error.code
    return "taken"
