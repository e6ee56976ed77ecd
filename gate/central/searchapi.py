"""Search by name for gates whose organiser allows it, and the reveal of one name (`names`). Signed like every call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from gate.central import auth, names
from gate.central.http import ApiError, json_object
from gate.central.service import Central
from gate.central.signed import Signed
from gate.errors import FormatError
from gate.wire import cbor
from gate.wire.numbers import parse_ticket_number

_BODY_MAX = 4 * 1024
_PER_S, _BURST = 0.5, 20
# Of one device: a hand that types, not a hand that lists the house.
_REASON_MAX = 200


class SearchApi(Signed):
    def __init__(self, central: Central, guard: auth.Guard) -> None:
        super().__init__(central, guard)
        self._rates = auth.Rates(_PER_S, _BURST, "too many searches of this gate")
        post = self._route("POST")
        post("/events/{event}/search", self.search)
        post("/events/{event}/search/reveal", self.reveal)

    async def search(self, request: Request, event: str) -> Response:
        """People by the beginnings of their names, masked. By POST: a name has no business in an address. That somebody asked
        is noted before it is answered."""
        device, fields = await self._asked(request, event)
        text = _text(fields, "name", names.QUERY_MAX)
        found = await self._answer(lambda connection: names.search(connection, event, text), self._read)
        now_ms, random = self._central.clock(), self._central.random(10)
        # A write of its own: the search itself would hold up check-ins. What cannot be noted is not shown.
        await self._write(
            lambda connection: names.note_search(
                connection, event, text, found, device=device, now_ms=now_ms, random=random
            )
        )
        return JSONResponse(found)

    async def reveal(self, request: Request, event: str) -> Response:
        """One whole name for a member of staff who says why. It is noted here before it is answered."""
        device, fields = await self._asked(request, event)
        number, staff = _text(fields, "number", 40), _text(fields, "staff", 40)
        reason = _text(fields, "reason", _REASON_MAX)
        try:
            parse_ticket_number(number)
        except FormatError as error:
            raise ApiError(400, "invalid", str(error), detail={"why": "number"}) from error
        now_ms = self._central.clock()

        def job(connection: Any) -> dict[str, Any] | None:
            return names.reveal(
                connection, event, number, device=device, staff=staff, reason=reason, now_ms=now_ms,
                random=self._central.random(10),
            )  # fmt: skip

        found = await self._answer(job, self._write)
        if found is None:
            raise ApiError(404, "not_found", "no name is kept with this ticket")
        return JSONResponse(found)

    async def _asked(self, request: Request, event: str) -> tuple[str, cbor.Fields]:
        device, body = await self._caller(request, _BODY_MAX)
        auth.may_use(device, event)
        self._rates.take(device.device)
        try:
            return device.device, cbor.Fields(json_object(body), "search")
        except FormatError as error:
            raise ApiError(400, "invalid", str(error)) from error

    async def _answer(self, job: Callable[[Any], Any], run: Callable[[Any], Any]) -> Any:
        try:
            return await run(job)
        except names.NotAllowedError as error:
            raise ApiError(403, "forbidden", str(error), detail={"why": "policy"}) from error
        except names.TooShortError as error:
            raise ApiError(400, "invalid", str(error), detail={"why": "too_short"}) from error


def _text(fields: cbor.Fields, name: str, most: int) -> str:
    """A text of the body. Raises: ApiError 400."""
    try:
        value = fields.text(name, most).strip()
        value.encode()
    except (FormatError, UnicodeEncodeError) as error:
        raise ApiError(400, "invalid", f"{name} is no text of at most {most} signs") from error
    if not value or "\x00" in value:
        raise ApiError(400, "invalid", f"{name} is empty, or has a zero sign in it")
    return value
