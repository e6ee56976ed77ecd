"""HTTP to one server: signed requests, bounded answers, no redirects. Says what went wrong in words, stores nothing."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from gate.errors import FormatError, TrustError, UplinkError
from gate.sync.clocks import SyncClock
from gate.sync.deadline import Deadline
from gate.sync.deadline import transport as limited
from gate.sync.keys import DeviceKeys
from gate.sync.protocol import Outcome, classify, retry_after
from gate.wire.request import TRUST_HEADER, sign_request
from gate.wire.signedtime import MAX_BYTES as TIME_BYTES

JSON_LIMIT = 2 * 1024 * 1024
# A page of 5,000 check-ins is some 1.5 MB; more than this is no answer of our server.
_ERROR_LIMIT = 16 * 1024
_CONNECT_S = 10.0
_SLACK_S = 5.0
# An answer may take its long poll, the timeout, and this much: it catches a server that drips bytes.


@dataclass(frozen=True, slots=True)
class Answer:
    outcome: Outcome
    status: int
    body: bytes
    etag: str | None = None
    retry_after_s: float | None = None

    def json(self) -> Any:
        """Raises: FormatError."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise FormatError("the server's answer is not JSON") from error


ReadTime = Callable[[bytes, str], int]
"""Verifies a signed time (bytes, nonce) and gives Unix ms; raises TrustError or FormatError."""


class Client:
    """Safe to use from every thread.

    Args:
        device: the name given at enrolment; empty while un-enrolled (then nothing is signed).
        read_time: checks the server's signed time against the trust file.
        nonce: fresh 32 hex each call.
        on_contact: called after each answer that we can go on with.
        trust: the version of the trust file that we have; told with each signed call.
        on_trust: is told of the newest version that the server names; nothing is believed of it.
        transport: in place of the network, for tests.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: SyncClock,
        timeout_s: float,
        nonce: Callable[[], str],
        device: str = "",
        keys: DeviceKeys | None = None,
        read_time: ReadTime | None = None,
        context: ssl.SSLContext | None = None,
        on_contact: Callable[[], None] | None = None,
        trust: Callable[[], int] | None = None,
        on_trust: Callable[[int], None] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._on_contact = on_contact
        self._trust, self._on_trust = trust, on_trust
        self._stopped = False
        self._clock = clock
        self._timeout_s = timeout_s
        self._nonce = nonce
        self._device = device
        self._keys = keys
        self._read_time = read_time
        self._deadline = Deadline()
        limits = httpx.Limits(max_connections=32, max_keepalive_connections=16, keepalive_expiry=60.0)
        verify = context if context is not None else True
        self._http = httpx.Client(
            base_url=url,
            follow_redirects=False,
            transport=transport or limited(self._deadline, verify=verify, trust_env=False, limits=limits),
            trust_env=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "gate-sync"},
            timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
        )

    def stop(self) -> None:
        """From now on every call raises, one that is under way as soon as its answer is there: nothing is done with it."""
        self._stopped = True

    def close(self) -> None:
        self._http.close()

    def _check_stopped(self) -> None:
        if self._stopped:
            raise UplinkError("stopped", "sync is stopping")

    def get(self, path: str, *, limit: int, wait_s: float = 0.0, headers: dict[str, str] | None = None) -> Answer:
        """`path` with its query, below `/v1`. `limit`: most bytes of the answer. `wait_s`: of a long poll.

        Raises: UplinkError for everything that is not OK, NOT_MODIFIED or REFETCH.
        """
        return self._call("GET", path, b"", limit=limit, wait_s=wait_s, headers=headers or {})

    def post(
        self,
        path: str,
        body: bytes,
        *,
        limit: int = JSON_LIMIT,
        headers: dict[str, str] | None = None,
        within_s: float | None = None,
    ) -> Answer:
        """`within_s`: a shorter end for this call, because a person waits for it.

        Raises: UplinkError for everything that is not OK; its `code` is `poison` when the content is at fault.
        """
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self._call("POST", path, body, limit=limit, wait_s=0.0, headers=sent, within_s=within_s)

    @contextmanager
    def stream(self, path: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """An open answer to a GET, for large files; the caller reads `iter_raw` and keeps the limits.

        Raises: UplinkError, also while the answer is read.
        """
        self._check_stopped()
        try:
            request = self._http.build_request("GET", f"/v1{path}", headers=self._signed("GET", path, b"") | headers)
            with self._deadline.within(self._timeout_s + _SLACK_S):
                response = self._http.send(request, stream=True)
            try:
                yield response
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise unreachable(error) from error
        self._check_stopped()

    def measure_time(self) -> None:
        """Ask for signed time and note the offset; the machine's clock stays as it is.

        Raises: UplinkError, TrustError, FormatError.
        """
        if self._read_time is None:
            raise UplinkError(
                "clock", "the server says that our clock is wrong, and no trust file is there to correct it"
            )
        nonce = self._nonce()
        sent = self._clock.mono_ms()
        answer = self._once("GET", f"/time?nonce={nonce}", b"", limit=TIME_BYTES, wait_s=0.0, headers={}, sign=False)
        received = self._clock.mono_ms()
        _raise_for(answer)
        self._clock.take(self._read_time(answer.body, nonce), sent, received)

    def _call(
        self,
        method: str,
        path: str,
        body: bytes,
        *,
        limit: int,
        wait_s: float,
        headers: dict[str, str],
        within_s: float | None = None,
    ) -> Answer:
        answer = self._once(method, path, body, limit=limit, wait_s=wait_s, headers=headers, within_s=within_s)
        if answer.outcome is Outcome.CLOCK:
            try:
                self.measure_time()
            except (TrustError, FormatError) as error:
                raise UplinkError(
                    "clock", f"our clock is wrong and the server's time is not believed: {error}"
                ) from error
            answer = self._once(method, path, body, limit=limit, wait_s=wait_s, headers=headers, within_s=within_s)
        _raise_for(answer)
        if self._on_contact is not None:
            self._on_contact()
        return answer

    def _signed(self, method: str, path: str, body: bytes) -> dict[str, str]:
        if self._keys is None:
            return {}
        signed = sign_request(
            self._keys.sign,
            method,
            f"/v1{path}",
            device=self._device,
            time_ms=self._clock.signing_ms(),
            nonce=self._nonce(),
            body=body,
        )
        return signed if self._trust is None else signed | {TRUST_HEADER: str(self._trust())}

    def _once(
        self,
        method: str,
        path: str,
        body: bytes,
        *,
        limit: int,
        wait_s: float,
        headers: dict[str, str],
        sign: bool = True,
        within_s: float | None = None,
    ) -> Answer:
        self._check_stopped()
        signed = self._signed(method, path, body) if sign else {}
        read_s = self._timeout_s + wait_s if within_s is None else within_s
        timeout = httpx.Timeout(read_s, connect=min(_CONNECT_S, self._timeout_s, read_s))
        whole_s = read_s + _SLACK_S if within_s is None else within_s
        deadline = time.monotonic() + whole_s
        try:
            with (
                self._deadline.within(whole_s),
                self._http.stream(
                    method, f"/v1{path}", content=body or None, headers=headers | signed, timeout=timeout
                ) as response,
            ):
                good = response.status_code < 300
                data = read_bounded(response, limit if good else _ERROR_LIMIT, deadline)
                status, sent_headers = response.status_code, response.headers
        except httpx.HTTPError as error:
            raise unreachable(error) from error
        self._check_stopped()
        named = sent_headers.get(TRUST_HEADER, "")
        if self._on_trust is not None and good and named.isascii() and named.isdecimal() and len(named) <= 15:
            self._on_trust(int(named))
        code = "" if good else _error_of(data)[0]
        wait = retry_after(sent_headers.get("retry-after"))
        return Answer(classify(status, code), status, data, sent_headers.get("etag"), wait)


def read_bounded(response: httpx.Response, limit: int, deadline: float) -> bytes:
    """The body as sent; cut at `limit` bytes or `deadline` (monotonic seconds). Raises: UplinkError."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise UplinkError("encoding", "the server packed an answer that we asked for unpacked")
    announced = response.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > limit:
        raise UplinkError("too_large", f"the server announced {announced} bytes where at most {limit} are right")
    data = bytearray()
    for chunk in response.iter_raw():
        data += chunk
        if len(data) > limit:
            raise UplinkError("too_large", f"the server sent more than the {limit} bytes that are right")
        if time.monotonic() > deadline:
            raise UplinkError("slow", "the server's answer did not end in time")
    return bytes(data)


