"""A trusted set in the middle of its life, and all of it that a refusal must leave alone."""

from __future__ import annotations

from gate.verify.trust import TrustedSet
from gate.wire.sign1 import kid_of, public_bytes
from tests.fakes.issuer import AUTUMN, NOW_S, SPRING, Issuer, seal_key

ISSUER = Issuer()
MANIFEST_KID = kid_of(public_bytes(ISSUER.manifest_key))


def state(trusted: TrustedSet) -> tuple[object, ...]:
    """All that a refusal must leave alone."""
    keys = trusted.keyset((SPRING, AUTUMN))
    kids = [(record.kid, record.event, record.nbf, record.exp, record.revoked) for record in keys._by_kid.values()]
    return (trusted.trust, dict(trusted.events), kids, trusted.mode(SPRING), trusted.mode(AUTUMN))


def full() -> TrustedSet:
    """Trust file 3, descriptor, policy and secrets of version 2."""
    fresh = TrustedSet(ISSUER.root_thumbprint)
    fresh.update_trust(ISSUER.trust(3))
    fresh.update_descriptor(SPRING, ISSUER.descriptor(), NOW_S)
    fresh.update_policy(SPRING, ISSUER.policy(), NOW_S)
    fresh.update_secrets(SPRING, "g2", ISSUER.secrets(version=2), seal_key("g2"), NOW_S)
    return fresh
