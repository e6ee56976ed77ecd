"""Search by name, asked of the server while a person waits (`sync.sock`: `search`, `reveal`). Nothing of it is kept here.

Refusals have a code that the page knows: unreachable, not_allowed, too_short, busy (with `wait_s`), not_found, bad_number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from gate.errors import FormatError, UplinkError
from gate.sync.client import Client
from gate.wire import cbor

WITHIN_S = 3.0
"""Of all that one search asks: somebody stands at the gate, and the page waits for four seconds."""
_LIMIT = 64 * 1024
_PEOPLE_MAX = 20
_TEXT_MAX = 200
_CODES = {"forbidden": "not_allowed", "poison": "too_short", "busy": "busy", "not_found": "not_found"}
# Of UplinkError. Every other one means that nobody answered in a way that helps.


class Searching:
    """Safe to use from every thread.

    Args:
        events: those that this gate serves, in order.
        mono_s: monotonic seconds.
    """

    def __init__(self, client: Client, events: Sequence[str], mono_s: Callable[[], float]) -> None:
        self._client = client
        self._events = events
        self._mono_s = mono_s

    def search(self, request: dict[str, Any]) -> dict[str, Any]:
        """Every event that allows it. What one answered is shown although another did not. Raises: FormatError."""
        name = cbor.Fields(request, "search").text("name", _TEXT_MAX)
        until = self._mono_s() + WITHIN_S
        people: list[dict[str, str]] = []
        more, answered = False, False
        failed: dict[str, Any] = refused("not_allowed", "no event of this gate allows search by name")
        for event in self._events:
            answer = self._ask(f"/events/{event}/search", {"name": name}, until)
            if not answer["ok"]:
                if answer["code"] not in ("not_allowed", "not_found"):
                    failed = answer
                continue
            answered = True
            found = answer.get("people")
            people += (
                [_person(event, item) for item in found if isinstance(item, dict)] if isinstance(found, list) else []
            )
            more = more or answer.get("more") is True
        if not answered:
            return failed
        return {"ok": True, "people": people[:_PEOPLE_MAX], "more": more or len(people) > _PEOPLE_MAX}

    def reveal(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raises: FormatError."""
        fields = cbor.Fields(request, "reveal")
        event = fields.text("event", 40)
        if event not in self._events:
            return refused("not_found", "this gate does not serve that event")
        body = {
            "number": fields.text("number", 40),
            "staff": fields.text("by", 40),
            "reason": fields.text("reason", _TEXT_MAX),
        }
        answer = self._ask(f"/events/{event}/search/reveal", body, self._mono_s() + WITHIN_S)
        if not answer["ok"]:
            return answer | {"code": "bad_number"} if answer["code"] == "too_short" else answer
        try:
            told = cbor.Fields(answer, "reveal")
            shown = {
                "name": told.text("name", 400),
                "number": told.text("number", 40),
                "ticket": told.text("ticket", 32),
            }
            bytes.fromhex(shown["ticket"])
        except ValueError:
            return refused("unreachable", "the server's answer is not understood")
        return {"ok": True, "event": event, **shown, "product": _number(answer.get("product"))}

    def _ask(self, path: str, body: dict[str, str], until: float) -> dict[str, Any]:
        left = until - self._mono_s()
        if left <= 0:
            return refused("unreachable", "the server did not answer in time")
        try:
            answer = self._client.post(path, json.dumps(body).encode(), limit=_LIMIT, within_s=left).json()
        except UplinkError as error:
            told = refused(_CODES.get(error.code, "unreachable"), str(error))
            return told | {"wait_s": math.ceil(error.retry_after_s)} if error.retry_after_s else told
        except FormatError as error:
            return refused("unreachable", str(error))
        if not isinstance(answer, dict):
            return refused("unreachable", "the server's answer is not understood")
        return answer | {"ok": True}


def refused(code: str, message: str) -> dict[str, Any]:
    return {"ok": False, "code": code, "message": message}


def _person(event: str, item: dict[str, Any]) -> dict[str, str]:
    return {"event": event} | {
        name: str(item.get(name) or "")[:_TEXT_MAX] for name in ("masked", "number", "product", "state")
    }


def _number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= 0xFFFF else None
