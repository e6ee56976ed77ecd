"""Objects that the real server signed or could have signed, and answers put in their place."""

from __future__ import annotations

from sqlalchemy import update

from gate.central import schema
from gate.wire.manifest import (
    Descriptor,
    Page,
    parse_descriptor,
)
from gate.wire.sign1 import Aad, split
from tests.fakes.server import EVENT, Fault
from tests.sync.conftest import Gate


def descriptor_of(gate: Gate) -> Descriptor:
    stored = gate.store.event(EVENT)
    assert stored is not None
    return parse_descriptor(split(stored.descriptor, limit=8192).payload or b"")


def signed(gate: Gate, descriptor: Descriptor) -> bytes:
    """By the server's real key: what a stolen or confused server could sign."""
    central = gate.live.central
    return central.db.read(
        lambda connection: central.signer.sign(connection, EVENT, descriptor.payload(), Aad.MANIFEST)
    )


def page(descriptor: bytes, rows: tuple[bytes, ...] = (), after: int = 0) -> bytes:
    return Page(rows=rows, next=after, more=False, descriptor=descriptor).encode()


def answer(gate: Gate, path: str, body: bytes, status: int = 200) -> None:
    gate.live.faults.append(Fault("GET", path, status=status, body=body))


def published_descriptor(gate: Gate) -> Descriptor:
    body = gate.client.get(f"/events/{EVENT}/manifest", limit=8192).body
    return parse_descriptor(split(body, limit=8192).payload or b"")


def new_secrets(gate: Gate) -> None:
    gate.live.central.db.write(lambda connection: connection.execute(update(schema.event_head).values(secrets=2)))
