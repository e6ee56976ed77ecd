"""The gate's own certificate authority and the certificate of its LAN listener, in the state folder under `kiosk-tls/`.

Phones that trust the authority once (it is offered at pairing) trust every later certificate of this gate. Where the
organiser has a public certificate, `kiosk.tls_cert` and `kiosk.tls_key` name it and nothing is made here.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gate.errors import StorageError

CA_DAYS = 3650
LEAF_DAYS = 820
"""Phones take at most 825 days from an authority that their owner has added."""
_RENEW_DAYS = 120
_BACK = dt.timedelta(days=60)
"""The gate's clock may be ahead of the phone's, by whatever signed object it believed last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Files for the listener. `ca`: DER of our authority, None with a certificate from outside."""

    cert: Path
    key: Path
    fingerprint: str
    """SHA-256 of the certificate, as browsers show it."""
    ca: bytes | None


def certificate(folder: Path, gate: str, names: Sequence[str], now: dt.datetime) -> Certificate:
    """The gate's certificate for these names and addresses; made, or made anew when it ends soon or names are missing.

    Args:
        now: trusted time, UTC. A gate that does not know the time yet uses its floor, which is never too early.

    Raises: StorageError.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        ca_key, ca = _authority(folder, gate, now)
        leaf = _read(folder / "gate.crt")
        if leaf is None or not _good(leaf, ca, names, now):
            leaf = _leaf(folder, gate, names, ca_key, ca, now)
    except (OSError, ValueError) as error:
        raise StorageError(f"the certificate of the staff listener cannot be made in {folder}: {error}") from error
    return Certificate(
        cert=folder / "gate.crt",
        key=folder / "gate.key",
        fingerprint=fingerprint(leaf),
        ca=ca.public_bytes(serialization.Encoding.DER),
    )


def from_files(cert: Path, key: Path) -> Certificate:
    """A certificate that the organiser brought. Raises: StorageError."""
    try:
        leaf = x509.load_pem_x509_certificate(cert.read_bytes())
    except (OSError, ValueError) as error:
        raise StorageError(f"kiosk.tls_cert {cert} cannot be read: {error}") from error
    return Certificate(cert=cert, key=key, fingerprint=fingerprint(leaf), ca=None)


def fingerprint(cert: x509.Certificate) -> str:
    return cert.fingerprint(hashes.SHA256()).hex(":").upper()


def _authority(folder: Path, gate: str, now: dt.datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    found = _read(folder / "ca.crt")
    if found is not None and (folder / "ca.key").exists():
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key, found
    fresh = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Gate {gate} own authority")])
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(fresh.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACK)
        .not_valid_after(now + dt.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(fresh.public_key()), critical=False)
        .sign(fresh, hashes.SHA256())
    )
    _write_key(folder / "ca.key", fresh)
    _write(folder / "ca.crt", cert.public_bytes(serialization.Encoding.PEM), 0o644)
    return fresh, cert


def _leaf(
    folder: Path,
    gate: str,
    names: Sequence[str],
    ca_key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    now: dt.datetime,
) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    cert = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Gate {gate}")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACK)
        .not_valid_after(now + dt.timedelta(days=LEAF_DAYS) - _BACK)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write_key(folder / "gate.key", key)
    pem = serialization.Encoding.PEM
    _write(folder / "gate.crt", cert.public_bytes(pem) + ca.public_bytes(pem), 0o644)
    return cert


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _good(leaf: x509.Certificate, ca: x509.Certificate, names: Sequence[str], now: dt.datetime) -> bool:
    if leaf.issuer != ca.subject or leaf.not_valid_after_utc - now < dt.timedelta(days=_RENEW_DAYS):
        return False
    held = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {_alternative(name) for name in names} <= set(held)


def _read(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        return None


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, pem, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all: a power cut must not leave half a key."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
