"""Tells systemd how the service is: ready, alive, stopping, and one line a technician can read (sd_notify(3)).

One datagram to the socket that systemd named; nothing at all when there is none. What counts as alive is decided elsewhere.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)


class Notifier:
    """Sends to the socket of `NOTIFY_SOCKET`. Every call is cheap, never blocks and never raises.

    Args:
        environment: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are read, once; None = the process's.
        pid: of this process: a watchdog meant for another one (a parent's, inherited) is not ours to feed.
        monotonic: seconds.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        pid: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        environment = os.environ if environment is None else environment
        address = environment.get("NOTIFY_SOCKET", "")
        # "@" stands for the abstract namespace, whose names begin with a zero byte.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._told = ""
        mine = environment.get("WATCHDOG_PID", "") in ("", str(os.getpid() if pid is None else pid))
        usec = environment.get("WATCHDOG_USEC", "")
        self._watchdog_s = int(usec) / 1e6 if mine and usec.isascii() and usec.isdigit() else 0.0
        self._monotonic = monotonic
        self._fed_at = float("-inf")

    @property
    def wanted(self) -> bool:
        """True when systemd listens."""
        return bool(self._address)

    def ready(self, status: str = "") -> None:
        """The service does its work from now on."""
        self._told = status
        self._send("READY=1", *_status(status))

    def watchdog(self) -> None:
        """Feed the watchdog. Call it often, but only while pins, camera and journal each live; it is sent four times in the
        watchdog's time, and never when there is none."""
        now = self._monotonic()
        if self._watchdog_s and now - self._fed_at >= self._watchdog_s / 4:
            self._fed_at = now
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`. The same line again is not sent."""
        if text != self._told:
            self._told = text
            self._send(*_status(text))

    def stopping(self) -> None:
        """The service ends by its own will."""
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> None:
        if not self._address or not lines:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.setblocking(False)
                channel.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            # A watchdog that is not fed ends the service soon; here it is enough to say why.
            logger.warning("systemd could not be told %s: %s", lines[0], error)


def _status(text: str) -> tuple[str, ...]:
    line = " ".join(text.split())
    return (f"STATUS={line}",) if line else ()
