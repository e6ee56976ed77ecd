"""Who may come in: pairing of phones, PIN login with lock-out, sessions, tokens of integrations. No HTTP in here.

Every success and every lock-out goes to the journal through `audit`; secrets are compared in constant time and kept hashed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from gate.errors import GateError
from gate.kiosk.staff.ports import People, Store
from gate.settings import KioskSettings
from gate.wire.pins import ROLES, any_verifier, check_pin
from gate.wire.secrets import StaffPin

OFFER_MS = 120_000
HANDOVER_MS = 60_000
OFFER_TRIES = 5
CODE_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 8
DAY_MS = 86_400_000
SESSION_MAX_MS = 12 * 3_600_000
SHIFT_MS = 12 * 3_600_000
"""Overrides are counted over this time."""
LOCK_MAX_MS = 3_600_000
_TOUCH_MS = 20_000
LOCAL = "local"
"""The gate's own touch screen: it needs no pairing."""
RIGHTS: dict[str, frozenset[str]] = {
    "attendant": frozenset({"scan", "inspect", "undo", "override", "lane", "events", "search"}),
    "supervisor": frozenset({"scan", "inspect", "undo", "override", "lane", "events", "search", "pair"}),
    "technician": frozenset({"scan", "inspect", "undo", "lane", "events", "pair", "tech"}),
}
SCOPES = ("scan", "inspect", "lane", "events", "counts")
"""What a token of an integration may be given."""
Audit = Callable[[dict[str, Any], str | None], None]
"""Writes `data` of a journal row of kind `config`, with the actor."""


