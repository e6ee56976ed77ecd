"""One journal row as bytes, its hash chain, signed heads, and the same record on its way to a server (contracts 4, 5)."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.errors import FormatError
from gate.wire import cbor
from gate.wire.sign1 import Aad, Sign1, sign, split

EPOCH_BYTES = 8
_EPOCH = re.compile(r"[0-9a-f]{16}")
_HASH = re.compile(r"[0-9a-f]{128}")
# Two of them.
KINDS = (
    "admitted", "refused", "passed", "annulled", "tailgated", "exit", "override", "case", "shift", "reconciled",
    "config", "clock", "boot", "tamper", "emergency", "mode", "look",
)  # fmt: skip
FEED_KINDS = ("admitted", "override", "exit", "annulled", "reconciled", "clock")
"""Kinds that other gates need to count uses: what the feed of check-ins carries."""
PUSH_RECORDS_MAX = 1000
PUSH_BYTES_MAX = 1024 * 1024
DEVICE_STREAM = ""
DEVICE_STREAM_PATH = "-"
"""How the empty event name of the device's own stream is written in a URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The body of a row. Field names are the wire names; bytes are hex text, so JSON and CBOR carry the same record."""

    v: int = 1
    event: str
    gate: str
    epoch: str
    seq: int
    id: str
    kind: str
    list: str | None = None
    dir: str | None = None
    ticket: str | None = None
    product: int | None = None
    count: int = 1
    reason: str | None = None
    detail: str | None = None
    rule: str | None = None
    ref: str | None = None
    actor: str | None = None
    input: str | None = None
    at: int
    mono: int
    boot: str
    clock: str
    error_ms: int | None = None
    facts: str | None = None
    data: Any = None

    def body(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _NAMES}

    def encode(self) -> bytes:
        """Raises: FormatError when a text or `data` has no CBOR form."""
        if self.data is not None:
            return cbor.dumps(self.body())
        # Scalars only: written in the order of the deterministic form, the encoder need not sort. A third of the time.
        return cbor.dumps_ordered({name: getattr(self, name) for name in _CANONICAL})

    @property
    def own_ref(self) -> str:
        return ref_of(self.gate, self.epoch, self.seq)


def ref_of(gate: str, epoch: str | bytes, seq: int) -> str:
    """How rows speak of a row (contracts 4): gate, epoch in hex, number."""
    return f"{gate}/{epoch.hex() if isinstance(epoch, bytes) else epoch}/{seq}"


_NAMES = tuple(item.name for item in fields(Record))
_CANONICAL = tuple(sorted(_NAMES, key=lambda name: (len(name), name)))
_INTEGERS = ("v", "seq", "count", "at", "mono")
_TEXTS = ("event", "gate", "epoch", "id", "kind", "boot", "clock")
_MAYBE_INTEGERS = ("product", "error_ms")
_TEXT_MAX, _MAYBE_TEXT_MAX = 200, 2000
_MAYBE_TEXTS = ("list", "dir", "ticket", "reason", "detail", "rule", "ref", "actor", "input", "facts")


def record_from_body(body: Mapping[str, Any]) -> Record:
    """Read a body from CBOR or JSON. Fields of a newer writer are ignored.

    Raises:
        FormatError: a field is missing or has another type, or `v` is unknown.
    """
    return Record(**_checked(body))


