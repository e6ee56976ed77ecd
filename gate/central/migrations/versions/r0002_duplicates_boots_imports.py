"""Incidents that can end, live boots of a device, signing keys with a start, imports that can be undone."""

from __future__ import annotations

from alembic import op

from gate.central.migrations.columns import STRICT, blob, integer, text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("key", integer("since", default=0))
    op.add_column("device", integer("code_trust", default=0))
    op.add_column("device", text("boot", null=True))
    op.create_table(
        "device_boot",
        text("device", key=True),
        text("boot", key=True),
        integer("first"),
        integer("last"),
        **STRICT,
    )
    op.create_table(
        "boot_clock",
        text("event_id", key=True),
        text("gate", key=True),
        text("boot", key=True),
        integer("base_ms"),
        integer("error_ms"),
        **STRICT,
    )
    op.add_column("stream", blob("tail", null=True))
    for column in (
        text("list", null=True),
        blob("ticket", null=True),
        text("ref", null=True),
        integer("ended", null=True),
    ):
        op.add_column("incident", column)
    op.create_index("incident_ticket", "incident", ["event_id", "ticket"])
    op.create_table(
        "import_batch",
        text("event_id", key=True),
        integer("n", key=True),
        text("file"),
        integer("at"),
        integer("created", default=0),
        integer("updated", default=0),
        integer("unchanged", default=0),
        integer("done", null=True),
        integer("undone", null=True),
        **STRICT,
    )
    op.create_table(
        "import_row",
        text("event_id", key=True),
        integer("n", key=True),
        blob("key", key=True),
        blob("before", null=True),
        blob("after"),
        **STRICT,
    )