class Denied(GateError):
    """Not let in. `code` is for the API, `wait_s` how long to stay away."""

    def __init__(self, code: str, message: str, wait_s: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.wait_s = wait_s


class Session(NamedTuple):
    token: bytes
    staff: str
    name: str
    role: str
    pairing: str
    csrf: str

    def may(self, right: str) -> bool:
        return right in RIGHTS.get(self.role, frozenset())


class Grant(NamedTuple):
    """A token of an integration."""

    id: str
    name: str
    scopes: tuple[str, ...]


@dataclass(slots=True)
class _Offer:
    code: str
    until: int
    via: str
    session: bytes | None = None


class Access:
    """
    Args:
        now_ms: Unix ms that never go back (the gate's own clock).
        audit: see `Audit`; called outside every lock.
    """

    def __init__(
        self, store: Store, people: People, settings: KioskSettings, *, now_ms: Callable[[], int], audit: Audit
    ) -> None:
        self._store = store
        self._people = people
        self._settings = settings
        self._now = now_ms
        self._audit = audit
        self._lock = threading.Lock()
        self._scrypt = threading.Lock()
        """One PIN at a time: each takes 16 MiB and a core."""
        self._offers: list[_Offer] = []
        self._wrong_codes = 0

    # ---- pairing

    def offer(self, via: str, *, session: Session | None = None) -> tuple[str, int]:
        """A code that pairs one phone. `session`: it moves to that phone (hand-over). Returns: code, Unix ms of its end."""
        code = "".join(secrets.choice(CODE_SIGNS) for _ in range(CODE_LENGTH))
        now = self._now()
        until = now + (HANDOVER_MS if session else OFFER_MS)
        with self._lock:
            self._offers = [item for item in self._offers if item.until > now and (session or item.session)]
            self._offers.append(_Offer(code, until, via, session.token if session else None))
            self._wrong_codes = 0
        self._audit({"what": "pairing_offered", "via": via}, session.staff if session else None)
        return code, until

    def offering(self) -> bool:
        """Whether a code for the gate's screen is open."""
        now = self._now()
        with self._lock:
            return any(item.until > now and item.session is None for item in self._offers)

    def claim(self, code: str, name: str) -> tuple[str, str | None]:
        """Pair the phone that knows the code. Returns: device cookie, session cookie when a shift was handed over.

        Raises: Denied.
        """
        plain = code.strip().upper().replace("-", "").replace("O", "0").replace("I", "1").replace("L", "1")
        now = self._now()
        with self._lock:
            live = [item for item in self._offers if item.until > now]
            fits = [item for item in live if hmac.compare_digest(item.code.encode(), plain.encode())]
            if fits:
                self._offers = [item for item in live if item is not fits[0]]
                self._wrong_codes = 0
            else:
                self._wrong_codes += 1
                stopped = bool(live) and self._wrong_codes >= OFFER_TRIES
                self._offers = [] if stopped else live
        if not fits:
            if stopped:
                self._audit({"what": "pairing_stopped", "tries": OFFER_TRIES}, None)
            raise Denied("code", "that code is not valid, or its two minutes are over")
        device, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        self._store.put("pairing", id=device, name=name, secret=_hash(secret), via=fits[0].via, at=now, seen=now)
        moved = self._move(fits[0].session, device) if fits[0].session else None
        self._audit({"what": "paired", "pairing": device, "via": fits[0].via, "handover": moved is not None}, None)
        return f"{device}.{secret}", moved

    def _move(self, token: bytes, device: str) -> str | None:
        row = self._store.get("session", token)
        if row is None:
            return None
        self._store.remove("session", token)
        fresh = secrets.token_urlsafe(32)
        self._store.put("session", **{**row, "token": _hash(fresh), "pairing": device, "seen": self._now()})
        return fresh

    def device(self, cookie: str | None) -> str | None:
        """The pairing of a device cookie."""
        name, _, secret = (cookie or "").partition(".")
        row = self._store.get("pairing", name) if secret and len(name) == 12 else None
        if row is None or not hmac.compare_digest(row["secret"], _hash(secret)):
            return None
        return name if self._now() - row["seen"] < 30 * DAY_MS else None

    def pairings(self) -> list[dict[str, Any]]:
        return [{key: row[key] for key in ("id", "name", "via", "at", "seen")} for row in self._store.all("pairing")]

    def unpair(self, device: str, actor: str | None) -> bool:
        self._store.end_sessions(pairing=device)
        gone = self._store.remove("pairing", device)
        if gone:
            self._audit({"what": "unpaired", "pairing": device}, actor)
        return gone

    # ---- people

    def staff(self) -> list[StaffPin]:
        """Everybody who may log in; the organiser's word outranks a local one of the same id."""
        named = {item.id: item for item in self._people() if item.role in ROLES}
        local = (
            StaffPin(id=row["id"], name=row["name"], role=row["role"], pin=row["pin"])
            for row in self._store.all("staff")
        )
        return [*named.values(), *(item for item in local if item.id not in named)]

    def check(self, staff: str, pin: str, device: str) -> StaffPin:
        """The person of id and PIN, counted towards the lock-out. Raises: Denied."""
        staff = staff.strip().lower()[:40]
        with self._scrypt:
            now = self._now()
            lock = self._store.get("lock", staff) or {"staff": staff, "wrong": 0, "times": 0, "until": 0}
            if lock["until"] > now:
                raise Denied("locked", "too many wrong PINs: wait a little", -(-(lock["until"] - now) // 1000))
            people = self.staff()
            person = next((item for item in people if item.id == staff), None)
            right = check_pin(person.pin if person else any_verifier([item.pin for item in people]), pin)
            if person is not None and right:
                if lock["wrong"] or lock["times"]:
                    self._store.remove("lock", staff)
                return person
            lock["wrong"] += 1
            locked = lock["wrong"] >= self._settings.pin_tries
            if locked:
                span = min(LOCK_MAX_MS, self._settings.lockout_s * 1000 * 2 ** min(lock["times"], 12))
                lock |= {"wrong": 0, "times": lock["times"] + 1, "until": now + span}
            self._store.put("lock", **lock)
        if locked:
            self._audit({"what": "login_locked", "staff": staff, "pairing": device, "wait_s": span // 1000}, None)
            raise Denied("locked", "too many wrong PINs: wait a little", span // 1000)
        raise Denied("pin", "staff id or PIN is wrong")

    def login(self, staff: str, pin: str, device: str) -> tuple[str, Session]:
        """Returns: session cookie and session. Raises: Denied."""
        person = self.check(staff, pin, device)
        now = self._now()
        self._store.end_sessions(pairing=device, before=now - self._idle_ms)
        cookie = secrets.token_urlsafe(32)
        session = Session(_hash(cookie), person.id, person.name, person.role, device, secrets.token_urlsafe(16))
        self._store.put("session", **session._asdict(), at=now, seen=now)
        self._audit({"what": "login", "role": person.role, "pairing": device}, person.id)
        return cookie, session

    def session(self, cookie: str | None, device: str | None) -> Session | None:
        """The living session of a cookie on its own device; being used keeps it alive."""
        if not cookie or device is None or len(cookie) > 100:
            return None
        row = self._store.get("session", _hash(cookie))
        now = self._now()
        if row is None or row["pairing"] != device:
            return None
        if now - row["seen"] > self._idle_ms or now - row["at"] > SESSION_MAX_MS or self._left(row):
            self._store.remove("session", row["token"])
            return None
        if now - row["seen"] > _TOUCH_MS:
            self._store.seen(row["token"], device, now)
        return Session(*(row[name] for name in Session._fields))

    def _left(self, row: dict[str, Any]) -> bool:
        """The person is not staff any more, or has another role."""
        return not any(item.id == row["staff"] and item.role == row["role"] for item in self.staff())

    @property
    def _idle_ms(self) -> int:
        return self._settings.session_min * 60_000

    def logout(self, session: Session) -> None:
        self._store.remove("session", session.token)
        self._audit({"what": "logout"}, session.staff)

    def note(self, data: dict[str, Any], actor: str | None) -> None:
        """Anything else about access that belongs into the journal."""
        self._audit(data, actor)

    # ---- limits of overrides

    def overrides(self, staff: str) -> int:
        """How many this person made in the last twelve hours."""
        return self._store.overrides_since(staff, self._now() - SHIFT_MS)

    def overridden(self, staff: str) -> None:
        self._store.count_override(staff, self._now())

    # ---- tokens

    def make_token(self, name: str, scopes: list[str], by: str) -> str:
        """Returns: the token, shown this once. Raises: Denied for an unknown scope."""
        if not scopes or any(scope not in SCOPES for scope in scopes):
            raise Denied("scopes", f"scopes are {', '.join(SCOPES)}")
        key, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        values = {"name": name, "scopes": json.dumps(sorted(set(scopes))), "secret": _hash(secret), "by": by}
        self._store.put("token", id=key, at=self._now(), **values)
        self._audit({"what": "token_made", "token": key, "name": name, "scopes": sorted(set(scopes))}, by)
        return f"gate_{key}_{secret}"

    def token(self, text: str) -> Grant | None:
        kind, _, rest = text.partition("_")
        key, _, secret = rest.partition("_")
        row = self._store.get("token", key) if kind == "gate" and secret else None
        if row is None or not hmac.compare_digest(row["secret"], _hash(secret)):
            return None
        return Grant(row["id"], row["name"], tuple(json.loads(row["scopes"])))

    def tokens(self) -> list[dict[str, Any]]:
        return [
            {
                "id": row["id"],
                "name": row["name"],
                "scopes": json.loads(row["scopes"]),
                "at": row["at"],
                "by": row["by"],
            }
            for row in self._store.all("token")
        ]

    def drop_token(self, key: str, by: str) -> bool:
        gone = self._store.remove("token", key)
        if gone:
            self._audit({"what": "token_ended", "token": key}, by)
        return gone


def _hash(secret: str) -> bytes:
    """Random secrets of 256 bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()
