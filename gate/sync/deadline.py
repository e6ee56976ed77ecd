"""An end to every call: a server that drips single bytes satisfies each read's own timeout for ever, headers included.

The HTTP library has timeouts for one read only. Here the sockets below it look at the deadline of the calling thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx


class Deadline(threading.local):
    """Of the calls of one thread. `until`: monotonic seconds, None = none."""

    until: float | None = None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        self.until = time.monotonic() + seconds
        try:
            yield
        finally:
            self.until = None

    def left(self, timeout: float | None) -> float | None:
        """The time that one read may take. Raises: httpcore.ReadTimeout: none is left."""
        if self.until is None:
            return timeout
        left = self.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer did not end in time")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._backend, self._deadline = httpcore.SyncBackend(), deadline

    def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_tcp(*args, **kwargs), self._deadline)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


def transport(deadline: Deadline, **options: Any) -> httpx.BaseTransport:
    """The library's own transport, reading through the deadline. `options` as of `httpx.HTTPTransport`."""
    made = httpx.HTTPTransport(**options)
    # The library has no public way to hand a backend in; a test drips headers and fails when this stops working.
    made._pool._network_backend = _Backend(deadline)
    return made
