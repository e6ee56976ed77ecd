"""Who asks: signed requests of devices (contracts 5). Order: signature, revoked, clock, replay; then profile and event.

Nonces live in memory. A restart forgets them, so a request that was signed before the start is answered `clock`, which a
gate heals by asking for signed time.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from gate.central.devices import Device
from gate.central.http import ApiError
from gate.errors import FormatError, TrustError
from gate.wire.request import NONCE_KEEP_MS, WINDOW_MS, SignedBy, read_headers

_NONCES_PER_DEVICE = 20_000
# 33 requests a second for the whole time that a nonce is kept; a gate makes two.
_PER_S, _BURST = 50.0, 1_000.0
# A gate that comes back with a day's journal pushes a few hundred times in a row.
_NAMES_MAX = 20_000
# Names are devices and addresses; whoever was longest silent is forgotten first.


class Nonces:
    """Seen nonces of each device, for as long as their requests could pass again."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._seen: dict[str, OrderedDict[str, int]] = {}

    def take(self, device: str, nonce: str, now_ms: int) -> None:
        """Raises: ApiError: seen before, or too many at once."""
        with self._guard:
            seen = self._seen.setdefault(device, OrderedDict())
            while seen and next(iter(seen.values())) < now_ms - NONCE_KEEP_MS:
                seen.popitem(last=False)
            if nonce in seen:
                raise ApiError(401, "signature", "this request was made before", detail={"why": "replayed"})
            if len(seen) >= _NONCES_PER_DEVICE:
                raise ApiError(503, "busy", "too many requests of one device", retry_after_s=30)
            seen[nonce] = now_ms


class Rates:
    """A bucket of requests for each name: one gone wild must not take the others' turn. Event loop's thread only.

    Args:
        per_s, burst: how many, in the long run and at once. words: of the refusal.
    """

    def __init__(self, per_s: float, burst: float, words: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._words = per_s, burst, words
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> None:
        """Raises: ApiError 503."""
        left = self.look(name)
        self._buckets.pop(name, None)
        self._buckets[name] = (left - 1, self._clock())
        if len(self._buckets) > _NAMES_MAX:
            self._buckets.popitem(last=False)

    def look(self, name: str) -> float:
        """Whether there is one left, without taking it. Raises: ApiError 503."""
        now = self._clock()
        left, then = self._buckets.get(name, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_s)
        if left < 1:
            raise ApiError(503, "busy", self._words, retry_after_s=math.ceil((1 - left) / self._per_s))
        return left


class Guard:
    """Args: started_ms: Unix ms at which this server began to listen."""

    def __init__(self, started_ms: int) -> None:
        self._started_ms = started_ms
        self._nonces = Nonces()
        self._rates = Rates(_PER_S, _BURST, "too many requests of one device")

    def headers(self, headers: object) -> SignedBy:
        """Raises: ApiError."""
        try:
            return read_headers(headers)  # type: ignore[arg-type]
        except FormatError as error:
            raise ApiError(401, "signature", str(error), detail={"why": "unsigned"}) from error

    def check(
        self, device: Device | None, signed: SignedBy, method: str, path: str, body: bytes, now_ms: int
    ) -> Device:
        """Raises: ApiError 401 `signature`, `revoked`, `clock`."""
        if device is None or device.device_pub is None:
            raise ApiError(401, "signature", "this device is not enrolled here", detail={"why": "unknown"})
        try:
            signed.verify(device.device_pub, method, path, body)
        except TrustError as error:
            raise ApiError(401, "signature", str(error), detail={"why": "signature"}) from error
        if device.revoked is not None:
            raise ApiError(401, "revoked", "this device was revoked")
        if abs(signed.time_ms - now_ms) > WINDOW_MS or signed.time_ms < self._started_ms:
            raise ApiError(401, "clock", "the request's time is not ours; ask /v1/time", detail={"now": now_ms})
        self._nonces.take(device.device, signed.nonce, now_ms)
        self._rates.take(device.device)
        return device


EVERY = frozenset(("gate", "hub", "desk"))
MAY: dict[str, frozenset[str]] = {
    "trust": EVERY,
    "manifest": EVERY,
    "base": EVERY,
    "object": EVERY,
    "changes": EVERY,
    "checkins": EVERY,
    "push": EVERY,
    "heartbeat": EVERY,
    # A hub is in other hands than the gates it serves: it may withhold, it must not be able to read or to make codes.
    "secrets": frozenset(("gate", "desk")),
    "search": frozenset(("gate", "desk")),
    "reveal": frozenset(("gate", "desk")),
}
"""Which profiles reach which call, by the name of its handler. A call that is not here is refused to everybody."""


def may_call(device: Device, call: str) -> None:
    """Raises: ApiError 403."""
    if device.profile not in MAY.get(call, frozenset()):
        raise ApiError(403, "forbidden", f"a {device.profile} may not ask for this", detail={"call": call})


def alive(device: Device | None) -> None:
    """Raises: ApiError 401 `revoked`."""
    if device is None or device.revoked is not None:
        raise ApiError(401, "revoked", "this device was revoked")


def may_use(device: Device, event: str) -> None:
    """Raises: ApiError 403."""
    if event not in device.events:
        raise ApiError(403, "forbidden", f"this device does not serve {event}")
