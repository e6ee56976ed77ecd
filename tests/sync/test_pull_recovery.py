"""A stolen manifest key has made numbers that nobody can reach: a new trust file lets the gate begin again, and only that."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gate.errors import TrustError
from gate.model import EventId
from gate.verify.trust import TrustedSet
from gate.wire import cbor
from gate.wire.manifest import Descriptor
from gate.wire.secrets import SealedSecrets, Secrets, parse_secrets, seal, secrets_aad
from gate.wire.sign1 import Aad, kid_of, public_bytes, sign, split
from gate.wire.trust import KeyRecord, open_envelope, parse_payload
from tests.fakes.server import EVENT
from tests.sync.conftest import Gate
from tests.sync.objects import answer, descriptor_of, page, signed

SKY = 2**62
SALT = bytes(range(32))


def recover(gate: Gate, honest: Ed25519PrivateKey, stolen: bytes) -> None:
    """The organiser's next trust file: the stolen key revoked, another in its place."""
    last = parse_payload(open_envelope(gate.store.trust_files()[-1][1])[0])
    old = next(item for item in last.keys if item.kid == stolen)
    public = public_bytes(honest)
    new = KeyRecord(kid=kid_of(public), pub=public, role=old.role, events=old.events, nbf=old.nbf, exp=old.exp)
    revoked = last.revoked_kids | {old.kid}
    file = replace(last, version=last.version + 1, keys=(*last.keys, new), revoked_kids=revoked)
    answer(gate, "/trust", cbor.dumps([file.sign([gate.live.central.keys.root()])]))
    assert gate.keeper.refresh(gate.client)


def publish(gate: Gate, honest: Ed25519PrivateKey, good: Descriptor) -> Descriptor:
    """The good manifest, signed anew with the other key."""
    policy = split(gate.folders.object(good.policy_sha256).read_bytes(), limit=10**6)
    policy_bytes = sign(honest, policy.payload or b"", Aad.POLICY).encode()
    aad = secrets_aad(gate.enrolment.device, EVENT)
    box = seal(Secrets(salt=SALT).encode(), gate.keys.seal_public, aad, X25519PrivateKey.generate())
    sealed = SealedSecrets(event=EventId(EVENT), version=1, device=gate.enrolment.device, box=box)
    descriptor = replace(good, policy_sha256=hashlib.sha256(policy_bytes).digest(), policy_size=len(policy_bytes))
    answer(gate, "/manifest$", sign(honest, descriptor.payload(), Aad.MANIFEST).encode())
    answer(gate, "/objects/", policy_bytes)
    answer(gate, "/secrets", sign(honest, sealed.payload(), Aad.SECRETS).encode())
    return descriptor


def at_the_sky(gate: Gate) -> tuple[Descriptor, bytes]:
    """The gate has taken a number out of reach. Returns: the good descriptor before it, and the stolen key's kid."""
    gate.puller.step(gate.client, 0)
    good = descriptor_of(gate)
    thiefs = signed(gate, replace(good, seq=SKY))
    answer(gate, "/changes", page(thiefs, after=good.cursor))
    assert gate.puller.step(gate.client, 0)
    assert descriptor_of(gate).seq == SKY
    gate.live.faults.clear()
    return good, split(thiefs, limit=8192).kid


@pytest.mark.parametrize("restarted", [False, True])
def test_a_new_trust_file_without_the_key_lets_the_gate_take_a_lower_number(
    gate: Gate, foreign_key: Ed25519PrivateKey, restarted: bool
) -> None:
    good, stolen = at_the_sky(gate)
    answer(gate, "/changes", page(signed(gate, good), after=good.cursor))
    with pytest.raises(TrustError, match="older"):
        gate.puller.step(gate.client, 0)
    gate.live.faults.clear()
    recover(gate, foreign_key, stolen)
    if restarted:
        with pytest.raises(TrustError, match="not trusted"):
            gate.new_puller()
        gate.puller._set = TrustedSet(gate.keeper.root)  # a new process, that could not load what is stored
    descriptor = publish(gate, foreign_key, good)
    assert gate.puller.step(gate.client, 0)
    assert descriptor_of(gate) == descriptor
    assert gate.puller.descriptor == descriptor
    # Secrets come anew as well: a number of the thief's must not keep the right ones out.
    assert parse_secrets(gate.folders.secrets_of(EVENT).read_bytes()).salt == SALT
    with pytest.raises(TrustError, match="not trusted"):
        answer_changes_with_stolen_key(gate, good)


def answer_changes_with_stolen_key(gate: Gate, good: Descriptor) -> None:
    gate.live.faults.clear()
    answer(gate, "/changes", page(signed(gate, replace(good, seq=SKY + 1)), after=good.cursor))
    gate.puller.step(gate.client, 0)


def test_while_the_key_is_trusted_no_lower_number_is_taken_after_a_restart(gate: Gate) -> None:
    good, _ = at_the_sky(gate)
    gate.close()
    gate.open()
    answer(gate, "/changes", b"", status=410)
    answer(gate, "/manifest$", signed(gate, good))
    with pytest.raises(TrustError, match="older"):
        gate.puller.step(gate.client, 0)
    assert descriptor_of(gate).seq == SKY
