"""The first tables."""

from __future__ import annotations

from alembic import op
from sqlalchemy import UniqueConstraint

from gate.central.migrations.columns import ROWID, STRICT, blob, integer, text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("setting", text("k", key=True), text("v"), **STRICT)

    op.create_table(
        "key",
        text("event_id", key=True),
        blob("kid", key=True),
        text("role"),
        blob("pub"),
        integer("nbf"),
        integer("exp"),
        integer("revoked", default=0),
        **STRICT,
    )

    op.create_table("trust", integer("version", key=True), integer("issued"), blob("file"), **STRICT)

    op.create_table(
        "event",
        text("event_id", key=True),
        text("mode"),
        integer("warn_s"),
        integer("stale_s"),
        text("stale"),
        text("policy"),
        integer("created"),
        **STRICT,
    )

    op.create_table(
        "event_head",
        text("event_id", key=True),
        integer("checkins", default=0),
        integer("admissions", default=0),
        integer("incidents", default=0),
        integer("cursor", default=0),
        blob("chain", null=True),
        blob("incarnation", null=True),
        blob("base_sha256", null=True),
        integer("base_cursor", default=0),
        blob("policy_sha256", null=True),
        integer("policy_size", default=0),
        integer("secrets", default=1),
        integer("seq", default=0),
        integer("issued", default=0),
        blob("descriptor", null=True),
        **STRICT,
    )

    op.create_table(
        "artifact",
        text("event_id", key=True),
        blob("sha256", key=True),
        text("kind"),
        integer("size"),
        blob("zst_sha256", null=True),
        integer("zst_size", null=True),
        integer("rows", null=True),
        integer("created"),
        **STRICT,
    )

    op.create_table(
        "ticket",
        text("event_id", key=True),
        blob("key", key=True),
        integer("product"),
        integer("zones"),
        integer("state"),
        integer("flags"),
        integer("uses"),
        integer("nbf", null=True),
        integer("exp", null=True),
        blob("parent", null=True),
        text("lang", null=True),
        blob("note", null=True),
        text("ext", null=True),
        blob("claims", null=True),
        **STRICT,
    )

    op.create_table(
        "change",
        text("event_id", key=True),
        integer("cursor", key=True),
        blob("row"),
        blob("chain"),
        integer("at"),
        **STRICT,
    )

    op.create_table(
        "sealed",
        text("event_id", key=True),
        text("device", key=True),
        integer("version"),
        blob("object"),
        **STRICT,
    )

    op.create_table(
        "device",
        text("device", key=True),
        text("gate"),
        text("short"),
        text("profile"),
        blob("code_hash", null=True),
        integer("code_expires", null=True),
        integer("code_used", null=True),
        integer("enrolled", null=True),
        integer("revoked", null=True),
        blob("device_pub", null=True),
        blob("seal_pub", null=True),
        blob("journal_pub", null=True),
        text("hardware", null=True),
        text("software", null=True),
        integer("beat_at", null=True),
        text("beat", null=True),
        UniqueConstraint("short"),
        UniqueConstraint("code_hash"),
        **ROWID,
    )

    op.create_table("device_event", text("event_id", key=True), text("device", key=True), **STRICT)

    op.create_table(
        "checkin",
        text("event_id", key=True),
        text("gate", key=True),
        blob("epoch", key=True),
        integer("seq", key=True),
        integer("n"),
        text("kind"),
        text("list", null=True),
        blob("ticket", null=True),
        text("dir", null=True),
        text("reason", null=True),
        integer("count"),
        integer("at"),
        integer("mono"),
        text("boot"),
        integer("error_ms", null=True),
        text("ref", null=True),
        text("data", null=True),
        blob("body"),
        blob("prev"),
        blob("hash"),
        text("device"),
        integer("received"),
        UniqueConstraint("event_id", "n"),
        **ROWID,
    )

    op.create_table(
        "quarantine",
        text("event_id", key=True),
        text("gate", key=True),
        blob("epoch", key=True),
        integer("seq", key=True),
        blob("digest", key=True),
        text("why"),
        text("record"),
        text("device"),
        integer("received"),
        **STRICT,
    )

    op.create_table(
        "stream",
        text("event_id", key=True),
        text("gate", key=True),
        blob("epoch", key=True),
        integer("durable"),
        integer("top"),
        **STRICT,
    )

    op.create_table(
        "head",
        text("event_id", key=True),
        text("gate", key=True),
        blob("epoch", key=True),
        integer("seq", key=True),
        blob("sign1"),
        **STRICT,
    )

    op.create_table(
        "incident",
        text("event_id", key=True),
        integer("n", key=True),
        text("kind"),
        text("gate", null=True),
        text("device", null=True),
        integer("at"),
        text("detail"),
        **STRICT,
    )
    op.create_index("checkin_received", "checkin", ["event_id", "received"])
    op.create_index("checkin_ticket", "checkin", ["event_id", "ticket"])
