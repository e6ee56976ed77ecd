"""Numbers and moments as people read them, for every command line. Pure; no words of screens, which are translated, are here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def counted(count: int, what: str, many: str = "") -> str:
    """`1 ticket`, `2 tickets`; `many` where an s does not do: `counted(2, "entry", "entries")`."""
    return f"{count} {what if count == 1 else many or what + 's'}"


def moment_text(at_ms: int, zone: tzinfo | None = None, *, exact: bool = False) -> str:
    """Unix ms as `2027-05-01 18:00:00+07:00`, in UTC (also for no zone) as `2027-05-01 11:00:00Z`.

    Args:
        exact: with milliseconds. A number that no calendar has stays a number: another machine's row may hold anything.
    """
    try:
        local = (_BEGIN + timedelta(milliseconds=at_ms)).astimezone(zone or UTC)
    except OverflowError:
        return str(at_ms)
    text = local.isoformat(" ", "milliseconds" if exact else "seconds")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
