"""The loopback application: display page, demo page, their files and live lines, health and metrics.

It changes no state of the lane and asks for no login; whatever does (handheld, technician) is another listener.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, WebSocket
from fastapi.exceptions import HTTPException
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request

from gate import __version__
from gate.kiosk.assets import UiFiles
from gate.kiosk.headers import LocalOnly
from gate.kiosk.live import Live
from gate.kiosk.metrics import MEDIA_TYPE, exposition
from gate.ports import GateView

_CODES = {404: "not_found", 405: "invalid"}


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def create_app(
    view: GateView,
    *,
    ui_dir: Path,
    demo: bool,
    now_ms: Callable[[], int] = _wall_ms,
    staff: Callable[[FastAPI, Live], None] | None = None,
) -> FastAPI:
    """The screen's application.

    Args:
        view: what may be seen of the lane.
        ui_dir: the folder `kiosk_ui` (`find_ui()`).
        demo: serve `/demo` and `/ws/demo` too; never on a gate with guests, they show the camera and ticket numbers.
        now_ms: Unix ms for messages without a time of their own.
        staff: adds the staff pages, on a gate that has them on its own touch screen.
    """
    app = FastAPI(title="Gate display", version=__version__, docs_url=None, redoc_url=None)
    live = Live(view, now_ms)
    app.state.live = live
    if staff is not None:
        staff(app, live)
    app.add_middleware(LocalOnly)
    app.mount("/ui", UiFiles(directory=ui_dir), name="ui")

    def page(name: str) -> FileResponse:
        file = ui_dir / "pages" / name / "index.html"
        return FileResponse(file, media_type="text/html", headers={"cache-control": "no-cache"})

    @app.get("/", include_in_schema=False)
    def display() -> FileResponse:
        return page("display")

    @app.get("/favicon.ico", include_in_schema=False)
    def favicon() -> FileResponse:
        return FileResponse(ui_dir / "icon.svg", media_type="image/svg+xml")

    @app.websocket("/ws/display")
    async def ws_display(socket: WebSocket) -> None:
        await live.serve(socket, demo=False)

    if demo:

        @app.get("/demo", include_in_schema=False)
        def demo_page() -> FileResponse:
            return page("demo")

        @app.websocket("/ws/demo")
        async def ws_demo(socket: WebSocket) -> None:
            await live.serve(socket, demo=True)

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        """Whether the lane still answers, and what it is doing. A view that fails is a 500."""
        state = view.state()
        return {"ok": True, "lane": state.get("lane"), "mode": state.get("mode"), "version": __version__}

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> PlainTextResponse:
        """Counters and gauges of lane and screen for Prometheus."""
        own = {
            "gate_screens": float(live.browsers),
            "gate_screen_messages_lost_total": float(live.lost),
        }
        return PlainTextResponse(exposition({**view.metrics(), **own}), media_type=MEDIA_TYPE)

    @app.exception_handler(StarletteHTTPException)
    def http_error(_request: Request, error: HTTPException) -> JSONResponse:
        code = _CODES.get(error.status_code, "invalid")
        return JSONResponse(
            {"error": {"code": code, "message": str(error.detail), "detail": {}}}, status_code=error.status_code
        )

    return app
