"""What other gates did with a ticket, when it entered, and how many are inside: counted from rows, in order of true time.

SQL texts and pure counting; the connection is the ticket book's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from gate.decision.facts import HISTORY_MAX, NO_USES, Uses
from gate.model import Day, ListId
from gate.wire.journal import decode_record, ref_of

FAR_COLUMNS = "list, kind, dir, count, coalesce(c.base_ms + r.mono, at) AS time, r.gate, epoch, seq, ref"
FAR_FROM = """{sync}.remote r LEFT JOIN {sync}.remote_clock c ON c.gate = r.gate AND c.boot = r.boot"""
"""A record's true time is its monotonic time in its boot's best clock, where that is known (contracts 5)."""
NOT_HELD = "NOT EXISTS (SELECT 1 FROM main.journal j WHERE j.event = r.event AND j.epoch = r.epoch AND j.seq >= r.seq)"
"""Records that this journal does not hold: other gates', this gate's own from before a re-image, and its own behind a
tail that got lost."""

ENTRIES_FAR = f"""
SELECT {FAR_COLUMNS} FROM {FAR_FROM}
 WHERE event = :event AND list = :list AND ticket = :key AND {NOT_HELD}
"""  # noqa: S608 - texts of ours
ENTRIES_OWN = (
    "SELECT body FROM main.journal WHERE event = :event AND ticket = :key AND list = :list"  # noqa: S608 - a number of ours
    f" AND kind IN ('admitted','override','annulled') ORDER BY id DESC LIMIT {3 * HISTORY_MAX}"
)
INSIDE_FAR = """
SELECT coalesce(sum(t.inside), 0) FROM {sync}.tally t WHERE t.event = :event AND t.gate IN ({gates})
 AND NOT EXISTS (SELECT 1 FROM main.journal j WHERE j.event = t.event AND j.epoch = t.epoch)
"""
INSIDE_OWN = """
SELECT (SELECT coalesce(max(id), 0) FROM main.journal),
 (SELECT coalesce(sum(entries - exits), 0) FROM main.uses WHERE event = :event)
"""
INSIDE_NEWER = (
    "SELECT id, body FROM main.journal WHERE id > :id AND +event = :event AND list IS NOT NULL AND +ticket IS NOT NULL"
    " AND kind IN ('admitted','override','exit','annulled') ORDER BY id"
)

Row = Sequence[Any]


def add_far(uses: dict[ListId, Uses], far: Iterable[Row], day: Day) -> None:
    """Count what other gates did, rows of `FAR_COLUMNS`. A record that an `annulled` one points at does not count."""
    for name, kind, direction, count, at, gate in _standing(far):
        old = uses.get(name, NO_USES)
        is_exit = kind == "exit" or direction == "exit"
        if old.last_at is None or at >= old.last_at:
            old = replace(old, last_at=at, last_dir="exit" if is_exit else "entry")
        if is_exit:
            uses[name] = replace(old, exits=old.exits + count)
            continue
        first = old.first_at is None or at < old.first_at
        uses[name] = replace(
            old,
            entries=old.entries + count,
            day_entries=old.day_entries + (count if day.start_ms <= at < day.end_ms else 0),
            first_at=at if first else old.first_at,
            first_gate=gate if first else old.first_gate,
        )


def _standing(far: Iterable[Row]) -> Iterator[tuple[ListId, str, str | None, int, int, str]]:
    rows = list(far)
    annulled = {row[8] for row in rows if row[1] == "annulled"}
    for name, kind, direction, count, at, gate, epoch, seq, _ in sorted(rows, key=lambda row: (row[4], row[5], row[7])):
        if kind != "annulled" and ref_of(gate, epoch, seq) not in annulled:
            yield name, kind, direction, count, at, gate


def entry_times(own: Iterable[bytes], far: Iterable[Row]) -> list[int]:
    """Unix seconds of the newest entries, oldest first. `own`: bodies of journal rows, newest first."""
    times: list[int] = []
    annulled: set[str | None] = set()
    for body in own:
        record = decode_record(body)
        if record.kind == "annulled":
            annulled.add(record.ref)
        elif record.own_ref not in annulled and record.dir != "exit":
            times += [record.at // 1000] * min(record.count, HISTORY_MAX)
    for _, kind, direction, count, at, _ in _standing(far):
        if kind != "exit" and direction != "exit":
            times += [at // 1000] * min(count, HISTORY_MAX)
    return sorted(times)[-HISTORY_MAX:]


def inside_change(body: bytes) -> int:
    """How a journal row changes the number of people inside."""
    record = decode_record(body)
    change = -record.count if record.kind == "exit" or record.dir == "exit" else record.count
    return -change if record.kind == "annulled" else change
