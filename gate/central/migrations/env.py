"""Run by Alembic: the connection is handed in by `migrations.upgrade`; there is no ini file and no other way in."""

from __future__ import annotations

from alembic import context

from gate.central import schema

context.configure(
    connection=context.config.attributes["connection"], target_metadata=schema.metadata, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
