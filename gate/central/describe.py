"""The words of the OpenAPI document: examples, answers, errors, how a request is signed. No behaviour is here."""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response

CODES = (
    "clock", "signature", "revoked", "forbidden", "not_found", "must_refetch", "too_large", "busy", "invalid", "internal",
)  # fmt: skip
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "detail"],
            "properties": {
                "code": {"type": "string", "enum": list(CODES)},
                "message": {"type": "string"},
                "detail": {"type": "object"},
            },
        }
    },
}
ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
"""Content of every answer that is an error."""
_HEX64 = "fd" * 32
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_RECORD = {
    "v": 1, "event": "spring", "gate": "g2", "epoch": "9f1c2b7a55d0e312", "seq": 7,
    "id": "019b3f6c-1a2b-7c3d-8e4f-0123456789ab", "kind": "admitted", "list": "main", "dir": "entry",
    "ticket": "fb664cb82e71e799031413261624b581", "product": 12, "count": 1, "reason": "ok", "detail": "", "rule": "",
    "ref": None, "actor": None, "input": "cam0", "at": 1798000017123, "mono": 812345,
    "boot": "4a7d1ed414474e4033ac29ccb8653d9b", "clock": "synced", "error_ms": 40, "facts": "0" * 64, "data": None,
    "prev": "814c" * 16, "hash": "7024" * 16,
}  # fmt: skip
_FED = ("gate", "epoch", "seq", "kind", "list", "ticket", "dir", "count", "at", "mono", "boot", "error_ms", "ref")
_EXAMPLES: dict[str, Any] = {
    "enrol": {
        "device": "g2", "gate": "g2", "short": "G2", "org": "Harbour Lights", "events": ["spring"], "trust": ["glkB"],
        "case_next": 148, "server": "central",
    },
    "checkins": {"records": [{name: _RECORD[name] for name in _FED}], "next": "0011223344556677:42", "more": False},
    "push": {
        "results": [["9f1c2b7a55d0e312", 7, "stored"]], "durable": {"9f1c2b7a55d0e312": 7},
        "upstream": {"9f1c2b7a55d0e312": 7}, "missing": {}, "now": 1798000018000,
    },
    "heartbeat": {"now": 1798000018000, "tasks": [], "reconnect_spread_s": 30},
    "search": {
        "people": [{"masked": "S••• D••••", "number": "ZDK4-SE1E-0", "product": "Day", "state": "valid"}], "more": False,
    },
    "reveal": {
        "name": "Sari Dewi", "number": "ZDK4-SE1E-0", "ticket": "fb664cb82e71e799031413261624b581", "product": 12,
        "state": "valid",
    },
}  # fmt: skip
_BODIES: dict[str, Any] = {
    "enrol": {
        "code": "00" * 16, "device_pub": "11" * 32, "seal_pub": "22" * 32, "journal_pub": "33" * 32, "proof": "AA" * 43,
        "hardware": "Raspberry Pi 4", "software": "0.1.0",
    },
    "push": {"records": [_RECORD], "heads": [], "mono": 812990, "boot": "4a7d1ed414474e4033ac29ccb8653d9b"},
    "heartbeat": {"versions": {"gate": "0.1.0"}, "queue": 0, "data_age_s": 12, "clock": {"trust": "synced"}, "lane": None},
    "search": {"name": "sari d"},
    "reveal": {"number": "ZDK4-SE1E-0", "staff": "budi", "reason": "lost phone"},
}  # fmt: skip
_MEDIA = {"time": "application/cose", "trust": "application/cbor", "manifest": "application/cose", "base": "application/zstd",
          "object": "application/cose", "changes": "application/cbor", "secrets": "application/cose"}  # fmt: skip
_UNSIGNED = ("enrol", "time")
_MORE: dict[str, dict[int, str]] = {
    "trust": {304: "nothing above that version"},
    "manifest": {304: "the ETag is still right", 404: "not published yet"},
    "base": {206: "the asked range", 404: "no such file for this device", 416: "beyond the file"},
    "object": {206: "the asked range", 404: "no such file for this device", 416: "beyond the file"},
    "changes": {404: "no such event", 410: "begin again from a base file"},
    "checkins": {404: "no such event", 410: "begin again without a cursor"},
    "push": {404: "no such event", 408: "the body came too slowly", 413: "over 1 MiB", 415: "neither plain nor zstd"},
    "heartbeat": {408: "the body came too slowly", 413: "over 16 KiB"},
    "search": {404: "no such event", 408: "the body came too slowly", 413: "over 4 KiB"},
    "reveal": {404: "no such ticket, or no name", 408: "the body came too slowly", 413: "over 4 KiB"},
    "enrol": {401: "the proof is wrong", 403: "too old, or used", 404: "no such code", 409: "used by another device",
              408: "the body came too slowly", 413: "over 16 KiB"},
}  # fmt: skip


def route(name: str) -> dict[str, Any]:
    """Keyword arguments of a route for the handler of that name."""
    errors = {400: "a parameter or the body is wrong", 503: "busy; come back after `Retry-After` seconds"}
    if name not in _UNSIGNED:
        errors |= {401: "signature, clock or revoked", 403: "not for this device"}
    responses: dict[int | str, Any] = {200: {"description": "done", "content": _content(name)}}
    for status, words in (errors | _MORE.get(name, {})).items():
        responses[status] = {"description": words}
        if status >= 400:
            responses[status]["content"] = ERROR
    extra: dict[str, Any] = {} if name in _UNSIGNED else {"security": [{"device": []}]}
    if name in _BODIES:
        extra["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}, "example": _BODIES[name]}},
        }
    made: dict[str, Any] = {"responses": responses, "openapi_extra": extra}
    return made | {"response_class": Response} if name in _MEDIA else made


def _content(name: str) -> dict[str, Any]:
    if name in _MEDIA:
        return {_MEDIA[name]: _BINARY}
    return {"application/json": {"schema": {"type": "object"}, "example": _EXAMPLES[name]}}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """What belongs to the whole document: the error shape and the signature."""
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {})["Error"] = _ERROR
    parts["securitySchemes"] = {
        "device": {
            "type": "apiKey",
            "in": "header",
            "name": "Gate-Signature",
            "description": "Ed25519 of the device key over method, path, device, time, nonce and SHA-256 of the body, "
            "with the headers Gate-Device, Gate-Time and Gate-Nonce.",
        },
        "operator": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token made by `gate central operator add`, of the role admin or reader.",
        },
    }
    for item in document["paths"].values():
        for call in item.values():
            call["responses"].pop("422", None)  # a wrong parameter is 400 here
    parts["schemas"].pop("HTTPValidationError", None)
    parts["schemas"].pop("ValidationError", None)
    return document
