"""The OpenAPI words of the operators' calls: parameters, bodies, answers, errors. No behaviour is here."""

from __future__ import annotations

import re
from typing import Any

from gate.central.admincalls import Call
from gate.central.describe import ERROR

_PATH_EXAMPLES = {
    "event": "spring", "device": "g2", "staff": "budi", "kid": "be5de2f4", "number": "ZDK4-SE1E-0", "import": "1",
    "job": "019b3f6c-1a2b-7c3d-8e4f-0123456789ab",
}  # fmt: skip
_ERRORS = {
    400: "a parameter or the body is wrong",
    401: "no token, a wrong one, or a revoked one",
    403: "a reader may only look",
    503: "busy; come back after `Retry-After` seconds",
}
_WITH_BODY = {408: "the body came too slowly", 413: "the body is too large"}


def route(call: Call) -> dict[str, Any]:
    """Keyword arguments of the route."""
    named = re.findall(r"\{(\w+)\}", call.path)
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": _PATH_EXAMPLES[name]}
        for name in named
    ]
    if call.query is not None:
        schema = _inlined(call.query.model_json_schema())
        parameters += [
            {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": part}
            for name, part in schema["properties"].items()
        ]
    errors = dict(_ERRORS)
    if named:
        errors[404] = "there is no such " + " or ".join(named)
    extra: dict[str, Any] = {"security": [{"operator": []}], "parameters": parameters}
    if call.kind == "upload":
        errors |= _WITH_BODY
        rows = {"schema": {"type": "string"}, "example": "text,product,name\nABC123,12,Sari Dewi\n"}
        extra["requestBody"] = {"required": True, "content": {"text/csv": rows}}
    if call.body is not None:
        errors |= _WITH_BODY
        shape = {"schema": _inlined(call.body.model_json_schema()), "example": call.sent}
        extra["requestBody"] = {"required": bool(call.sent), "content": {"application/json": shape}}
    responses: dict[int | str, Any] = {
        200: {"description": "done", "content": {"application/json": {"schema": {}, "example": call.answer}}}
    }
    for status, words in sorted(errors.items()):
        responses[status] = {"description": words, "content": ERROR}
    return {"responses": responses, "openapi_extra": extra}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Without references into a part of the document that only a model has."""
    parts = schema.pop("$defs", {})

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            return walk(parts[name]) if name else {key: walk(item) for key, item in value.items()}
        return [walk(item) for item in value] if isinstance(value, list) else value

    found: dict[str, Any] = walk(schema)
    return found
