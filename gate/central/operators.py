"""Operators of the HTTP API: who they are, by a bearer token that only its hash is kept of. Made on the server's machine."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from gate.central import events, schema
from gate.errors import ConfigError
from gate.wire.request import b64

ROLES = ("admin", "reader")
_PREFIX = "gco"
# So that a token which lies around is known for what it is.
_SECRET_BYTES = 32
TOKEN_MAX = 120


@dataclass(frozen=True, slots=True)
class Operator:
    name: str
    role: str
    revoked: bool = False


def add(connection: Connection, name: str, role: str, now_ms: int, random: Callable[[int], bytes]) -> dict[str, Any]:
    """A token for a person or a program. Shown this once. A name that is there gets a new token, and the old one ends.

    Raises: ConfigError.
    """
    events.check_id(name, "operator")
    if role not in ROLES:
        raise ConfigError([("role", f"{role!r} is unknown", "one of " + ", ".join(ROLES))])
    token = f"{_PREFIX}.{name}.{b64(random(_SECRET_BYTES))}"
    table = schema.operator
    connection.execute(delete(table).where(table.c.name == name))
    connection.execute(insert(table).values(name=name, role=role, token_hash=_hash(token), created=now_ms))
    return {"operator": name, "role": role, "token": token}


def revoke(connection: Connection, name: str, now_ms: int) -> None:
    """Raises: NotHereError."""
    table = schema.operator
    if not connection.execute(update(table).where(table.c.name == name).values(revoked=now_ms)).rowcount:
        raise events.NotHereError([("operator", f"there is no operator {name!r}", "see `gate central operator list`")])


def listed(connection: Connection) -> list[dict[str, Any]]:
    table = schema.operator
    return [
        {"operator": row.name, "role": row.role, "created": row.created, "revoked": row.revoked}
        for row in connection.execute(select(table).order_by(table.c.name))
    ]


def find(connection: Connection, token: str) -> Operator | None:
    """Whose token this is; None: nobody's. Compared in constant time, also when there is no such name."""
    prefix, _, rest = token.partition(".")
    name, _, secret = rest.partition(".")
    wanted = token if prefix == _PREFIX and secret and len(token) <= TOKEN_MAX and token.isascii() else ""
    row = None
    if wanted and "\x00" not in name:
        table = schema.operator
        row = connection.execute(select(table).where(table.c.name == name)).first()
    right = hmac.compare_digest(bytes(32) if row is None else bytes(row.token_hash), _hash(wanted))
    return Operator(row.name, row.role, row.revoked is not None) if row is not None and right else None


def _hash(token: str) -> bytes:
    """Of 32 random bytes: nobody can guess them, so a slow hash would only slow us."""
    return hashlib.sha256(b"gate/operator" + token.encode()).digest()
