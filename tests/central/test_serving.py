"""The real process: up quickly, down cleanly, and nothing that it acknowledged is lost when it is killed."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from gate.central import schema
from gate.central.service import Central, wall_ms
from tests.central.gateside import Clock, Device, Journal, make_event, words
from tests.central.served import Served

GATES = 3


class RealClock(Clock):
    def __call__(self) -> int:
        return wall_ms()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_it_says_where_it_is_and_stops_cleanly_while_a_poll_waits(state: Path) -> None:
    with Central.open(state) as central:
        event = make_event(central)
        central.publish(event)
        code = central.add_device("g1", short="G1", events=[event], url="http://127.0.0.1")
    served = Served(state)
    try:
        assert json.loads((state / "central.json").read_text()) == served.hello
        assert served.hello["pid"] == served.process.pid
        with httpx.Client(base_url=served.url, timeout=60) as http:
            device = Device(http, RealClock())
            assert device.enrol(code).status_code == 200
            path = "/v1/events/spring/checkins?wait=25"
            poll = HTTPConnection("127.0.0.1", int(served.url.rsplit(":", 1)[1]), timeout=60)
            poll.request("GET", path, headers=device.headers("GET", path))
            # The server takes what comes in its order: it has the poll when it has answered a later call.
            assert http.get("/v1/time?nonce=" + "0" * 32).status_code == 200
            begun = time.monotonic()
            assert served.end(signal.SIGTERM) == 0
            assert poll.getresponse().status == 200
            assert time.monotonic() - begun < 20  # and not the 25 s for which it was asked to wait
            poll.close()
        assert not (state / "central.json").exists()
        assert not (state / "central.sock").exists()
    finally:
        served.end(signal.SIGKILL)


def test_a_proxy_on_this_machine_says_who_asks_and_how(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """401 = the token was looked at."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.1")  # somebody else's setting
    served = Served(state)
    try:
        with httpx.Client(base_url=served.url, timeout=60, headers={"Authorization": "Bearer gco.ana.guess"}) as http:
            other = {"X-Forwarded-For": "192.0.2.7"}
            plain = http.get("/v1/admin/me", headers=other)
            assert (plain.status_code, plain.json()["error"]["detail"]) == (403, {"why": "plain_http"})
            assert http.get("/v1/admin/me", headers=other | {"X-Forwarded-Proto": "https"}).status_code == 401
            assert http.get("/v1/admin/me").status_code == 401
            assert http.get("/", headers=other).status_code == 403
    finally:
        served.end(signal.SIGKILL)


def test_a_second_server_on_the_same_folder_or_port_exits_with_3(state: Path, tmp_path: Path) -> None:
    served = Served(state)
    try:
        port = served.url.rsplit(":", 1)[1]
        for args, words_ in (
            (["--state", str(state), "--port", "0"], "in use by a running server"),
            (["--state", str(tmp_path / "other"), "--port", port], "cannot listen"),
        ):
            result = subprocess.run(
                [sys.executable, "-m", "gate.central", "serve", *args],
                check=False,
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert (result.returncode, words_ in result.stderr) == (3, True), result.stderr
    finally:
        served.end(signal.SIGTERM)


def test_a_killed_server_has_lost_nothing_that_it_acknowledged(state: Path) -> None:
    port = free_port()
    with Central.open(state) as central:
        event = make_event(central)
        central.publish(event)
        names = [f"g{number}" for number in range(1, GATES + 1)]
        codes = [
            central.add_device(name, short=name.upper(), events=[event], url=f"http://127.0.0.1:{port}")
            for name in names
        ]
    served = Served(state, port)
    acknowledged: set[tuple[str, str, int, str]] = set()
    stop = threading.Event()
    pushed = threading.Semaphore(0)

    def gate(name: str, http: httpx.Client) -> None:
        device, journal = Device(http, RealClock(), name), Journal(name, epoch=f"{int(name[1:]):016x}")
        batch = journal.many(5)
        while not stop.is_set():
            try:
                answer = device.push(batch)
            except httpx.TransportError:
                stop.wait(0.05)
                continue
            if answer.status_code == 401:
                continue  # signed before the server was up again: the next one is signed later
            assert set(words(answer)) <= {"stored", "known"}
            acknowledged.update((name, item["epoch"], item["seq"], item["hash"]) for item in batch)
            pushed.release()
            batch = journal.many(5)

    try:
        with httpx.Client(base_url=served.url, timeout=60) as http:
            for name, code in zip(names, codes, strict=True):
                assert Device(http, RealClock(), name).enrol(code).status_code == 200
            threads = [threading.Thread(target=gate, args=(name, http)) for name in names]
            for thread in threads:
                thread.start()
            for _ in range(3):
                for _ in range(20):
                    assert pushed.acquire(timeout=60)
                assert served.end(signal.SIGKILL) == -signal.SIGKILL
                served = Served(state, port)
            for _ in range(20):
                assert pushed.acquire(timeout=60)
            stop.set()
            for thread in threads:
                thread.join(60)
                assert not thread.is_alive()
        served.end(signal.SIGKILL)
        with Central.open(state) as central:
            table = schema.checkin
            rows = central.db.read(lambda connection: connection.execute(select(table).order_by(table.c.n)).all())
            head = central.db.read(
                lambda connection: connection.execute(
                    select(schema.event_head.c.checkins).where(schema.event_head.c.event_id == event)
                ).scalar_one()
            )
        held = {(row.gate, row.epoch.hex(), row.seq, row.hash.hex()) for row in rows}
        assert len(acknowledged) >= 400
        assert acknowledged <= held
        assert [row.n for row in rows] == list(range(1, head + 1))
    finally:
        stop.set()
        served.end(signal.SIGKILL)


def test_with_a_self_signed_certificate_the_code_pins_its_key(state: Path, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "central")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    served = Served(state, 0, "--tls-cert", str(cert_file), "--tls-key", str(key_file))
    try:
        assert served.url.startswith("https://127.0.0.1:")
        with httpx.Client(base_url=served.url, verify=ssl.create_default_context(cafile=str(cert_file))) as http:
            assert http.get("/v1/time?nonce=" + "0" * 32).status_code == 200
    finally:
        served.end(signal.SIGTERM)
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with Central.open(state) as central:
        code = central.add_device("g1", short="G1", events=[])
        assert (code.url, code.spki) == (served.url, hashlib.sha256(spki).digest())
