"""Devices: registration with a one-time enrolment code, their keys, revocation, heartbeat."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Row, delete, insert, select, update

from gate.central import events, incidents, schema, settings, trustfiles
from gate.errors import ConfigError, FormatError, GateError
from gate.wire import cbor
from gate.wire.enrol import CODE_BYTES, Enrolment, proof_bytes
from gate.wire.request import unb64

PROFILES = ("gate", "hub", "desk")
CODE_LIFE_MS = 24 * 3600 * 1000
SAME_ANSWER_MS = 15 * 60 * 1000
"""How long the same key gets the same answer again: a reply that was lost on the way."""
_CASES_SCANNED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """`enrolled`, `revoked`, `beat_at`: Unix ms or None."""

    device: str
    gate: str
    short: str
    profile: str
    events: tuple[str, ...]
    device_pub: bytes | None
    seal_pub: bytes | None
    journal_pub: bytes | None
    enrolled: int | None
    revoked: int | None
    beat_at: int | None
    beat: dict[str, Any]
    boot: str | None = None
    """The kernel's id of the boot that spoke last."""
    code_trust: int = 0
    """Its enrolment is answered with the trust files above this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolRequest:
    code: bytes
    device_pub: bytes
    seal_pub: bytes
    journal_pub: bytes
    proof: bytes
    hardware: str
    software: str


def read_request(value: dict[str, Any]) -> EnrolRequest:
    """The body of `POST /v1/enrol`. Raises: FormatError."""
    fields = cbor.Fields(value, "enrolment")

    def octets(name: str, size: int) -> bytes:
        text = fields.text(name, 2 * size)
        if not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text):
            raise FormatError(f"enrolment.{name} is not {size} bytes in lower-case hex")
        return bytes.fromhex(text)

    return EnrolRequest(
        code=octets("code", CODE_BYTES),
        device_pub=octets("device_pub", 32),
        seal_pub=octets("seal_pub", 32),
        journal_pub=octets("journal_pub", 32),
        proof=unb64(fields.text("proof", 88)),
        hardware=(fields.maybe_text("hardware") or "")[:200],
        software=(fields.maybe_text("software") or "")[:200],
    )


class EnrolError(GateError):
    """`code` is the word of the wire: not_found, signature, forbidden; `conflict` = used by another key."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def get(connection: Connection, device: str) -> Device | None:
    row = connection.execute(select(schema.device).where(schema.device.c.device == device)).first()
    return None if row is None else _device(connection, row)


def every(connection: Connection) -> list[Device]:
    rows = connection.execute(select(schema.device).order_by(schema.device.c.device)).all()
    return [_device(connection, row) for row in rows]


def journal_key_of_gate(connection: Connection, gate: str) -> list[bytes]:
    """Journal keys of every device that has been this gate."""
    table = schema.device
    rows = connection.execute(select(table.c.journal_pub).where(table.c.gate == gate, table.c.journal_pub.is_not(None)))
    return [bytes(row.journal_pub) for row in rows]


def _device(connection: Connection, row: Row[Any]) -> Device:
    table = schema.device_event
    served = connection.execute(
        select(table.c.event_id).where(table.c.device == row.device).order_by(table.c.event_id)
    ).scalars()
    return Device(
        device=row.device,
        gate=row.gate,
        short=row.short,
        profile=row.profile,
        events=tuple(served),
        device_pub=row.device_pub,
        seal_pub=row.seal_pub,
        journal_pub=row.journal_pub,
        enrolled=row.enrolled,
        revoked=row.revoked,
        beat_at=row.beat_at,
        beat=json.loads(row.beat) if row.beat else {},
        boot=row.boot,
        code_trust=row.code_trust,
    )


def add(
    connection: Connection,
    device: str,
    *,
    short: str,
    served: Sequence[str],
    profile: str,
    gate: str | None,
    code: bytes,
    now_ms: int,
) -> None:
    """Register a device, or give one that is there a new code (a new card in the same gate).

    Raises: ConfigError: a wrong name, an unknown event, a short name that another device has.
    """
    events.check_id(device, "device")
    events.check_short(short)
    if profile not in PROFILES:
        raise ConfigError([("profile", f"{profile!r} is unknown", "one of " + ", ".join(PROFILES))])
    gate = events.check_id(gate or device, "gate")
    for event in served:
        events.policy_of(connection, event)
    table = schema.device
    taken = connection.execute(select(table.c.device).where(table.c.short == short, table.c.device != device)).scalar()
    if taken is not None:
        raise ConfigError([("short", f"{short} is the short name of {taken}", "short names are unique on a server")])
    values = {
        "gate": gate,
        "short": short,
        "profile": profile,
        "code_hash": _code_hash(code),
        "code_expires": now_ms + CODE_LIFE_MS,
        "code_used": None,
        "code_trust": trustfiles.first_of_root(connection),
    }
    if connection.execute(select(table.c.device).where(table.c.device == device)).first() is None:
        connection.execute(insert(table).values(device=device, **values))
    else:
        connection.execute(update(table).where(table.c.device == device).values(**values))
    links = schema.device_event
    connection.execute(delete(links).where(links.c.device == device))
    if served:
        connection.execute(insert(links), [{"event_id": event, "device": device} for event in sorted(set(served))])


