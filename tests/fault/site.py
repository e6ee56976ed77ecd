"""A gate's folder for proofs: really signed objects, a configuration, and what its journal holds. No process here."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from gate.storage.check import Check, verify_journal
from gate.wire import cbor
from tests.fakes.state import GATE, StateFolder

CONFIG = """
[gate]
id = "{gate}"
state_dir = "{state}"
runtime_dir = "{run}"

[lane.entry]
profile = "strike"
relay_pin = 17
pulse_ms = {pulse_ms}
window_s = {window_s}
passage_pin = {passage_pin}
passage = "{passage}"

[pins]
factory = "mock"
{pins}

[[input]]
name = "reader"
{reader}

[sync]
{sync}

[kiosk]
display_port = {port}

[journal]
{journal}
"""


def write_config(
    path: Path,
    *,
    state: Path,
    run: Path,
    port: int,
    passage: bool = False,
    pulse_ms: int = 200,
    window_s: float = 1.0,
    pins: str = "",
    journal: str = "",
    reader: str = 'kind = "stdin"',
    sync: str = 'backend = "none"',
    more: str = "",
) -> Path:
    text = CONFIG.format(
        gate=GATE,
        state=state,
        run=run,
        port=port,
        passage="no" if passage else "none",
        passage_pin=23 if passage else 0,
        pulse_ms=pulse_ms,
        window_s=window_s,
        pins=pins,
        journal=journal,
        reader=reader,
        sync=sync,
    )
    path.write_text(text + more)
    return path


def make_state(path: Path, tickets: int, **policy: Any) -> StateFolder:
    path.mkdir(parents=True, exist_ok=True)
    state = StateFolder(path)
    return state.ready([state.row(n) for n in range(tickets)], **policy)


def rows(path: Path) -> list[dict[str, Any]]:
    """Bodies of the journal, oldest first."""
    with closing(sqlite3.connect(f"file:{path / 'journal.db'}?mode=ro", uri=True)) as connection:
        return [cbor.loads(body) for (body,) in connection.execute("SELECT body FROM journal ORDER BY id")]


def check(path: Path) -> Check:
    return verify_journal(path / "journal.db", (path / "journal.pub").read_bytes())


def admissions(path: Path) -> Counter[str]:
    """Ticket key (hex) -> admissions that stand."""
    found = rows(path)
    annulled = {row["ref"] for row in found if row["kind"] == "annulled"}
    return Counter(
        row["ticket"]
        for row in found
        if row["kind"] == "admitted" and f"{row['gate']}/{row['epoch']}/{row['seq']}" not in annulled
    )


def openings(path: Path) -> int:
    """Rows that allow one pulse each."""
    return sum(row["kind"] in ("admitted", "override", "exit") for row in rows(path))
