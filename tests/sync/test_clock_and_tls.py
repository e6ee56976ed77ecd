"""A gate whose clock is wrong reaches signed time and works by it; certificates are judged by trusted time."""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from gate.errors import UplinkError
from gate.model import ClockTrust
from gate.sync import tls
from gate.sync.client import Client
from gate.sync.clocks import SyncClock, mono_ms, read_boot, wall_ms
from gate.wire.signedtime import sign_time
from tests.fakes.server import EVENT, Fault, LiveCentral
from tests.sync.conftest import Gate

YEAR_MS = 365 * 86400 * 1000


@pytest.fixture
def dead_battery(live: LiveCentral, tmp_path: Path) -> Iterator[Gate]:
    """Boots in 1970."""
    started = mono_ms()
    side = Gate(live, tmp_path / "old", SyncClock(read_boot(), wall=lambda: mono_ms() - started))
    yield side
    side.close()


def test_a_gate_that_boots_in_1970_recovers_by_signed_time(dead_battery: Gate) -> None:
    gate = dead_battery
    assert gate.clock.now().trust is ClockTrust.UNTRUSTED
    assert gate.puller.step(gate.client, 0)
    offset = gate.clock.offset
    assert offset is not None
    assert abs(offset.base_ms + mono_ms() - wall_ms()) <= offset.error_ms + 50
    assert gate.clock.now().trust is ClockTrust.SYNCED
    assert abs(gate.clock.now().at - wall_ms()) < 2000
    assert gate.live.wire.count("GET", "/v1/time") == 1
    gate.puller.step(gate.client, 0)
    assert gate.live.wire.count("GET", "/v1/time") == 1


def test_a_gate_far_in_the_future_recovers_too(live: LiveCentral, tmp_path: Path) -> None:
    gate = Gate(live, tmp_path / "future", SyncClock(read_boot(), wall=lambda: wall_ms() + 20 * YEAR_MS))
    assert gate.puller.step(gate.client, 0)
    assert abs(gate.clock.now().at - wall_ms()) < 2000
    gate.close()


def test_time_that_is_not_signed_by_the_server_is_not_believed(
    dead_battery: Gate, foreign_key: Ed25519PrivateKey
) -> None:
    gate = dead_battery
    gate.live.faults.append(Fault("GET", "/v1/time", status=200, body=sign_time(foreign_key, "0" * 32, wall_ms())))
    with pytest.raises(UplinkError, match="not believed"):
        gate.puller.step(gate.client, 0)
    assert gate.clock.offset is None
    assert gate.store.event(EVENT) is None


def test_an_old_time_answer_is_not_believed(dead_battery: Gate) -> None:
    gate = dead_battery
    old = gate.client._once("GET", f"/time?nonce={'1' * 32}", b"", limit=256, wait_s=0, headers={}, sign=False).body
    gate.live.faults.append(Fault("GET", "/v1/time", status=200, body=old))
    with pytest.raises(UplinkError, match="another question"):
        gate.puller.step(gate.client, 0)


def test_a_worse_offset_does_not_replace_a_better_one() -> None:
    mono = [1000]
    clock = SyncClock("b" * 32, wall=lambda: 0, mono=lambda: mono[0])
    assert clock.take(5_000_000, 990, 1000) is not None
    assert clock.take(4_999_800, 500, 1000) is None
    offset = clock.offset
    assert offset is not None
    assert offset.error_ms == 5
    mono[0] += 3_600_000 * 24
    assert clock.take(5_000_000 + 3_600_000 * 24, mono[0] - 400, mono[0]) is not None


# ---- certificates


def certificate(key: ec.EllipticCurvePrivateKey, first: dt.datetime, last: dt.datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )


NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


class TlsServer:
    """Answers every call with 404; only the handshake matters."""

    def __init__(self, folder: Path, first: dt.datetime, last: dt.datetime) -> None:
        import http.server
        import threading

        key = ec.generate_private_key(ec.SECP256R1())
        cert = certificate(key, first, last)
        pem = folder / "server.pem"
        pem.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + cert.public_bytes(Encoding.PEM)
        )
        self.spki = hashlib.sha256(
            key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).digest()
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(cert.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"https://localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def tls_server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TlsServer]:
    first, last = getattr(request, "param", (NOW - DAY, NOW + DAY))
    server = TlsServer(tmp_path, first, last)
    yield server
    server.close()


def reach(server: TlsServer, spki: bytes | None, ca: Path, now_ms: int | None) -> str:
    """Returns: the code of what came out; `refused` is the 404 behind a good handshake."""
    pins = frozenset() if spki is None else frozenset({spki})
    context = tls.make_context(lambda: pins, ca, lambda: now_ms)
    client = Client(server.url, clock=SyncClock(read_boot()), timeout_s=60, nonce=lambda: "0" * 32, context=context)
    with pytest.raises(UplinkError) as caught:
        client.get("/trust", limit=100)
    client.close()
    return caught.value.code


NOWHERE = Path("/nonexistent")
EXPIRED = (NOW - 2 * DAY, NOW - DAY)
FUTURE = (NOW + DAY, NOW + 2 * DAY)


def test_the_pinned_key_is_enough_and_another_key_is_not(tls_server: TlsServer) -> None:
    assert reach(tls_server, tls_server.spki, NOWHERE, wall_ms()) == "refused"
    assert reach(tls_server, bytes(32), NOWHERE, wall_ms()) == "tls"


def test_a_pin_counts_from_the_moment_that_it_is_named(tls_server: TlsServer) -> None:
    """As a trust file names a new one while sync runs."""
    pins = {bytes(32)}
    context = tls.make_context(lambda: frozenset(pins), NOWHERE, wall_ms)
    client = Client(tls_server.url, clock=SyncClock(read_boot()), timeout_s=60, nonce=lambda: "0" * 32, context=context)
    codes = []
    for _ in range(2):
        with pytest.raises(UplinkError) as caught:
            client.get("/trust", limit=100)
        codes.append(caught.value.code)
        pins.add(tls_server.spki)
    client.close()
    assert codes == ["tls", "refused"]


def test_the_authority_of_the_enrolment_counts_and_no_other(tls_server: TlsServer) -> None:
    assert reach(tls_server, None, tls_server.ca, wall_ms()) == "refused"
    assert reach(tls_server, None, NOWHERE, wall_ms()) == "tls"


@pytest.mark.parametrize("tls_server", [EXPIRED, FUTURE], indirect=True)
def test_dates_count_once_there_is_trusted_time(tls_server: TlsServer) -> None:
    assert reach(tls_server, None, tls_server.ca, wall_ms()) == "tls"
    assert reach(tls_server, tls_server.spki, NOWHERE, wall_ms()) == "tls"
    # Without a clock the gate must get through, to ask for signed time.
    assert reach(tls_server, None, tls_server.ca, None) == "refused"
    assert reach(tls_server, tls_server.spki, NOWHERE, None) == "refused"
