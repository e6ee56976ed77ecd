"""The trust file: built from keys, events and servers, signed by the root, a new version only when its content changes."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, func, insert, select

from gate.central import schema, settings
from gate.central.keys import KeyStore
from gate.model import EventId, EventMode, Kid
from gate.wire.sign1 import public_bytes, thumbprint
from gate.wire.trust import KeyRecord, Server, TrustFile, open_envelope, parse_payload

_LIFE_MS = 400 * 24 * 3600 * 1000
_RENEW_MS = _LIFE_MS // 2


def ensure(connection: Connection, keys: KeyStore, now_ms: int) -> int:
    """Sign the next version if keys, events or the server's address changed, or half the life is over.

    Returns: the version in force.
    """
    last = newest(connection)
    root = keys.root() if last is None else keys.root_of(last.root)
    wanted = _wanted(connection, keys, root, now_ms)
    if last is not None:
        same = replace(wanted, version=last.version, issued=last.issued, expires=last.expires)
        if same.payload() == last.payload() and now_ms < last.issued + _RENEW_MS:
            return last.version
        wanted = replace(wanted, version=last.version + 1)
    connection.execute(insert(schema.trust).values(version=wanted.version, issued=now_ms, file=wanted.sign([root])))
    return wanted.version


def change_root(connection: Connection, keys: KeyStore, now_ms: int) -> int:
    """Make a new root key. The file that brings it is signed by the old root and by the new one; a gate that believed the
    old one believes the new one from then on. Returns: the version."""
    last = newest(connection)
    old = keys.root() if last is None else keys.root_of(last.root)
    new = keys.new_root()
    wanted = replace(_wanted(connection, keys, new, now_ms), version=1 if last is None else last.version + 1)
    file = wanted.sign([old, new])
    connection.execute(insert(schema.trust).values(version=wanted.version, issued=now_ms, file=file))
    return wanted.version


def root_in_force(connection: Connection, keys: KeyStore) -> bytes:
    """Thumbprint of the root that signs now: what a new enrolment code carries."""
    last = newest(connection)
    return root_thumbprint(keys) if last is None else thumbprint(last.root)


def first_of_root(connection: Connection) -> int:
    """The version before the file that brought the root in force: a device that is enrolled with it begins above."""
    table = schema.trust
    rows = connection.execute(select(table.c.version, table.c.file).order_by(table.c.version.desc())).all()
    root, version = None, 0
    for row in rows:
        found = parse_payload(open_envelope(bytes(row.file))[0]).root
        if root is not None and found != root:
            return version - 1
        root, version = found, row.version
    return 0


def newest(connection: Connection) -> TrustFile | None:
    found = connection.execute(select(schema.trust.c.file).order_by(schema.trust.c.version.desc()).limit(1)).scalar()
    return None if found is None else parse_payload(open_envelope(found)[0])


def version(connection: Connection) -> int:
    """The newest; 0 = there is none yet."""
    return connection.execute(select(func.max(schema.trust.c.version))).scalar() or 0


def above(connection: Connection, version: int) -> list[bytes]:
    """Files above a version, in order: a gate behind several changes of root needs every one."""
    table = schema.trust
    return [
        bytes(row.file)
        for row in connection.execute(select(table.c.file).where(table.c.version > version).order_by(table.c.version))
    ]


def root_thumbprint(keys: KeyStore) -> bytes:
    return thumbprint(public_bytes(keys.root()))


def _wanted(connection: Connection, keys: KeyStore, root: Ed25519PrivateKey, now_ms: int) -> TrustFile:
    table = schema.key
    records = connection.execute(select(table).order_by(table.c.event_id, table.c.role, table.c.kid)).all()
    all_events = connection.execute(select(schema.event).order_by(schema.event.c.event_id)).all()
    ended = {row.event_id for row in all_events if row.ended is not None}
    records = [row for row in records if row.event_id not in ended]
    url = settings.get(connection, "url")
    server = Server(
        id=settings.get(connection, "server") or "central",
        role="central",
        urls=(url,) if url else (),
        spki=bytes.fromhex(settings.get(connection, "spki") or "") or None,
        seal=keys.seal().public_key().public_bytes_raw(),
    )
    return TrustFile(
        org=settings.get(connection, "org") or "",
        version=1,
        issued=now_ms,
        expires=now_ms + _LIFE_MS,
        root=public_bytes(root),
        keys=tuple(
            KeyRecord(
                kid=Kid(row.kid), pub=row.pub, role=row.role, events=(EventId(row.event_id),), nbf=row.nbf, exp=row.exp
            )
            for row in records
        ),
        revoked_kids=frozenset(Kid(row.kid) for row in records if row.revoked),
        servers=(server,),
        events={
            EventId(row.event_id): EventMode(mode=row.mode, warn_s=row.warn_s, stale_s=row.stale_s, stale=row.stale)
            for row in all_events
            if row.event_id not in ended
        },
    )
