"""The operators' API, `/v1/admin`: who may, how much, and how the commands of the command line are answered over HTTP.

A bearer token opens these routes and no others; a device's signature opens none of them. No command is here.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ValidationError

from gate.central import adminwords, auth, commands, operators, tables
from gate.central.admincalls import CALLS, Answered, Call, ImportFile
from gate.central.events import NotHereError, open_policy
from gate.central.http import BODY_S, ApiError, from_this_machine, read_body, too_large
from gate.central.jobs import Jobs
from gate.central.live import state_of
from gate.central.operators import Operator
from gate.central.service import Central
from gate.errors import ConfigError
from gate.model import ID_PATTERN
from gate.wire.journal import uuid7

PREFIX = "/v1/admin"
BODY_MAX = 2 * 1024 * 1024
"""Twice the longest policy."""
UPLOAD_MAX = 512 * 1024 * 1024
"""Two million rows, the most that one import takes."""
_PER_S, _BURST = 20.0, 200.0
_TRIES_PER_S, _TRIES = 0.2, 10.0
# Wrong tokens of one address: 256 bits are not guessed, but a mistake in a loop must not cost us the disk.
_STEP = 1024 * 1024
_IMPORT, _SHEET = "import-", "tickets-"
# Folders of the state folder for one request's files.
_PLAIN = (
    "a token that came without TLS could be read on the way, and is not looked at: serve with --tls-cert, or behind a proxy on "
    "this machine that says X-Forwarded-Proto; `serve --plain-operators` takes it all the same. Replace this token"
)
_IDENT = re.compile(ID_PATTERN)
_PATH = {
    "event": _IDENT, "device": _IDENT, "staff": _IDENT, "kid": re.compile(r"[0-9a-f]{8}"),
    "number": re.compile(r"[0-9A-Za-z -]{1,40}"), "import": re.compile(r"[1-9][0-9]{0,8}"),
    "job": re.compile(r"[0-9a-f-]{36}"),
}  # fmt: skip
_MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson", "pdf": "application/pdf"}


class AdminApi:
    """`plain`: tokens are also taken over HTTP without TLS from other machines."""

    def __init__(self, central: Central, *, plain: bool = False) -> None:
        self._central = central
        self._plain = plain
        self._jobs = Jobs(lambda: uuid7(central.clock(), central.random(10)))
        self._rates = auth.Rates(_PER_S, _BURST, "too many requests of one operator")
        self._tries = auth.Rates(_TRIES_PER_S, _TRIES, "too many wrong tokens")
        self.router = APIRouter(prefix=PREFIX)
        for kind in (_IMPORT, _SHEET):  # of a server that was killed over them: names and codes must not lie about
            for left in central.state.glob(f"{kind}*"):
                shutil.rmtree(left, ignore_errors=True)
        for call in CALLS:
            self.router.add_api_route(
                call.path, self._handler(call), methods=[call.method], name=call.name, response_model=None,
                operation_id=f"admin_{call.name}", description=call.words, tags=["operators"],
                **adminwords.route(call),
            )  # fmt: skip

    def _handler(self, call: Call) -> Callable[..., Any]:
        async def handle(request: Request) -> Response:
            operator = await self._operator(request, call)
            args = _path_args(request)
            match call.do:
                case "me":
                    return JSONResponse({"operator": operator.name, "role": operator.role})
                case "live":
                    now_ms = self._central.clock()
                    read = self._central.db.read
                    return JSONResponse(await asyncio.to_thread(read, lambda connection: state_of(connection, now_ms)))
                case "job":
                    return self._job(args["job"])
            query = _checked(call.query, dict(request.query_params)) if call.query else None
            if call.kind == "upload":
                assert isinstance(query, ImportFile)
                return await self._upload(request, call, operator, args, query)
            if call.body is not None:
                sent = _checked(call.body, await read_body(request, BODY_MAX) or b"{}")
                args |= _args(sent)
            if call.kind == "undo":
                return await self._undo(call, operator, args)
            if isinstance(query, Answered):
                args |= {name: value for name, value in query.model_dump().items() if name != "as_"}
                rows = await self._run(call, operator, args)
                return await self._tickets(rows, query.as_, args["event"])
            args |= query.model_dump() if query is not None else {}
            return JSONResponse(await self._run(call, operator, args))

        handle.__name__ = f"admin_{call.name}"
        return handle

    # ---- who

    async def _operator(self, request: Request, call: Call) -> Operator:
        """Raises: ApiError 401; 403, also for a token that others on the way could read; 503 for whoever tries too often."""
        place = request.client.host if request.client else ""
        word, _, token = request.headers.get("authorization", "").partition(" ")
        found = None
        if word.lower() == "bearer":
            if not (self._plain or request.url.scheme == "https" or from_this_machine(request)):
                raise ApiError(403, "forbidden", _PLAIN, detail={"why": "plain_http"})
            read = self._central.db.read
            found = await asyncio.to_thread(read, lambda connection: operators.find(connection, token.strip()))
        if found is None:
            # Only after a look: many may share an address, and wrong tokens of one lock nobody out.
            self._tries.take(place)
            why = {"why": "token"}
            raise ApiError(401, "signature", "this needs an operator's token (Authorization: Bearer)", detail=why)
        if found.revoked:
            raise ApiError(401, "revoked", "this token was revoked")
        self._rates.take(found.name)
        if call.role == "admin" and found.role != "admin":
            raise ApiError(403, "forbidden", "a reader may only look", detail={"call": call.name})
        return found

    # ---- doing

    async def _run(self, call: Call, operator: Operator, args: dict[str, Any]) -> Any:
        try:
            return await asyncio.to_thread(commands.run, self._central, call.do, args, who=f"operator:{operator.name}")
        except ConfigError as error:
            raise _refused(error) from error

    async def _tickets(self, rows: list[dict[str, Any]], form: str, event: str) -> Response:
        """Whoever has a text has the ticket: nothing between may keep it."""
        headers = {"Cache-Control": "no-store"}
        if form == "json":
            return JSONResponse(rows, headers=headers)
        policy = self._central.policy(event)

        def write() -> bytes:
            from gate.central.sheet import write_sheet

            with tempfile.TemporaryDirectory(prefix=_SHEET, dir=self._central.state) as folder:
                path = Path(folder) / f"tickets.{form}"
                if form == "pdf":
                    write_sheet(path, rows, policy)
                else:
                    tables.write_issued(path, rows)
                return path.read_bytes()

        try:
            content = await asyncio.to_thread(write)
        except ConfigError as error:
            raise ApiError(404, "not_found", str(error)) from error
        headers["Content-Disposition"] = f'attachment; filename="tickets-{event}.{form}"'
        return Response(content, media_type=_MEDIA[form], headers=headers)

    # ---- long work

    def _job(self, name: str) -> Response:
        job = self._jobs.show(name)
        if job is None:
            raise ApiError(404, "not_found", "there is no such job here, or it was long ago")
        return JSONResponse(job)

    async def _undo(self, call: Call, operator: Operator, args: dict[str, Any]) -> Response:
        listed = await asyncio.to_thread(commands.run, self._central, "imports", {"event": args["event"]})
        args["import"] = int(args["import"])
        if args["import"] not in {row["n"] for row in listed}:
            raise ApiError(404, "not_found", f"there is no import {args['import']} of {args['event']}")
        self._turn()
        return self._started(call, operator, args, lambda: None)

    async def _upload(
        self, request: Request, call: Call, operator: Operator, args: dict[str, Any], query: ImportFile
    ) -> Response:
        await asyncio.to_thread(self._open, args["event"])
        self._turn()
        try:
            folder = Path(tempfile.mkdtemp(prefix=_IMPORT, dir=self._central.state))
            path = folder / f"file{Path(query.name).suffix}"
            away = partial(shutil.rmtree, folder, ignore_errors=True)
            try:
                await _receive(request, path)
            except BaseException:
                away()
                raise
        except BaseException:  # a full disk, too: the next one gets its turn
            self._jobs.abandon()
            raise
        return self._started(call, operator, args | {"file": str(path)} | query.model_dump(), away)

    def _open(self, event: str) -> None:
        """An upload is not taken for nothing. Raises: ApiError 404; 400: the event is over."""
        try:
            self._central.db.read(lambda connection: open_policy(connection, event))
        except ConfigError as error:
            raise _refused(error) from error

    def _turn(self) -> None:
        if not self._jobs.begin():
            raise ApiError(503, "busy", "another import is under way", retry_after_s=5)

    def _started(self, call: Call, operator: Operator, args: dict[str, Any], after: Callable[[], object]) -> Response:
        def work(progress: Callable[[dict[str, Any]], None]) -> Any:
            try:
                return commands.run(self._central, call.do, args, progress, who=f"operator:{operator.name}")
            finally:
                after()

        return JSONResponse(self._jobs.start(call.do, work))


async def _receive(request: Request, path: Path) -> None:
    """The body into a file, piece by piece. Raises: ApiError 413; 408 when it stops coming."""
    announced = request.headers.get("content-length")
    if announced is not None and (not announced.isdecimal() or int(announced) > UPLOAD_MAX):
        raise too_large(UPLOAD_MAX)
    size, waiting = 0, bytearray()
    pieces = aiter(request.stream())
    with await asyncio.to_thread(lambda: open(path, "xb", opener=tables.private)) as file:
        while True:
            try:
                async with asyncio.timeout(BODY_S):
                    piece = await anext(pieces, None)
            except TimeoutError:
                raise ApiError(408, "invalid", f"nothing came for {BODY_S:.0f} s") from None
            size += len(piece or b"")
            if size > UPLOAD_MAX:
                raise too_large(UPLOAD_MAX)
            waiting += piece or b""
            if len(waiting) >= _STEP or piece is None:
                await asyncio.to_thread(file.write, bytes(waiting))
                waiting.clear()
            if piece is None:
                return


def _path_args(request: Request) -> dict[str, Any]:
    """Raises: ApiError 404: no such thing can be."""
    for name, value in request.path_params.items():
        if not _PATH[name].fullmatch(value):
            raise ApiError(404, "not_found", f"there is no such {name}")
    return dict(request.path_params)


def _checked(model: type[BaseModel], sent: bytes | dict[str, str]) -> Any:
    """Raises: ApiError 400, with each wrong field, and never what was sent: it may be a PIN."""
    try:
        return model.model_validate_json(sent) if isinstance(sent, bytes) else model.model_validate(sent)
    except ValidationError as error:
        problems = [
            {"at": ".".join(str(part) for part in item["loc"]), "problem": item["msg"]}
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise ApiError(400, "invalid", "not what the description says", detail={"problems": problems[:10]}) from None


def _args(sent: Any) -> dict[str, Any]:
    try:
        return dict(sent.args())
    except ValueError as error:
        raise ApiError(400, "invalid", str(error)) from error


def _refused(error: ConfigError) -> ApiError:
    """404 for what is not there; else 400 with each problem, and in `why` the error's name where it has one."""
    if isinstance(error, NotHereError):
        return ApiError(404, "not_found", str(error))
    problems = [{"at": key, "problem": problem, "hint": hint} for key, problem, hint in error.problems[:10]]
    why = {} if error.code == ConfigError.code else {"why": error.code}
    return ApiError(400, "invalid", str(error), detail={"problems": problems} | why)
