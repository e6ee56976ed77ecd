"""Wake-up hints between the processes that share one PostgreSQL database: LISTEN and NOTIFY on one connection each.

Hints only, never data, and outside every ingest transaction: NOTIFY inside one takes a lock that all committers share.
A hint that is lost, while the connection is made again, costs a wait.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable

import psycopg

log = logging.getLogger("gate.central")

CHANNEL = "gate"
_RETRY_S = 1.0
_IDLE_S = 60.0


class Relay:
    """Topics are (kind, name), such as ("changes", "spring").

    Args:
        url: of libpq. heard: called in a thread of its own for each hint of another process; with ("", "") after the
            connection was made again, when anything may have been missed.
    """

    def __init__(self, url: str, heard: Callable[[tuple[str, str]], None]) -> None:
        self._url = url
        self._heard = heard
        self._sender = os.urandom(6).hex()
        self._guard = threading.Lock()
        self._out: set[tuple[str, str]] = set()
        self._read_end, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stop = threading.Event()
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._run, name="central-hints", daemon=True)
        self._thread.start()

    def send(self, topic: tuple[str, str]) -> None:
        """From any thread; hints about one topic that wait together are one."""
        with self._guard:
            self._out.add(topic)
        self._prod()

    def wait_connected(self, timeout_s: float) -> bool:
        return self._connected.wait(timeout_s)

    def close(self) -> None:
        if self._stop.is_set():
            return
        self._stop.set()
        self._prod()
        self._thread.join()
        os.close(self._read_end)
        os.close(self._write_end)

    def _prod(self) -> None:
        try:
            os.write(self._write_end, b"x")
        except BlockingIOError:
            return  # a full pipe wakes as well

    def _run(self) -> None:
        again = False
        while not self._stop.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, application_name="gate-central-hints") as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._connected.set()
                    if again:
                        self._heard(("", ""))
                    self._serve(connection)
            except (psycopg.Error, OSError) as error:
                self._connected.clear()
                again = True
                log.warning("hints of other processes are not heard: %s", error)
                self._stop.wait(_RETRY_S)

    def _serve(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        seen = time.monotonic()
        while not self._stop.is_set():
            with self._guard:
                topics, self._out = self._out, set()
            for kind, name in topics:
                payload = f"{self._sender} {kind} {name}"
                connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
            for hint in connection.notifies(timeout=0):
                self._hear(hint.payload)
            ready, _, _ = select.select((connection.fileno(), self._read_end), (), (), _IDLE_S)
            if self._read_end in ready:
                os.read(self._read_end, 4096)
            if time.monotonic() - seen > _IDLE_S:
                connection.execute("SELECT 1")  # finds a connection that died in silence
                seen = time.monotonic()

    def _hear(self, payload: str) -> None:
        sender, _, rest = payload.partition(" ")
        kind, _, name = rest.partition(" ")
        if sender != self._sender:
            self._heard((kind, name))
