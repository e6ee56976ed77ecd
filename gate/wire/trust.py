"""The trust file (contracts 2): keys, roles, modes, servers, signed by the offline root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.errors import FormatError
from gate.model import EventId, EventMode, Kid
from gate.wire import cbor
from gate.wire.sign1 import Aad, Sign1, kid_of, sign, split, take_bytes, thumbprint

MAX_BYTES = 256 * 1024
_SIGN1_LIMIT = 128
_SIGNATURES_MAX = 4
_ROOT_HEAD = b"\x64root\x58\x20"  # text "root", then a byte string of 32
_ROOTS_TRIED = 8
_ED25519 = -19
ROLES = ("ticket", "manifest", "time")
ANY_EVENT = EventId("*")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """`nbf` and `exp` in Unix seconds; `exp` = last moment at which what the key signed is accepted."""

    kid: Kid
    pub: bytes
    role: str
    events: tuple[EventId, ...]
    nbf: int
    exp: int

    def covers(self, event: str) -> bool:
        return event in self.events or ANY_EVENT in self.events


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    id: str
    role: str
    urls: tuple[str, ...]
    spki: bytes | None
    seal: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustFile:
    """`issued`, `expires`: Unix ms."""

    org: str
    version: int
    issued: int
    expires: int
    root: bytes
    keys: tuple[KeyRecord, ...]
    revoked_kids: frozenset[Kid] = frozenset()
    servers: tuple[Server, ...] = ()
    events: dict[EventId, EventMode] = field(default_factory=dict)

    def payload(self) -> bytes:
        return cbor.dumps(
            {
                "v": 1,
                "org": self.org,
                "version": self.version,
                "issued": self.issued,
                "expires": self.expires,
                "root": self.root,
                "keys": [
                    {
                        "kid": key.kid,
                        "pub": key.pub,
                        "alg": _ED25519,
                        "role": key.role,
                        "events": list(key.events),
                        "nbf": key.nbf,
                        "exp": key.exp,
                    }
                    for key in self.keys
                ],
                "revoked_kids": sorted(self.revoked_kids),
                "servers": [
                    {
                        "id": server.id,
                        "role": server.role,
                        "urls": list(server.urls),
                        "spki": server.spki,
                        "seal": server.seal,
                    }
                    for server in self.servers
                ],
                "events": {
                    event: {
                        "mode": mode.mode,
                        "warn_s": mode.warn_s,
                        "stale_s": mode.stale_s,
                        "stale": mode.stale,
                    }
                    for event, mode in self.events.items()
                },
            }
        )

    def sign(self, roots: Sequence[Ed25519PrivateKey]) -> bytes:
        """The whole file. `roots`: the present root, and at a change of root the old one and the new one."""
        payload = self.payload()
        signatures = [sign(root, payload, Aad.TRUST, detached=True).encode() for root in roots]
        return cbor.dumps([payload, signatures])


def open_envelope(data: bytes) -> tuple[bytes, list[Sign1]]:
    """The unsigned outside of a trust file: an array of the payload and its detached signatures, read by position.

    No decoder meets bytes whose signature was not checked: a list of two, a byte string, a list of byte strings, no more.

    Raises:
        FormatError: over size or another shape.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"trust file of {len(data)} bytes, at most {MAX_BYTES} are allowed")
    if data[:1] != b"\x82":
        raise FormatError("a trust file is [payload, signatures]")
    payload, at = take_bytes(data, 1)
    count = data[at] - 0x80 if at < len(data) else 0
    if not 1 <= count <= _SIGNATURES_MAX:
        raise FormatError("a trust file is [payload, signatures]")
    at += 1
    parsed = []
    for _ in range(count):
        item, at = take_bytes(data, at)
        parsed.append(split(item, limit=_SIGN1_LIMIT))
    if at != len(data):
        raise FormatError("a trust file is [payload, signatures]")
    return payload, parsed


def root_of_unsigned(payload: bytes, thumbprint_wanted: bytes) -> bytes | None:
    """The root key inside a payload that nobody has vouched for yet: found by its own thumbprint, without a decoder.

    What is found is only a key to check the signature with; the enrolment code has named it by its hash.

    Returns: the key (32 bytes); None when no `root` of the payload has that thumbprint.
    """
    at = -1
    for _ in range(_ROOTS_TRIED):
        at = payload.find(_ROOT_HEAD, at + 1)
        if at < 0:
            return None
        start = at + len(_ROOT_HEAD)
        root = payload[start : start + 32]
        if len(root) == 32 and thumbprint(root) == thumbprint_wanted:
            return root
    return None


def parse_payload(payload: bytes) -> TrustFile:
    """Read a payload whose signature was checked.

    Raises:
        FormatError: a field is wrong, or two records have one kid.
    """
    fields = cbor.Fields(cbor.loads(payload), "trust")
    fields.version()
    keys = tuple(_key(item) for item in fields.maps("keys"))
    if len({key.kid for key in keys}) != len(keys):
        raise FormatError("two key records have one kid")
    return TrustFile(
        org=fields.text("org", 200),
        version=fields.integer("version", 1),
        issued=fields.integer("issued"),
        expires=fields.integer("expires"),
        root=fields.octets("root", 32),
        keys=keys,
        revoked_kids=frozenset(_revoked(item) for item in fields.items("revoked_kids")),
        servers=tuple(_server(item) for item in fields.maps("servers")),
        events={EventId(event): _mode(mode, event) for event, mode in fields.named("events").items()},
    )


def _key(fields: cbor.Fields) -> KeyRecord:
    role = fields.one_of("role", ROLES)
    events = tuple(EventId(event) for event in fields.idents("events", ANY_EVENT))
    if fields.integer("alg", -100, 0) != _ED25519:
        raise FormatError("a key record has an algorithm other than Ed25519")
    if not events or (role == "ticket" and (len(events) != 1 or ANY_EVENT in events)):
        raise FormatError("a ticket key belongs to exactly one event")
    record = KeyRecord(
        kid=Kid(fields.octets("kid", 4)),
        pub=fields.octets("pub", 32),
        role=role,
        events=events,
        nbf=fields.integer("nbf"),
        exp=fields.integer("exp"),
    )
    if kid_of(record.pub) != record.kid:
        raise FormatError("a kid is not that of its key")
    return record


def _revoked(item: Any) -> Kid:
    if not isinstance(item, bytes) or len(item) != 4:
        raise FormatError("a revoked kid is 4 bytes")
    return Kid(item)


def _server(fields: cbor.Fields) -> Server:
    return Server(
        id=fields.ident("id"),
        role=fields.one_of("role", ("central", "hub")),
        urls=tuple(fields.strings("urls")),
        spki=fields.maybe_octets("spki", 32),
        seal=fields.octets("seal", 32),
    )


def _mode(value: Any, event: str) -> EventMode:
    fields = cbor.Fields(value, f"events.{event}")
    return EventMode(
        mode=fields.one_of("mode", ("allow_list", "signature")),
        warn_s=fields.integer("warn_s"),
        stale_s=fields.integer("stale_s"),
        stale=fields.one_of("stale", ("warn", "restrict", "refuse")),
    )
