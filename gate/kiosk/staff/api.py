"""The local API, `/api/v1`: routes and their errors. What they mean is in `acts` and `access`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse

from gate.errors import StorageError
from gate.kiosk.headers import refuse
from gate.kiosk.staff.access import Access, Denied, Session
from gate.kiosk.staff.acts import Acts, right_for
from gate.kiosk.staff.callers import Callers
from gate.kiosk.staff.door import Allowance
from gate.kiosk.staff.messages import CommandIn, LoginIn, PairIn, RevealIn, ScanIn, SearchIn
from gate.kiosk.staff.ports import LaneAway, Workshop
from gate.lane.orders import Refused

STATUS = {
    "login": 401,
    "token": 401,
    "pin": 401,
    "code": 401,
    "locked": 423,
    "csrf": 403,
    "forbidden": 403,
    "limit": 403,
    "second_person": 403,
    "scopes": 422,
    "reason": 422,
    "reason_not_named": 422,
    "invalid": 422,
    "key_reused": 409,
    "number": 422,
    "list": 422,
    "count": 422,
    "not_found": 404,
}
"""What is not here is 409: the request was right, the gate cannot now."""
DOORS = frozenset({"/api/v1/pair", "/api/v1/login"})
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the routes work with."""

    access: Access
    callers: Callers
    acts: Acts
    workshop: Workshop
    gate: Callable[[], Answer]
    """What anybody who opens the page may see: names and languages of the gate, nothing else."""
    now_ms: Callable[[], int]
    allowance: Allowance


def routes(parts: Parts) -> APIRouter:
    """Everything staff and integrations use at the lane."""
    api = APIRouter(prefix="/api/v1", tags=["staff"], responses=ERRORS)
    access, callers, acts = parts.access, parts.callers, parts.acts

    @api.post("/pair")
    def pair(body: PairIn, response: Response) -> Answer:
        """Pair this phone by the code on the gate's screen, or take over a shift by a colleague's."""
        cookie, session = access.claim(body.code, body.name or "phone")
        callers.set_device(response, cookie)
        if session is not None:
            callers.set_session(response, session)
        return {"paired": True, "handover": session is not None}

    @api.post("/login")
    def login(body: LoginIn, request: Request, response: Response) -> Answer:
        """Staff id and PIN, on a paired phone."""
        device = callers.device(request)
        if device is None:
            raise Denied("login", "pair this phone first")
        cookie, session = access.login(body.staff, body.pin, device)
        callers.set_session(response, cookie)
        return _session(session, parts)

    @api.get("/session")
    def session(request: Request) -> Answer:
        """Who is logged in here, the CSRF token of this session, and what the gate is called."""
        found = callers.session(request)
        if found is None:
            return {"paired": callers.device(request) is not None, "staff": None, "gate": parts.gate()}
        return _session(found, parts)

    @api.post("/logout")
    def logout(request: Request, response: Response) -> Answer:
        caller = callers.caller(request, "scan", changes=True)
        if caller.session is not None:
            access.logout(caller.session)
        callers.clear_session(response)
        return {"staff": None}

    @api.post("/handover")
    def handover(request: Request) -> Answer:
        """A code that moves this shift to another phone, for one minute."""
        caller = callers.caller(request, "scan", changes=True)
        if caller.session is None:
            raise Denied("forbidden", "only a person's shift can be handed over")
        code, until = access.offer("handover", session=caller.session)
        return {"code": code, "until": until}

    @api.post("/scans")
    def scans(body: ScanIn, request: Request) -> Answer:
        """Answer one code or ticket number: admit, or only inspect."""
        right = "inspect" if body.mode == "inspect" else "scan"
        return acts.scan(callers.caller(request, right, changes=True), body)

    @api.post("/commands")
    def commands(body: CommandIn, request: Request) -> Answer:
        """Open once, enable, disable, out of order, undo, override, pair, self-test."""
        return acts.command(callers.caller(request, right_for(body.do), changes=True), body)

    @api.get("/recent")
    def recent(request: Request) -> Answer:
        """The last scans by hand of this phone, and the last refusals of the gate that somebody may contest."""
        caller = callers.caller(request, "events", changes=False)
        return parts.workshop.recent(caller.by().input)

    @api.get("/counts")
    def counts(request: Request) -> Answer:
        """Inside, per hour, refusals by reason, rows to send, age of the ticket list: of this gate."""
        callers.caller(request, "events", changes=False)
        return parts.workshop.counts()

    @api.post("/search")
    def search(body: SearchIn, request: Request) -> Answer:
        """People of a name, masked, asked of the server: the gate keeps no names."""
        callers.caller(request, "search", changes=True)
        return parts.workshop.search(body.name)

    @api.post("/search/reveal")
    def reveal(body: RevealIn, request: Request, response: Response) -> Answer:
        """The whole name of one of them: who asked and why is in the journal before it is shown."""
        caller = callers.caller(request, "search", changes=True)
        response.headers["cache-control"] = "no-store"
        return parts.workshop.reveal(body.event, body.number, body.reason, caller.by())

    return api


def _session(session: Session, parts: Parts) -> Answer:
    return {
        "paired": True,
        "staff": session.staff,
        "name": session.name,
        "role": session.role,
        "pairing": session.pairing,
        "csrf": session.csrf,
        "overrides": parts.access.overrides(session.staff),
        "gate": parts.gate(),
    }


ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"description": what, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    for code, what in {
        400: "not JSON",
        401: "not logged in, or a wrong secret",
        403: "not allowed",
        404: "not here",
        409: "cannot be done now",
        413: "too large",
        421: "another host's name",
        422: "not what the schema says",
        423: "locked out",
        429: "too often",
        503: "busy, or the disk took nothing",
    }.items()
}
ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "detail"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "detail": {"type": "object"}},
        }
    },
}


def handle_errors(app: FastAPI) -> None:
    """Every error in one shape. What was sent is never repeated: it may be a ticket."""

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        problems = [
            {"at": ".".join(str(part) for part in item["loc"][1:]), "problem": item["msg"]} for item in error.errors()
        ]
        body = {"code": "invalid", "message": "not what the schema says", "detail": {"problems": problems[:10]}}
        return JSONResponse({"error": body}, status_code=422)

    @app.exception_handler(Denied)
    def denied(_request: Request, error: Denied) -> JSONResponse:
        more = {"retry-after": str(error.wait_s)} if error.wait_s else {}
        return refuse(STATUS.get(error.code, 409), error.code, str(error), **more)

    @app.exception_handler(Refused)
    def refused(_request: Request, error: Refused) -> JSONResponse:
        return refuse(STATUS.get(error.code, 409), error.code, str(error))

    @app.exception_handler(LaneAway)
    def away(_request: Request, error: LaneAway) -> JSONResponse:
        return refuse(503, "busy", str(error), **{"retry-after": "1"})

    @app.exception_handler(StorageError)
    def storage(_request: Request, error: StorageError) -> JSONResponse:
        return refuse(503, "storage", "nothing was recorded, so nothing was done")
