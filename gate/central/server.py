"""The serving process: binds, announces its address, runs the app and the control socket, stops cleanly on a signal."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from gate.central.api import create_app
from gate.central.control import ControlSocket
from gate.central.patience import PatientProtocol
from gate.central.service import Central
from gate.errors import ConfigError, DeviceError

ADDRESS_FILE = "central.json"
_GRACE_S = 5
# Long polls are answered at once when we stop; this is for a download that is under way.
_KEEP_ALIVE_S = 60
# Longer than the longest poll, so that a gate's connection outlives its pauses.


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where to listen. `port` 0 = any free one. `public_url`: what gates are told; empty = made from host and port."""

    host: str = "127.0.0.1"
    port: int = 8460
    public_url: str = ""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    live: bool = True
    plain_operators: bool = False


def serve(central: Central, listen: Listen, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is called with the address once requests are answered.

    Raises: DeviceError: the address cannot be bound.
    """
    bound = _bind(listen.host, listen.port)
    url = listen.public_url or _url(listen, bound)
    central.set_url(url, spki=_pin(listen.tls_cert))
    config = uvicorn.Config(
        create_app(central, live=listen.live, plain_operators=listen.plain_operators),
        http=PatientProtocol,  # of httptools: a push is 70 KB: h11 takes a millisecond of Python for it
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_KEEP_ALIVE_S,
        forwarded_allow_ips="127.0.0.1,::1",  # whose X-Forwarded-... is believed, whatever the environment says
        ssl_certfile=listen.tls_cert,
        ssl_keyfile=listen.tls_key,
    )
    _Server(config, central, url, ready).run(sockets=[bound])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, central: Central, url: str, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._central = central
        self._url = url
        self._ready = ready
        self._control = ControlSocket(central)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self._control.start()
        _write_address(self._central.state / ADDRESS_FILE, self._url)
        self._ready(self._url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._central.hints.close()
        await self._control.stop()
        (self._central.state / ADDRESS_FILE).unlink(missing_ok=True)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As the base class, but a signal is not raised again afterwards: stopping when asked is success."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        raise DeviceError(f"cannot listen on {host} port {port}: {error.strerror}; choose another --port") from error
    bound.set_inheritable(False)
    return bound


def _url(listen: Listen, bound: socket.socket) -> str:
    port = bound.getsockname()[1]
    host = listen.host
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = socket.gethostname()
    elif ":" in host:
        host = f"[{host}]"
    return f"{'https' if listen.tls_cert else 'http'}://{host}:{port}"


def _pin(certificate: Path | None) -> bytes | None:
    """SHA-256 of the key of a self-signed certificate. One with an authority is not pinned: its renewal may change the key.

    Raises: ConfigError: not a certificate.
    """
    if certificate is None:
        return None
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_pem_x509_certificate

    try:
        parsed = load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError([("tls-cert", f"{certificate}: {error}", "a certificate chain as PEM")]) from error
    if parsed.issuer != parsed.subject:
        return None
    key = parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).digest()


def _write_address(path: Path, url: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n", encoding="utf-8")
    fresh.rename(path)
