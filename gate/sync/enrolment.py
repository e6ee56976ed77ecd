"""Becoming a gate of an organisation: from the one-time code to keys and a trust file on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import httpx

from gate.errors import DamagedError, FormatError, StorageError, TrustError, UplinkError
from gate.sync import keys as device_keys
from gate.sync import tls
from gate.sync.client import Client
from gate.sync.clocks import SyncClock
from gate.sync.folders import Folders, write_whole
from gate.verify.trust import TrustedSet
from gate.wire.enrol import Enrolment, enrolment_from_json, parse_code, proof_bytes
from gate.wire.request import b64


@dataclass(frozen=True, slots=True)
class Machine:
    """What the server is told of this device: free text for the list of devices."""

    hardware: str
    software: str


def enrol(
    text: str,
    folders: Folders,
    *,
    journal_pub: bytes,
    machine: Machine,
    clock: SyncClock,
    nonce: Callable[[], str],
    timeout_s: float = 30.0,
    transport: httpx.BaseTransport | None = None,
) -> Enrolment:
    """Use an enrolment code (`GE1:...`). Keys are on disk before the call, the answer is on disk before it is returned.

    The same code may be used again within 15 minutes by the same device, for an answer that was lost.

    Args:
        journal_pub: Ed25519 public key (32 bytes) that the lane signs journal heads with.
        transport: in place of the network, for tests.

    Raises:
        FormatError: not an enrolment code, or an answer that is none.
        UplinkError: the server was not reached or refused.
        TrustError: the answer's trust files are not of the root that the code names; nothing is stored.
        StorageError: the state folder.
    """
    code = parse_code(text)
    folders.make()
    own = device_keys.load_or_make(folders.device_key)
    request = {
        "code": code.code.hex(),
        "device_pub": own.sign_public.hex(),
        "seal_pub": own.seal_public.hex(),
        "journal_pub": journal_pub.hex(),
        "proof": b64(own.sign.sign(proof_bytes(code.code))),
        "hardware": machine.hardware,
        "software": machine.software,
    }
    pins = frozenset() if code.spki is None else frozenset({code.spki})
    context = tls.make_context(lambda: pins, folders.ca, lambda: None) if code.url.startswith("https:") else None
    client = Client(code.url, clock=clock, timeout_s=timeout_s, nonce=nonce, context=context, transport=transport)
    try:
        answer = client.post("/enrol", json.dumps(request).encode())
    except UplinkError as error:
        if error.code == "poison":
            raise UplinkError("refused", f"the server refused the code: {error}", status=error.status) from error
        raise
    finally:
        client.close()
    found = enrolment_from_json(answer.json())
    if not found.trust:
        raise TrustError("form", "the server gave no trust file")
    trusted = TrustedSet(code.root)
    for file in found.trust:
        trusted.update_trust(file)
    spki = None if code.spki is None else code.spki.hex()
    enrolment = replace(found, url=code.url, root=code.root.hex(), spki=spki)
    write_whole(folders.enrolment, json.dumps(enrolment.to_json(), indent=1).encode())
    return enrolment


def load(folders: Folders) -> Enrolment | None:
    """The stored enrolment; None when there is none. Raises: DamagedError, StorageError."""
    try:
        text = folders.enrolment.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{folders.enrolment} cannot be read: {error}") from error
    try:
        enrolment = enrolment_from_json(json.loads(text))
        if len(bytes.fromhex(enrolment.root)) != 32 or not enrolment.url:
            raise FormatError("root or url is missing")
    except ValueError as error:
        raise DamagedError(f"{folders.enrolment} is damaged: {error}; the gate must be enrolled again") from error
    return enrolment