def _checked(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a sound record, in the order of their deterministic encoding. Raises: FormatError."""
    try:
        values = {name: body[name] for name in _CANONICAL}
    except (KeyError, TypeError) as error:
        cbor.Fields(body, "record")  # a map
        raise FormatError(f"record.{error.args[0]} is missing") from error
    if not _well_typed(values):
        _explain(values)
    if values["v"] != 1:
        raise FormatError("record has an unknown version")
    if values["kind"] not in KINDS:
        raise FormatError(f"record.kind {values['kind']!r} is unknown")
    if not _EPOCH.fullmatch(values["epoch"]) or values["seq"] < 1 or values["count"] < 1:
        raise FormatError("record.epoch, seq or count is out of range")
    return values


_INTEGER_MAX = 2**63 - 1


def _well_typed(values: dict[str, Any]) -> bool:
    """One pass over a good record: a server reads thousands a second. What is wrong with a bad one, `_explain` says."""
    for name in _INTEGERS:
        value = values[name]
        if type(value) is not int or not 0 <= value <= _INTEGER_MAX:
            return False
    for name in _TEXTS:
        value = values[name]
        if type(value) is not str or len(value) > _TEXT_MAX:
            return False
    for name in _MAYBE_TEXTS:
        value = values[name]
        if value is not None and (type(value) is not str or len(value) > _MAYBE_TEXT_MAX):
            return False
    for name in _MAYBE_INTEGERS:
        value = values[name]
        if value is not None and (type(value) is not int or not 0 <= value <= _INTEGER_MAX):
            return False
    return True


def _explain(values: dict[str, Any]) -> NoReturn:
    reader = cbor.Fields(values, "record")
    for name in _INTEGERS:
        reader.integer(name)
    for name in _TEXTS:
        reader.text(name, _TEXT_MAX)
    for name in _MAYBE_TEXTS:
        reader.maybe_text(name)
    for name in _MAYBE_INTEGERS:
        reader.maybe_integer(name)
    raise FormatError("record has a field of another type")


def decode_record(data: bytes) -> Record:
    """Raises: FormatError."""
    return record_from_body(cbor.loads(data))


def stream_start(epoch: bytes, event: str) -> bytes:
    """The hash before seq 1 of a stream."""
    return hashlib.sha256(b"gate/journal/v1" + epoch + event.encode()).digest()


def row_hash(previous: bytes, body: bytes) -> bytes:
    return hashlib.sha256(previous + body).digest()


def uuid7(at_ms: int, random: bytes) -> str:
    """RFC 9562 UUIDv7 of a time and 10 random bytes."""
    value = bytearray(at_ms.to_bytes(6, "big") + random[:10])
    value[6] = 0x70 | value[6] & 0x0F
    value[8] = 0x80 | value[8] & 0x3F
    return str(uuid.UUID(bytes=bytes(value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A signed statement of how far a stream goes; with it a cut tail or a second history is provable."""

    gate: str
    event: str
    epoch: bytes
    seq: int
    hash: bytes
    at: int

    def sign(self, key: Ed25519PrivateKey) -> bytes:
        payload = cbor.dumps_ordered(
            {
                "v": 1,
                "at": self.at,
                "seq": self.seq,
                "gate": self.gate,
                "hash": self.hash.hex(),
                "epoch": self.epoch.hex(),
                "event": self.event,
            }
        )
        return sign(key, payload, Aad.HEAD).encode()


def read_head(data: bytes, public: bytes) -> Head:
    """Raises: FormatError, TrustError."""
    signed: Sign1 = split(data, limit=1024)
    head = cbor.Fields(cbor.loads(signed.verify(public, Aad.HEAD)), "head")
    head.version()
    try:
        epoch, digest = bytes.fromhex(head.text("epoch", 16)), bytes.fromhex(head.text("hash", 64))
    except ValueError as error:
        raise FormatError("head.epoch or head.hash is not hex") from error
    return Head(
        gate=head.text("gate", 40),
        event=head.text("event", 40),
        epoch=epoch,
        seq=head.integer("seq", 1),
        hash=digest,
        at=head.integer("at"),
    )


@dataclass(frozen=True, slots=True)
class PushedRecord:
    """A record with its place in the chain, as pushed."""

    record: Record
    prev: bytes
    hash: bytes

    def to_json(self) -> dict[str, Any]:
        return self.record.body() | {"prev": self.prev.hex(), "hash": self.hash.hex()}


def pushed_from_json(item: Any) -> PushedRecord:
    """Read one pushed record and check its hash by encoding the body again.

    Raises:
        FormatError: malformed, or the hash is not that of the body.
    """
    return pushed_and_body(item)[0]


def pushed_and_body(item: Any) -> tuple[PushedRecord, bytes]:
    """As `pushed_from_json`, with the encoded body that was hashed. Raises: FormatError."""
    values = _checked(item)
    previous, digest = item.get("prev"), item.get("hash")
    if type(previous) is not str or type(digest) is not str or not _HASH.fullmatch(previous + digest):
        raise FormatError("record.prev or record.hash is not 32 bytes in lower-case hex")
    if values["data"] is None:
        body = cbor.dumps_ordered(values)
    else:
        body = cbor.dumps(values)
        cbor.loads(body)  # JSON can carry what no body has (a fraction, a huge number): it could never be read again
    before, own = bytes.fromhex(previous), bytes.fromhex(digest)
    if row_hash(before, body) != own:
        raise FormatError("record.hash is not that of its body")
    return PushedRecord(Record(**values), before, own), body
