"""A network camera that can be told to misbehave: MJPEG over HTTP from a real socket."""

from __future__ import annotations

import http.server
import threading
import time
from typing import Any

import cv2
import numpy as np

from gate.scanner.frames import Picture

MODES = ("ok", "unplugged", "frozen", "black", "slow", "broken", "stalled")


class NetCam:
    """`mode` may change at any time, also in the middle of a stream."""

    def __init__(self, picture: Picture, fps: float = 30.0) -> None:
        self._rng = np.random.default_rng(3)
        self.mode = "ok"
        self.fps = fps
        self.show(picture)
        self._black = [_jpeg(np.zeros_like(picture), self._rng, 3) for _ in range(8)]
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.serve(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: the test output is for failures."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._closed = threading.Event()
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/stream"

    def serve(self, request: http.server.BaseHTTPRequestHandler) -> None:
        if self.mode == "unplugged":
            request.send_error(503)
            return
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        n = 0
        try:
            while not self._closed.is_set() and self.mode != "unplugged":
                n += 1
                if self.mode != "stalled":
                    data = self._part(n)
                    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
                    request.wfile.write(head + data + b"\r\n")
                time.sleep(0.5 if self.mode == "slow" else 1 / self.fps)
        except OSError:
            return  # the reader has gone

    def show(self, picture: Picture) -> None:
        """Another scene in front of it."""
        self._good = [_jpeg(picture, self._rng, 4) for _ in range(8)]

    def close(self) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def _part(self, n: int) -> bytes:
        if self.mode == "black":
            return self._black[n % 8]
        if self.mode == "broken":
            return self._good[0][:200] + b"\xff\xd9"
        return self._good[0 if self.mode == "frozen" else n % 8]


def _jpeg(picture: Picture, rng: np.random.Generator, sigma: float) -> bytes:
    noisy = np.clip(picture + rng.normal(0, sigma, picture.shape), 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", noisy)[1].tobytes()
