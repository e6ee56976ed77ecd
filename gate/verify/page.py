"""A page of changes, row by row: gap-free numbers, and the hash chain that its descriptor must end."""

from __future__ import annotations

from gate.errors import FormatError, TrustError
from gate.model import TicketRow
from gate.wire.manifest import Page, chain_next, parse_change


def walk(page: Page, cursor: int, chain: bytes) -> tuple[list[tuple[int, TicketRow]], bytes]:
    """(cursor, row) for each row of the page, and the chain after the last. Nothing of it is proven yet.

    Args:
        cursor, chain: of the last row before the page.

    Raises:
        TrustError: `form`, `gap`.
    """
    rows = []
    for expected, data in enumerate(page.rows, cursor + 1):
        try:
            number, row = parse_change(data)
        except FormatError as error:
            raise TrustError("form", str(error)) from error
        if number != expected:
            raise TrustError("gap", f"change {number} follows {expected - 1}")
        rows.append((number, row))
    return rows, chain_next(chain, page.rows)
