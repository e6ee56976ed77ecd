"""Events: their identity, policy and salt. A policy is kept as the organiser wrote it and signed at publication."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, insert, select, update

from gate.central import schema
from gate.central.keys import KeyStore
from gate.errors import ConfigError, FormatError
from gate.model import ID_PATTERN, EventMode
from gate.said import moment_text
from gate.wire.policy import encode_policy
from gate.wire.sign1 import kid_of, public_bytes

_ID = re.compile(ID_PATTERN)
_SHORT = re.compile(r"[A-Z][A-Z0-9]{0,2}")
DEVICE_STREAM = ""
"""Event id of what belongs to a device and to no event."""
ANY_EVENT = "*"
_KEY_LIFE_S = 2 * 366 * 24 * 3600
DEFAULT_MODE = EventMode(mode="allow_list", warn_s=900, stale_s=24 * 3600, stale="warn")
"""A gate that cannot reach us for 15 minutes says so; after a day its data is called stale, and it goes on."""


class NotHereError(ConfigError):
    """What is named does not exist."""


class EndedError(ConfigError):
    """The event is over: no gate would fetch what is asked for."""

    code = "event.ended"


def check_id(value: str, what: str) -> str:
    """Raises: ConfigError."""
    if not _ID.fullmatch(value):
        raise ConfigError([(what, f"{value!r} is not an id", "small letters, digits and hyphens, at most 40")])
    return value


def check_short(value: str) -> str:
    """Raises: ConfigError."""
    if not _SHORT.fullmatch(value):
        raise ConfigError(
            [("short", f"{value!r} is not a short name", "one to three of A-Z and 0-9, a letter first: G2")]
        )
    return value


def default_policy(event: str, name: str, tz: str) -> dict[str, Any]:
    """One product, one list, one gate: enough to open a door with, and a start to edit from."""
    return complete_policy(
        {
            "event": event,
            "name": {"en": name},
            "tz": tz,
            "products": [{"n": 1, "name": {"en": "Admission"}}],
            "lists": [{"id": "main"}],
            "gates": [{"id": "g1", "short": "G1", "name": {"en": "Main gate"}, "lists": ["main"]}],
        }
    )


def complete_policy(raw: dict[str, Any]) -> dict[str, Any]:
    """Fill in what contracts 2 asks for and an organiser need not write."""
    product = {
        "name": {}, "kind": "admission", "flags": 0, "max_day": 0, "max_total": 0, "reentry": "none",
        "passback": "off", "claim": False, "text": {},
    }  # fmt: skip
    checkin_list = {
        "products": None, "zones": 0xFFFF, "include_unpaid": False, "multiple": False, "reentry": False,
        "addon_of": None, "rules": None, "opens": None, "closes": None,
    }  # fmt: skip
    gate = {"name": {}, "zones": 0xFFFF, "direction": "entry", "area": None}
    policy: dict[str, Any] = {
        "v": 1,
        "day_start": 4 * 60,  # a party's night belongs to the day it began on
        "areas": [],
        "claim_timeout": "open",
        "override": {
            "per_shift": 20,
            "reasons": [],  # any: the phones offer the usual ones, and one in own words
            "second_person": ["revoked"],
        },
        "cases": {"overdue_s": 180, "escalate_s": 480},
        "annul_max": 3,
        "search": "number",
        "retention_days": 30,
        "reconnect_spread_s": 30,
        **raw,
    }
    for part, defaults in (("products", product), ("lists", checkin_list), ("gates", gate)):
        items = policy.get(part)
        if isinstance(items, list):
            policy[part] = [{**defaults, **item} if isinstance(item, dict) else item for item in items]
    return policy


def read_policy_file(path: Path, event: str) -> dict[str, Any]:
    """A policy from TOML or JSON, completed.

    Raises:
        ConfigError: unreadable, not TOML or JSON, or for another event.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise ConfigError([("policy", f"{path} cannot be read: {error.strerror}", "check the path")]) from error
    except ValueError as error:
        raise ConfigError([("policy", f"{path}: {error}", "the file is TOML (.toml) or JSON")]) from error
    if not isinstance(raw, dict):
        raise ConfigError([("policy", f"{path} holds no table", "start from `gate central event policy`")])
    if raw.setdefault("event", event) != event:
        raise ConfigError([("policy.event", f"is {raw['event']!r}, not {event!r}", "leave it out or make them agree")])
    return complete_policy(raw)


def checked(policy: dict[str, Any]) -> bytes:
    """The policy as it will be signed. Raises: ConfigError."""
    try:
        content = encode_policy(policy)
    except FormatError as error:
        raise ConfigError([("policy", str(error), "see contracts, section 2: Policy")]) from error
    try:
        ZoneInfo(policy["tz"])
    except (KeyError, ValueError, OSError) as error:  # no gate could count its days: none would take the policy
        problem = f"{policy.get('tz')!r} is no time zone that is known here"
        raise ConfigError([("policy.tz", problem, "an IANA name, such as Asia/Taipei")]) from error
    return content


