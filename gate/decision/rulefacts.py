"""What a custom rule may ask for: variables, times, counts of entries. Computed from the facts alone, each at most once."""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from gate.decision.facts import Facts


class Unevaluable(Exception):
    """The rule is not one of ours, or asks for what is not known. The message is for people."""


@dataclass(frozen=True, slots=True)
class Time:
    """Unix seconds; a type of its own, so that no time is compared with a number."""

    at: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A product, variation or gate by its id; ids of digits are whole numbers."""

    id: int | str


def entry(value: Any) -> Entry:
    """Raises: Unevaluable."""
    if isinstance(value, str) and 0 < len(value) <= 40:
        return Entry(int(value) if value.isascii() and value.isdecimal() else value)
    if type(value) is int:
        return Entry(value)
    raise Unevaluable("an id is a short text or a whole number")


class Known:
    """All methods raise `Unevaluable` for what is not known here."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._history = facts.rules_history

    def variable(self, name: Any) -> Any:
        read = _VARIABLES.get(name) if isinstance(name, str) else None
        if read is None:
            raise Unevaluable(f"unknown variable {str(name)[:40]!r}")
        return read(self)

    def object(self, name: str) -> Entry | None:
        facts = self._facts
        value = {"product": facts.rules_product, "variation": facts.rules_variation, "gate": facts.gate}[name]
        return None if value is None else entry(value)

    # ---- times

    @property
    def now(self) -> Time:
        return Time(self._facts.now)

    @cached_property
    def zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self._facts.tz)
        except (KeyError, ValueError, OSError) as error:
            raise Unevaluable(f"unknown time zone {self._facts.tz[:40]!r}") from error

    @property
    def weekday(self) -> int:
        """1 = Monday."""
        return dt.datetime.fromtimestamp(self._facts.now, self.zone).isoweekday()

    def time(self, kind: Any, value: Any) -> Time:
        """A time that a rule builds: given, of the day of the scan, or the event's (both fall back to its begin)."""
        if kind == "custom":
            return _iso(value)
        if kind == "customtime":
            return self._time_of_day(value)
        facts = self._facts
        known = {"date_from": facts.date_from, "date_to": facts.date_to, "date_admission": facts.date_admission}
        if not isinstance(kind, str) or kind not in known or value is not None:
            raise Unevaluable(f"unknown time {str(kind)[:40]!r}")
        at = known[kind] if known[kind] is not None else facts.date_from
        if at is None:
            raise Unevaluable(f"{kind} is not known here")
        return Time(at)

    def _time_of_day(self, value: Any) -> Time:
        try:
            time = dt.time.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise Unevaluable(f"no time of day: {error}") from error
        if time.tzinfo is not None:
            raise Unevaluable("a time of day has no offset")
        day = dt.datetime.fromtimestamp(self._facts.now, self.zone).date()
        return Time(int(dt.datetime.combine(day, time, self.zone).timestamp()))

    # ---- entries

    @property
    def complete(self) -> bool:
        """Every entry is known by its time, not only the newest ones."""
        return len(self._history) >= self._facts.entries

    @property
    def entries(self) -> int:
        return self._facts.entries

    @property
    def entries_today(self) -> int:
        return self._facts.day_entries

    @property
    def status(self) -> str:
        return "present" if self._facts.inside else "absent"

    @property
    def minutes_since_last(self) -> int:
        if not self._history and self._facts.entries:
            raise Unevaluable("the last entry is not remembered")
        return self._minutes_since(self._history[-1] if self._history else None)

    @property
    def minutes_since_first(self) -> int:
        first = self._facts.first_at
        return self._minutes_since(None if first is None else first // 1000)

    def _minutes_since(self, at: int | None) -> int:
        """-1 = never. Another gate's clock may be ahead of ours: that is 0, not never."""
        return -1 if at is None else max(0, self._facts.now - at) // 60

    def first_since(self, time: Time) -> int:
        """Index of the first known entry at or after a time."""
        if not self.complete and (not self._history or time.at <= self._history[0]):
            raise Unevaluable("more entries than are remembered")
        return bisect.bisect_left(self._history, time.at)

    def count_since(self, time: Time) -> int:
        return len(self._history) - self.first_since(time)

    def count_before(self, time: Time) -> int:
        return max(0, self._facts.entries - self.count_since(time))

    @cached_property
    def _day_starts(self) -> list[int]:
        """Index of the first known entry of each local day. Days do not go back, whatever the clocks did that night."""
        shift = dt.timedelta(minutes=self._facts.day_start)
        starts: list[int] = []
        newest = dt.date.min
        for number, at in enumerate(self._history):
            day = (dt.datetime.fromtimestamp(at, self.zone).replace(tzinfo=None) - shift).date()
            if day > newest:
                newest = day
                starts.append(number)
        return starts

    @property
    def days(self) -> int:
        return self._all_known(len(self._day_starts))

    def days_since(self, time: Time) -> int:
        """A day that began before the time counts when it goes on after it."""
        first = self.first_since(time)
        if first == len(self._history):
            return 0
        return len(self._day_starts) - bisect.bisect_right(self._day_starts, first) + 1

    def days_before(self, time: Time) -> int:
        return self._all_known(bisect.bisect_left(self._day_starts, self.first_since(time)))

    def _all_known(self, count: int) -> int:
        if not self.complete:
            raise Unevaluable("more entries than are remembered")
        return count


def _iso(value: Any) -> Time:
    try:
        time = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Unevaluable(f"no time: {error}") from error
    if time.tzinfo is None:
        raise Unevaluable("a time needs its offset")
    return Time(int(time.timestamp()))


_VARIABLES: Mapping[str, Callable[[Known], Any]] = {
    "product": lambda known: known.object("product"),
    "variation": lambda known: known.object("variation"),
    "gate": lambda known: known.object("gate"),
    "now": lambda known: known.now,
    "now_isoweekday": lambda known: known.weekday,
    "entries_number": lambda known: known.entries,
    "entries_today": lambda known: known.entries_today,
    "entries_days": lambda known: known.days,
    "minutes_since_last_entry": lambda known: known.minutes_since_last,
    "minutes_since_first_entry": lambda known: known.minutes_since_first,
    "entry_status": lambda known: known.status,
}
