"""Who sends a request: a person on a paired phone (cookies and a CSRF header), or an integration (bearer token)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import Response

from gate.kiosk.staff.access import LOCAL, Access, Denied, Grant, Session
from gate.lane.orders import By

DEVICE_COOKIE = "gate_device"
SESSION_COOKIE = "gate_session"
CSRF_HEADER = "x-gate-csrf"
_MONTH_S = 30 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Exactly one of `session` and `grant` is there."""

    session: Session | None = None
    grant: Grant | None = None

    @property
    def who(self) -> str:
        """Stable name for limits and for answers to repeat."""
        if self.session is not None:
            return f"staff:{self.session.staff}@{self.session.pairing}"
        return f"api:{self.grant.name if self.grant else ''}"

    def may(self, right: str) -> bool:
        if self.session is not None:
            return self.session.may(right)
        return self.grant is not None and right in self.grant.scopes

    def by(self, key: str = "") -> By:
        if self.session is not None:
            return By(actor=self.session.staff, input=f"handheld:{self.session.pairing}", key=key)
        return By(actor=None, input=f"api:{self.grant.name if self.grant else ''}", key=key)


class Callers:
    """
    Args:
        secure: over TLS, so cookies never leave without it.
        local: the gate's own screen, which needs no pairing.
    """

    def __init__(self, access: Access, *, secure: bool, local: bool) -> None:
        self.access = access
        self._secure = secure
        self._local = local

    def device(self, request: HTTPConnection) -> str | None:
        return LOCAL if self._local else self.access.device(request.cookies.get(DEVICE_COOKIE))

    def session(self, request: HTTPConnection) -> Session | None:
        return self.access.session(request.cookies.get(SESSION_COOKIE), self.device(request))

    def caller(self, request: HTTPConnection, right: str, *, changes: bool) -> Caller:
        """Raises: Denied."""
        word, _, token = request.headers.get("authorization", "").partition(" ")
        if word.lower() == "bearer":
            grant = self.access.token(token.strip())
            if grant is None:
                raise Denied("token", "this token is not valid")
            found = Caller(grant=grant)
        else:
            session = self.session(request)
            if session is None:
                raise Denied("login", "log in first" if self.device(request) else "pair this phone first")
            sent = request.headers.get(CSRF_HEADER, "")
            if changes and not hmac.compare_digest(sent.encode(), session.csrf.encode()):
                raise Denied("csrf", "this request does not come from the page of this session")
            found = Caller(session=session)
        if not found.may(right):
            raise Denied("forbidden", "your role may not do this")
        return found

    def set_device(self, response: Response, value: str) -> None:
        self._set(response, DEVICE_COOKIE, value, _MONTH_S)

    def set_session(self, response: Response, value: str) -> None:
        self._set(response, SESSION_COOKIE, value, None)

    def clear_session(self, response: Response) -> None:
        response.delete_cookie(SESSION_COOKIE, path="/", secure=self._secure, httponly=True, samesite="strict")

    def _set(self, response: Response, name: str, value: str, age_s: int | None) -> None:
        response.set_cookie(name, value, max_age=age_s, path="/", secure=self._secure, httponly=True, samesite="strict")
