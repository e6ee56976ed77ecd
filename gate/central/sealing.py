"""Device secrets: the salt and rotation keys of an event, sealed to one device and signed (contracts 2)."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Connection, delete, insert, select

from gate.central import schema
from gate.central.manifests import Signer, head_of
from gate.model import EventId
from gate.wire import secrets as wire_secrets
from gate.wire.secrets import SealedSecrets, Secrets
from gate.wire.sign1 import Aad


def secrets_for(
    connection: Connection, signer: Signer, event: str, device: str, seal_pub: bytes, random: Callable[[int], bytes]
) -> bytes:
    """The sealed object of one device; made once for each version, so that one version is always the same bytes."""
    version = head_of(connection, event).secrets
    table = schema.sealed
    found = connection.execute(select(table).where(table.c.event_id == event, table.c.device == device)).first()
    if found is not None and found.version == version:
        return bytes(found.object)
    plain = Secrets(
        salt=signer.keys.salt(event), rotating=signer.keys.rotating(event), staff=signer.keys.staff(event)
    ).encode()
    ephemeral = X25519PrivateKey.from_private_bytes(random(32))
    box = wire_secrets.seal(plain, seal_pub, wire_secrets.secrets_aad(device, event), ephemeral)
    sealed = SealedSecrets(event=EventId(event), version=version, device=device, box=box)
    content = signer.sign(connection, event, sealed.payload(), Aad.SECRETS)
    connection.execute(delete(table).where(table.c.event_id == event, table.c.device == device))
    connection.execute(insert(table).values(event_id=event, device=device, version=version, object=content))
    return content
