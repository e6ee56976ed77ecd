"""Every way in which a server can be hostile or broken, in one table: nothing changes, and the status names it."""

from __future__ import annotations

import datetime as dt
import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gate.errors import GateError
from gate.sync import client as client_module
from gate.sync import tls
from gate.sync.board import StatusBoard
from gate.sync.client import Client
from gate.sync.clocks import wall_ms
from gate.wire.manifest import chain_next, encode_change
from tests.fakes.server import EVENT, Fault
from tests.sync.conftest import Gate
from tests.sync.objects import descriptor_of, page, signed
from tests.sync.test_clock_and_tls import certificate
from tests.sync.test_pull_hostile import (
    altered,
    foreign_signature,
    older,
    other_event,
    other_kind,
    same_seq_other_bytes,
)

DAY = dt.timedelta(days=1)
Script = Callable[[socket.socket], None]
Attack = Callable[["Attacked"], None]


@dataclass
class Attacked:
    gate: Gate
    folder: Path
    key: Ed25519PrivateKey
    close: list[Callable[[], None]]

    def answers(self, path: str, body: bytes = b"", **values: object) -> None:
        self.gate.live.faults.append(Fault("GET", path, body=body, **values))  # type: ignore[arg-type]

    def instead(
        self, script: Script, *, days: tuple[int, int] | None = None, known: bool = True, patience_s: float = 60
    ) -> None:
        """Another server in place of the real one; TLS from `days` before and after now."""
        now = dt.datetime.now(dt.UTC)
        context = None
        if days is not None:
            private = ec.generate_private_key(ec.SECP256R1())
            shown = certificate(private, now + days[0] * DAY, now + days[1] * DAY)
            pem = self.folder / "server.pem"
            pem.write_bytes(
                private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                + shown.public_bytes(Encoding.PEM)
            )
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            other = certificate(ec.generate_private_key(ec.SECP256R1()), now - DAY, now + DAY)
            (self.folder / "ca.pem").write_bytes((shown if known else other).public_bytes(Encoding.PEM))
        server = _Server(script, context)
        self.close.append(server.close)
        self.gate.client.close()
        self.gate.client = Client(
            server.url, clock=self.gate.clock, timeout_s=patience_s, nonce=lambda: "0" * 32, device="g2", keys=self.gate.keys,
            context=tls.make_context(frozenset, self.folder / "ca.pem", wall_ms) if context else None,
        )  # fmt: skip


class _Server:
    """Plays one script on every connection, after the request has been read."""

    def __init__(self, script: Script, context: ssl.SSLContext | None) -> None:
        self._script, self._context = script, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if context else "http"
        self.url = f"{scheme}://localhost:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._play, args=(line,), daemon=True).start()

    def _play(self, line: socket.socket) -> None:
        try:
            if self._context is not None:
                line = self._context.wrap_socket(line, server_side=True)
            line.recv(65536)
            self._script(line)
            line.close()
        except OSError:
            return  # the gate has hung up, as it should

    def close(self) -> None:
        self._listener.close()


def _say(data: bytes) -> Script:
    return lambda line: line.sendall(data)


def _drip(first: bytes) -> Script:
    """Slow-loris: a byte now and then without end, so that no single read ever takes long."""

    def script(line: socket.socket) -> None:
        line.sendall(first)
        while True:
            line.sendall(b"a")
            time.sleep(0.05)

    return script


def _wait_for_the_end(line: socket.socket) -> None:
    """Of the gate's patience: until it hangs up."""
    line.recv(1)


