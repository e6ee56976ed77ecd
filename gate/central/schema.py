"""The tables of the central database, for SQLite and PostgreSQL alike.

Every primary and unique key of an event's rows begins with `event_id`, so that a database that shards by tenant can take
over. No private key, salt or rotation key stands here: those are files (`keys`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, Table, Text, UniqueConstraint
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeEngine

VERSION = "0004"
"""Newest revision of `migrations`."""

metadata = MetaData()

# STRICT tables of SQLite know INTEGER, TEXT and BLOB only; on PostgreSQL an integer needs its 8 bytes said.
_INTEGER: TypeEngine[int] = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
_STRICT: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
_STRICT_ROWID: dict[str, Any] = {"sqlite_strict": True}


def _int(name: str, *, key: bool = False, null: bool = False, default: int | None = None) -> Column[int]:
    server_default = None if default is None else str(default)
    return Column(name, _INTEGER, primary_key=key, nullable=null, server_default=server_default, autoincrement=False)


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=null)


def _blob(name: str, *, key: bool = False, null: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=key, nullable=null)


setting = Table("setting", metadata, _text("k", key=True), _text("v"), **_STRICT)
"""`org`, `server`, `url`, `spki` (hex), `life` (16 hex, new when a backup is restored)."""

key = Table(
    "key",
    metadata,
    _text("event_id", key=True),  # "*" = every event
    _blob("kid", key=True),
    _text("role"),
    _blob("pub"),
    _int("nbf"),
    _int("exp"),
    _int("revoked", default=0),
    _int("since", default=0),  # the server signs with it from then on; gates know it earlier
    **_STRICT,
)
"""Public half of each signing key; Unix seconds."""

trust = Table("trust", metadata, _int("version", key=True), _int("issued"), _blob("file"), **_STRICT)

event = Table(
    "event",
    metadata,
    _text("event_id", key=True),
    _text("mode"),
    _int("warn_s"),
    _int("stale_s"),
    _text("stale"),
    _text("policy"),  # the map of contracts 2 as JSON
    _int("created"),
    _int("ended", null=True),  # no trust file names the event from then on
    **_STRICT,
)

event_head = Table(
    "event_head",
    metadata,
    _text("event_id", key=True),
    _int("checkins", default=0),
    _int("admissions", default=0),
    _int("incidents", default=0),
    _int("cursor", default=0),
    _blob("chain", null=True),
    _blob("incarnation", null=True),
    _blob("base_sha256", null=True),
    _int("base_cursor", default=0),
    _blob("policy_sha256", null=True),
    _int("policy_size", default=0),
    _int("secrets", default=1),
    _int("seq", default=0),
    _int("issued", default=0),
    _blob("descriptor", null=True),
    **_STRICT,
)
"""The counters of an event, one row each. `checkins` is raised as the last statement of a transaction that adds rows, so
the order of numbers is the order of commits. `descriptor` is the newest signed one, for `cursor`."""

artifact = Table(
    "artifact",
    metadata,
    _text("event_id", key=True),
    _blob("sha256", key=True),
    _text("kind"),  # base | policy
    _int("size"),
    _blob("zst_sha256", null=True),
    _int("zst_size", null=True),
    _int("rows", null=True),
    _int("created"),
    **_STRICT,
)

ticket = Table(
    "ticket",
    metadata,
    _text("event_id", key=True),
    _blob("key", key=True),
    _int("product"),
    _int("zones"),
    _int("state"),
    _int("flags"),
    _int("uses"),
    _int("nbf", null=True),
    _int("exp", null=True),
    _blob("parent", null=True),
    _text("lang", null=True),
    _blob("note", null=True),
    _text("ext", null=True),
    _blob(
        "claims", null=True
    ),  # CBOR [kid, payload] of a code that we issued: its text can be made again, with the key
    **_STRICT,
)

change = Table(
    "change",
    metadata,
    _text("event_id", key=True),
    _int("cursor", key=True),
    _blob("row"),
    _blob("chain"),
    _int("at"),
    **_STRICT,
)

sealed = Table(
    "sealed",
    metadata,
    _text("event_id", key=True),
    _text("device", key=True),
    _int("version"),
    _blob("object"),
    **_STRICT,
)

device = Table(
    "device",
    metadata,
    _text("device", key=True),
    _text("gate"),
    _text("short"),
    _text("profile"),
    _blob("code_hash", null=True),
    _int("code_expires", null=True),
    _int("code_used", null=True),
    _int("code_trust", default=0),  # the answer to this code begins with the trust file above this version
    _int("enrolled", null=True),
    _int("revoked", null=True),
    _blob("device_pub", null=True),
    _blob("seal_pub", null=True),
    _blob("journal_pub", null=True),
    _text("hardware", null=True),
    _text("software", null=True),
    _int("beat_at", null=True),
    _text("beat", null=True),
    _text("boot", null=True),  # the one that is alive, as far as it has told
    UniqueConstraint("short"),
    UniqueConstraint("code_hash"),
    **_STRICT_ROWID,
)
"""Devices belong to the server; which events they serve is `device_event`."""

device_event = Table("device_event", metadata, _text("event_id", key=True), _text("device", key=True), **_STRICT)

device_boot = Table(
    "device_boot",
    metadata,
    _text("device", key=True),
    _text("boot", key=True),
    _int("first"),
    _int("last"),
    **_STRICT,
)
"""Boots of a device that have spoken to us, Unix ms. One that speaks again after another has begun is a second device."""

boot_clock = Table(
    "boot_clock",
    metadata,
    _text("event_id", key=True),
    _text("gate", key=True),
    _text("boot", key=True),
    _int("base_ms"),
    _int("error_ms"),
    **_STRICT,
)
"""The clock record of each boot with the least (error, base): derived from `checkin`, for corrected times."""

checkin = Table(
    "checkin",
    metadata,
    _text("event_id", key=True),  # "" = the device's own stream
    _text("gate", key=True),
    _blob("epoch", key=True),
    _int("seq", key=True),
    _int("n"),
    _text("kind"),
    _text("list", null=True),
    _blob("ticket", null=True),
    _text("dir", null=True),
    _text("reason", null=True),
    _int("count"),
    _int("at"),
    _int("mono"),
    _text("boot"),
    _int("error_ms", null=True),
    _text("ref", null=True),
    _text("data", null=True),  # JSON, for the kinds whose data the feed carries
    _blob("body"),
    _blob("prev"),
    _blob("hash"),
    _text("device"),
    _int("received"),
    UniqueConstraint("event_id", "n"),
    Index("checkin_received", "event_id", "received"),
    Index("checkin_ticket", "event_id", "ticket"),
    **_STRICT_ROWID,
)

quarantine = Table(
    "quarantine",
    metadata,
    _text("event_id", key=True),
    _text("gate", key=True),
    _blob("epoch", key=True),
    _int("seq", key=True),
    _blob("digest", key=True),  # SHA-256 of `record`
    _text("why"),
    _text("record"),  # as it was pushed, JSON
    _text("device"),
    _int("received"),
    **_STRICT,
)

stream = Table(
    "stream",
    metadata,
    _text("event_id", key=True),
    _text("gate", key=True),
    _blob("epoch", key=True),
    _int("durable"),  # every number up to this one is held
    _int("top"),
    _blob("tail", null=True),  # hash of the record `top`; NULL while there is a gap below, or it lies in quarantine
    **_STRICT,
)

head = Table(
    "head",
    metadata,
    _text("event_id", key=True),
    _text("gate", key=True),
    _blob("epoch", key=True),
    _int("seq", key=True),
    _blob("sign1"),
    **_STRICT,
)

incident = Table(
    "incident",
    metadata,
    _text("event_id", key=True),
    _int("n", key=True),
    _text("kind"),
    _text("gate", null=True),
    _text("device", null=True),
    _int("at"),
    _text("detail"),
    _text("list", null=True),
    _blob("ticket", null=True),
    _text("ref", null=True),  # gate/epoch/seq
    _int("ended", null=True),  # a later record took the reason away: it is no incident any more
    Index("incident_ticket", "event_id", "ticket"),
    **_STRICT,
)

import_batch = Table(
    "import_batch",
    metadata,
    _text("event_id", key=True),
    _int("n", key=True),
    _text("file"),
    _int("at"),
    _int("created", default=0),
    _int("updated", default=0),
    _int("unchanged", default=0),
    _int("done", null=True),
    _int("undone", null=True),
    _blob("issued", null=True),  # digest of its rows without a text; NULL = it has none
    **_STRICT,
)

import_row = Table(
    "import_row",
    metadata,
    _text("event_id", key=True),
    _int("n", key=True),
    _blob("key", key=True),
    _blob("before", null=True),  # CBOR of the row as it was; NULL = it was not there
    _blob("after"),
    _text("name_before", null=True),
    _text("name_after", null=True),
    **_STRICT,
)
"""What an import changed, so that it can be taken back."""

person = Table(
    "person", metadata, _text("event_id", key=True), _blob("key", key=True), _text("name"), _text("folded"), **_STRICT
)
"""Names of ticket holders. They are here only: no manifest, no page of changes, no gate has them. `folded`: see `names`."""

person_word = Table(
    "person_word", metadata, _text("event_id", key=True), _blob("word", key=True), _blob("key", key=True), **_STRICT
)
"""Each word of a folded name, as UTF-8 bytes: what begins with the same letters stands together on every engine."""

operator = Table(
    "operator",
    metadata,
    _text("name", key=True),
    _text("role"),  # admin | reader
    _blob("token_hash"),
    _int("created"),
    _int("revoked", null=True),
    **_STRICT,
)
"""Who may use the operators' API. The token itself is shown once, when it is made."""

audit = Table(
    "audit",
    metadata,
    _text("event_id", key=True),  # "" = of the server
    _text("id", key=True),  # UUIDv7: in order of time
    _int("at"),
    _text("who"),  # operator:<name> | local | device:<id>
    _text("do"),
    _text("detail"),  # JSON, without secrets
    _text("result", null=True),  # ok | an error's code; NULL = under way, or cut off
    **_STRICT,
)
"""Who had what done: every command that changes something, every reveal of a name."""

task = Table(
    "task",
    metadata,
    _text("device", key=True),
    _text("id", key=True),  # UUIDv7
    _text("do"),
    _text("who"),
    _int("made"),
    _int("given", null=True),  # when a heartbeat took it along
    **_STRICT,
)
"""Remote tasks. Each is given once, and not when it is old: `tasks`."""
