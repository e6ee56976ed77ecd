"""What sync.db holds, as values: an event's state, others' records, their clocks. No SQL is here."""

from __future__ import annotations

from dataclasses import dataclass

from gate.model import TicketRow


@dataclass(frozen=True, slots=True, kw_only=True)
class EventState:
    """One row of `event`. `cursor` and `chain` are those of `descriptor`, always."""

    event: str
    descriptor: bytes
    policy: bytes
    secrets: int
    base_sha256: bytes
    incarnation: bytes
    cursor: int
    chain: bytes
    verified_mono: int
    verified_boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRow:
    """One record of another gate, or of our own from before, as counted by the decision."""

    list: str
    ticket: bytes
    gate: str
    epoch: bytes
    seq: int
    kind: str
    dir: str | None
    count: int
    at: int
    mono: int | None
    boot: str | None
    error_ms: int | None
    ref: str | None


@dataclass(frozen=True, slots=True)
class ClockRow:
    gate: str
    boot: str
    base_ms: int
    error_ms: int


Change = tuple[int, TicketRow]
StreamKey = tuple[str, bytes]
