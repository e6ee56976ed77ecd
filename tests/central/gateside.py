"""What a gate does towards central, for tests: keys, signed requests, a chained journal. Nothing of `gate.sync` is used."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gate.central.service import Central
from gate.wire.enrol import EnrolmentCode, proof_bytes
from gate.wire.journal import Head, PushedRecord, Record, row_hash, stream_start, uuid7
from gate.wire.request import b64, sign_request
from tests.fakes.server import wait_for

with warnings.catch_warnings():
    # It would rather have another HTTP library; ours is httpx throughout.
    warnings.filterwarnings("ignore", message="Using `httpx` with")
    from starlette import testclient

TestClient = testclient.TestClient

BOOT = "4a7d1ed414474e4033ac29ccb8653d9b"
TICKET = "fb664cb82e71e799031413261624b581"
"""The first record of every journal is of this one, all others of tickets of their own."""
NOW_MS = 1_798_000_000_000


@dataclass
class Clock:
    """Unix ms that moves when it is told to."""

    ms: int = NOW_MS

    def __call__(self) -> int:
        return self.ms


@dataclass
class Random:
    """Bytes that look random and are the same in every run."""

    count: int = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return hashlib.shake_128(self.count.to_bytes(8, "big")).digest(size)


POLICY: dict[str, Any] = {
    "event": "spring",
    "name": {"en": "Spring"},
    "tz": "Asia/Jakarta",
    "products": [{"n": 1, "name": {"en": "Day"}}, {"n": 2, "name": {"en": "VIP"}, "flags": 2}],
    "lists": [{"id": "main"}],
    "gates": [
        {"id": "g1", "short": "G1", "lists": ["main"]},
        {"id": "g2", "short": "G2", "lists": ["main"]},
    ],
}


def make_event(central: Central, event: str = "spring") -> str:
    return central.create_event(POLICY | {"event": event})


@dataclass
class Journal:
    """One stream of a gate: records that chain."""

    gate: str
    event: str = "spring"
    epoch: str = "9f1c2b7a55d0e312"
    hashes: list[bytes] = field(default_factory=list)

    def add(self, kind: str = "admitted", **values: Any) -> dict[str, Any]:
        if not self.hashes:
            self.hashes.append(stream_start(bytes.fromhex(self.epoch), self.event))
        seq = len(self.hashes)
        at = NOW_MS + 1000 * seq
        fields: dict[str, Any] = {
            "event": self.event,
            "gate": self.gate,
            "epoch": self.epoch,
            "seq": seq,
            "id": uuid7(at, hashlib.sha256(f"{self.gate}{self.epoch}{seq}".encode()).digest()),
            "kind": kind,
            "list": "main",
            "dir": "entry",
            "ticket": TICKET if seq == 1 else hashlib.sha256(f"{self.gate}{self.epoch}{seq}".encode()).hexdigest()[:32],
            "product": 1,
            "reason": "ok",
            "at": at,
            "mono": 1000 * seq,
            "boot": BOOT,
            "clock": "synced",
            "error_ms": 40,
        }
        record = Record(**(fields | values))
        previous = self.hashes[-1]
        digest = row_hash(previous, record.encode())
        self.hashes.append(digest)
        return PushedRecord(record, previous, digest).to_json()

    def many(self, count: int) -> list[dict[str, Any]]:
        return [self.add() for _ in range(count)]

    def head(self, seq: int, key: Ed25519PrivateKey) -> str:
        head = Head(
            gate=self.gate,
            event=self.event,
            epoch=bytes.fromhex(self.epoch),
            seq=seq,
            hash=self.hashes[seq],
            at=NOW_MS,
        )
        return b64(head.sign(key))


def rehashed(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Another record for the same place, whose own hash is right."""
    body = {name: value for name, value in record.items() if name not in ("prev", "hash")} | changes
    previous = bytes.fromhex(record["prev"])
    changed = Record(**body)
    return PushedRecord(changed, previous, row_hash(previous, changed.encode())).to_json()


class Device:
    """A gate with keys of its own, that signs its requests."""

    def __init__(self, http: TestClient | httpx.Client, clock: Clock, name: str = "g1") -> None:
        self.http = http
        self.clock = clock
        self.name = name
        seed = hashlib.sha256(name.encode()).digest()
        self.key = Ed25519PrivateKey.from_private_bytes(seed)
        self.journal_key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest())
        self.seal_key = X25519PrivateKey.from_private_bytes(seed)
        self.random = Random(int.from_bytes(seed[:4], "big"))

    def enrol_body(self, code: EnrolmentCode) -> dict[str, Any]:
        return {
            "code": code.code.hex(),
            "device_pub": self.key.public_key().public_bytes_raw().hex(),
            "seal_pub": self.seal_key.public_key().public_bytes_raw().hex(),
            "journal_pub": self.journal_key.public_key().public_bytes_raw().hex(),
            "proof": b64(self.key.sign(proof_bytes(code.code))),
            "hardware": "test",
            "software": "0",
        }

    def enrol(self, code: EnrolmentCode) -> httpx.Response:
        return self.http.post("/v1/enrol", json=self.enrol_body(code))

    def headers(self, method: str, path: str, body: bytes = b"", **changes: Any) -> dict[str, str]:
        fresh: dict[str, Any] = {"device": self.name, "time_ms": self.clock(), "nonce": self.random(16).hex()}
        return sign_request(self.key, method, path, body=body, **(fresh | changes))

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.http.get(path, headers=self.headers("GET", path) | (headers or {}))

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.http.post(path, content=body, headers=self.headers("POST", path, body) | (headers or {}))

    def push(
        self, records: list[dict[str, Any]], event: str = "spring", heads: list[str] | None = None
    ) -> httpx.Response:
        body = {"records": records, "heads": heads or [], "mono": 1, "boot": BOOT}
        return self.post(f"/v1/events/{event}/checkins", json.dumps(body).encode())


def words(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [word for _, _, word in answer.json()["results"]]


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and error code, of an answer in the one error shape."""
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "detail"}
    return answer.status_code, error["code"]


def polled(central: Central, kind: str, event: str) -> None:
    """Returns when somebody's long poll waits at this server."""
    wait_for(lambda: central.hints._waiters.get((kind, event)), f"a long poll for {kind}")
