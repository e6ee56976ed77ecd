"""TrustedSet: every refusal has its own word, and leaves the state as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cbor2
import pytest

from gate.errors import TrustAlarm, TrustError
from gate.verify.trust import TrustedSet
from gate.wire import cbor, trust
from gate.wire.manifest import Page
from gate.wire.sign1 import Aad, public_bytes, sign
from tests.fakes.issuer import AUTUMN, DAY_S, NOW_S, POLICY, SPRING, key, seal_key
from tests.verify.trusted import ISSUER, full, state


def apply_page(trusted: TrustedSet, page: Page, cursor: int = 100, chain: bytes | None = None) -> None:
    trusted.check_page(SPRING, page, cursor, chain if chain is not None else ISSUER.chain(), NOW_S)


def descriptor(data: bytes, now_s: int = NOW_S) -> Callable[[TrustedSet], object]:
    return lambda trusted: trusted.update_descriptor(SPRING, data, now_s)


def policy(data: bytes, **changes: Any) -> Callable[[TrustedSet], object]:
    """An object that the descriptor in force names by its hash."""

    def update(trusted: TrustedSet) -> object:
        event = trusted.events[SPRING]
        digest = changes.get("digest", hashlib.sha256(data).digest())
        trusted._events[SPRING] = replace(event, descriptor=replace(event.descriptor, policy_sha256=digest))
        return trusted.update_policy(SPRING, data, NOW_S)

    return update


def secrets(data: bytes, device: str = "g2", private: str = "g2") -> Callable[[TrustedSet], object]:
    return lambda trusted: trusted.update_secrets(SPRING, device, data, seal_key(private), NOW_S)


def file(data: bytes) -> Callable[[TrustedSet], object]:
    return lambda trusted: trusted.update_trust(data)


def page(made: Page, cursor: int = 100, chain: bytes | None = None) -> Callable[[TrustedSet], object]:
    return lambda trusted: apply_page(trusted, made, cursor, chain)


NEW_ROOT = key("root 2")
ROWS = [ISSUER.change(101), ISSUER.change(102, product=13), ISSUER.change(103, state=5)]
PAGE = ISSUER.page(ROWS)
GOOD_D = ISSUER.descriptor_of(NOW_S + 1).payload()

REFUSALS: dict[str, tuple[str, Callable[[TrustedSet], object]]] = {
    # trust file
    "trust: garbage": ("form", file(b"garbage")),
    "trust: nothing": ("form", file(b"")),
    "trust: over size": ("form", file(bytes(trust.MAX_BYTES + 1))),
    "trust: cut short": ("form", file(ISSUER.trust(4)[:-1])),
    "trust: signed by nobody we know": ("signature", file(ISSUER.trust(4, [key("stranger")]))),
    "trust: signed by a manifest key": ("signature", file(ISSUER.trust(4, [ISSUER.manifest_key]))),
    "trust: new root, signed by the new one only": (
        "signature",
        file(ISSUER.trust(4, [NEW_ROOT], root=public_bytes(NEW_ROOT))),
    ),
    "trust: new root, signed by the old one only": (
        "signature",
        file(ISSUER.trust(4, [ISSUER.root], root=public_bytes(NEW_ROOT))),
    ),
    "trust: older": ("version", file(ISSUER.trust(2))),
    "trust: version 0": ("form", file(ISSUER.trust(0))),
    "trust: fork of this version": ("fork", file(ISSUER.trust(3, org="Other"))),
    "trust: fork, only a kid revoked": ("fork", file(ISSUER.trust(3, revoked_kids=frozenset({b"kid1"})))),
    "trust: two keys with one kid": ("form", file(ISSUER.trust(4, keys=ISSUER.records() * 2))),
    "trust: a descriptor instead": ("form", file(ISSUER.descriptor())),
    # descriptor
    "descriptor: garbage": ("form", descriptor(b"garbage")),
    "descriptor: over size": ("form", descriptor(bytes(5000))),
    "descriptor: signed by nobody we know": ("key", descriptor(ISSUER.signed(GOOD_D, Aad.MANIFEST, key("stranger")))),
    "descriptor: signed by a ticket key": (
        "key",
        descriptor(ISSUER.signed(GOOD_D, Aad.MANIFEST, ISSUER.ticket_keys[SPRING])),
    ),
    "descriptor: signed by a time key": ("key", descriptor(ISSUER.signed(GOOD_D, Aad.MANIFEST, ISSUER.time_key))),
    "descriptor: signed by the root": ("key", descriptor(ISSUER.signed(GOOD_D, Aad.MANIFEST, ISSUER.root))),
    "descriptor: key not valid yet": ("key", descriptor(ISSUER.descriptor(NOW_S + 1), NOW_S - 31 * DAY_S)),
    "descriptor: key expired": ("key", descriptor(ISSUER.descriptor(NOW_S + 1), NOW_S + 31 * DAY_S)),
    "descriptor: signed as a policy": ("signature", descriptor(ISSUER.signed(GOOD_D, Aad.POLICY))),
    "descriptor: signature altered": ("signature", descriptor(ISSUER.descriptor(NOW_S + 1)[:-1] + b"\x00")),
    "descriptor: of another event": ("event", descriptor(ISSUER.descriptor(NOW_S + 1, event=AUTUMN))),
    "descriptor: lower seq": ("seq", descriptor(ISSUER.descriptor(NOW_S - 1))),
    "descriptor: fork of this seq": ("fork", descriptor(ISSUER.descriptor(checkins=9))),
    "descriptor: not CBOR": ("form", descriptor(ISSUER.signed(b"\xff", Aad.MANIFEST))),
    "descriptor: unknown version": (
        "form",
        descriptor(ISSUER.signed(cbor.dumps(cbor.loads(GOOD_D) | {"v": 2}), Aad.MANIFEST)),
    ),
    "descriptor: detached": (
        "signature",
        descriptor(sign(ISSUER.manifest_key, GOOD_D, Aad.MANIFEST, detached=True).encode()),
    ),
    # policy
    "policy: not the named one": (
        "hash",
        lambda trusted: trusted.update_policy(SPRING, ISSUER.policy(tz="UTC"), NOW_S),
    ),
    "policy: of an event without descriptor": (
        "order",
        lambda trusted: trusted.update_policy(AUTUMN, ISSUER.policy(), NOW_S),
    ),
    # page of changes
    "page: a row left out": ("gap", page(replace(PAGE, rows=(ROWS[0], ROWS[2])))),
    "page: first row left out": ("gap", page(replace(PAGE, rows=tuple(ROWS[1:])))),
    "page: rows in another order": ("gap", page(replace(PAGE, rows=(ROWS[1], ROWS[0], ROWS[2])))),
    "page: a row twice": ("gap", page(replace(PAGE, rows=(ROWS[0], ROWS[0], *ROWS[1:])))),
    "page: a row altered": ("chain", page(replace(PAGE, rows=(ISSUER.change(101, product=99), *ROWS[1:])))),
    "page: last row left out": ("chain", page(replace(PAGE, rows=tuple(ROWS[:2])))),
    "page: a row more than signed": ("chain", page(replace(PAGE, rows=(*ROWS, ISSUER.change(104))))),
    "page: rows without their descriptor": ("chain", page(replace(PAGE, descriptor=ISSUER.descriptor(NOW_S + 1)))),
    "page: after another chain": ("chain", page(PAGE, chain=bytes(32))),
    "page: begins elsewhere": ("gap", page(PAGE, cursor=99)),
    "page: a row that is none": ("form", page(replace(PAGE, rows=(b"\x80",)))),
    "page: descriptor of a stranger": (
        "key",
        page(replace(PAGE, descriptor=ISSUER.signed(GOOD_D, Aad.MANIFEST, key("stranger")))),
    ),
    "page: older descriptor": ("seq", page(ISSUER.page(ROWS, seq=NOW_S - 1))),
    "page: fork of this seq": ("fork", page(ISSUER.page(ROWS, seq=NOW_S))),
    # secrets
    "secrets: of another device": ("device", secrets(ISSUER.secrets("g3", 3))),
    "secrets: of another event": (
        "event",
        secrets(ISSUER.secrets(version=3, event=AUTUMN)),
    ),
    "secrets: older": ("version", secrets(ISSUER.secrets(version=1))),
    "secrets: sealed to another key": ("form", secrets(ISSUER.secrets(version=3), private="g3")),
    "secrets: another device's box under our name": (
        "form",
        secrets(ISSUER.secrets("g2", 3, sealed_for="g3")),
    ),
    "secrets: signed by a stranger": (
        "key",
        secrets(ISSUER.signed(b"x", Aad.SECRETS, key("stranger"))),
    ),
    "secrets: signed as a manifest": ("signature", secrets(ISSUER.signed(b"x", Aad.MANIFEST))),
    "secrets: garbage": ("form", secrets(b"garbage")),
    "secrets: of an event without descriptor": (
        "order",
        lambda trusted: trusted.update_secrets(AUTUMN, "g2", ISSUER.secrets(), seal_key("g2"), NOW_S),
    ),
}


@pytest.mark.parametrize(("code", "update"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_has_its_word_and_changes_nothing(code: str, update: Callable[[TrustedSet], object]) -> None:
    trusted = full()
    before = state(trusted)
    with pytest.raises(TrustError) as caught:
        update(trusted)
    assert caught.value.code == code
    assert isinstance(caught.value, TrustAlarm) == (code == "fork")
    assert state(trusted) == before


BAD_POLICIES = {
    "of another event": ("event", ISSUER.policy(event=AUTUMN)),
    "signed as a manifest": ("signature", ISSUER.signed(cbor.dumps(POLICY), Aad.MANIFEST)),
    "signed by a ticket key": ("key", ISSUER.signed(cbor.dumps(POLICY), Aad.POLICY, ISSUER.ticket_keys[SPRING])),
    "not signed": ("form", cbor.dumps(POLICY)),
    "not a policy": ("form", ISSUER.signed(b"\xa0", Aad.POLICY)),
    "a list of products that is none": (
        "form",
        ISSUER.signed(cbor2.dumps(POLICY | {"lists": [{"id": "main", "zones": 1, "products": [None]}]}, canonical=True), Aad.POLICY),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("code", "data"), BAD_POLICIES.values(), ids=BAD_POLICIES)
def test_a_policy_is_refused_even_when_the_descriptor_names_it(code: str, data: bytes) -> None:
    trusted = full()
    with pytest.raises(TrustError) as caught:
        policy(data)(trusted)
    assert caught.value.code == code
    assert trusted.events[SPRING].policy == full().events[SPRING].policy


def test_no_bit_of_a_signed_object_may_change() -> None:
    """Spot checks over every byte; each object by its own way in."""
    for data, update in (
        (ISSUER.trust(4), file),
        (ISSUER.descriptor(NOW_S + 1), descriptor),
        (ISSUER.secrets(version=3), secrets),
    ):
        for at in range(len(data)):
            bad = data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]
            trusted = full_copy()
            with pytest.raises(TrustError):
                update(bad)(trusted)  # type: ignore[operator]
            assert state(trusted) == FULL_STATE


FULL = full()
FULL_STATE = state(FULL)


def full_copy() -> TrustedSet:
    return FULL.copy()
