"""What the lane believes at one moment: events, keys, policy. Built by `gate.storage` from verified objects, swapped whole."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from gate.model import CheckinList, Day, EventId, EventMode, GateDef, Policy
from gate.verify.keyset import KeySet
from gate.wire.secrets import RotationKey

_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedEvent:
    """One event at this gate. `base`: path-independent name of the base file (SHA-256), None before the first."""

    id: EventId
    policy: Policy
    gate: GateDef
    mode: EventMode
    salt: bytes = field(repr=False)
    issued_ms: int
    base_sha256: bytes | None
    rotation: tuple[RotationKey, ...] = ()
    """Keys of its rotating codes."""
    trust_expires_ms: int | None = None

    def data_age_s(self, now_ms: int) -> int | None:
        """Age of the newest verified manifest; None, as old as can be, once the trust file has expired."""
        if self.trust_expires_ms is not None and now_ms > self.trust_expires_ms:
            return None
        return max(0, now_ms - self.issued_ms) // 1000

    def list_for(self, product: int | None) -> CheckinList | None:
        """The first list of this gate that takes the product."""
        for name in self.gate.lists:
            candidate = self.policy.lists[name]
            if candidate.products is None or product in candidate.products:
                return candidate
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`missing` says in one word why the gate cannot work (`enrolment`, `manifest`, `not_in_policy`...), empty when it can."""

    events: tuple[ServedEvent, ...] = ()
    keys: KeySet = field(default_factory=KeySet)
    missing: str = ""
    org: str = ""
    newest_issued_ms: int = 0
    """Newest verified time of issue: trusted time is not before it."""
    troubles: tuple[str, ...] = ()
    """Why events are missing, or stand as they were before."""

    def event(self, event: str | None) -> ServedEvent | None:
        return next((item for item in self.events if item.id == event), None)


def local_day(policy: Policy, at_ms: int) -> Day:
    """The day that `at_ms` belongs to in the event's zone, starting `day_start` minutes after midnight.

    Days follow one another without gap or overlap and never go back, also when `day_start` lies in an hour that the
    clocks leave out or go through twice: an entry would else count for two days, or a day's entries twice.
    """
    zone = ZoneInfo(policy.tz)
    shift = dt.timedelta(minutes=policy.day_start)

    def start_ms(date: dt.date) -> int:
        return int((dt.datetime.combine(date, dt.time(), zone) + shift).timestamp() * 1000)

    local = dt.datetime.fromtimestamp(at_ms / 1000, zone)
    date = (local.replace(tzinfo=None) - shift).date()
    if at_ms < start_ms(date):
        date -= _ONE_DAY
    elif at_ms >= start_ms(date + _ONE_DAY):
        date += _ONE_DAY
    return Day(date.isoformat(), start_ms(date), start_ms(date + _ONE_DAY))


def local_time(policy: Policy, at_ms: int) -> str:
    """`14:03` in the event's zone; empty for a time that no calendar has (another gate's row may say anything)."""
    try:
        return dt.datetime.fromtimestamp(at_ms / 1000, ZoneInfo(policy.tz)).strftime("%H:%M")
    except (OverflowError, ValueError, OSError):
        return ""
