"""Gates for the server's benches: enrolled devices, journals with chains and signed heads, requests as ready bytes.

Built beforehand, so that a bench measures the server; a client of raw sockets, so that it takes little of the machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert

from gate.central import schema
from gate.central.service import Central
from gate.wire.journal import Head, PushedRecord, Record, row_hash, stream_start, uuid7
from gate.wire.request import b64, sign_request

EVENT = "bench"
PATH = f"/v1/events/{EVENT}/checkins"
POLICY: dict[str, Any] = {
    "event": EVENT,
    "name": {"en": "Bench"},
    "tz": "Asia/Jakarta",
    "products": [{"n": 1}],
    "lists": [{"id": "main"}],
    "gates": [{"id": "g0", "short": "G", "lists": ["main"]}],
}


@dataclass
class Gate:
    """A device with one stream. `requests`: (headers of the request line and the like, body), ready to send."""

    name: str
    key: Ed25519PrivateKey
    journal: Ed25519PrivateKey
    bodies: list[bytes] = field(default_factory=list)
    seq: int = 0

    def request(self, number: int, host: str, now_ms: int) -> bytes:
        """A signed request with the body of that number, for one sending."""
        body = self.bodies[number]
        headers = sign_request(
            self.key, "POST", PATH, device=self.name, time_ms=now_ms, nonce=os.urandom(16).hex(), body=body
        )
        lines = [f"POST {PATH} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def make_gates(count: int, pushes: int, batch: int, now_ms: int) -> list[Gate]:
    """Gates whose bodies hold `pushes` pushes of `batch` admissions each, of as many tickets."""
    return [_gate(number, pushes, batch, now_ms) for number in range(count)]


def _gate(number: int, pushes: int, batch: int, now_ms: int) -> Gate:
    name, seed = f"g{number}", hashlib.sha256(f"gate {number}".encode()).digest()
    gate = Gate(name, Ed25519PrivateKey.from_private_bytes(seed), Ed25519PrivateKey.from_private_bytes(seed[::-1]))
    epoch, boot = seed[:8].hex(), seed[:16].hex()
    previous = stream_start(bytes.fromhex(epoch), EVENT)
    for _ in range(pushes):
        records = []
        for _ in range(batch):
            gate.seq += 1
            unique = hashlib.sha256(seed + gate.seq.to_bytes(4, "big")).digest()
            at = now_ms - 1000 * pushes * batch + 1000 * gate.seq
            record = Record(
                event=EVENT, gate=name, epoch=epoch, seq=gate.seq, id=uuid7(at, unique), kind="admitted", list="main",
                dir="entry", ticket=unique[:16].hex(), product=1, reason="ok", detail="", rule="", input="cam0", at=at,
                mono=1000 * gate.seq, boot=boot, clock="synced", error_ms=40, facts=unique.hex(),
            )  # fmt: skip
            digest = row_hash(previous, record.encode())
            records.append(PushedRecord(record, previous, digest).to_json())
            previous = digest
        head = Head(gate=name, event=EVENT, epoch=bytes.fromhex(epoch), seq=gate.seq, hash=previous, at=now_ms)
        body = {"records": records, "heads": [b64(head.sign(gate.journal))], "mono": 1, "boot": boot}
        gate.bodies.append(json.dumps(body, separators=(",", ":")).encode())
    return gate


def make_server(state: Path, url: str | None, gates: list[Gate]) -> None:
    """A state folder with an event and its gates enrolled."""
    with Central.open(state, database_url=url) as central:
        central.create_event(POLICY)
        central.publish(EVENT)
        rows = [
            {
                "device": gate.name, "gate": gate.name, "short": f"X{index}", "profile": "gate", "enrolled": 1,
                "device_pub": gate.key.public_key().public_bytes_raw(), "seal_pub": bytes(32),
                "journal_pub": gate.journal.public_key().public_bytes_raw(),
            }
            for index, gate in enumerate(gates)
        ]  # fmt: skip
        links = [{"event_id": EVENT, "device": gate.name} for gate in gates]
        central.db.write(lambda connection: connection.execute(insert(schema.device), rows))
        central.db.write(lambda connection: connection.execute(insert(schema.device_event), links))


class Server:
    """A central server as a process of its own."""

    def __init__(self, state: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "gate.central",
            "serve",
            "--json",
            "--port",
            str(self.port),
            "--state",
            str(state),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.hello = json.loads(self.process.stdout.readline())
        self.host = f"127.0.0.1:{self.port}"
        self._cpu = self._clock()

    def _clock(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_s(self) -> float:
        """CPU seconds since it was ready."""
        return self._clock() - self._cpu

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    retry_after_s: float | None
    body: bytes


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """One answer of the server. Raises: OSError, EOFError."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    retry = headers.get("retry-after")
    return Answer(int(head[0].split()[1]), float(retry) if retry else None, body)


def more_files() -> None:
    """As many open connections as the machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def chunks(items: list[Any], count: int) -> Iterator[list[Any]]:
    for start in range(count):
        yield items[start::count]


def now_ms() -> int:
    return time.time_ns() // 1_000_000