def create(connection: Connection, keys: KeyStore, policy: dict[str, Any], mode: EventMode, now_ms: int) -> str:
    """Add an event with its ticket key, salt and first rotation key.

    Returns: the event id.
    Raises: ConfigError: the policy is wrong, or the event is there already.
    """
    checked(policy)
    event = check_id(str(policy["event"]), "event")
    table = schema.event
    if connection.execute(select(table.c.event_id).where(table.c.event_id == event)).first():
        raise ConfigError([("event", f"{event} is there already", "choose another id")])
    now_s = now_ms // 1000
    connection.execute(
        insert(table).values(
            event_id=event,
            mode=mode.mode,
            warn_s=mode.warn_s,
            stale_s=mode.stale_s,
            stale=mode.stale,
            policy=json.dumps(policy, ensure_ascii=False, sort_keys=True),
            created=now_ms,
        )
    )
    connection.execute(insert(schema.event_head).values(event_id=event))
    keys.ensure_salt(event)
    keys.new_rotating(event, now_s - 24 * 3600, now_s + _KEY_LIFE_S)
    new_key(connection, keys, event, "ticket", now_s)
    return event


def new_key(
    connection: Connection, keys: KeyStore, event: str, role: str, now_s: int, *, since_s: int | None = None
) -> bytes:
    """Make a signing key and write down its public half.

    Args:
        since_s: Unix s from which we sign with it; None = at once.

    Returns: kid.
    """
    public = public_bytes(keys.new_signing(role))
    kid = kid_of(public)
    connection.execute(
        insert(schema.key).values(
            event_id=event,
            kid=kid,
            role=role,
            pub=public,
            nbf=now_s - 24 * 3600,  # a gate whose clock is a little behind must accept it at once
            exp=now_s + _KEY_LIFE_S,
            since=now_s if since_s is None else since_s,
        )
    )
    return kid


def current_kid(connection: Connection, event: str, role: str, now_s: int) -> bytes:
    """The newest key of a role that is in use; for an event, or for all. Raises: ConfigError."""
    table = schema.key
    rows = connection.execute(
        select(table.c.kid, table.c.since, table.c.nbf).where(
            table.c.event_id.in_((event, ANY_EVENT)),
            table.c.role == role,
            table.c.revoked == 0,
            table.c.exp > now_s,
        )
    ).all()
    if not rows:
        raise ConfigError([("event", f"there is no {role} key of {event}", "create the event first")])
    begun = [row for row in rows if row.since <= now_s]
    # A server whose clock was set back before all of them signs with the oldest: it must not fall silent.
    found = max(begun, key=_newest) if begun else min(rows, key=_newest)
    return bytes(found.kid)


def _newest(row: Any) -> tuple[int, int, bytes]:
    return row.since, row.nbf, bytes(row.kid)


def zone_of(policy: dict[str, Any]) -> ZoneInfo:
    """The time zone of the doors; UTC where this machine does not know it (any more)."""
    try:
        return ZoneInfo(policy.get("tz", "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def local_hour(connection: Connection, event: str, now_ms: int) -> int:
    """Hour of the day in the event's zone."""
    return datetime.fromtimestamp(now_ms / 1000, zone_of(policy_of(connection, event))).hour


def policy_of(connection: Connection, event: str) -> dict[str, Any]:
    """Raises: ConfigError: no such event."""
    text = connection.execute(select(schema.event.c.policy).where(schema.event.c.event_id == event)).scalar()
    if text is None:
        raise NotHereError([("event", f"there is no event {event!r}", "see `gate central event list`")])
    policy: dict[str, Any] = json.loads(text)
    return policy


def open_policy(connection: Connection, event: str) -> dict[str, Any]:
    """The policy of an event that is not over. Raises: EndedError; NotHereError."""
    policy = policy_of(connection, event)
    table = schema.event
    ended = connection.execute(select(table.c.ended).where(table.c.event_id == event)).scalar()
    if ended is not None:
        problem = f"{event} ended {moment_text(ended, zone_of(policy))}; gates have forgotten it"
        raise EndedError([("event", problem, f"`gate central event end {event} --back` brings it back")])
    return policy


def end(connection: Connection, event: str, ended: int | None) -> None:
    """Take an event out of the trust file from its next version on (Unix ms), or bring it back (None).

    Raises: ConfigError: no such event.
    """
    policy_of(connection, event)
    connection.execute(update(schema.event).where(schema.event.c.event_id == event).values(ended=ended))


def set_policy(connection: Connection, policy: dict[str, Any]) -> None:
    """Replace the policy of its event; in force with the next publication. Raises: ConfigError."""
    checked(policy)
    event = str(policy["event"])
    policy_of(connection, event)
    text = json.dumps(policy, ensure_ascii=False, sort_keys=True)
    connection.execute(update(schema.event).where(schema.event.c.event_id == event).values(policy=text))
