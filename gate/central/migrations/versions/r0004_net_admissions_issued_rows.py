"""Admissions without those that were taken back; which rows an import issued."""

from __future__ import annotations

import re
from collections import Counter

from alembic import op
from sqlalchemy import text

from gate.central.migrations.columns import blob

revision = "0004"
down_revision = "0003"
_REF = re.compile(r"([a-z0-9-]{1,40})/([0-9a-f]{16})/([1-9][0-9]{0,17})")
_ANNULLED = "SELECT DISTINCT event_id, ref FROM checkin WHERE kind = 'annulled' AND ref IS NOT NULL"
_ADMITTED = """SELECT count FROM checkin WHERE event_id = :event AND gate = :gate AND epoch = :epoch AND seq = :seq
 AND kind IN ('admitted', 'override')"""
_LESS = "UPDATE event_head SET admissions = admissions - :less WHERE event_id = :event"


def upgrade() -> None:
    op.add_column("import_batch", blob("issued", null=True))
    connection = op.get_bind()
    less: Counter[str] = Counter()
    for event, ref in connection.execute(text(_ANNULLED)).all():
        found = _REF.fullmatch(ref)
        if found is None:  # of no record: a gate may write anything there
            continue
        place = {"event": event, "gate": found[1], "epoch": bytes.fromhex(found[2]), "seq": int(found[3])}
        less[event] += connection.execute(text(_ADMITTED), place).scalar() or 0
    for event, people in less.items():
        connection.execute(text(_LESS), {"event": event, "less": people})
