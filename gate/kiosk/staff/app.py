"""Joins pages, API and live line into an application: one of its own for the LAN, or part of the display's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI, WebSocket
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from gate import __version__
from gate.kiosk.assets import UiFiles
from gate.kiosk.headers import LocalOnly
from gate.kiosk.live import DISPLAY_KINDS, Live
from gate.kiosk.staff.access import Denied
from gate.kiosk.staff.api import DOORS, ERROR_SCHEMA, Parts, handle_errors, routes
from gate.kiosk.staff.door import Limits
from gate.kiosk.staff.ports import Store
from gate.kiosk.staff.techapi import openapi_of, tech_routes
from gate.ports import GateView

STAFF_KINDS = DISPLAY_KINDS | {"handheld", "denial", "alert"}
PREVIEW_KINDS = STAFF_KINDS | {"preview"}
_CODES = {404: "not_found", 405: "invalid"}


def add_staff(app: FastAPI, parts: Parts, store: Store, live: Live, ui_dir: Path) -> None:
    """The staff pages, their API and their line, on an application that has its door already."""

    def page(name: str) -> FileResponse:
        file = ui_dir / "pages" / name / "index.html"
        return FileResponse(file, media_type="text/html", headers={"cache-control": "no-cache"})

    @app.get("/staff", include_in_schema=False)
    def staff_page() -> FileResponse:
        return page("staff")

    @app.get("/tech", include_in_schema=False)
    def tech_page() -> FileResponse:
        return page("tech")

    @app.get("/staff.webmanifest", include_in_schema=False)
    def manifest() -> Response:
        return FileResponse(ui_dir / "pages" / "staff" / "staff.webmanifest", media_type="application/manifest+json")

    @app.get("/staff-worker.js", include_in_schema=False)
    def worker() -> Response:
        return FileResponse(ui_dir / "pages" / "staff" / "worker.js", media_type="text/javascript")

    @app.websocket("/ws/staff")
    async def ws_staff(socket: WebSocket) -> None:
        preview = socket.query_params.get("preview") == "1"

        def allowed() -> bool:
            try:
                parts.callers.caller(socket, "tech" if preview else "events", changes=False)
            except Denied:
                return False
            return True

        if not allowed():
            await socket.close(4401)
            return
        await live.serve(socket, demo=False, kinds=PREVIEW_KINDS if preview else STAFF_KINDS, allowed=allowed)

    app.include_router(routes(parts))
    app.include_router(tech_routes(parts, store))
    handle_errors(app)
    app.add_middleware(Limits, allowance=parts.allowance, doors=DOORS)


def create_staff_app(
    view: GateView, parts: Parts, store: Store, *, ui_dir: Path, names: frozenset[str], ca: bytes | None
) -> FastAPI:
    """The LAN application.

    Args:
        names: host names of this gate; addresses need not be named.
        ca: DER of the gate's own authority, offered to phones that pair.
    """
    app = FastAPI(
        title="Gate: local API", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json"
    )
    live = Live(view, parts.now_ms)
    app.mount("/ui", UiFiles(directory=ui_dir), name="ui")
    add_staff(app, parts, store, live, ui_dir)
    # The door stands outside of the limits: whoever names another host costs nothing.
    app.add_middleware(LocalOnly, names=names, addresses=True)

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/staff")

    @app.get("/favicon.ico", include_in_schema=False)
    def favicon() -> FileResponse:
        return FileResponse(ui_dir / "icon.svg", media_type="image/svg+xml")

    @app.get("/gate-ca.crt", include_in_schema=False)
    def authority() -> Response:
        if ca is None:
            raise HTTPException(404)
        return Response(ca, media_type="application/x-x509-ca-cert")

    @app.exception_handler(HTTPException)
    def http_error(_request: Request, error: HTTPException) -> JSONResponse:
        code = _CODES.get(error.status_code, "invalid")
        body = {"error": {"code": code, "message": str(error.detail), "detail": {}}}
        return JSONResponse(body, status_code=error.status_code, headers=error.headers)

    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app


def describe(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schema.setdefault("components", {}).setdefault("schemas", {})["Error"] = ERROR_SCHEMA
        text = json.dumps(openapi_of(app, schema)).replace(
            "#/components/schemas/HTTPValidationError", "#/components/schemas/Error"
        )
        app.openapi_schema = json.loads(text)
    return app.openapi_schema
