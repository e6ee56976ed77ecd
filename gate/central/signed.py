"""What every route of a device shares: who signed, reading and writing, errors of the parts below in the words of the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from sqlalchemy import Connection

from gate.central import auth, describe
from gate.central.devices import Device, EnrolError
from gate.central.http import ApiError, read_body
from gate.central.manifests import MustRefetch
from gate.central.service import Central
from gate.errors import ConfigError

T = TypeVar("T")
_ENROL_STATUS = {"not_found": 404, "signature": 401, "forbidden": 403, "conflict": 409}


class Signed:
    """Base of the objects whose methods are routes; all of one server share one guard, which knows the nonces."""

    def __init__(self, central: Central, guard: auth.Guard) -> None:
        self._central = central
        self._guard = guard
        self.router = APIRouter(prefix="/v1")

    def _route(self, method: str) -> Callable[[str, Callable[..., Any]], None]:
        def add(path: str, handler: Callable[..., Any]) -> None:
            words = describe.route(handler.__name__)
            self.router.add_api_route(path, handler, methods=[method], response_model=None, **words)

        return add

    async def _read(self, job: Callable[[Connection], T]) -> T:
        return await answered(asyncio.wrap_future(self._central.db.submit_read(job)))

    async def _write(self, job: Callable[[Connection], T], *, repeatable: bool = False) -> T:
        return await answered(asyncio.wrap_future(self._central.db.submit(job, repeatable=repeatable)))

    async def _caller(self, request: Request, cap: int = 0) -> tuple[Device, bytes]:
        """The device that signed this request, and the body as sent. Raises: ApiError."""
        signed = self._guard.headers(request.headers)
        body = await read_body(request, cap)
        directory = self._central.directory
        device = directory.known(signed.device) or await asyncio.to_thread(directory.look_up, signed.device)
        path = request.scope["raw_path"].decode("ascii")
        if query := request.scope["query_string"]:
            path += "?" + query.decode("ascii")
        known = self._guard.check(device, signed, request.method, path, body, self._central.clock())
        auth.may_call(known, request.scope["endpoint"].__name__)
        return known, body

    async def _of_event(self, request: Request, event: str) -> Device:
        device, _ = await self._caller(request)
        auth.may_use(device, event)
        return device

    async def _still(self, device: Device) -> None:
        """A device that is revoked while it waits hears it now, not with its next request. Raises: ApiError."""
        directory = self._central.directory
        now = directory.known(device.device) or await asyncio.to_thread(directory.look_up, device.device)
        auth.alive(now)


async def answered(result: Awaitable[T]) -> T:
    """Errors of the parts below in the words of the wire."""
    try:
        return await result
    except MustRefetch as error:
        raise ApiError(410, "must_refetch", str(error)) from error
    except ConfigError as error:
        raise ApiError(404, "not_found", str(error)) from error
    except EnrolError as error:
        raise enrol_error(error) from error


def enrol_error(error: EnrolError) -> ApiError:
    code = "forbidden" if error.code == "conflict" else error.code
    return ApiError(_ENROL_STATUS[error.code], code, str(error))
