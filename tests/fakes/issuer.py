"""An organiser in memory: root, keys, trust files, descriptors, policies, secrets, change pages and tickets, signed for real.

Everything comes from names and seeds, so a run is the same every time. `signed` and `ticket_of` sign anything at all, for
tests of what must be refused although its signature is good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gate.model import EventId, EventMode, TicketKey, TicketRow
from gate.verify.formats import gt1
from gate.verify.keyset import KeySet
from gate.verify.trust import TrustedSet
from gate.wire import manifest, secrets, trust
from gate.wire.policy import encode_policy
from gate.wire.sign1 import Aad, kid_of, public_bytes, sign, thumbprint

NOW_S = 1_798_000_000
"""The moment of most tests, Unix seconds."""
DAY_S = 86_400
SPRING, AUTUMN = EventId("spring"), EventId("autumn")
CTI = bytes(range(0x10, 0x1C))

POLICY: dict[str, Any] = {
    "v": 1,
    "event": SPRING,
    "name": {"en": "Spring"},
    "tz": "Asia/Taipei",
    "day_start": 0,
    "products": [
        {"n": 12, "kind": "admission", "flags": 0, "max_day": 0, "max_total": 0, "reentry": "none", "passback": "off"}
    ],
    "lists": [{"id": "main", "products": None, "zones": 0xFFFF}],
    "gates": [{"id": "g2", "short": "G2", "name": {}, "zones": 0xFFFF, "lists": ["main"], "direction": "both"}],
    "annul_max": 3,
}


def key(name: str) -> Ed25519PrivateKey:
    """The signing key of that name."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def seal_key(name: str) -> X25519PrivateKey:
    """The sealing key of the device of that name."""
    return X25519PrivateKey.from_private_bytes(hashlib.sha256(b"seal" + name.encode()).digest())


def record(
    signer: Ed25519PrivateKey,
    role: str,
    events: Sequence[str],
    *,
    nbf: int = NOW_S - 30 * DAY_S,
    exp: int = NOW_S + 30 * DAY_S,
) -> trust.KeyRecord:
    public = public_bytes(signer)
    scope = tuple(EventId(event) for event in events)
    return trust.KeyRecord(kid=kid_of(public), pub=public, role=role, events=scope, nbf=nbf, exp=exp)


