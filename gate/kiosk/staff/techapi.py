"""Routes of the technician's page: doctor, configuration, staff, tokens, phones, enrolment, support."""

from __future__ import annotations

import os
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from gate.kiosk.staff.access import Denied
from gate.kiosk.staff.api import ERRORS, Answer, Parts
from gate.kiosk.staff.messages import EnrolIn, PersonIn, TokenIn, WedgeIn
from gate.kiosk.staff.ports import Store
from gate.kiosk.staff.wedge import judge_wedge
from gate.wire.pins import make_verifier, valid_pin

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,39}$")]


def tech_routes(parts: Parts, store: Store) -> APIRouter:
    api = APIRouter(prefix="/api/v1/tech", tags=["technician"], responses=ERRORS)
    access, workshop = parts.access, parts.workshop

    def actor(request: Request, *, changes: bool) -> str:
        return parts.callers.caller(request, "tech", changes=changes).by().actor or ""

    @api.get("/status")
    def status(request: Request) -> Answer:
        """Versions, inputs, pins, network, sync, storage, clock, trust."""
        actor(request, changes=False)
        return workshop.status()

    @api.get("/config")
    def config(request: Request) -> Answer:
        actor(request, changes=False)
        return workshop.config()

    @api.get("/logs")
    def logs(request: Request) -> Answer:
        """The newest lines of this process's log; ticket texts are never in it."""
        actor(request, changes=False)
        return {"lines": workshop.logs(200)}

    @api.post("/enrol")
    def enrol(body: EnrolIn, request: Request) -> Answer:
        """Enrol or enrol again, by the text of the code that the server shows."""
        return workshop.enrol(body.text, actor(request, changes=True))

    @api.post("/wedge")
    def wedge(body: WedgeIn, request: Request) -> Answer:
        """What is wrong with how a keyboard reader types. The text is judged and forgotten."""
        actor(request, changes=True)
        return judge_wedge(body.text, body.keys)

    @api.get("/bundle", response_class=Response, responses={200: {"content": {"application/zip": {}}}})
    def bundle(request: Request) -> Response:
        """A zip for support: no secret, no ticket, no name."""
        actor(request, changes=False)
        name = f"gate-support-{parts.now_ms() // 1000}.zip"
        headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
        return Response(workshop.bundle(), media_type="application/zip", headers=headers)

    @api.get("/staff")
    def staff(request: Request) -> Answer:
        actor(request, changes=False)
        local = {row["id"] for row in store.all("staff")}
        people = [
            {"id": item.id, "name": item.name, "role": item.role, "local": item.id in local} for item in access.staff()
        ]
        return {"staff": people}

    @api.put("/staff")
    def put_staff(body: PersonIn, request: Request) -> Answer:
        """Add local staff, or give somebody a new PIN."""
        by = actor(request, changes=True)
        if not valid_pin(body.pin):
            raise Denied("scopes", "that PIN is guessed first: take six digits that are no row")
        verifier = make_verifier(body.pin, os.urandom(16))
        store.put("staff", id=body.id, name=body.name, role=body.role, pin=verifier, at=parts.now_ms())
        store.end_sessions(staff=body.id)
        access.note({"what": "staff_set", "staff": body.id, "role": body.role}, by)
        return {"id": body.id}

    @api.delete("/staff/{name}")
    def drop_staff(name: Name, request: Request) -> Answer:
        by = actor(request, changes=True)
        store.end_sessions(staff=name)
        if not store.remove("staff", name):
            raise Denied("not_found", "no local staff of that id")
        access.note({"what": "staff_ended", "staff": name}, by)
        return {"id": name}

    @api.get("/phones")
    def phones(request: Request) -> Answer:
        actor(request, changes=False)
        return {"phones": access.pairings()}

    @api.delete("/phones/{name}")
    def unpair(name: Name, request: Request) -> Answer:
        if not access.unpair(name, actor(request, changes=True)):
            raise Denied("not_found", "no such phone")
        return {"id": name}

    @api.get("/tokens")
    def tokens(request: Request) -> Answer:
        actor(request, changes=False)
        return {"tokens": access.tokens()}

    @api.post("/tokens")
    def make_token(body: TokenIn, request: Request) -> Answer:
        """A token for an integration; it is shown this once."""
        return {"token": access.make_token(body.name, body.scopes, actor(request, changes=True))}

    @api.delete("/tokens/{name}")
    def drop_token(name: Name, request: Request) -> Answer:
        if not access.drop_token(name, actor(request, changes=True)):
            raise Denied("not_found", "no such token")
        return {"id": name}

    return api


def openapi_of(app: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """The description with the error shape and the two ways to be somebody."""
    components = schema.setdefault("components", {})
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "an integration, with scopes"},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "gate_session",
            "description": "a person, with a CSRF header",
        },
    }
    schema["security"] = [{"token": []}, {"session": []}]
    return schema