def _endless(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        line.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")


def _forged_page(attacked: Attacked) -> bytes:
    gate = attacked.gate
    body = page(foreign_signature(gate, attacked.key), after=descriptor_of(gate).cursor)
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body


def _page(forge: Callable[[Gate, Ed25519PrivateKey], bytes]) -> Attack:
    return lambda a: a.answers("/changes", page(forge(a.gate, a.key), after=descriptor_of(a.gate).cursor), status=200)


def _broken_chain(a: Attacked) -> None:
    descriptor = descriptor_of(a.gate)
    rows = tuple(encode_change(descriptor.cursor + n, a.gate.live.central.issued(EVENT)[n].row) for n in (1, 2))
    after = replace(
        descriptor, seq=descriptor.seq + 1, cursor=descriptor.cursor + 2, chain=chain_next(descriptor.chain, rows[::-1])
    )
    a.answers("/changes", page(signed(a.gate, after), rows, after.cursor), status=200)
    a.answers("/manifest$", status=503)


def _zstd_bomb(a: Attacked) -> None:
    descriptor = descriptor_of(a.gate)
    bomb = zstandard.compress(bytes(200 * 1024 * 1024), 3)
    base = replace(
        descriptor.base, sha256=bytes(32), size=4096, zst_sha256=hashlib.sha256(bomb).digest(), zst_size=len(bomb)
    )
    a.answers("/changes", b'{"error":{"code":"must_refetch","message":""}}', status=410)
    a.answers("/manifest$", signed(a.gate, replace(descriptor, seq=descriptor.seq + 1, base=base)), status=200)
    a.answers("/manifests/", bomb, status=200)


def _truncated_base(a: Attacked) -> None:
    descriptor = descriptor_of(a.gate)
    base = replace(descriptor.base, sha256=bytes(32), zst_sha256=bytes(32))
    a.answers("/changes", b"", status=410)
    a.answers("/manifest$", signed(a.gate, replace(descriptor, seq=descriptor.seq + 1, base=base)), status=200)
    a.answers("/manifests/", b"half", status=200)


TABLE: dict[str, tuple[Attack, str]] = {
    "wrong CA": (lambda a: a.instead(_say(b""), days=(-1, 1), known=False), "not who it should be"),
    "expired certificate": (lambda a: a.instead(_say(b""), days=(-3, -1)), "certificate has expired"),
    "certificate of the future": (lambda a: a.instead(_say(b""), days=(1, 3)), "not valid yet"),
    "valid TLS, bad signature": (lambda a: a.instead(_say(_forged_page(a)), days=(-1, 1)), "not trusted"),
    "bad signature": (_page(altered), "no valid signature"),
    "older seq": (_page(older), "older than"),
    "same seq, other bytes": (_page(same_seq_other_bytes), "two descriptors"),
    "broken chain": (_broken_chain, "has trouble: 503"),
    "cross-event": (_page(other_event), "came for spring"),
    "another kind of object": (_page(other_kind), "no valid signature"),
    "truncated answer": (
        lambda a: a.instead(_say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf")), "connection to the server broke"
    ),
    "truncated base file": (_truncated_base, "ended after 4 of"),
    "gzip bomb": (
        lambda a: a.answers("/changes", b"\x1f\x8b" + bytes(99), status=200, headers={"content-encoding": "gzip"}),
        "packed an answer",
    ),
    "zstd bomb": (_zstd_bomb, "unpacks to more"),
    "endless body": (lambda a: a.instead(_endless), "sent more than"),
    "slow-loris body": (
        lambda a: a.instead(
            _drip(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffff\r\n"), patience_s=0.2
        ),
        "in time",
    ),
    "slow-loris headers": (
        lambda a: a.instead(_drip(b"HTTP/1.1 200 OK\r\nx-slow: "), patience_s=0.2), "in time"
    ),
    "says nothing": (lambda a: a.instead(_wait_for_the_end, patience_s=0.2), "in time"),
    "no HTTP at all": (lambda a: a.instead(_say(b"\x00\x01 hello\r\n\r\n")), "connection to the server broke"),
    "redirect": (
        lambda a: a.answers("/changes", status=302, headers={"location": "http://127.0.0.1:1/"}), "never followed"
    ),
    "10 GB Content-Length": (
        lambda a: a.answers("/changes", status=200, headers={"content-length": "10000000000"}), "announced 10000000000"
    ),
    "negative Content-Length": (
        lambda a: a.instead(_say(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n")), "connection to the server broke"
    ),
    "500": (lambda a: a.answers("/changes", status=500), "the server fails: 500"),
    "503": (lambda a: a.answers("/changes", status=503), "has trouble: 503"),
    "not our format": (lambda a: a.answers("/changes", b"<html>hello</html>", status=200), "CBOR"),
    "nested without end": (lambda a: a.answers("/changes", b"\x81" * 100_000, status=200), "CBOR"),
}  # fmt: skip


@contextmanager
def attacked(gate: Gate, folder: Path, key: Ed25519PrivateKey) -> Iterator[Attacked]:
    folder.mkdir()
    scene = Attacked(gate, folder, key, [])
    yield scene
    for close in scene.close:
        close()


@pytest.mark.parametrize("name", TABLE)
def test_a_hostile_server_changes_nothing_and_is_named_in_the_status(
    gate: Gate, tmp_path: Path, foreign_key: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(client_module, "_SLACK_S", 0.2)
    attack, words = TABLE[name]
    gate.puller.step(gate.client, 0)
    before, board = gate.state(), StatusBoard(wall_ms)
    good = gate.client
    with attacked(gate, tmp_path / "hostile", foreign_key) as scene:
        attack(scene)
        for _ in range(3):  # a storm of it
            with pytest.raises(GateError) as caught:
                gate.puller.step(gate.client, 0)
            board.failed(f"manifest {EVENT}", caught.value)
            assert words in board.values()["last_error"]
    assert gate.state() == before
    # And when the real server is back, all goes on.
    if gate.client is not good:
        gate.client.close()
        gate.client = gate.new_client()
    gate.live.faults.clear()
    assert not gate.puller.step(gate.client, 0)