def unreachable(error: httpx.HTTPError) -> UplinkError:
    """A transport failure in words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return UplinkError("tls", f"the server is not who it should be: {cause.args[-1]}")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.TimeoutException):
        return UplinkError("timeout", "the server did not answer in time")
    if isinstance(error, httpx.ConnectError):
        return UplinkError("unreachable", "the server cannot be reached")
    return UplinkError("broken", f"the connection to the server broke: {str(error) or type(error).__name__}")


def _error_of(data: bytes) -> tuple[str, str]:
    """Code and message of an error body; empty when it is not of our shape."""
    try:
        error = json.loads(data)["error"]
        return str(error["code"])[:40], str(error.get("message", ""))[:200]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", ""


def _raise_for(answer: Answer) -> None:
    outcome, status = answer.outcome, answer.status
    if outcome in (Outcome.OK, Outcome.NOT_MODIFIED, Outcome.REFETCH):
        return
    code, message = _error_of(answer.body)
    words = f"{status}{' ' + code if code else ''}{': ' + message if message else ''}"
    wait = answer.retry_after_s
    if outcome is Outcome.POISON:
        raise UplinkError("poison", words, status=status)
    if outcome is Outcome.REVOKED:
        raise UplinkError("revoked", "this gate's access was revoked by the server", status=status)
    if outcome is Outcome.CLOCK:
        raise UplinkError("clock", "the server still finds our time wrong", status=status)
    if outcome is Outcome.FAILING:
        raise UplinkError("server_error", f"the server fails: {words}", status=status, retry_after_s=wait)
    if outcome is Outcome.RETRY:
        raise UplinkError("busy", f"the server has trouble: {words}", status=status, retry_after_s=wait)
    if 300 <= status < 400:
        raise UplinkError(
            "redirect", f"the server sent us elsewhere ({status}), which is never followed", status=status
        )
    raise UplinkError(code or "refused", f"the server refused: {words}", status=status, retry_after_s=wait)
