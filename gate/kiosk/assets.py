"""Where the front end's files are and how they are served. No page's meaning lives here."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from gate.errors import StorageError

_MEDIA = {
    # The system's own table may name these differently, and `nosniff` makes a wrong type a broken page.
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
}


def find_ui() -> Path:
    """The folder `kiosk_ui`, beside the package `gate` in a checkout as well as in site-packages.

    Raises:
        StorageError: it is not there.
    """
    folder = Path(__file__).resolve().parents[2] / "kiosk_ui"
    if not (folder / "tokens.css").is_file():
        raise StorageError(f"the screen's files are missing: {folder}; install the package again")
    return folder


class UiFiles(StaticFiles):
    """Static files of known types only, revalidated each time: after an update no screen shows an old half."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        media = _MEDIA.get(PurePath(full_path).suffix)
        if media is None:
            raise HTTPException(status_code=404)
        response = super().file_response(full_path, stat_result, scope, status_code)
        if response.status_code == 200:
            response.headers["content-type"] = media
        response.headers["cache-control"] = "no-cache"
        return response
