"""Changing keys without a gap: the new key is known to the gates before we sign with it, the old one is believed until it ends.

Ticket keys live as long as the tickets that they signed. A revoked key is never believed again, whatever it signed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, update

from gate.central import events, manifests, schema, trustfiles
from gate.central.service import Central
from gate.errors import ConfigError
from gate.wire.pins import ROLES as STAFF_ROLES
from gate.wire.pins import make_verifier, valid_pin
from gate.wire.secrets import StaffPin

ROLES = ("ticket", "manifest", "time", "rotating", "root")
LEAD_S = 15 * 60
"""A connected gate has the trust file within two minutes; this gives one on a bad link time for it as well."""
_ROTATING_LIFE_S = 2 * 366 * 24 * 3600


def rotate(central: Central, role: str, event: str | None, lead_s: int) -> dict[str, Any]:
    """Make the next key of a role, used from `lead_s` seconds on.

    Returns: kid (hex; null for a rotating key), since (Unix s), trust (version that carries it).
    Raises: ConfigError.
    """
    if role not in ROLES:
        raise ConfigError([("role", f"{role!r} is unknown", "one of " + ", ".join(ROLES))])
    if role in ("ticket", "rotating") and event is None:
        raise ConfigError([("event", f"a {role} key belongs to one event", "name it with --event")])
    now_ms = central.clock()
    since_s = now_ms // 1000 + lead_s

    def job(connection: Connection) -> dict[str, Any]:
        if event is not None:
            manifests.head_of(connection, event)
        kid: bytes | None = None
        if role == "root":
            version = trustfiles.change_root(connection, central.keys, now_ms)
            return {"role": role, "kid": None, "since": now_ms // 1000, "trust": version}
        if role == "rotating":
            assert event is not None
            central.keys.new_rotating(event, since_s, since_s + _ROTATING_LIFE_S)
            _secrets_changed(connection, central, event, now_ms)
        else:
            owner = event if role == "ticket" and event is not None else events.ANY_EVENT
            kid = events.new_key(connection, central.keys, owner, role, now_ms // 1000, since_s=since_s)
        version = trustfiles.ensure(connection, central.keys, now_ms)
        return {"role": role, "kid": kid.hex() if kid else None, "since": since_s, "trust": version}

    result = central.db.write(job)
    _tell(central)
    return result


def listed(central: Central) -> list[dict[str, Any]]:
    """Every signing key with its state."""
    table = schema.key
    now_s = central.clock() // 1000
    rows = central.db.read(
        lambda connection: connection.execute(
            select(table).order_by(table.c.event_id, table.c.role, table.c.since)
        ).all()
    )
    return [
        {
            "kid": bytes(row.kid).hex(), "role": row.role, "event": row.event_id, "since": row.since, "exp": row.exp,
            "state": "revoked" if row.revoked else "ended" if row.exp <= now_s else "next" if row.since > now_s else "in use",
        }
        for row in rows
    ]  # fmt: skip


def revoke(central: Central, kid: str) -> dict[str, Any]:
    """Nothing that a key signed is believed any more, once a gate has the trust file. What is in force is signed again.

    Raises: ConfigError: no such key, or no other one could take its place.
    """
    now_ms = central.clock()
    table = schema.key

    def job(connection: Connection) -> dict[str, Any]:
        row = _found(connection, kid)
        connection.execute(
            update(table).where(table.c.event_id == row.event_id, table.c.kid == row.kid).values(revoked=1)
        )
        events.current_kid(connection, row.event_id, row.role, now_ms // 1000)  # raises while there is no other
        version = trustfiles.ensure(connection, central.keys, now_ms)
        if row.role == "manifest":
            _sign_again(connection, central, now_ms)
        return {"kid": kid, "role": row.role, "trust": version}

    result = central.db.write(job)
    _tell(central)
    return result


def retire(central: Central, kid: str, at_s: int) -> dict[str, Any]:
    """What a key signed is believed until `at_s` (Unix s) and no longer. Raises: ConfigError."""
    table = schema.key

    def job(connection: Connection) -> dict[str, Any]:
        row = _found(connection, kid)
        connection.execute(
            update(table).where(table.c.event_id == row.event_id, table.c.kid == row.kid).values(exp=at_s)
        )
        version = trustfiles.ensure(connection, central.keys, central.clock())
        return {"kid": kid, "role": row.role, "exp": at_s, "trust": version}

    result = central.db.write(job)
    _tell(central)
    return result


def _found(connection: Connection, kid: str) -> Any:
    table = schema.key
    rows = [row for row in connection.execute(select(table)) if bytes(row.kid).hex() == kid.lower()]
    if len(rows) != 1:
        raise events.NotHereError([("kid", f"there is no key {kid!r}", "see `gate central key list`")])
    return rows[0]


def _sign_again(connection: Connection, central: Central, now_ms: int) -> None:
    head = schema.event_head
    for event in connection.execute(select(head.c.event_id).where(head.c.base_sha256.is_not(None))).scalars().all():
        manifests.adopt_policy(connection, central.signer, event, now_ms)
        _secrets_changed(connection, central, event, now_ms)


def _secrets_changed(connection: Connection, central: Central, event: str, now_ms: int) -> None:
    """The next version of every device's secrets; the descriptor names it, so that gates fetch it."""
    head = schema.event_head
    connection.execute(update(head).where(head.c.event_id == event).values(secrets=head.c.secrets + 1))
    if manifests.head_of(connection, event).base_sha256 is not None:
        manifests.issue(connection, central.signer, event, now_ms)


def _tell(central: Central) -> None:
    head = schema.event_head
    for event in central.db.read(lambda connection: connection.execute(select(head.c.event_id)).scalars().all()):
        central.hints.wake(("changes", event))


# ---- staff


def add_staff(central: Central, event: str, person: str, name: str, role: str, pin: str) -> dict[str, Any]:
    """Give a person a PIN at the gates of an event, or a new one. Raises: ConfigError."""
    events.check_id(person, "staff")
    if role not in STAFF_ROLES:
        raise ConfigError([("role", f"{role!r} is unknown", "one of " + ", ".join(STAFF_ROLES))])
    if not valid_pin(pin):
        raise ConfigError([("pin", "is too easy or too short", "6 to 12 digits, no plain run and not all the same")])
    made = StaffPin(id=person, name=name[:200], role=role, pin=make_verifier(pin, central.random(16)))
    return _store_staff(central, event, person, (made,))


def remove_staff(central: Central, event: str, person: str) -> dict[str, Any]:
    """Raises: ConfigError: no such person."""
    if person not in {item.id for item in central.keys.staff(event)}:
        raise events.NotHereError([("staff", f"there is no {person!r} at {event}", "see `gate central staff list`")])
    return _store_staff(central, event, person, ())


def _store_staff(central: Central, event: str, person: str, made: tuple[StaffPin, ...]) -> dict[str, Any]:
    now_ms = central.clock()

    def job(connection: Connection) -> int:
        manifests.head_of(connection, event)
        others = tuple(item for item in central.keys.staff(event) if item.id != person)
        central.keys.store_staff(event, (*others, *made))
        _secrets_changed(connection, central, event, now_ms)
        return int(manifests.head_of(connection, event).secrets)

    version = central.db.write(job)
    central.hints.wake(("changes", event))
    return {"event": event, "staff": person, "secrets": version}
