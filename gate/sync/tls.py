"""Who is at the other end: a pinned key or the enrolled authority, and dates judged by trusted time, not by the library."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which the ssl module does not name


class PinnedContext(ssl.SSLContext):
    """Checks the server's certificate after each handshake, before a byte of ours is sent.

    A gate without a clock must be able to reach signed time, so dates count only once there is a trusted time.
    """

    pins: Callable[[], frozenset[bytes]] = staticmethod(frozenset)
    trusted_ms: Callable[[], int | None] = staticmethod(lambda: None)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        wrapped = super().wrap_socket(*args, **kwargs)
        try:
            check_certificate(wrapped.getpeercert(binary_form=True), self.pins(), self.trusted_ms())
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def make_context(pins: Callable[[], frozenset[bytes]], ca: Path, trusted_ms: Callable[[], int | None]) -> PinnedContext:
    """Args:
    pins: SHA-256 of each SubjectPublicKeyInfo that the server may show, asked at every handshake. When there are any at the
        start, the key itself is the authority.
    ca: PEM file of the organiser's authority; when it is not there, the system's authorities count.
    trusted_ms: Unix ms, None while no server time is known in this boot.
    """
    context = PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.pins, context.trusted_ms = pins, trusted_ms
    context.verify_flags = ssl.VerifyFlags(int(context.verify_flags) | _NO_CHECK_TIME)
    if pins():
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca.is_file():
        context.load_verify_locations(cafile=ca)
    else:
        context.load_default_certs()
    return context


def check_certificate(der: bytes | None, pins: frozenset[bytes], now_ms: int | None) -> None:
    """Raises: ssl.SSLCertVerificationError."""
    if der is None:
        raise ssl.SSLCertVerificationError("the server showed no certificate")
    certificate = x509.load_der_x509_certificate(der)
    if pins:
        public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if hashlib.sha256(public).digest() not in pins:
            raise ssl.SSLCertVerificationError("the server's key is not the one of the enrolment or the trust file")
    if now_ms is None:
        return
    if now_ms < certificate.not_valid_before_utc.timestamp() * 1000:
        raise ssl.SSLCertVerificationError("the server's certificate is not valid yet")
    if now_ms > certificate.not_valid_after_utc.timestamp() * 1000:
        raise ssl.SSLCertVerificationError("the server's certificate has expired")
