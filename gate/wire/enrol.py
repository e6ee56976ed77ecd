"""Enrolment (contracts 5): the QR that a gate reads once, the proof, and the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import base45

from gate.errors import FormatError
from gate.wire import cbor
from gate.wire.base45 import decode
from gate.wire.request import b64, unb64

PREFIX = "GE1:"
CODE_BYTES = 16
_TEXT = re.compile(r"GE1:[0-9A-Z $%*+\-./:]{30,400}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentCode:
    """`root`: SHA-256 thumbprint of the root key that the answer must carry. `spki`: pin of the TLS key, if any."""

    url: str
    code: bytes
    root: bytes
    spki: bytes | None = None

    def text(self) -> str:
        fields: dict[int, Any] = {1: self.url, 2: self.code, 3: self.root}
        if self.spki is not None:
            fields[4] = self.spki
        return PREFIX + str(base45.b45encode(cbor.dumps(fields)), "ascii")


def parse_code(text: str) -> EnrolmentCode:
    """Raises: FormatError."""
    if not _TEXT.fullmatch(text):
        raise FormatError("not an enrolment code")
    try:
        value = cbor.loads(decode(text[len(PREFIX) :]), max_depth=2)
    except ValueError as error:
        raise FormatError("not an enrolment code") from error
    if not isinstance(value, Mapping):
        raise FormatError("not an enrolment code")
    url, code, root, spki = (value.get(key) for key in (1, 2, 3, 4))
    if not isinstance(url, str) or not isinstance(code, bytes) or not isinstance(root, bytes):
        raise FormatError("an enrolment code has an address, a code and a root")
    if (
        len(code) != CODE_BYTES
        or len(root) != 32
        or not (spki is None or (isinstance(spki, bytes) and len(spki) == 32))
    ):
        raise FormatError("a field of the enrolment code has a wrong length")
    return EnrolmentCode(url=url, code=code, root=root, spki=spki)


def proof_bytes(code: bytes) -> bytes:
    """What the device key signs to prove that it asks for itself."""
    return b"gate/enrol/v1\n" + code


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """The answer, and what `enrolment.json` keeps. `trust`: every trust file since the root of the code."""

    device: str
    gate: str
    short: str
    org: str
    events: tuple[str, ...]
    trust: tuple[bytes, ...]
    case_next: int
    server: str
    url: str = ""
    root: str = ""
    """Hex of the root public key's thumbprint, from the code."""
    spki: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "gate": self.gate,
            "short": self.short,
            "org": self.org,
            "events": list(self.events),
            "trust": [b64(item) for item in self.trust],
            "case_next": self.case_next,
            "server": self.server,
            "url": self.url,
            "root": self.root,
            "spki": self.spki,
        }


def enrolment_from_json(value: Any) -> Enrolment:
    """Raises: FormatError."""
    fields = cbor.Fields(value, "enrolment")
    return Enrolment(
        device=fields.ident("device"),
        gate=fields.ident("gate"),
        short=fields.text("short", 3),
        org=fields.text("org", 200),
        events=tuple(fields.idents("events")),
        trust=tuple(unb64(item) for item in fields.strings("trust")),
        case_next=fields.integer("case_next"),
        server=fields.text("server", 200),
        url=fields.maybe_text("url") or "",
        root=fields.maybe_text("root") or "",
        spki=fields.maybe_text("spki"),
    )
