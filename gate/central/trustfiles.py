"""The trust file: built from keys, events and servers, signed by the root, a new version only when its content changes."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, insert, select

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
    root = keys.root()
    last = newest(connection)
    wanted = _wanted(connection, keys, root, now_ms)
    if last is not None:
        same = replace(wanted, version=last.version, issued=last.issued, expires=last.expires)
        if same.payload() == last.payload() and now_ms < last.issued + _RENEW_MS:
            return last.version
        wanted = replace(wanted, version=last.version + 1)
    connection.execute(insert(schema.trust).values(version=wanted.version, issued=now_ms, file=wanted.sign([root])))
    return wanted.version


def newest(connection: Connection) -> TrustFile | None:
    found = connection.execute(select(schema.trust.c.file).order_by(schema.trust.c.version.desc()).limit(1)).scalar()
    return None if found is None else parse_payload(open_envelope(found)[0])


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
    modes = connection.execute(select(schema.event).order_by(schema.event.c.event_id)).all()
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
            for row in modes
        },
    )