@dataclass
class Issuer:
    """One organiser with the events spring and autumn. Each method's `changes` replace fields of a good object."""

    root: Ed25519PrivateKey = field(default_factory=lambda: key("root"))
    manifest_key: Ed25519PrivateKey = field(default_factory=lambda: key("manifest"))
    time_key: Ed25519PrivateKey = field(default_factory=lambda: key("time"))
    ticket_keys: dict[str, Ed25519PrivateKey] = field(
        default_factory=lambda: {event: key(f"ticket {event}") for event in (SPRING, AUTUMN)}
    )
    salt: bytes = bytes(range(0x40, 0x60))
    rotating: tuple[secrets.RotationKey, ...] = ()
    incarnation: bytes = bytes(range(1, 9))
    base_sha256: bytes = bytes(range(32))
    base_cursor: int = 100

    # ---- trust

    def records(self) -> tuple[trust.KeyRecord, ...]:
        tickets = (record(signer, "ticket", [event]) for event, signer in self.ticket_keys.items())
        return (*tickets, record(self.manifest_key, "manifest", ["*"]), record(self.time_key, "time", ["*"]))

    def trust_file(self, **changes: Any) -> trust.TrustFile:
        good = trust.TrustFile(
            org="Fair",
            version=1,
            issued=NOW_S * 1000,
            expires=(NOW_S + 365 * DAY_S) * 1000,
            root=public_bytes(self.root),
            keys=self.records(),
            events={SPRING: EventMode(), AUTUMN: EventMode()},
        )
        return replace(good, **changes)

    def trust(self, version: int = 1, roots: Sequence[Ed25519PrivateKey] | None = None, **changes: Any) -> bytes:
        """A signed trust file. `roots`: who signs; the present root when None."""
        return self.trust_file(version=version, **changes).sign([self.root] if roots is None else roots)

    @property
    def root_thumbprint(self) -> bytes:
        return thumbprint(public_bytes(self.root))

    def trusted(self) -> TrustedSet:
        """A set that knows the first trust file."""
        fresh = TrustedSet(self.root_thumbprint)
        fresh.update_trust(self.trust())
        return fresh

    def keyset(self, *served: EventId, **changes: Any) -> KeySet:
        fresh = TrustedSet(self.root_thumbprint)
        fresh.update_trust(self.trust(**changes))
        return fresh.keyset(served or (SPRING,), {event: self.rotating for event in served or (SPRING,)})

    # ---- objects of the manifest key

    def signed(self, payload: bytes, aad: Aad, signer: Ed25519PrivateKey | None = None) -> bytes:
        return sign(signer or self.manifest_key, payload, aad).encode()

    def chain(self, rows: Sequence[bytes] = ()) -> bytes:
        start = manifest.chain_start(self.incarnation, self.base_sha256, self.base_cursor)
        return manifest.chain_next(start, rows)

    def descriptor_of(self, seq: int = NOW_S, rows: Sequence[bytes] = (), **changes: Any) -> manifest.Descriptor:
        """`rows`: every change since the base."""
        policy = self.policy()
        base = manifest.BaseRef(
            sha256=self.base_sha256, size=4096, zst_sha256=bytes(32), zst_size=512, rows=0, cursor=self.base_cursor
        )
        good = manifest.Descriptor(
            event=SPRING,
            seq=seq,
            issued=NOW_S * 1000,
            incarnation=self.incarnation,
            base=base,
            cursor=self.base_cursor + len(rows),
            chain=self.chain(rows),
            policy_sha256=hashlib.sha256(policy).digest(),
            policy_size=len(policy),
            secrets=1,
            checkins=0,
        )
        return replace(good, **changes)

    def descriptor(self, seq: int = NOW_S, rows: Sequence[bytes] = (), **changes: Any) -> bytes:
        return self.signed(self.descriptor_of(seq, rows, **changes).payload(), Aad.MANIFEST)

    def policy(self, **changes: Any) -> bytes:
        return self.signed(encode_policy(POLICY | changes), Aad.POLICY)

    def change(self, cursor: int, **changes: Any) -> bytes:
        row = TicketRow(key=TicketKey(bytes(16)), product=12, zones=3)
        return manifest.encode_change(cursor, replace(row, **changes))

    def page(self, rows: Sequence[bytes], seq: int = NOW_S + 1, before: Sequence[bytes] = ()) -> manifest.Page:
        """A page of `rows` that follow `before`, with the descriptor of its last row."""
        return manifest.Page(
            rows=tuple(rows),
            next=self.base_cursor + len(before) + len(rows),
            more=False,
            descriptor=self.descriptor(seq, [*before, *rows]),
        )

    def secrets_plain(self) -> secrets.Secrets:
        return secrets.Secrets(salt=self.salt, rotating=self.rotating)

    def secrets(
        self, device: str = "g2", version: int = 1, event: EventId = SPRING, sealed_for: str | None = None
    ) -> bytes:
        """`sealed_for`: the device whose key and name the box has; None = the device itself."""
        owner = sealed_for or device
        box = secrets.seal(
            self.secrets_plain().encode(),
            seal_key(owner).public_key().public_bytes_raw(),
            secrets.secrets_aad(owner, event),
            seal_key(f"ephemeral {owner} {version}"),
        )
        sealed = secrets.SealedSecrets(event=event, version=version, device=device, box=box)
        return self.signed(sealed.payload(), Aad.SECRETS)

    # ---- tickets

    def ticket(self, event: EventId = SPRING, **changes: Any) -> str:
        claims = {"exp": NOW_S + DAY_S, "cti": CTI, "product": 12, "zones": 3} | changes
        return gt1.encode(self.ticket_keys[event], **claims)

    def ticket_of(self, payload: bytes, signer: Ed25519PrivateKey | None = None, aad: Aad = Aad.TICKET) -> str:
        """A text around any payload, with a good signature."""
        return gt1.to_text(sign(signer or self.ticket_keys[SPRING], payload, aad))