def revoke(connection: Connection, device: str, now_ms: int) -> tuple[str, ...]:
    """From now on the device is answered `revoked`: it stops syncing and wipes its secrets.

    Returns: the events that it serves. Raises: ConfigError.
    """
    table = schema.device
    changed = connection.execute(
        update(table).where(table.c.device == device).values(revoked=now_ms, code_hash=None, code_expires=None)
    )
    if not changed.rowcount:
        raise events.NotHereError([("device", f"there is no device {device!r}", "see `gate central device list`")])
    found = get(connection, device)
    return found.events if found else ()


def seen_boot(connection: Connection, device: Device, boot: str, now_ms: int) -> bool:
    """Note the boot that a device speaks from. One that speaks again after a later one began runs beside it: two cards
    with one key are alive, which is an alarm.

    Returns: whether anything changed.
    """
    table, log = schema.device, schema.device_boot
    newest = connection.execute(select(table.c.boot).where(table.c.device == device.device).with_for_update()).scalar()
    if newest == boot:
        return False
    known = connection.execute(select(log.c.last).where(log.c.device == device.device, log.c.boot == boot)).scalar()
    if newest is not None:
        connection.execute(update(log).where(log.c.device == device.device, log.c.boot == newest).values(last=now_ms))
    if known is None:
        connection.execute(insert(log).values(device=device.device, boot=boot, first=now_ms, last=now_ms))
    else:
        connection.execute(update(log).where(log.c.device == device.device, log.c.boot == boot).values(last=now_ms))
        incidents.add(
            connection,
            events.DEVICE_STREAM,
            "two_boots",
            now_ms,
            gate=device.gate,
            device=device.device,
            detail={"boots": [newest, boot]},
        )
    connection.execute(update(table).where(table.c.device == device.device).values(boot=boot))
    return True


def enrol(connection: Connection, request: EnrolRequest, now_ms: int) -> tuple[Device, EnrolError | None]:
    """Give the keys of a code's owner to its device.

    An alarm must be kept although the request fails, so the error is returned, not raised, once a device is known.
    """
    table = schema.device
    row = connection.execute(select(table).where(table.c.code_hash == _code_hash(request.code))).first()
    if row is None:
        raise EnrolError("not_found", "this enrolment code is unknown; ask for a new one")
    try:
        Ed25519PublicKey.from_public_bytes(request.device_pub).verify(request.proof, proof_bytes(request.code))
    except (InvalidSignature, ValueError) as error:
        raise EnrolError("signature", "the proof is not signed by the device key") from error
    device = _device(connection, row)
    if row.code_used is not None:
        return device, _used_again(connection, row, request, now_ms)
    if now_ms > row.code_expires:
        return device, EnrolError("forbidden", "this enrolment code is older than 24 hours; ask for a new one")
    connection.execute(
        update(table)
        .where(table.c.device == row.device)
        .values(
            code_used=now_ms,
            enrolled=now_ms,
            revoked=None,
            device_pub=request.device_pub,
            seal_pub=request.seal_pub,
            journal_pub=request.journal_pub,
            hardware=request.hardware,
            software=request.software,
        )
    )
    connection.execute(delete(schema.sealed).where(schema.sealed.c.device == row.device))
    renewed = get(connection, row.device)
    assert renewed is not None
    return renewed, None


def _used_again(connection: Connection, row: Row[Any], request: EnrolRequest, now_ms: int) -> EnrolError | None:
    theirs = (request.device_pub, request.seal_pub, request.journal_pub)
    if theirs != (row.device_pub, row.seal_pub, row.journal_pub):
        incidents.add(
            connection,
            events.DEVICE_STREAM,
            "enrol_conflict",
            now_ms,
            gate=row.gate,
            device=row.device,
            detail={"device_pub": request.device_pub.hex()},
        )
        return EnrolError("conflict", "this enrolment code was used by another device")
    if now_ms - row.code_used > SAME_ANSWER_MS:
        return EnrolError("forbidden", "this enrolment code was used; ask for a new one")
    return None


def answer(connection: Connection, device: Device) -> Enrolment:
    """What the device keeps: who it is, and every trust file since the root."""
    return Enrolment(
        device=device.device,
        gate=device.gate,
        short=device.short,
        org=settings.get(connection, "org") or "",
        events=device.events,
        trust=tuple(trustfiles.above(connection, device.code_trust)),
        case_next=_case_next(connection, device),
        server=settings.get(connection, "server") or "central",
    )


def _case_next(connection: Connection, device: Device) -> int:
    """One above the highest case number that this gate has ever pushed: a new card must not give a number again."""
    table = schema.checkin
    rows = connection.execute(
        select(table.c.body)
        .where(table.c.gate == device.gate, table.c.kind == "case")
        .order_by(table.c.received.desc())
        .limit(_CASES_SCANNED)
    )
    highest = 0
    for row in rows:
        data = cbor.loads(row.body)["data"]
        parts = str(data.get("number", "") if isinstance(data, dict) else "").split("-")
        if len(parts) == 3 and parts[0] == device.short and parts[1].isdigit():
            highest = max(highest, int(parts[1]))
    return highest + 1


def beat(connection: Connection, device: str, content: dict[str, Any], now_ms: int) -> None:
    table = schema.device
    connection.execute(update(table).where(table.c.device == device).values(beat_at=now_ms, beat=json.dumps(content)))


def _code_hash(code: bytes) -> bytes:
    return hashlib.sha256(b"gate/enrol-code" + code).digest()
