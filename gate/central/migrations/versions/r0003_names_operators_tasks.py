"""Names of ticket holders, operators with tokens, what they had done, remote tasks, events that have ended."""

from __future__ import annotations

from alembic import op

from gate.central.migrations.columns import STRICT, blob, integer, text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("event", integer("ended", null=True))
    op.add_column("import_row", text("name_before", null=True))
    op.add_column("import_row", text("name_after", null=True))
    op.create_table("person", text("event_id", key=True), blob("key", key=True), text("name"), text("folded"), **STRICT)
    op.create_table("person_word", text("event_id", key=True), blob("word", key=True), blob("key", key=True), **STRICT)
    op.create_table(
        "operator",
        text("name", key=True),
        text("role"),
        blob("token_hash"),
        integer("created"),
        integer("revoked", null=True),
        **STRICT,
    )
    op.create_table(
        "audit",
        text("event_id", key=True),
        text("id", key=True),
        integer("at"),
        text("who"),
        text("do"),
        text("detail"),
        text("result", null=True),
        **STRICT,
    )
    op.create_table(
        "task",
        text("device", key=True),
        text("id", key=True),
        text("do"),
        text("who"),
        integer("made"),
        integer("given", null=True),
        **STRICT,
    )
